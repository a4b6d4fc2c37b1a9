package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/buffer"
	"secstream/pkg/client"
	"secstream/pkg/library"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

const (
	coffee  = "music-coffee-8k.wav" // 128 kbit/s
	latency = 200 * time.Millisecond
	minute  = 12 // slices of 5 s
)

// onLine opens the track whose path ends so, from inside a bubble.
func onLine(t *testing.T, l *line, cfg client.Config, name string) *client.Track {
	t.Helper()
	return by(t, l.dials(t, cfg), name)
}

// by is onLine with a client that is there.
func by(t *testing.T, c *client.Client, name string) *client.Track {
	t.Helper()
	list, err := c.Library(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return opens(t, c, trackID(t, list.Tracks, name))
}

// TestPoorLines: a minute of music without a gap, once it has begun, over lines
// that are just good enough.
func TestPoorLines(t *testing.T) {
	id := newIdentity(t)
	for name, c := range map[string]struct {
		cfg  client.Config
		bits int
		loss float64
	}{
		"slow":                    {client.Config{}, 300_000, 0},
		"slow, adaptive":          {client.Config{Buffer: buffer.Aggressive, Prefetch: buffer.Adaptive}, 300_000, 0},
		"slow, conservative":      {client.Config{Buffer: buffer.Conservative}, 300_000, 0},
		"hardly more than needed": {client.Config{}, 160_000, 0},
		"hardly more, adaptive":   {client.Config{Prefetch: buffer.Adaptive}, 160_000, 0},
		"lossy":                   {client.Config{}, 300_000, 0.05},
		"lossy, adaptive":         {client.Config{Prefetch: buffer.Adaptive}, 300_000, 0.05},
		"lossy, protocol v1":      {client.Config{V1: true}, 300_000, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lib := shelves(t)
				l := newLine(t, latency, c.bits, c.loss)
				l.start(served(t, lib, id, 5000))
				track := onLine(t, l, c.cfg, coffee)
				h := listen(t.Context(), track, 0, minute, nil)
				if h.err != nil || len(h.gaps) > 0 || h.first > 6*time.Second {
					t.Errorf("begins after %v, gaps %v, %v", h.first, h.gaps, h.err)
				}
				if s := track.Status(); s.Fetched != s.Verified || s.Fetched > minute+8 || s.Refused != 0 || s.Latency < 2*latency || s.MeanLatency < 2*latency {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestServerAway: a server that is started again, and was away for a while, is
// not heard of. One that stays away is.
func TestServerAway(t *testing.T) {
	id := newIdentity(t)
	for name, c := range map[string]struct {
		cfg  client.Config
		away time.Duration
		bits int
	}{
		"at once":     {client.Config{}, 0, 2_000_000},
		"5 s":         {client.Config{}, 5 * time.Second, 2_000_000},
		"5 s, slow":   {client.Config{}, 5 * time.Second, 300_000},
		"5 s, v1":     {client.Config{V1: true}, 5 * time.Second, 2_000_000},
		"14 s, eager": {client.Config{Prefetch: buffer.Adaptive}, 14 * time.Second, 2_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lib := shelves(t)
				l := newLine(t, latency, c.bits, 0)
				l.start(served(t, lib, id, 5000))
				track := onLine(t, l, c.cfg, coffee)
				h := listen(t.Context(), track, 0, minute, func(i int) {
					if i == 5 {
						l.stop()
						time.AfterFunc(c.away, func() { l.start(served(t, lib, id, 5000)) })
					}
				})
				if h.err != nil || len(h.gaps) > 0 {
					t.Errorf("gaps %v, %v", h.gaps, h.err)
				}
				if s := track.Status(); s.Exchanges != 2 || s.Retried == 0 && c.away > 0 || s.Refused != 0 {
					t.Errorf("%+v", s)
				}
				if err := track.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
	t.Run("for good", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lib := shelves(t)
			l := newLine(t, latency, 2_000_000, 0)
			l.start(served(t, lib, id, 5000))
			track := onLine(t, l, client.Config{}, coffee)
			var gone time.Time
			h := listen(t.Context(), track, 0, minute, func(i int) {
				if i == 5 {
					gone = time.Now()
					l.stop()
				}
			})
			// What was here is heard to its end, and then there is patience.
			if d := time.Since(gone); !errors.Is(h.err, client.ErrUnreachable) || h.at != 7 || d < 15*time.Second || d > 21*time.Second {
				t.Errorf("at slice %d, after %v: %v", h.at, d, h.err)
			}
			// Whoever does not give up hears on.
			l.start(served(t, lib, id, 5000))
			if h = listen(t.Context(), track, h.at, minute, nil); h.err != nil || len(h.gaps) > 0 {
				t.Errorf("%+v", h)
			}
		})
	})
}

// TestPatience: who is to wait for long plays on from where it was, however late
// the server comes back, and so does who lost it before a track was opened.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, lib := newIdentity(t), shelves(t)
		l := newLine(t, latency, 2_000_000, 0)
		l.start(served(t, lib, id, 5000))
		c := l.dials(t, client.Config{})
		list, err := c.Library(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		track := opens(t, c, trackID(t, list.Tracks, coffee))
		c.SetPatience(time.Hour)
		away := func() {
			l.stop()
			time.AfterFunc(50*time.Minute, func() { l.start(served(t, lib, id, 5000)) })
		}
		h := listen(t.Context(), track, 0, minute, func(i int) {
			if i == 5 {
				away()
			}
		})
		if h.err != nil || len(h.gaps) != 1 {
			t.Errorf("%+v", h)
		}
		away()
		begun := time.Now()
		another, err := c.Open(t.Context(), trackID(t, list.Tracks, coffee), audio.Tags{})
		if d := time.Since(begun); err != nil || d < 50*time.Minute || d > 51*time.Minute {
			t.Errorf("after %v: %v", d, err)
		} else {
			_ = another.Close()
		}
	})
}

// starting is a server that has not looked at its folders yet.
func starting(h http.Handler, until time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if time.Now().Before(until) {
			switch r.URL.Path {
			case "/api/sessions":
				refuse(w, wire.Errorf(wire.TrackNotFound, "Track not found"))
				return
			case "/ready":
				refuse(w, wire.Errorf(wire.NotReady, "The first scan of the served folders is not complete yet"))
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, e *wire.Error) {
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(e)
}

// TestAnotherServer: what comes back has to be who it was, with the same track.
func TestAnotherServer(t *testing.T) {
	id, other := newIdentity(t), newIdentity(t)
	ended := atomic.Int32{}
	for name, c := range map[string]struct {
		back func(*testing.T, *library.Library) http.Handler
		is   func(error) bool
	}{
		"another identity": {func(t *testing.T, lib *library.Library) http.Handler { return served(t, lib, other, 5000) }, func(err error) bool { return errors.Is(err, client.ErrIdentity) }},
		"other slices":     {func(t *testing.T, lib *library.Library) http.Handler { return served(t, lib, id, 3000) }, refusedBy(wire.TrackChanged)},
		"nothing":          {func(t *testing.T, lib *library.Library) http.Handler { return served(t, nil, id, 5000) }, func(err error) bool { e := new(wire.Error); return errors.As(err, &e) }},
		"a token it does not take": {func(*testing.T, *library.Library) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, wire.Errorf(wire.Unauthorized, "no")) })
		}, func(err error) bool { return errors.Is(err, client.ErrTokenOver) && refusedBy(wire.Unauthorized)(err) }},
		"its folders in a while": {func(t *testing.T, lib *library.Library) http.Handler {
			return starting(served(t, lib, id, 5000), time.Now().Add(6*time.Second))
		}, func(err error) bool { return err == nil }},
		"its folders never": {func(t *testing.T, lib *library.Library) http.Handler {
			return starting(served(t, lib, id, 5000), time.Now().Add(time.Hour))
		}, refusedBy(wire.NotReady)},
		"a session that ends each time": {func(t *testing.T, lib *library.Library) http.Handler {
			h := served(t, lib, id, 5000)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/slices/") {
					ended.Add(1)
					refuse(w, wire.Errorf(wire.SessionNotFound, "no"))
					return
				}
				h.ServeHTTP(w, r)
			})
		}, refusedBy(wire.SessionNotFound)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lib := shelves(t)
				l := newLine(t, latency, 2_000_000, 0)
				l.start(served(t, lib, id, 5000))
				track := onLine(t, l, client.Config{}, coffee)
				h := listen(t.Context(), track, 0, minute, func(i int) {
					if i == 5 {
						l.stop()
						l.start(c.back(t, lib))
					}
				})
				if !c.is(h.err) || h.err != nil && h.at != 7 || len(h.gaps) > 0 {
					t.Errorf("at slice %d: %v, gaps %v", h.at, h.err, h.gaps)
				}
				if name == "other slices" && !strings.Contains(h.err.Error(), "the track changed") {
					t.Error(h.err)
				}
			})
		})
	}
	if n := ended.Load(); n > 12 {
		t.Errorf("%d slices of sessions that end", n)
	}
}

