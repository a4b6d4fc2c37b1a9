package library

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"secstream/pkg/audio"
)

// ErrChanged means that a file is no longer what was listed or indexed. A
// change that lasts is listed within seconds, under a new ID if its
// fingerprint sees it.
var ErrChanged = errors.New("file has changed")

// File is a track opened for slicing. It is safe for concurrent use; whoever
// opened it closes it.
type File struct {
	// Audio is the indexed track; its methods take the File as their reader.
	Audio audio.Track
	// Track is the entry of the catalogue at the time of opening.
	Track *Track
	// Identity names the content: 32 hex digits. Two Files with equal Identity
	// yield the same slices. Of two with the same content it may differ; only
	// Reopen sees to it that it does not.
	Identity string

	f     *os.File
	path  string
	entry *entry
	print fingerprint
	stamp stamp
}

// ReadAt reads the file as io.ReaderAt has it.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// Check costs one fstat and says whether the open file still is the version
// that was indexed: nil, or an error wrapping ErrChanged. A file that was
// replaced or removed by name is not affected: the old one stays readable.
func (f *File) Check() error {
	fi, err := f.f.Stat()
	if err != nil {
		return fmt.Errorf("check %q: %w", f.path, cause(err))
	}
	if !stampOf(fi).sameData(f.stamp) {
		return fmt.Errorf("check %q: %w", f.path, ErrChanged)
	}
	return nil
}

// Open opens the track with this ID and makes its index, unless that is
// remembered. Callers that want the same index at once share the work. An ID
// that means nothing and a file that vanished give an error wrapping
// fs.ErrNotExist; a file with other content than the ID stands for, one
// wrapping ErrChanged. A file that turns out to hold nothing playable gives the
// parser's error, and is refused from then on. ctx's error comes back wrapped;
// the index is still made, for a later call to find, unless very many are.
// When Run has ended only tracks with a remembered index open.
func (l *Library) Open(ctx context.Context, id string) (*File, error) {
	file, err := l.openListed(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.indexed(ctx, file)
}

// indexed sets Audio, or closes file.
func (l *Library) indexed(ctx context.Context, file *listedFile) (_ *File, err error) {
	if file.Audio, err = l.index.get(ctx, l, file.e.entry, file.key()); err == nil {
		err = file.Check()
	}
	if err != nil {
		if isVerdict(err) {
			l.refused(file.e.entry, file.stamp, err)
		} else if ctx.Err() == nil {
			l.touch(file.e.folder.where())
		}
		return nil, fmt.Errorf("open %q: %w", file.path, errors.Join(err, file.Close()))
	}
	l.cat.correct(file.e.entry, file.stamp, file.Audio.Info())
	l.askProof(file)
	return &file.File, nil
}

// Stat describes the file of the track with this ID as it is now, for
// os.SameFile. An ID that means nothing gives an error wrapping fs.ErrNotExist.
func (l *Library) Stat(id string) (fs.FileInfo, error) {
	e, ok := l.cat.find(id)
	if !ok {
		return nil, fmt.Errorf("look at a track: %w", fs.ErrNotExist)
	}
	f, fi, err := e.folder.root.open(e.open)
	if err != nil {
		return nil, fmt.Errorf("look at %q: %w", clean(e.path), err)
	}
	return fi, f.Close()
}

// openListed opens the file a track was listed from and makes sure that it
// has the content the ID stands for. Audio stays unset.
func (l *Library) openListed(ctx context.Context, id string) (*listedFile, error) {
	e, ok := l.cat.find(id)
	if !ok {
		return nil, fmt.Errorf("open track: %w", fs.ErrNotExist)
	}
	return l.openFound(ctx, e)
}

func (l *Library) openFound(ctx context.Context, e found) (*listedFile, error) {
	where := clean(e.path)
	f, fi, err := e.folder.root.open(e.open)
	if err != nil {
		l.touch(e.folder.where())
		return nil, fmt.Errorf("open %q: %w", where, err)
	}
	st := stampOf(fi)
	if st != e.stamp {
		// Touched, or changed a moment ago: the content decides.
		l.touch(e.folder.where())
		p, err := takePrint(ctx, l.cfg.IDKey, f, st.size)
		if err == nil && p != e.print {
			err = ErrChanged
		}
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", where, errors.Join(err, f.Close()))
		}
	}
	return &listedFile{
		File: File{
			Track: e.track, Identity: e.print.identity(l.cfg.IDKey, st),
			f: f, path: where, entry: e.entry, print: e.print, stamp: st,
		},
		e: e,
	}, nil
}

// listedFile is a File together with what the catalogue had of it.
type listedFile struct {
	File
	e found
}

func (f *listedFile) key() indexKey { return indexKey{f.e.folder.root, f.e.open, f.stamp} }

// indexKey is all that an index depends on.
type indexKey struct {
	root  *root
	open  string
	stamp stamp
}

// indexes remembers indexes, the least recently used going first, and sees to
// it that one file is indexed once at a time.
type indexes struct {
	limit int64 // bytes

	mu      sync.Mutex // guards all below
	used    int64
	recent  *list.List // of *kept, the latest first
	byKey   map[indexKey]*list.Element
	flights map[indexKey]*flight
	adrift  int  // flights that nobody waits for, at most maxAdrift
	shut    bool // no flight is started any more

	flying sync.WaitGroup // every flight, whether in flights or given up
	busy   chan struct{}  // a token for everyone who reads a whole file
}

