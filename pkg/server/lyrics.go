package server

import (
	"context"
	"net/http"
)

// lyrics answers with the words of a track: LRC where lines have times, plain
// text where not.
func (s *Server) lyrics(w *reply, r *http.Request) error {
	return s.beside(w, r, func(ctx context.Context, id string) ([]byte, string, error) {
		found, err := s.cfg.Library.Lyrics(ctx, id)
		return []byte(found.Text), "text/plain; charset=utf-8", err
	})
}
