package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime/debug"

	"secstream/pkg/audio"
)

var errNoSound = errors.New("no sound in it")

// work examines the files that come in until ctx ends.
func (l *Library) work(ctx context.Context, jobs <-chan *entry) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-jobs:
			l.examine(ctx, e)
			if l.waiting.Add(-1) == 0 {
				l.nudge()
			}
		}
	}
}

// examine reads one file and lists or refuses it. A file that is not what the
// look at its folder saw is left to another look.
func (l *Library) examine(ctx context.Context, e *entry) {
	open, want, gone := l.cat.take(e)
	if gone {
		return
	}
	f, fi, err := e.folder.root.open(open)
	switch {
	case errors.Is(err, errClosed):
		return
	case errors.Is(err, fs.ErrNotExist):
		l.lookAgain(e)
		return
	case err != nil:
		l.refused(e, want, err)
		return
	}
	defer f.Close() //nolint:errcheck // only read from
	if stampOf(fi) != want {
		l.lookAgain(e)
		return
	}
	t, p, err := l.read(ctx, e, indexKey{e.folder.root, open, want}, f)
	if ctx.Err() != nil {
		return
	}
	if now, serr := f.Stat(); serr != nil || stampOf(now) != want {
		l.lookAgain(e)
		return
	}
	if err != nil {
		l.refused(e, want, err)
		return
	}
	l.follow(e, want, p)
	t.Path, t.Root, t.ModTime = clean(e.path), e.arg, fi.ModTime()
	l.cat.publish(e, want, p, t, hasPicture(t.Info.Pictures))
}

// follow makes room for e if it is a listed file under a new name: the look
// that misses it at the old one may be yet to come, and would find that e has
// got another ID by then.
func (l *Library) follow(e *entry, s stamp, p fingerprint) {
	for _, twin := range l.cat.twins(e, s, p) {
		if twin.moved() {
			l.cat.leave(twin)
			l.touch(twin.folder.where())
		}
	}
}

// moved says whether the file is no more where it was listed from.
func (f found) moved() bool {
	root := f.folder.root
	if _, err := root.lstat(path.Join(f.folder.name, f.name)); err != nil { // f.open may be what it links to
		return errors.Is(err, fs.ErrNotExist)
	}
	file, fi, err := root.open(f.open)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer file.Close() //nolint:errcheck // only read from
	return !stampOf(fi).sameData(f.stamp)
}

// lookAgain has a file that changed since the look at its folder found anew.
func (l *Library) lookAgain(e *entry) {
	l.cat.again(e)
	l.touch(e.folder.where())
}

// read finds out what f holds. A file that does not say how long it is gets
// its index now, for lists show exact times.
func (l *Library) read(ctx context.Context, e *entry, key indexKey, f *os.File) (t Track, p fingerprint, err error) {
	step := readingHeaders
	defer l.survive(e.path, &step, &err)
	if p, err = takePrint(ctx, l.cfg.IDKey, f, key.stamp.size); err != nil {
		return t, p, err
	}
	stream, err := l.open(f, key.stamp.size)
	if err != nil {
		return t, p, err
	}
	info := stream.Info()
	if info.Frames < 0 {
		step = indexing
		track, err := stream.Index(ctx, f)
		if err != nil {
			return t, p, err
		}
		info = track.Info()
		l.index.put(key, track)
	}
	if info.Frames <= 0 {
		return t, p, errNoSound
	}
	return Track{Info: info.WithoutPictureData(), Size: key.stamp.size}, p, nil
}

// What a parser was doing, for survive.
const (
	readingHeaders = "reading its headers"
	indexing       = "indexing it"
)

// survive is deferred around a parser. A panic there, which one strange file
// may bring about, becomes an error like that of any damaged file, and the
// stack goes to the log: neither the process nor the other files suffer.
func (l *Library) survive(path string, step *string, err *error) {
	if v := recover(); v != nil {
		l.log.Error("parser panicked", "path", clean(path), "step", *step, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = fmt.Errorf("%w: the parser broke down while %s", audio.ErrCorrupt, *step)
	}
}

// refused keeps e out of the list, with a line in the log the first time.
func (l *Library) refused(e *entry, st stamp, why error) {
	if l.cat.reject(e, st, why) {
		l.log.Warn("file is not served", "path", clean(e.path), "reason", clean(why.Error()))
	}
}
