package server

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// intake is what a request brings to be played, by whichever kind of body.
type intake struct {
	sources   []session.Source // those who have it close them, or hand them on
	first     wire.CreateMetadata
	randomize bool
}

// take reads a body that names tracks of the library (JSON), holds files (a
// multipart form), or is one (the bytes as they are). It knows them by the
// Content-Type.
func (s *Server) take(w *reply, r *http.Request) (*intake, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind == "application/json":
		return s.takeTracks(w, r)
	case kind == "multipart/form-data":
		return s.takeUpload(w, r, formRest, s.readForm)
	case strings.HasPrefix(kind, "audio/"), kind == "application/ogg", kind == "application/octet-stream":
		return s.takeUpload(w, r, 0, s.readFile)
	}
	return nil, wire.Errorf(wire.BadRequest, "This takes JSON with library tracks, a multipart form with audio files, or an audio file with its type")
}

// takeTracks reads which tracks of the library are to be played.
func (s *Server) takeTracks(w *reply, r *http.Request) (*intake, error) {
	var req wire.CreateRequest
	if err := s.readJSON(w, r, &req); err != nil {
		return nil, err
	}
	if len(req.Tracks) == 0 || len(req.Tracks) > session.MaxTracks {
		return nil, wire.Errorf(wire.BadRequest, "A session takes 1 to %d tracks", session.MaxTracks)
	}
	in := &intake{randomize: s.cfg.Sessions.Randomize()}
	if req.Randomize != nil {
		in.randomize = *req.Randomize
	}
	for i, id := range req.Tracks {
		if s.cfg.Library == nil {
			return nil, session.ErrNoTrack
		}
		t := s.cfg.Library.Track(id)
		if t == nil {
			return nil, session.ErrNoTrack
		}
		if i == 0 {
			in.first = metadata(t.Info)
		}
		in.sources = append(in.sources, &libraryTrack{lib: s.cfg.Library, id: id})
	}
	return in, nil
}

func (s *Server) createSession(w *reply, r *http.Request) error {
	in, err := s.take(w, r)
	if err != nil {
		return err
	}
	sess, err := s.cfg.Sessions.Create(session.Request{Sources: in.sources, Randomize: in.randomize, Owner: w.share})
	if err != nil {
		return err
	}
	s.cfg.Logger.Info("session created", "session", sess, "tracks", len(in.sources))
	writeJSON(w, http.StatusOK, wire.CreateAnswer{
		SessionID: sess.ID, Metadata: in.first,
		Configuration: wire.CreateConfig{Randomize: sess.Randomize},
		Message:       "Session created successfully",
	})
	return nil
}

func (s *Server) endSession(w *reply, r *http.Request) error {
	if err := s.cfg.Sessions.End(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// addTracks appends tracks to a session. Their key exchanges are still to
// come.
func (s *Server) addTracks(w *reply, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	in, err := s.take(w, r)
	if err != nil {
		return err
	}
	added, err := sess.Add(in.sources)
	if err != nil {
		return err
	}
	s.cfg.Logger.Info("tracks added", "session", sess, "tracks", len(added))
	answer := wire.AddAnswer{Tracks: []wire.TrackInfo{}}
	for i, t := range sess.Tracks() {
		if slices.Contains(added, t) {
			answer.Tracks = append(answer.Tracks, wire.TrackInfo{TrackID: t.ID, TrackIndex: i, TrackFacts: wire.TrackFacts{SliceIDs: []string{}}})
		}
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// removeTrack ends a track of a session and describes what is left (protocol v1
// section 10), if there is something to describe yet.
func (s *Server) removeTrack(w *reply, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := sess.Remove(r.PathValue("track")); err != nil {
		return err
	}
	err = writeInfo(w, r, sess)
	if errors.Is(err, session.ErrNoKey) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return err
}

func (s *Server) exchangeKey(w *reply, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	// Scripts that name no type send text/plain, as do those of 0.2.1's time.
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "", "application/json", "text/plain":
	default:
		return wire.Errorf(wire.BadRequest, "A key exchange takes JSON")
	}
	var req wire.KeyRequest
	if err := s.readJSON(w, r, &req); err != nil {
		return err
	}
	if req.Protocol != "" && req.Protocol != wire.ProtocolV2 {
		return wire.Errorf(wire.Protocol, "There is no such protocol: leave it out, or say %q", wire.ProtocolV2)
	}
	if req.PCM != "" && req.PCM != wire.PCMNative {
		return wire.Errorf(wire.BadRequest, "pcm is %q or absent", wire.PCMNative)
	}
	if req.TrackID == "" {
		req.TrackID = r.URL.Query().Get("trackId")
	}
	track, err := sess.Track(req.TrackID)
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "User-Agent") // see decodes
	ask := session.Ask{KeyRequest: req, Decodes: s.decodes(r)}
	var answer any
	var sent func()
	if req.Protocol == "" {
		answer, sent, err = track.Exchange(r.Context(), ask)
	} else {
		answer, sent, err = track.ExchangeV2(r.Context(), ask)
	}
	if err != nil {
		return err
	}
	defer sent()
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (s *Server) sessionInfo(w *reply, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeInfo(w, r, sess)
}

func writeInfo(w *reply, r *http.Request, sess *session.Session) error {
	info, sent, err := sess.Info(r.Context())
	if err != nil {
		return err
	}
	defer sent()
	writeJSON(w, http.StatusOK, info)
	return nil
}

func (s *Server) slice(w *reply, r *http.Request) error {
	sess, err := s.cfg.Sessions.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	id, track := r.PathValue("slice"), ""
	if r.URL.RawQuery != "" {
		track = r.URL.Query().Get("trackId")
	}
	slice, err := sess.Slice(r.Context(), track, id)
	if err != nil {
		return err
	}
	defer slice.Release()
	wire.SetSliceHeaders(w.Header(), sess.ID, id, slice.Index, len(slice.Body), slice.Sum)
	if slice.Rekey {
		w.Header().Set(wire.HeaderRekey, "1")
	}
	n, err := w.send(slice.Body)
	w.format, w.bytes = slice.Format, n
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
