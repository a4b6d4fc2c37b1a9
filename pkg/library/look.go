package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"secstream/pkg/format"
)

// Why something is not served, besides what parsers and the system say.
var (
	errLoop    = errors.New("link leads to a folder that it lies in")
	errDeep    = errors.New("folder lies too deep")
	errFolders = errors.New("too many folders")
	errLong    = errors.New("path is too long")
	errLink    = errors.New("is a link")
)

// never is the version of what cannot be examined at all.
var never = stamp{size: -1}

// view is what one look at a folder has met so far.
type view struct {
	now   time.Time
	all   bool
	files map[string]bool
	subs  map[string]bool
	fresh map[string]sight
	art   string
	rank  int
	words lyricFiles
	links bool
	next  []*folder // to be looked at next
}

// look compares f with what is known of it, queues what is new or changed and
// forgets what is gone. It returns the folders in it that are new, or all of
// them.
func (s *scan) look(ctx context.Context, f *folder, all bool) []*folder {
	v := &view{now: time.Now(), all: all, files: map[string]bool{}, subs: map[string]bool{}}
	s.watchFolder(f)
	list := s.list
	if f.root.only != nil {
		list = s.listOnly
	}
	if err := list(ctx, f, v); err != nil {
		s.unreadable(f, v, err)
		return nil
	}
	for name, e := range f.files {
		if !v.files[name] {
			s.l.cat.remove(e)
			delete(f.files, name)
		}
	}
	for name, sub := range f.subs {
		if !v.subs[name] {
			s.drop(sub)
		}
	}
	if len(v.fresh) > 0 {
		s.plan(f, v.now.Add(s.quiet()))
	}
	if v.links || f.link {
		s.linked[f] = struct{}{}
	} else {
		delete(s.linked, f)
	}
	f.fresh = v.fresh
	s.l.cat.setBeside(f, v.art, v.words.of(f.files))
	f.took = time.Since(v.now)
	return v.next
}

// unreadable handles a folder that cannot be listed. What was in it is kept,
// unless it is gone.
func (s *scan) unreadable(f *folder, v *view, err error) {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errClosed):
	case !errors.Is(err, fs.ErrNotExist):
		s.refuse(f, v, "", never, err)
	case f.up != nil:
		s.plan(f.up, v.now.Add(gather))
	default:
		if len(f.files)+len(f.subs) > 0 {
			s.l.log.Warn("served folder is gone", "path", clean(f.root.abs))
		}
		s.empty(f)
	}
}

// list goes through the names in f.
func (s *scan) list(ctx context.Context, f *folder, v *view) error {
	dir, err := f.root.folder(f.name)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // only read from
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		ents, err := dir.ReadDir(listChunk)
		for _, ent := range ents {
			// os.Root has looked at the file already: this costs nothing.
			if fi, err := ent.Info(); err == nil && !isHidden(ent.Name()) {
				s.see(ctx, f, v, ent.Name(), fi)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return cause(err)
		}
	}
}

// listOnly looks at the named files and nothing else of the folder.
func (s *scan) listOnly(ctx context.Context, f *folder, v *view) error {
	for name := range f.root.only {
		fi, err := f.root.lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			s.refuse(f, v, name, never, err)
		case fi.Mode()&fs.ModeSymlink != 0:
			s.refuse(f, v, name, stampOf(fi), errLink)
		case !fi.Mode().IsRegular():
			s.refuse(f, v, name, stampOf(fi), errNotRegular)
		default:
			s.file(ctx, f, v, name, name, fi)
		}
	}
	return nil
}

// see decides what becomes of one name in f.
func (s *scan) see(ctx context.Context, f *folder, v *view, name string, fi fs.FileInfo) {
	open, link := path.Join(f.name, name), fi.Mode()&fs.ModeSymlink != 0
	if link {
		v.links = true
		var err error
		if open, fi, err = f.root.follow(open); err != nil {
			if format.Known(name) || path.Ext(name) == "" {
				s.refuse(f, v, name, never, fmt.Errorf("link is not followed: %w", err))
			}
			return
		}
	}
	rank := artRank(name)
	switch {
	case len(f.shown)+1+len(name) > maxPathBytes:
		s.refuse(f, v, name, never, errLong)
	case fi.IsDir():
		s.sub(f, v, name, open, link, fi)
	case format.Known(name) && !fi.Mode().IsRegular():
		s.refuse(f, v, name, stampOf(fi), errNotRegular)
	case format.Known(name):
		s.file(ctx, f, v, name, open, fi)
	case rank > v.rank && fi.Mode().IsRegular() && fi.Size() <= MaxCover:
		v.art, v.rank = open, rank
	case fi.Mode().IsRegular() && fi.Size() <= maxLyricFile:
		v.words.add(name, open)
	}
}

