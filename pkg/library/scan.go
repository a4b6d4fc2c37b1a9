package library

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// Times between a change and the look at it.
const (
	// gather is how long a folder is left alone after the first notice, so
	// that a burst costs one look; a folder that takes long, longer.
	gather = 300 * time.Millisecond
	// quiet is how long a file must not have changed before it is read: who
	// copies a file writes more often than that.
	quiet = time.Second
	// firstQuiet is used during the first pass, when somebody waits for the
	// list and most fresh files are merely fresh.
	firstQuiet = 200 * time.Millisecond
	// firstWait bounds how long files that keep changing hold up Ready.
	firstWait = 3 * time.Second
	// pollEvery is the least time between two passes when polling, pollShare
	// the share of the time that may be spent on them.
	pollEvery = 2 * time.Second
	pollShare = 50
)

// Bounds on folders.
const (
	maxDepth     = 100
	maxFolders   = 250_000
	maxPathBytes = 4096
	maxLinked    = 64 // folders with links that are looked at on every notice
	listChunk    = 1024
)

// folder is one folder of a root. Only the goroutine of scan.run touches it,
// except for the first block, which never changes, art and words.
type folder struct {
	root  *root
	name  string // by which root opens it, "." for the root itself
	shown string // what its files' paths start with, "" or without a slash at the end
	base  string // its name in up
	up    *folder
	depth int

	art   string            // file name of the cover picture, "" for none; guarded by catalogue.mu
	words map[string]string // file names of lyrics, by name of the file; replaced as a whole, guarded by catalogue.mu

	info  fs.FileInfo
	link  bool // reached through a link, here or above
	gone  bool
	subs  map[string]*folder
	files map[string]*entry
	fresh map[string]sight
	took  time.Duration // by the last look
	abs   string        // where scan knows it
}

// sight is a version of a file too fresh to be read.
type sight struct {
	stamp stamp
	since time.Time
}

// path is what is shown of the file or folder called name in f.
func (f *folder) path(name string) string {
	if only := f.root.only; only != nil {
		return only[name].shown
	}
	return path.Join(f.shown, name)
}

// arg is where in Config.Roots that stands by which the file called name in f
// is served.
func (f *folder) arg(name string) int {
	if only := f.root.only; only != nil {
		return only[name].arg
	}
	return f.root.arg
}

// where is the folder's absolute path, without links but those in name.
func (f *folder) where() string {
	return filepath.Join(f.root.where(), filepath.FromSlash(f.name))
}

// scan looks at folders. It lives in one goroutine.
type scan struct {
	l       *Library
	found   chan<- *entry
	watch   *watch // nil when polling only
	tops    []*folder
	byPath  map[string][]*folder // by absolute path
	due     map[*folder]time.Time
	linked  map[*folder]struct{} // have links in them, or were reached by one
	folders int
	moved   bool // a folder went; watches may be out of place
	begun   time.Time
	isReady bool
	full    bool // said that there are too many files
}

func newScan(l *Library, found chan<- *entry) *scan {
	s := &scan{l: l, found: found, byPath: map[string][]*folder{}, due: map[*folder]time.Time{}, linked: map[*folder]struct{}{}}
	if !l.cfg.Poll {
		var err error
		if s.watch, err = newWatch(); err != nil {
			s.unwatched(err)
		}
	} else {
		l.polling.Store(true)
	}
	for _, r := range l.roots {
		f := &folder{root: r, name: ".", shown: r.shown, subs: map[string]*folder{}, files: map[string]*entry{}}
		s.tops = append(s.tops, f)
		s.know(f)
	}
	return s
}

// unwatched makes the scan find changes by looking.
func (s *scan) unwatched(err error) {
	if !s.l.polling.Swap(true) {
		s.l.log.Info("not every folder can be watched, looking for changes instead", "err", err)
	}
}

// run makes the first pass and then looks again wherever something may have
// changed.
func (s *scan) run(ctx context.Context) {
	s.begun = time.Now()
	took := s.sweep(ctx)
	next := time.Now().Add(s.pause(took))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.checkReady()
		timer.Reset(time.Until(s.wakeAt(next)))
		select {
		case <-ctx.Done():
			return
		case <-s.l.wake:
		case <-timer.C:
		}
		now := time.Now()
		if s.takeTouched(now) {
			if t := now.Add(max(quiet, 10*took)); t.Before(next) {
				next = t
			}
		}
		if !now.Before(next) {
			took = s.sweep(ctx)
			next = time.Now().Add(s.pause(took))
			continue
		}
		s.step(ctx, now)
	}
}

