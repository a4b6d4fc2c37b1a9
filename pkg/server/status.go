package server

import (
	"context"
	_ "embed" // of the API's description
	"errors"
	"net/http"
	"sync"
	"time"

	"secstream/pkg/wire"
)

func (s *Server) stats(w *reply, _ *http.Request) error {
	st := s.cfg.Sessions.Stats()
	stats := wire.Stats{
		Server: "secstream", Framework: "secstream", Timestamp: now(),
		ActiveSessions: st.Live, TotalSessions: st.Created, Expired: st.Expired, Exchanges: st.Exchanges,
		CacheHits: st.CacheHits, CacheMisses: st.CacheMisses, CacheBytes: st.CacheBytes, CacheSlices: st.CacheSlices, Prewarmed: st.Prewarmed,
		Slices: s.slices.Load(), Bytes: s.bytes.Load(),
		Refused: s.refused.Load(), Limited: s.limited.Load(), Unauthorized: s.strangers.Load(),
		Uptime: time.Since(s.start).Seconds(),
	}
	if s.cfg.Library != nil {
		stats.Tracks = s.cfg.Library.Scanned().Tracks
	}
	if w.live.AllowUpload {
		stats.Uploads = w.live.MaxUpload
	}
	writeJSON(w, http.StatusOK, stats)
	return nil
}

func (s *Server) status(text string) wire.Health {
	return wire.Health{Status: text, Timestamp: now(), Uptime: time.Since(s.start).Seconds()}
}

// health says that the server lives, and nothing else.
func (s *Server) health(w *reply, _ *http.Request) error {
	writeJSON(w, http.StatusOK, s.status("ok"))
	return nil
}

// ready says that there is something to play: the first scan is complete and
// what is served can be read.
func (s *Server) ready(w *reply, r *http.Request) error {
	if lib := s.cfg.Library; lib != nil {
		if !lib.Scanned().Ready {
			return wire.Errorf(wire.NotReady, "The first scan of the served folders is not complete yet")
		}
		switch err := s.disk.check(r.Context(), lib.Readable); {
		case errors.Is(err, context.DeadlineExceeded):
			return wire.Errorf(wire.NotReady, "The disk with the served folders does not answer")
		case err != nil:
			s.cfg.Logger.Warn("not ready: a served folder cannot be read", "err", err)
			return wire.Errorf(wire.NotReady, "A served folder cannot be read")
		}
	}
	writeJSON(w, http.StatusOK, s.status("ready"))
	return nil
}

// disk is the look at what is served that is under way, one for all who ask: a
// disk that does not answer may hold it for ever.
type disk struct {
	mu   sync.Mutex
	look *look // nil when there is none
}

type look struct {
	done chan struct{}
	err  error // once done
}

// diskTime is how long a disk may take to answer.
const diskTime = 5 * time.Second

// check asks the disk, or waits with those who have. Errors: those of readable,
// context.DeadlineExceeded when there is no answer.
func (d *disk) check(ctx context.Context, readable func() error) error {
	d.mu.Lock()
	l := d.look
	if l == nil {
		l = &look{done: make(chan struct{})}
		d.look = l
		go func() {
			l.err = readable()
			d.mu.Lock()
			d.look = nil
			d.mu.Unlock()
			close(l.done)
		}()
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, diskTime)
	defer cancel()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// description is the API as OpenAPI 3.1 has it. A test holds every answer that
// the tests of this package get against it.
//
//go:embed openapi.json
var description []byte

func (s *Server) openapi(w *reply, _ *http.Request) error {
	writeText(w, http.StatusOK, description)
	return nil
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00") }