// sub handles a folder in f. A link is followed to a folder once on a path:
// links of a folder reached by a link are not, or a few of them would multiply
// without end.
func (s *scan) sub(f *folder, v *view, name, open string, link bool, fi fs.FileInfo) {
	sub := f.subs[name]
	if sub != nil && (sub.name != open || !os.SameFile(sub.info, fi)) {
		s.drop(sub)
		sub = nil
	}
	switch {
	case sub != nil:
		v.subs[name] = true
		if v.all {
			v.next = append(v.next, sub)
		}
		return
	case link && f.link:
		return
	case link && f.within(fi):
		s.refuse(f, v, name, never, errLoop)
		return
	case f.depth >= maxDepth:
		s.refuse(f, v, name, never, errDeep)
		return
	case s.folders >= maxFolders:
		s.refuse(f, v, name, never, errFolders)
		return
	}
	sub = &folder{
		root: f.root, name: open, shown: path.Join(f.shown, name), up: f, base: name, depth: f.depth + 1,
		info: fi, link: link || f.link, subs: map[string]*folder{}, files: map[string]*entry{},
	}
	f.subs[name], v.subs[name] = sub, true
	s.know(sub)
	v.next = append(v.next, sub)
}

// within says whether f is the folder fi or lies in it.
func (f *folder) within(fi fs.FileInfo) bool {
	for ; f.up != nil; f = f.up {
		if os.SameFile(f.info, fi) {
			return true
		}
	}
	top, err := f.root.lstat(".")
	return err == nil && os.SameFile(top, fi)
}

// file queues a file that is new or has changed, once it is at rest.
func (s *scan) file(ctx context.Context, f *folder, v *view, name, open string, fi fs.FileInfo) {
	st, e := stampOf(fi), f.files[name]
	v.files[name] = true
	if e != nil && s.l.cat.unchanged(e, open, st, v.all) {
		return
	}
	if !s.atRest(f, v, name, st) {
		return
	}
	if e == nil {
		if e = s.l.cat.add(f, name, s.l.cfg.MaxFiles); e == nil {
			if !s.full {
				s.full = true
				s.l.log.Warn("there are more files than can be served", "limit", s.l.cfg.MaxFiles)
			}
			return
		}
		f.files[name] = e
	}
	if !s.l.cat.expect(e, open, st) {
		return
	}
	s.l.waiting.Add(1)
	select {
	case s.found <- e:
	case <-ctx.Done():
	}
}

func (s *scan) quiet() time.Duration {
	if s.isReady {
		return quiet
	}
	return firstQuiet
}

// atRest says whether a file has not changed for a while: by its time, or,
// since clocks differ, by having been seen like this before.
func (s *scan) atRest(f *folder, v *view, name string, st stamp) bool {
	if age := v.now.Sub(time.Unix(0, st.mtime)); age >= s.quiet() {
		return true
	}
	was, ok := f.fresh[name]
	if !ok || was.stamp != st {
		was = sight{stamp: st, since: v.now}
	}
	if v.now.Sub(was.since) >= s.quiet() {
		return true
	}
	if v.fresh == nil {
		v.fresh = map[string]sight{}
	}
	v.fresh[name] = was
	return false
}

// refuse puts down a name in f that cannot be served; the empty name stands
// for f itself.
func (s *scan) refuse(f *folder, v *view, name string, st stamp, why error) {
	v.files[name] = true
	e := f.files[name]
	if e == nil {
		if e = s.l.cat.add(f, name, s.l.cfg.MaxFiles); e == nil {
			return
		}
		f.files[name] = e
	}
	s.l.cat.settleOn(e, st)
	s.l.refused(e, st, why)
}
