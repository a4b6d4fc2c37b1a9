package server

import (
	"context"
	"errors"
	"os"
	"sync"

	"secstream/pkg/audio"
	"secstream/pkg/library"
	"secstream/pkg/seal"
	"secstream/pkg/session"
)

// upload is an uploaded file as a session's source. It is sealed on the disk,
// and where the system lets it, it has lost its name already, so that nothing
// is left after a crash.
type upload struct {
	file     *seal.File
	name     string
	unlinked bool
	version  string // the name may be given again, this is not
	track    audio.Track
	space    int64 // its share of disk, which is who's
	disk     *hoard
	who      string
}

func (u *upload) Open(context.Context) (session.Content, error) { return uploadContent{u}, nil }

func (u *upload) Close() error {
	u.disk.give(u.who, u.space)
	err := u.file.Close()
	if !u.unlinked {
		err = errors.Join(err, os.Remove(u.name))
	}
	return err
}

// uploadContent lends the file out; closing it closes nothing.
type uploadContent struct{ u *upload }

func (c uploadContent) ReadAt(p []byte, off int64) (int, error) { return c.u.file.ReadAt(p, off) }
func (c uploadContent) Close() error                            { return nil }
func (c uploadContent) Track() audio.Track                      { return c.u.track }
func (c uploadContent) Check() error                            { return nil }
func (c uploadContent) Version() string                         { return c.u.version }

// libraryTrack is a track of the served folder as a session's source. It
// holds nothing open between slices, so that no number of listeners takes up
// all descriptors. From the first time on it goes by the content instead of the
// ID: a file that is renamed while it plays plays on.
type libraryTrack struct {
	lib *library.Library
	id  string

	mu  sync.Mutex
	was *library.Edition // nil before the first time
}

func (t *libraryTrack) Open(ctx context.Context) (session.Content, error) {
	t.mu.Lock()
	was := t.was
	t.mu.Unlock()
	var f *library.File
	var err error
	if was == nil {
		f, err = t.lib.Open(ctx, t.id)
	} else {
		f, err = t.lib.Reopen(ctx, *was)
	}
	if err != nil {
		return nil, err
	}
	now := f.Edition()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.was = &now
	return libraryContent{f}, nil
}

// libraryContent is one opened version of a file.
type libraryContent struct{ *library.File }

func (c libraryContent) Track() audio.Track { return c.Audio }
func (c libraryContent) Version() string    { return c.Identity }

// Name is the ID that clients ask for.
func (t *libraryTrack) Name() string { return t.id }

func (*libraryTrack) Close() error { return nil }
