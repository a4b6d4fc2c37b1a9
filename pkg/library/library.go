// Package library is the catalogue of what is served: folders and single files
// flow in, tracks flow out, each with an ID that stands for its content. It
// finds files, has package format read them, notices changes while it runs,
// and opens tracks with their cut index, which it remembers.
//
// It only reads, and never leaves the folders it was given: every open goes
// through an os.Root, names that begin with a dot are passed over, and nothing
// but regular files is opened. It knows no network and no keys but the one
// that IDs are made with. It imports audio and format.
package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

// Config says what a Library serves. Roots and IDKey are required.
type Config struct {
	// Roots are folders and files. Naming something that is a link serves
	// what the link leads to.
	Roots []string
	// IDKey makes track IDs: at least 16 secret bytes. The same key gives the
	// same IDs after a restart.
	IDKey []byte
	// Logger is told about refused files and trouble with watching. Nil means
	// silence.
	Logger *slog.Logger
	// IndexBytes bounds the memory held by remembered indexes, by estimate.
	// Default 64 MiB.
	IndexBytes int64
	// Rescan is the time between two looks at every folder, made in case a
	// notice of a change got lost. Default 5 minutes.
	Rescan time.Duration
	// Poll forgoes the system's notices of changes and looks at every folder
	// every 2 seconds, less often when that takes long. For network folders.
	Poll bool
	// Workers is the number of files read at once. Default 3.
	Workers int
	// MaxFiles bounds the audio files known at once. Default 1,000,000.
	MaxFiles int
	// Open reads the headers of a file. Default format.Open.
	Open func(r io.ReaderAt, size int64) (audio.Stream, error)
}

// Track is one playable file. Neither a Track nor what it points to changes.
type Track struct {
	// ID is 32 hex digits that stand for the content: stable across restarts
	// and renames, different after a change of the content that its
	// fingerprint sees. At any time it means one file.
	//
	// Of several files with the same content each has an ID of its own and
	// keeps it as long as it is there, whatever becomes of the others; a new
	// one gets an ID that none of them has, preferably one that is free again.
	// All this is remembered until Run ends: the first pass after a restart
	// gives the same IDs to as many copies, in the order of their paths. With
	// one copy added or removed since, they may have changed hands.
	ID string
	// Path is slash-separated and starts below the root; with several roots,
	// with the root's own name. Characters that would upset a terminal are
	// replaced, so it is for showing and not for opening.
	Path string
	// Root is the place in Config.Roots, from 0, of the folder or file it was
	// found under: of the first that names the same. A file that lies in two
	// roots, one within the other, is two tracks, one for each.
	Root      int
	Info      audio.Info // Frames is known; Pictures and Lyrics lack what they hold
	HasCover  bool       // Cover will probably find one
	HasLyrics bool       // Lyrics will probably find some
	Size      int64      // bytes
	ModTime   time.Time
}

// Refusal is a file kept out of the list.
type Refusal struct{ Path, Reason string }

// Progress says how far the library has come.
type Progress struct {
	Files   int       // found so far, by the look of their names
	Tracks  int       // listed
	Refused int       // found unreadable
	Waiting int       // found but not examined yet
	Ready   bool      // the first pass is complete
	Polling bool      // changes are found by looking, not by notice
	Last    time.Time // when the last look at everything ended; zero before the first
}

// Library is safe for concurrent use. Close it when Run has returned and
// nothing is opened any more.
type Library struct {
	cfg   Config
	open  func(r io.ReaderAt, size int64) (audio.Stream, error)
	every time.Duration // between two passes when polling, at least
	log   *slog.Logger
	roots []*root
	cat   *catalogue
	index *indexes
	// covers is a token for everyone who reads a picture or lyrics: not one of
	// indexes, where long files would hold it up.
	covers chan struct{}
	unsure chan found    // played and perhaps not like its copies
	moving time.Duration // how long Reopen waits for a file to turn up elsewhere

	running atomic.Bool
	ready   chan struct{}
	waiting atomic.Int64 // queued files
	polling atomic.Bool
	last    atomic.Int64 // Unix ns of the end of the last look at everything, or 0

	wake    chan struct{} // capacity 1: touched has grown, or waiting is down to 0
	touchMu sync.Mutex    // guards the two below
	touched map[string]struct{}
	lost    bool // notices were lost: look everywhere
}

// maxTouched bounds the folders noted for a look; beyond that, all are looked at.
const maxTouched = 4096

const minKeyBytes = 16

