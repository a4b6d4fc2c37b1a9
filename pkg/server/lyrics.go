package server

import (
	"context"
	"net/http"
	"strconv"

	"secstream/pkg/library"
	"secstream/pkg/wire"
)

// lyrics answers with the words of a track: LRC where lines have times, plain
// text where not. It takes its share of the room for covers, as reading the
// tags of a file brings its pictures into memory.
func (s *Server) lyrics(w *reply, r *http.Request) error {
	if s.cfg.Library == nil {
		return wire.Errorf(wire.TrackNotFound, "Track not found")
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := s.covers.Acquire(ctx, library.MaxCover); err != nil {
		return err
	}
	held := int64(library.MaxCover)
	defer func() { s.covers.Release(held) }()
	found, err := s.cfg.Library.Lyrics(r.Context(), r.PathValue("track"))
	if err != nil {
		return err
	}
	s.covers.Release(held - int64(found.Size))
	held = int64(found.Size)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(found.Size))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	_, _ = w.send([]byte(found.Text)) // a client that went away is its own affair
	return nil
}
