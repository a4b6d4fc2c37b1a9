package server

import (
	"mime"
	"net/http"

	"secstream/pkg/wire"
)

// pair lets a player in who has no token yet. While nobody may come in that way
// the route is like one that is not there.
func (s *Server) pair(w *reply, r *http.Request) error {
	if s.cfg.Pair == nil || !s.cfg.Pair.Open() {
		return wire.Errorf(wire.NotFound, "Not found")
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return wire.Errorf(wire.BadRequest, "Pairing takes JSON")
	}
	if r.ContentLength > smallJSON {
		return tooLong(smallJSON)
	}
	r.Body = http.MaxBytesReader(w.ResponseWriter, r.Body, smallJSON) // who may ask is not known yet
	var req wire.PairRequest
	if err := s.readJSON(w, r, &req); err != nil {
		return err
	}
	answer, err := s.cfg.Pair.Answer(r.Context(), &req)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}