// New opens the roots. One that does not exist or cannot be read is an error.
func New(cfg Config) (*Library, error) {
	switch {
	case len(cfg.Roots) == 0:
		return nil, errors.New("library: no folder or file given")
	case len(cfg.IDKey) < minKeyBytes:
		return nil, fmt.Errorf("library: IDKey has %d bytes, %d are the least", len(cfg.IDKey), minKeyBytes)
	case cfg.IndexBytes < 0, cfg.Rescan < 0, cfg.Workers < 0, cfg.MaxFiles < 0:
		return nil, errors.New("library: a limit is below 0")
	}
	def(&cfg.IndexBytes, 64<<20)
	def(&cfg.Rescan, 5*time.Minute)
	def(&cfg.Workers, 3)
	def(&cfg.MaxFiles, 1_000_000)
	if cfg.Open == nil {
		cfg.Open = format.Open
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	roots, err := openRoots(cfg.Roots)
	if err != nil {
		return nil, err
	}
	cfg.IDKey = slices.Clone(cfg.IDKey)
	return &Library{
		cfg: cfg, open: cfg.Open, every: pollEvery, log: cfg.Logger, roots: roots,
		cat: newCatalogue(cfg.IDKey), index: newIndexes(cfg.IndexBytes),
		covers: make(chan struct{}, maxBusy), unsure: make(chan found, maxUnsure), moving: moveTime,
		ready: make(chan struct{}), wake: make(chan struct{}, 1), touched: map[string]struct{}{},
	}, nil
}

func def[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// Run finds the tracks and then keeps up with changes until ctx ends. It
// returns when all it and Open started has stopped: nil when ctx ended it. It
// may be called once.
func (l *Library) Run(ctx context.Context) error {
	if l.running.Swap(true) {
		return errors.New("library: Run was called before")
	}
	found := make(chan *entry)
	return l.drive(ctx, newScan(l, found), found)
}

// drive starts all goroutines and waits for them.
func (l *Library) drive(ctx context.Context, s *scan, found <-chan *entry) error {
	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan *entry)
	g.Go(func() error { queue(ctx, found, jobs); return nil })
	for range l.cfg.Workers {
		g.Go(func() error { l.work(ctx, jobs); return nil })
	}
	if s.watch != nil {
		g.Go(func() error { s.watch.run(l); return nil })
	}
	g.Go(func() error {
		s.run(ctx)
		s.watch.close()
		return nil
	})
	g.Go(func() error { l.proveAll(ctx); return nil })
	g.Go(func() error {
		<-ctx.Done()
		l.index.close()
		return nil
	})
	return g.Wait()
}

// queue hands on what comes in, in order, and lets in never wait: a look at a
// folder is quick, the reading of its files is not. It holds at most as many
// entries as the catalogue.
func queue(ctx context.Context, in <-chan *entry, out chan<- *entry) {
	var held []*entry
	for {
		var head *entry
		var to chan<- *entry
		if len(held) > 0 {
			head, to = held[0], out
		}
		select {
		case <-ctx.Done():
			return
		case e := <-in:
			held = append(held, e)
		case to <- head:
			held = held[1:]
		}
	}
}

// Close ends the indexing that Open began, waits for that, and lets go of the
// roots. Files that are open stay so.
func (l *Library) Close() error {
	l.index.close()
	closeRoots(l.roots)
	return nil
}

// Tracks is a snapshot in listing order: by folder, then by name, numbers by
// value. Callers share it and must not change it.
func (l *Library) Tracks() []*Track { return l.cat.tracks() }

// Track returns the track with this ID, or nil.
func (l *Library) Track(id string) *Track {
	f, _ := l.cat.find(id)
	return f.track
}

// Version grows with every change of what Tracks, Refused or Scanned tell
// about files.
func (l *Library) Version() uint64 { return l.cat.version.Load() }

// Refused lists files kept out of Tracks, by path: at most 1,000. total counts
// all of them.
func (l *Library) Refused() (list []Refusal, total int) { return l.cat.refused() }

// Ready is closed when the first pass over all roots is complete. A file that
// was being written then may be missing still.
func (l *Library) Ready() <-chan struct{} { return l.ready }

// Scanned says how far the library has come.
func (l *Library) Scanned() Progress {
	p := Progress{Waiting: int(l.waiting.Load()), Polling: l.polling.Load()}
	p.Files, p.Tracks, p.Refused = l.cat.counts()
	if at := l.last.Load(); at != 0 {
		p.Last = time.Unix(0, at)
	}
	select {
	case <-l.ready:
		p.Ready = true
	default:
	}
	return p
}

// Readable asks the disk whether all roots can be read now: nil, or what is
// wrong with one of them. It takes as long as the disk does.
func (l *Library) Readable() error {
	for _, r := range l.roots {
		if err := r.readable(); err != nil {
			return fmt.Errorf("read %q: %w", r.abs, err)
		}
	}
	return nil
}

// touch asks for a look at the folder with this absolute path.
func (l *Library) touch(abs string) {
	l.touchMu.Lock()
	if len(l.touched) < maxTouched {
		l.touched[abs] = struct{}{}
	} else {
		l.lost = true
	}
	l.touchMu.Unlock()
	l.nudge()
}

// Rescan asks Run for a look at every folder soon. It does not wait for it.
func (l *Library) Rescan() { l.touchAll() }

// touchAll asks for a look everywhere.
func (l *Library) touchAll() {
	l.touchMu.Lock()
	l.lost = true
	l.touchMu.Unlock()
	l.nudge()
}

// takeTouched returns what touch was called with since the last time.
func (l *Library) takeTouched() (paths map[string]struct{}, all bool) {
	l.touchMu.Lock()
	defer l.touchMu.Unlock()
	if len(l.touched) == 0 && !l.lost {
		return nil, false
	}
	paths, all = l.touched, l.lost
	l.touched, l.lost = map[string]struct{}{}, false
	return paths, all
}

func (l *Library) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
