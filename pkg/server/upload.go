package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"

	"secstream/pkg/audio"
	"secstream/pkg/format"
	"secstream/pkg/seal"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// createFromUpload takes a form with the field "audio" and, optionally,
// "randomizeSliceLength" (protocol v1 section 1). The file streams to the
// private directory, sealed; it is never held in memory.
func (s *Server) createFromUpload(w http.ResponseWriter, r *http.Request) error {
	if !s.cfg.AllowUpload {
		return wire.Errorf(wire.Forbidden, "This server takes no uploads")
	}
	const formRest = 64 << 10 // what the form adds around the file
	if r.ContentLength > s.cfg.MaxUpload+formRest {
		return tooLarge(s.cfg.MaxUpload)
	}
	space := s.cfg.MaxUpload
	if r.ContentLength >= 0 {
		space = min(space, r.ContentLength)
	}
	if s.uploads.Add(space) > maxUploads*s.cfg.MaxUpload {
		s.uploads.Add(-space)
		return wire.Errorf(wire.Busy, "The server holds as many uploads as it takes; try again later")
	}
	stored := false
	defer func() {
		if !stored {
			s.uploads.Add(-space)
		}
	}()
	r.Body = http.MaxBytesReader(w, r.Body, s.cfg.MaxUpload+formRest)
	form, err := r.MultipartReader()
	if err != nil {
		return wire.Errorf(wire.BadRequest, "The form cannot be read")
	}
	u, randomize, err := s.readForm(r.Context(), form)
	if err != nil {
		return err
	}
	stored = true
	u.free = func() { s.uploads.Add(-space) }
	meta := metadata(u.track.Info())
	sess, err := s.cfg.Sessions.Create(session.Request{Sources: []session.Source{u}, Randomize: randomize})
	if err != nil {
		return err
	}
	s.created(w, sess, meta)
	return nil
}

// maxUploads bounds the disk that uploads take together: so many of the
// largest size.
const maxUploads = 8

func tooLarge(limit int64) error {
	return wire.Errorf(wire.TooLarge, "The file is larger than %d bytes", limit)
}

func (s *Server) readForm(ctx context.Context, form *multipart.Reader) (u *upload, randomize bool, err error) {
	defer func() {
		if err != nil && u != nil {
			err = errors.Join(err, u.Close())
			u = nil
		}
	}()
	randomize = s.cfg.Sessions.Randomize()
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u, false, formError(err, s.cfg.MaxUpload)
		}
		switch {
		case part.FormName() == "audio" && u == nil:
			if u, err = s.receive(ctx, part); err != nil {
				return u, false, err
			}
		case part.FormName() == "randomizeSliceLength":
			text, err := io.ReadAll(io.LimitReader(part, 16))
			if err != nil {
				return u, false, formError(err, s.cfg.MaxUpload)
			}
			randomize = formBool(string(text), randomize)
		}
	}
	if u == nil {
		return nil, false, wire.Errorf(wire.BadRequest, "No audio file provided")
	}
	return u, randomize, nil
}

func formError(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	return wire.Errorf(wire.BadRequest, "The form cannot be read")
}

// receive stores one uploaded file and reads it as audio.
func (s *Server) receive(ctx context.Context, part io.Reader) (*upload, error) {
	f, err := os.CreateTemp(s.cfg.TempDir, "upload-*")
	if err != nil {
		return nil, fmt.Errorf("store an upload: %w", err)
	}
	u := &upload{name: f.Name(), unlinked: os.Remove(f.Name()) == nil, version: rand.Text(), free: func() {}}
	if u.file, err = seal.NewFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	n, err := u.file.ReadFrom(io.LimitReader(part, s.cfg.MaxUpload+1))
	if disk := new(fs.PathError); errors.As(err, &disk) {
		return u, fmt.Errorf("store an upload: %w", err)
	}
	if err != nil {
		return u, formError(err, s.cfg.MaxUpload)
	}
	if n > s.cfg.MaxUpload {
		return u, tooLarge(s.cfg.MaxUpload)
	}
	stream, err := format.Open(u.file, n)
	if err != nil {
		return u, err
	}
	u.track, err = stream.Index(ctx, u.file)
	return u, err
}

// upload is an uploaded file as a session's source. It is sealed on the disk,
// and where the system lets it, it has lost its name already, so that nothing
// is left after a crash.
type upload struct {
	file     *seal.File
	name     string
	unlinked bool
	version  string // the name may be given again, this is not
	track    audio.Track
	free     func() // gives its share of the disk back
}

func (u *upload) Open(context.Context) (session.Content, error) { return uploadContent{u}, nil }

func (u *upload) Close() error {
	defer u.free()
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