type kept struct {
	key   indexKey
	track audio.Track
	cost  int64
}

// flight is an index being made for callers who wait, or once did.
type flight struct {
	cancel  context.CancelCauseFunc
	waiters int // guarded by indexes.mu

	done  chan struct{} // closed once the two below are set
	track audio.Track
	err   error
}

// maxBusy bounds the files indexed on demand at once.
const maxBusy = 4

// maxAdrift bounds the indexes that are made although nobody waits any more.
const maxAdrift = 64

func newIndexes(limit int64) *indexes {
	return &indexes{
		limit: limit, recent: list.New(), byKey: map[indexKey]*list.Element{},
		flights: map[indexKey]*flight{}, busy: make(chan struct{}, maxBusy),
	}
}

// trackCost is what a track takes besides its cuts, by estimate: tags,
// details, tables of a parser.
const trackCost = 4 << 10

func costOf(t audio.Track) int64 { return int64(t.Cuts().Size()) + trackCost }

// put remembers t. One that is larger than the limit is not kept.
func (x *indexes) put(key indexKey, t audio.Track) {
	cost := costOf(t)
	x.mu.Lock()
	defer x.mu.Unlock()
	if old := x.byKey[key]; old != nil {
		x.drop(old)
	}
	if cost > x.limit {
		return
	}
	x.byKey[key] = x.recent.PushFront(&kept{key, t, cost})
	for x.used += cost; x.used > x.limit; {
		x.drop(x.recent.Back())
	}
}

func (x *indexes) drop(el *list.Element) {
	k := x.recent.Remove(el).(*kept)
	delete(x.byKey, k.key)
	x.used -= k.cost
}

// get returns the index for key, remembered or made now; e is an entry the key
// came from. When ctx ends get returns at once, and the work goes on even if
// nobody else waits: a file that takes longer than a request may is found
// remembered by a later one. Only with maxAdrift such files under way does the
// work end with the last who waits for it.
func (x *indexes) get(ctx context.Context, l *Library, e *entry, key indexKey) (audio.Track, error) {
	f, track, err := x.join(ctx, l, e, key)
	if f == nil {
		return track, err
	}
	defer x.leave(key, f)
	select {
	case <-f.done:
		return f.track, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join makes the caller one who waits for the flight it returns, unless that
// is nil: then the index is remembered, or not to be had.
func (x *indexes) join(ctx context.Context, l *Library, e *entry, key indexKey) (*flight, audio.Track, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if el := x.byKey[key]; el != nil {
		x.recent.MoveToFront(el)
		return nil, el.Value.(*kept).track, nil
	}
	f := x.flights[key]
	switch {
	case f != nil && f.waiters == 0:
		x.adrift--
	case f != nil:
	case x.shut:
		return nil, nil, errClosed
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	default:
		work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		f = &flight{cancel: cancel, done: make(chan struct{})}
		x.flights[key] = f
		x.flying.Go(func() { x.fly(work, l, e, key, f) })
	}
	f.waiters++
	return f, nil, nil
}

// leave is join's other end.
func (x *indexes) leave(key indexKey, f *flight) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f.waiters--
	switch {
	case f.waiters > 0 || x.flights[key] != f: // the latter is over
	case x.adrift < maxAdrift:
		x.adrift++
	default:
		delete(x.flights, key)
		f.cancel(context.Canceled)
	}
}

// fly makes the index that f is about. A file found to be at fault is refused
// here, for there may be nobody left to do it.
func (x *indexes) fly(ctx context.Context, l *Library, e *entry, key indexKey, f *flight) {
	defer close(f.done)
	select {
	case x.busy <- struct{}{}:
		f.track, f.err = l.makeIndex(ctx, e, key)
		<-x.busy
	case <-ctx.Done():
		f.err = ctx.Err()
	}
	switch {
	case f.err == nil:
	case ctx.Err() != nil:
		f.err = context.Cause(ctx)
	case isVerdict(f.err):
		l.refused(e, key.stamp, f.err)
	}
	f.cancel(nil)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.flights[key] != f {
		return
	}
	delete(x.flights, key)
	if f.waiters == 0 {
		x.adrift--
	}
}

// close ends all flights, with errClosed for those who wait, and returns when
// they are over. What is remembered stays so.
func (x *indexes) close() {
	x.mu.Lock()
	x.shut = true
	for _, f := range x.flights {
		f.cancel(errClosed)
	}
	x.mu.Unlock()
	x.flying.Wait()
}

// makeIndex indexes the file with its own descriptor, for that of the caller
// who came first may be closed before the others are served, and remembers the
// index.
func (l *Library) makeIndex(ctx context.Context, e *entry, key indexKey) (track audio.Track, err error) {
	step := readingHeaders
	defer l.survive(e.path, &step, &err)
	f, fi, err := key.root.open(key.open)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	if !stampOf(fi).sameData(key.stamp) {
		return nil, ErrChanged
	}
	stream, err := l.open(f, key.stamp.size)
	if err != nil {
		return nil, err
	}
	step = indexing
	track, err = stream.Index(ctx, f)
	if now, serr := f.Stat(); serr == nil && !stampOf(now).sameData(key.stamp) {
		return nil, ErrChanged
	}
	if err == nil {
		l.index.put(key, track)
	}
	return track, err
}
