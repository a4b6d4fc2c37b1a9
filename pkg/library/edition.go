package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// moveTime is how long a file that is gone may take to turn up under another
// name: looks at folders are made within a second of a notice, and every two
// seconds without notices.
const moveTime = 5 * time.Second

// retry is the time between two tries to find it.
const retry = 100 * time.Millisecond

// maxUnsure bounds the files that wait to be read whole. One that finds no
// room asks again when it is opened the next time.
const maxUnsure = 16

// Edition is one content in one file, for who opens it again and again and
// must not be handed another. It does not hold the file.
type Edition struct {
	identity string
	entry    *entry
	print    fingerprint
	stamp    stamp
}

// Edition is what f is, for Reopen.
func (f *File) Edition() Edition { return Edition{f.Identity, f.entry, f.print, f.stamp} }

// Reopen opens what was opened before: the same file, wherever in the library
// it is now, or another with the same content if it is gone. The File has the
// Identity of the edition. It waits a few seconds for a file that is just
// being renamed. When other content has taken the file's place, or there is
// nothing left, the error wraps ErrChanged; other errors are those of Open.
func (l *Library) Reopen(ctx context.Context, was Edition) (*File, error) {
	for late := time.Now().Add(l.moving); ; {
		f, err := l.reopen(ctx, was)
		switch {
		case !errors.Is(err, fs.ErrNotExist):
			return f, err
		case time.Now().After(late):
			return nil, fmt.Errorf("open %q again: %w", clean(was.entry.path), ErrChanged)
		case l.polling.Load():
			l.touchAll()
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *Library) reopen(ctx context.Context, was Edition) (*File, error) {
	file, err := l.openAlike(ctx, was)
	if err != nil {
		return nil, fmt.Errorf("open %q again: %w", clean(was.entry.path), err)
	}
	file.Identity = was.identity
	return l.indexed(ctx, file)
}

// openAlike opens a file with the content of was. As long as something is
// where was is, that counts, even if the old content lives on elsewhere: the
// owner has replaced it.
func (l *Library) openAlike(ctx context.Context, was Edition) (*listedFile, error) {
	all, replaced := l.cat.alike(was)
	if replaced {
		return nil, ErrChanged
	}
	for _, e := range all {
		file, err := l.openFound(ctx, e)
		if err == nil {
			if err = l.same(ctx, file, was); err == nil {
				return file, nil
			}
			err = errors.Join(err, file.Close())
		}
		if ctx.Err() != nil || e.entry == was.entry && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fs.ErrNotExist
}

// same returns nil if the content of file, which has the print of was, is that
// of was in every byte, else an error wrapping ErrChanged.
//
// Slices of one session must never come from two contents, and a print alone
// vouches for that only if it covers the whole file. Of a longer one it is a
// sample, and two masters of a recording may well share it. There it takes the
// same inode with the same size and modification time, which a rename leaves
// as they are (so does who edits a file and sets its time back: that goes
// unseen), or that both files have been read from end to end. For the file
// that is gone it is too late then; so a file that is played and has copies is
// read while it is there, once, behind the scenes.
func (l *Library) same(ctx context.Context, file *listedFile, was Edition) error {
	if file.stamp.size <= wholeBytes || file.stamp.sameData(was.stamp) {
		return nil
	}
	want, ok := l.cat.wholeOf(was.entry, was.stamp)
	if !ok {
		return ErrChanged
	}
	got, err := l.whole(ctx, file)
	if err == nil && got != want {
		err = ErrChanged
	}
	return err
}

// whole returns the fingerprint of all of file, remembered or made now.
func (l *Library) whole(ctx context.Context, file *listedFile) (p fingerprint, err error) {
	if p, ok := l.cat.wholeOf(file.entry, file.stamp); ok {
		return p, nil
	}
	select {
	case l.index.busy <- struct{}{}:
		defer func() { <-l.index.busy }()
	case <-ctx.Done():
		return p, ctx.Err()
	}
	if p, err = takeWhole(ctx, l.cfg.IDKey, file.f, file.stamp.size); err == nil {
		err = file.Check()
	}
	if err == nil {
		l.cat.setWhole(file.entry, file.stamp, p)
	}
	return p, err
}

// askProof has file read whole if a copy might have to take over from it.
func (l *Library) askProof(file *listedFile) {
	if file.stamp.size <= wholeBytes || !l.cat.isUnsure(file.entry, file.stamp, file.print) {
		return
	}
	select {
	case l.unsure <- file.e:
	default:
	}
}

// proveAll does what askProof asks for until ctx ends, one file at a time:
// there is no hurry, and slices are made from the same disk.
func (l *Library) proveAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-l.unsure:
			if file, err := l.openFound(ctx, e); err == nil {
				_, _ = l.whole(ctx, file) // who opens the file the next time asks again
				_ = file.Close()
			}
		}
	}
}
