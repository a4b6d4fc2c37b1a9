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
	"slices"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/format"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Limits of uploads.
const (
	// maxUploads bounds the disk that uploads take together: so many of the
	// largest size.
	maxUploads = 8
	// leastShare is the part of the largest size that a file counts for at
	// least: descriptors are as scarce as disk.
	leastShare = 256
	maxParts   = 100      // of a form
	formRest   = 64 << 10 // bytes that a form adds around its files, and around each of them
	formValue  = 16       // bytes of a field that is no file
)

// arrival is the files of one request as they come in. They stream to the
// private directory, sealed, and are never held in memory.
type arrival struct {
	s         *Server
	who       string // whose share of the disk it takes
	live      *live
	left      int64 // bytes that its files may still have
	space     int64 // of the disk, set aside and not used by a file yet
	files     []*upload
	randomize bool
}

var errUploads = wire.Errorf(wire.Busy, "The server holds as many uploads as it takes; try again later")

// takeUpload reads a body of one or more files, which rest bytes may stand
// around.
func (s *Server) takeUpload(w *reply, r *http.Request, rest int64, read func(*arrival, io.Reader, *http.Request) error) (in *intake, err error) {
	if !w.live.AllowUpload {
		return nil, wire.Errorf(wire.Forbidden, "This server takes no uploads")
	}
	most := w.live.MaxUpload
	if r.ContentLength > most+rest {
		return nil, tooLarge(most)
	}
	a := &arrival{s: s, who: w.share, live: w.live, left: most, space: most, randomize: s.cfg.Sessions.Randomize()}
	if r.ContentLength >= 0 {
		a.space = min(most, max(r.ContentLength, most/leastShare))
	}
	if !s.uploads.take(a.who, a.space, maxUploads*most) {
		return nil, errUploads
	}
	defer func() { s.uploads.give(a.who, a.space) }()
	defer func() { // also when a parser panics
		if in == nil {
			for _, u := range a.files {
				err = errors.Join(err, u.Close())
			}
		}
	}()
	body := &coming{body: http.MaxBytesReader(w.ResponseWriter, r.Body, most+rest), reply: w}
	if err = read(a, body, r); err == nil && len(a.files) == 0 {
		err = wire.Errorf(wire.BadRequest, "No audio file provided")
	}
	if err != nil {
		return nil, err
	}
	w.wasRead()
	in = &intake{first: metadata(a.files[0].track.Info()), randomize: a.randomize}
	for _, u := range a.files {
		in.sources = append(in.sources, u)
	}
	return in, nil
}

func tooLarge(limit int64) error {
	return wire.Errorf(wire.TooLarge, "The upload is larger than %d bytes", limit)
}

// coming is a body that has to keep coming, at no less than slowest bytes a
// second, or it is not waited for.
type coming struct {
	body  io.Reader
	reply *reply
	n     int64
	limit time.Time // as it was set
}

func (c *coming) Read(p []byte) (int, error) {
	limit := c.reply.begin.Add(c.reply.times.request + c.reply.times.slow(c.n))
	if limit.After(c.reply.until) {
		limit = c.reply.until
	}
	if !limit.Equal(c.limit) {
		c.reply.readUntil(limit)
		c.limit = limit
	}
	n, err := c.body.Read(p)
	c.n += int64(n)
	return n, err
}

// readFile takes the body as it is. The parameter randomizeSliceLength is as in
// a form.
func (s *Server) readFile(a *arrival, body io.Reader, r *http.Request) error {
	a.randomize = formBool(r.URL.Query().Get("randomizeSliceLength"), a.randomize)
	return a.receive(r.Context(), body)
}

