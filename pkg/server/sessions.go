package server

import (
	"mime"
	"net/http"
	"time"

	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// createSession opens a session on library tracks (JSON) or on an uploaded
// file (multipart).
func (s *Server) createSession(w http.ResponseWriter, r *http.Request) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		// Only uploads may take long.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTime)) // not every ResponseWriter can
		return s.createFromLibrary(w, r)
	case "multipart/form-data":
		return s.createFromUpload(w, r)
	}
	return wire.Errorf(wire.BadRequest, "A session is created by JSON with library tracks or by a multipart form with an audio file")
}

func (s *Server) createFromLibrary(w http.ResponseWriter, r *http.Request) error {
	var req wire.CreateRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if len(req.Tracks) == 0 || len(req.Tracks) > session.MaxTracks {
		return wire.Errorf(wire.BadRequest, "A session takes 1 to %d tracks", session.MaxTracks)
	}
	if s.cfg.Library == nil {
		return wire.Errorf(wire.TrackNotFound, "Track not found")
	}
	var sources []session.Source
	for _, id := range req.Tracks {
		if s.cfg.Library.Track(id) == nil {
			return wire.Errorf(wire.TrackNotFound, "Track not found")
		}
		sources = append(sources, &libraryTrack{lib: s.cfg.Library, id: id})
	}
	randomize := s.cfg.Sessions.Randomize()
	if req.Randomize != nil {
		randomize = *req.Randomize
	}
	sess, err := s.cfg.Sessions.Create(session.Request{Sources: sources, Randomize: randomize})
	if err != nil {
		return err
	}
	info := s.cfg.Library.Track(req.Tracks[0])
	meta := wire.CreateMetadata{}
	if info != nil {
		meta = metadata(info.Info)
	}
	s.created(w, sess, meta)
	return nil
}

func (s *Server) created(w http.ResponseWriter, sess *session.Session, meta wire.CreateMetadata) {
	s.cfg.Logger.Info("session created", "session", sess, "tracks", len(sess.Tracks()))
	writeJSON(w, http.StatusOK, wire.CreateAnswer{
		SessionID: sess.ID, Metadata: meta,
		Configuration: wire.CreateConfig{Randomize: sess.Randomize},
		Message:       "Session created successfully",
	})
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := s.cfg.Sessions.End(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) exchangeKey(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	var req wire.KeyRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if req.TrackID == "" {
		req.TrackID = r.URL.Query().Get("trackId")
	}
	track, err := sess.Track(req.TrackID)
	if err != nil {
		return err
	}
	answer, sent, err := track.Exchange(r.Context(), session.Ask{KeyRequest: req})
	if err != nil {
		return err
	}
	defer sent()
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) sessionInfo(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	info, sent, err := sess.Info(r.Context())
	if err != nil {
		return err
	}
	defer sent()
	writeJSON(w, http.StatusOK, info)
	return nil
}

func (s *Server) slice(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	id := r.PathValue("slice")
	slice, err := sess.Slice(r.Context(), r.URL.Query().Get("trackId"), id)
	if err != nil {
		return err
	}
	defer slice.Release()
	limitWrite(w, len(slice.Body))
	wire.SetSliceHeaders(w.Header(), sess.ID, id, slice.Index, len(slice.Body), slice.Sum)
	n, err := w.Write(slice.Body)
	s.bytes.Add(int64(n))
	if err == nil {
		s.slices.Add(1)
	}
	return nil // the answer has begun: a broken connection can only be dropped
}

// formBool reads the form field of protocol v1: only the exact text "true"
// turns it on.
func formBool(text string, otherwise bool) bool {
	if text == "" {
		return otherwise
	}
	return text == "true"
}
