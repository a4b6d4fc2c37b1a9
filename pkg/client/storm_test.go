package client_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/wire"
)

// tally counts what a server is asked for.
type tally struct {
	creates, exchanges, ends atomic.Int32
}

func (n *tally) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/api/sessions":
			n.creates.Add(1)
		case strings.HasSuffix(r.URL.Path, "/key-exchange"):
			n.exchanges.Add(1)
		case r.Method == http.MethodDelete:
			n.ends.Add(1)
		}
		h.ServeHTTP(w, r)
	})
}

func isSlice(r *http.Request) bool { return strings.Contains(r.URL.Path, "/slices/") }

// TestUsedUpSession: where a session takes no more key exchanges, there is
// another one, and the first is ended.
func TestUsedUpSession(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		var n tally
		h := n.count(served(t, shelves(t), id, 5000))
		l := newLine(t, latency, 2_000_000, 0)
		var slices atomic.Int32
		l.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch first := n.creates.Load() == 1; {
			case first && isSlice(r) && slices.Add(1) > 4:
				refuse(w, wire.Errorf(wire.Rekey, "another key"))
			case first && n.exchanges.Load() > 0 && strings.HasSuffix(r.URL.Path, "/key-exchange"):
				refuse(w, wire.Errorf(wire.TooManyKeys, "open another session"))
			default:
				h.ServeHTTP(w, r)
			}
		}))
		c := l.dials(t, client.Config{})
		track := by(t, c, coffee)
		if got := listen(t.Context(), track, 0, minute, nil); got.err != nil || len(got.gaps) > 0 {
			t.Errorf("%v, gaps %v", got.err, got.gaps)
		}
		if err := errors.Join(track.Close(), c.Close()); err != nil || n.creates.Load() != 2 || n.ends.Load() != 2 {
			t.Errorf("%v; %d sessions, %d ended", err, n.creates.Load(), n.ends.Load())
		}
	})
}

// TestForgetfulServer: one that says of every session that it does not know it
// is not asked for ever more of them, and gets back those it may have kept.
func TestForgetfulServer(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		var n tally
		h := n.count(served(t, shelves(t), id, 5000))
		l := newLine(t, 0, 100_000_000, 0)
		var slices atomic.Int32
		l.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isSlice(r) && slices.Add(1)%2 == 0 {
				refuse(w, wire.Errorf(wire.SessionNotFound, "what session?"))
				return
			}
			h.ServeHTTP(w, r)
		}))
		c := l.dials(t, client.Config{})
		track := by(t, c, coffee)
		var err error
		for i := 0; i < 400 && err == nil; i++ { // as fast as it comes
			if _, err = track.Slice(t.Context(), i%minute*7%track.Len()); err == nil {
				track.Release(i % minute * 7 % track.Len())
			}
		}
		if opened := n.creates.Load(); opened > 13 {
			t.Errorf("%d sessions, %v", opened, err)
		}
		if err := errors.Join(track.Close(), c.Close()); err != nil || n.ends.Load() != n.creates.Load() {
			t.Errorf("%v; %d sessions, %d ended", err, n.creates.Load(), n.ends.Load())
		}
	})
}

// TestDrippingServer: an answer that never gets anywhere is given up, though it
// is never silent for long.
func TestDrippingServer(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		h := served(t, shelves(t), id, 5000)
		l := newLine(t, latency, 2_000_000, 0)
		l.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isSlice(r) {
				h.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Length", "80000")
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte{0}); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Second)
			}
		}))
		track := onLine(t, l, client.Config{}, coffee)
		begin := time.Now()
		_, err := track.Slice(t.Context(), 0)
		if d := time.Since(begin); !errors.Is(err, client.ErrUnreachable) || d > time.Minute {
			t.Errorf("after %v: %v", d, err)
		}
	})
}