// readForm takes a form with fields "audio", one for each file, and,
// optionally, "randomizeSliceLength" (protocol v1 section 1).
func (s *Server) readForm(a *arrival, body io.Reader, r *http.Request) error {
	metered := &metered{r: body}
	bounded := *r
	bounded.Body = io.NopCloser(metered)
	form, err := bounded.MultipartReader()
	if err != nil {
		return wire.Errorf(wire.BadRequest, "The form cannot be read")
	}
	for range maxParts {
		metered.left = formRest
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return a.bodyError(err)
		}
		if err := a.readPart(r.Context(), part, metered); err != nil {
			return err
		}
	}
	return wire.Errorf(wire.BadRequest, "The form has more than %d fields", maxParts)
}

func (a *arrival) readPart(ctx context.Context, part *multipart.Part, m *metered) error {
	switch part.FormName() {
	case "audio":
		m.left += a.left
		return a.receive(ctx, part)
	case "randomizeSliceLength":
		text, err := io.ReadAll(io.LimitReader(part, formValue))
		if err != nil {
			return a.bodyError(err)
		}
		a.randomize = formBool(string(text), a.randomize)
	default: // what is not known is passed over
		m.left += a.left
		if _, err := io.Copy(io.Discard, part); err != nil {
			return a.bodyError(err)
		}
	}
	return nil
}

// metered reads at most left bytes, so that what stands around the files of a
// form is bounded: mime/multipart holds the header of a part in memory.
type metered struct {
	r    io.Reader
	left int64
}

func (m *metered) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, &http.MaxBytesError{}
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.left -= int64(n)
	return n, err
}

func (a *arrival) bodyError(err error) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge(a.live.MaxUpload)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.Errorf(wire.BadRequest, "The upload did not come in time")
	}
	return wire.Errorf(wire.BadRequest, "The upload cannot be read")
}

// another sets aside what a file counts for at least, but for the first, for
// which that was done.
func (a *arrival) another() error {
	least := a.live.MaxUpload / leastShare
	if len(a.files) == 0 {
		return nil
	}
	if !a.s.uploads.take(a.who, least, maxUploads*a.live.MaxUpload) {
		return errUploads
	}
	a.space += least
	return nil
}

// notStored is the answer to an upload that the disk does not take.
func (a *arrival) notStored(err error) error {
	if slices.ContainsFunc(diskFull, func(full error) bool { return errors.Is(err, full) }) {
		a.s.cfg.Logger.Error("no room for an upload", "err", err)
		return wire.Errorf(wire.DiskFull, "The server has no room left for uploads; try again later, or send a smaller file")
	}
	return fmt.Errorf("store an upload: %v", err) //nolint:errorlint // a folder that is not there must not be taken for a track that is not
}

// receive stores one file and reads it as audio.
func (a *arrival) receive(ctx context.Context, body io.Reader) error {
	if err := a.another(); err != nil {
		return err
	}
	f, err := os.CreateTemp(a.s.cfg.TempDir, uploadName+"*")
	if err != nil {
		return a.notStored(err)
	}
	u := &upload{name: f.Name(), unlinked: os.Remove(f.Name()) == nil, version: rand.Text(), disk: &a.s.uploads, who: a.who}
	if u.file, err = seal.NewFile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	a.files = append(a.files, u)
	n, err := u.file.ReadFrom(io.LimitReader(body, a.left+1))
	a.left -= n
	u.space = max(n, a.live.MaxUpload/leastShare)
	a.space -= u.space
	if disk := new(fs.PathError); errors.As(err, &disk) {
		return a.notStored(err)
	}
	if err != nil {
		return a.bodyError(err)
	}
	if a.left < 0 {
		return tooLarge(a.live.MaxUpload)
	}
	u.track, err = a.s.parse(ctx, u.file, n)
	return err
}

// parse reads a file as audio. Its tags may claim a lot of memory for a moment,
// so that a few are read at once.
func (s *Server) parse(ctx context.Context, file io.ReaderAt, size int64) (audio.Track, error) {
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.parsing.Acquire(wait, 1); err != nil {
		return nil, err
	}
	defer s.parsing.Release(1)
	stream, err := format.Open(file, size)
	if err != nil {
		return nil, err
	}
	return stream.Index(ctx, file)
}