func refusedBy(code wire.Code) func(error) bool {
	return func(err error) bool {
		e := new(wire.Error)
		return errors.As(err, &e) && e.Code == code
	}
}

// asks counts requests for slices, how many of them are under way, and can
// answer in the server's place.
type asks struct {
	http.Handler
	instead   func(w http.ResponseWriter, r *http.Request, n int32) bool
	n         atomic.Int32
	now, most atomic.Int32
}

func (a *asks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/slices/") {
		a.Handler.ServeHTTP(w, r)
		return
	}
	n := a.n.Add(1)
	now := a.now.Add(1)
	defer a.now.Add(-1)
	a.most.Store(max(a.most.Load(), now))
	if a.instead == nil || !a.instead(w, r, n) {
		a.Handler.ServeHTTP(w, r)
	}
}

// TestSeekOverASlowLine: a seek has the line for itself, and no more than three
// slices are fetched ahead at once.
func TestSeekOverASlowLine(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		lib := shelves(t)
		l := newLine(t, latency, 100_000, 0) // less than it needs: 7 s for a slice
		a := &asks{Handler: served(t, lib, id, 5000)}
		l.start(a)
		track := onLine(t, l, client.Config{Prefetch: buffer.Adaptive}, coffee)
		if _, err := track.Slice(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second) // others are on their way
		for _, to := range []int{10, 5, 12} {
			track.Release(0)
			begin := time.Now()
			if _, err := track.Slice(t.Context(), to); err != nil {
				t.Fatal(err)
			}
			track.Release(to)
			// A slice and what was in the line already.
			if d := time.Since(begin); d > 12*time.Second {
				t.Errorf("slice %d took %v", to, d)
			}
			time.Sleep(3 * time.Second)
		}
		if a.most.Load() > 4 {
			t.Errorf("%d at once", a.most.Load())
		}
	})
}