// pause is the time to the next pass over everything.
func (s *scan) pause(took time.Duration) time.Duration {
	if !s.l.polling.Load() {
		return s.l.cfg.Rescan
	}
	return min(max(s.l.every, took*pollShare), max(s.l.cfg.Rescan, s.l.every))
}

func (s *scan) wakeAt(next time.Time) time.Time {
	if !s.isReady {
		if t := s.begun.Add(firstWait); t.Before(next) && time.Now().Before(t) {
			next = t
		}
	}
	for _, t := range s.due {
		if t.Before(next) {
			next = t
		}
	}
	return next
}

func (s *scan) checkReady() {
	if s.isReady || s.l.waiting.Load() > 0 || len(s.due) > 0 && time.Since(s.begun) < firstWait {
		return
	}
	s.isReady = true
	s.l.cat.keep()
	close(s.l.ready)
	s.l.cat.version.Add(1)
}

// takeTouched plans looks at the folders that notices named, and wherever
// links are, for what they lead to may have changed. all means that notices
// were lost.
func (s *scan) takeTouched(now time.Time) (all bool) {
	paths, all := s.l.takeTouched()
	for p := range paths {
		for _, f := range s.byPath[p] {
			s.plan(f, now.Add(max(gather, 10*f.took)))
		}
	}
	if len(paths) > 0 && len(s.linked) <= maxLinked {
		for f := range s.linked {
			s.plan(f, now.Add(max(gather, 10*f.took)))
		}
	}
	return all
}

func (s *scan) plan(f *folder, at time.Time) {
	if was, ok := s.due[f]; !ok || at.Before(was) {
		s.due[f] = at
	}
}

// step looks at the folders that are due, and at what is new below them.
func (s *scan) step(ctx context.Context, now time.Time) {
	var ripe []*folder
	for f, at := range s.due {
		if !at.After(now) {
			ripe = append(ripe, f)
			delete(s.due, f)
		}
	}
	slices.SortFunc(ripe, func(a, b *folder) int { return cmp.Compare(a.abs, b.abs) })
	for _, f := range ripe {
		s.walk(ctx, f, false)
	}
	s.rewatch()
}

// sweep looks at everything and returns how long that took.
func (s *scan) sweep(ctx context.Context) time.Duration {
	began := time.Now()
	clear(s.due)
	for _, f := range s.tops {
		f.root.renew()
		if f.abs != f.where() { // the root was a link and leads elsewhere now
			s.empty(f)
			s.forget(f)
			s.know(f)
		}
		s.walk(ctx, f, true)
	}
	s.rewatch()
	s.l.last.Store(time.Now().UnixNano())
	return time.Since(began)
}

// walk looks at f and everything new below it, or just everything.
func (s *scan) walk(ctx context.Context, f *folder, all bool) {
	for todo := []*folder{f}; len(todo) > 0 && ctx.Err() == nil; {
		f := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if f.gone {
			continue
		}
		todo = append(todo, s.look(ctx, f, all)...)
	}
}

// know registers f to be found by notices.
func (s *scan) know(f *folder) {
	f.abs = f.where()
	s.byPath[f.abs] = append(s.byPath[f.abs], f)
	s.folders++
}

func (s *scan) forget(f *folder) {
	same := slices.DeleteFunc(s.byPath[f.abs], func(g *folder) bool { return g == f })
	if s.byPath[f.abs] = same; len(same) == 0 {
		delete(s.byPath, f.abs)
	}
	delete(s.due, f)
	delete(s.linked, f)
	s.folders--
	if s.watch != nil && !f.link {
		s.watch.remove(f.abs)
		s.moved = true
	}
}

// empty forgets all that was in f, drop also f.
func (s *scan) empty(f *folder) {
	for name, e := range f.files {
		s.l.cat.remove(e)
		delete(f.files, name)
	}
	for _, sub := range f.subs {
		s.drop(sub)
	}
	f.fresh = nil
}

func (s *scan) drop(f *folder) {
	f.gone = true
	s.empty(f)
	s.forget(f)
	delete(f.up.subs, f.base)
}

// watchFolder must precede the listing, so that nothing falls in between. It
// is called at every look: a folder that was removed and made again has lost
// its watch. What a link leads to is watched where it really is.
func (s *scan) watchFolder(f *folder) {
	if s.watch == nil || f.link {
		return
	}
	if err := s.watch.add(f.abs); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.unwatched(err)
	}
}

// rewatch puts watches in place after folders went. A folder that was moved
// within the roots may have been found at its new place first; the watch
// belongs to the folder, not to the path, and was removed with the old path.
func (s *scan) rewatch() {
	if !s.moved {
		return
	}
	s.moved = false
	for _, same := range s.byPath {
		for _, f := range same {
			s.watchFolder(f)
		}
	}
}