// TestWhenToComeBack: a server that says when it has time again is not asked
// before, and one that says too late not at all.
func TestWhenToComeBack(t *testing.T) {
	id := newIdentity(t)
	for after, is := range map[string]func(error) bool{
		"5":  func(err error) bool { return err == nil },
		"60": refusedBy(wire.TooMany),
	} {
		synctest.Test(t, func(t *testing.T) {
			lib := shelves(t)
			l := newLine(t, latency, 2_000_000, 0)
			a := &asks{Handler: served(t, lib, id, 5000)}
			var first time.Time
			a.instead = func(w http.ResponseWriter, _ *http.Request, n int32) bool {
				if n == 1 {
					first = time.Now()
				}
				if time.Since(first) < 5*time.Second {
					w.Header().Set("Retry-After", after)
					refuse(w, wire.Errorf(wire.TooMany, "no"))
					return true
				}
				return false
			}
			l.start(a)
			track := onLine(t, l, client.Config{}, coffee)
			if _, err := track.Slice(t.Context(), 0); !is(err) || a.n.Load() > 3 {
				t.Errorf("%s s: %v after %d requests", after, err, a.n.Load())
			}
		})
	}
}

// TestDamagedTwice: a slice that does not match its checksum, or does not open,
// is fetched once more, counted, and says nothing of those after it.
func TestDamagedTwice(t *testing.T) {
	id := newIdentity(t)
	for _, crc := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			lib := shelves(t)
			l := newLine(t, latency, 2_000_000, 0)
			a := &asks{Handler: served(t, lib, id, 5000)}
			bad := ""
			tries := 0
			a.instead = func(w http.ResponseWriter, r *http.Request, n int32) bool {
				if n == 2 {
					bad = r.URL.Path
				}
				if r.URL.Path != bad {
					return false
				}
				tries++
				body := make([]byte, 1000)
				w.Header().Set(wire.HeaderCRC, wire.CRC(body))
				if crc {
					w.Header().Set(wire.HeaderCRC, "00000000")
				}
				_, _ = w.Write(body)
				return true
			}
			l.start(a)
			track := onLine(t, l, client.Config{}, coffee)
			h := listen(t.Context(), track, 0, minute, nil)
			at := h.at // the second to be asked for, and one of the next two
			if at < 1 || at > 2 || !errors.Is(h.err, client.ErrProtocol) == crc || errors.Is(h.err, seal.ErrForged) == crc || tries != 2 {
				t.Errorf("at slice %d after %d tries: %v", h.at, tries, h.err)
			}
			if states := track.States(nil); states[at] != client.SliceRefused {
				t.Errorf("%v", states)
			}
			if h = listen(t.Context(), track, at+1, minute, nil); h.err != nil || len(h.gaps) > 0 {
				t.Errorf("after it: %+v", h)
			}
			if s := track.Status(); s.Refused != 2 || s.Fetched != s.Verified+2 || s.Retried != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestTagsComeSealed: what the manifest says counts, and not the list.
func TestTagsComeSealed(t *testing.T) {
	c, tracks := dial(t, start(t, sessionOf(5000), publicAudio), client.Config{})
	if got := opens(t, c, trackID(t, tracks, "chimes.ogg")).Info().Tags; got.Title != "Chimes They Fade" || got.Artist != "Maxstack" {
		t.Errorf("%+v", got)
	}
	if got := opens(t, c, trackID(t, tracks, "drums.wav")).Info().Tags; got != (audio.Tags{}) {
		t.Errorf("%+v", got)
	}
}

// TestServerAwayBetweenSessionAndKey: one that was started again between the two
// requests of an opening has forgotten the session, and gets another. One that
// forgets every session at once is not asked for ever.
func TestServerAwayBetweenSessionAndKey(t *testing.T) {
	id := newIdentity(t)
	for name, c := range map[string]struct {
		forgets int32 // exchanges
		opens   bool
		asked   int32 // sessions, one of them by whoever plays on
	}{
		"once": {1, true, 4}, "thrice": {3, true, 8}, "always": {1000, false, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			var n tally
			var left atomic.Int32
			h := n.count(served(t, shelves(t), id, 5000))
			l := newLine(t, 0, 100_000_000, 0)
			l.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/key-exchange") && left.Add(-1) >= 0 {
					refuse(w, wire.Errorf(wire.SessionNotFound, "what session?"))
					return
				}
				h.ServeHTTP(w, r)
			}))
			cl := l.dials(t, client.Config{})
			list, err := cl.Library(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			left.Store(c.forgets)
			track, err := cl.Open(t.Context(), list.Tracks[0].ID, audio.Tags{})
			if (err == nil) != c.opens || err != nil && !refusedBy(wire.SessionNotFound)(err) {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil { // and the same where a session has to be had anew
				l.stop()
				left.Store(c.forgets)
				l.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if isSlice(r) && n.creates.Load() == c.forgets+1 || strings.HasSuffix(r.URL.Path, "/key-exchange") && left.Add(-1) >= 0 {
						refuse(w, wire.Errorf(wire.SessionNotFound, "what session?"))
						return
					}
					h.ServeHTTP(w, r)
				}))
				sliceOf(t, track, 0)
				_ = track.Close()
			}
			if n.creates.Load() != c.asked {
				t.Errorf("%s: %d sessions", name, n.creates.Load())
			}
		})
	}
}
