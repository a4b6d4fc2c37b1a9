package client_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/wire"
)

// busy is a server that asks everybody to come back in an hour, for a while, and
// counts how often each path was asked for then.
type busy struct {
	http.Handler

	mu    sync.Mutex
	until time.Time
	asked map[string]int
}

func (b *busy) keepsOff(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until, b.asked = time.Now().Add(d), map[string]int{}
}

func (b *busy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	no := time.Now().Before(b.until)
	if no {
		b.asked[r.Method+" "+r.URL.Path]++
	}
	b.mu.Unlock()
	if no {
		w.Header().Set("Retry-After", "3600")
		refuse(w, wire.Errorf(wire.Busy, "no"))
		return
	}
	b.Handler.ServeHTTP(w, r)
}

// patientAt is a client with the patience of a screen, a track it opened, and a
// server that may get busy.
func patientAt(t *testing.T) (*client.Client, *client.Track, string, *busy) {
	b := &busy{Handler: served(t, shelves(t), newIdentity(t), 5000)}
	l := newLine(t, latency, 2_000_000, 0)
	l.start(b)
	c := l.dials(t, client.Config{})
	list, err := c.Library(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := trackID(t, list.Tracks, coffee)
	track := opens(t, c, id)
	c.SetPatience(12 * time.Hour)
	if _, err := track.Slice(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // what is fetched ahead is here
	return c, track, id, b
}

// TestServerWellBeforeItSaid: one that asks for an hour and is well before is
// heard within seconds, by who plays and by who opens a track, and is not asked
// much until then.
func TestServerWellBeforeItSaid(t *testing.T) {
	for _, lasts := range []time.Duration{2 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c, track, id, b := patientAt(t)
			b.keepsOff(lasts)
			begin := time.Now()
			late := func() time.Duration { return time.Since(begin) - lasts }
			var other sync.WaitGroup
			other.Go(func() {
				another, err := c.Open(t.Context(), id, audio.Tags{})
				if err == nil {
					_, err = another.Slice(t.Context(), 0)
					defer another.Close()
				}
				if d := late(); err != nil || d > 20*time.Second {
					t.Errorf("%v: another track comes after %v: %v", lasts, d, err)
				}
			})
			time.AfterFunc(time.Second, func() {
				if left := time.Until(c.Outage().Until); left < 13*time.Second || left > 16*time.Second {
					t.Errorf("%v: tries again in %v", lasts, left)
				}
			})
			_, err := track.Slice(t.Context(), 6)
			if d := late(); err != nil || d > 20*time.Second {
				t.Errorf("%v: sound after %v: %v", lasts, d, err)
			}
			if o := c.Outage(); o != (client.Outage{}) {
				t.Errorf("%+v", o)
			}
			track.Release(6)
			// What is fetched ahead does not sleep on.
			if h := listen(t.Context(), track, 7, minute, nil); h.err != nil || len(h.gaps) > 0 || h.first > 3*time.Second {
				t.Errorf("%v: %+v", lasts, h)
			}
			other.Wait()
			short, tries := 0, 0
			for path, n := range b.asked {
				if tries += n; n > 1+int(lasts/(15*time.Second)) {
					t.Errorf("%v: %s %d times", lasts, path, n)
				}
				if n > 2+int(lasts/(2*time.Minute)) {
					short++
				}
			}
			if short > 2 || tries == 0 { // the slice, and the session
				t.Errorf("%v: %v", lasts, b.asked)
			}
		})
	}
}

// TestAskedAgain: who goes away from a slice that does not come, and back to it,
// has it tried at once, however often that is done four times a second at most.
func TestAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, track, _, b := patientAt(t)
		b.keepsOff(2 * time.Second)
		wait := func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			_, err := track.Slice(ctx, 6)
			return err
		}
		begin := time.Now()
		for time.Since(begin) < 2*time.Second {
			if err := wait(10 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
		for path, n := range b.asked {
			if n > 8 {
				t.Errorf("%s %d times", path, n)
			}
		}
		time.Sleep(time.Second)
		if err := wait(2 * time.Second); err != nil {
			t.Error(err)
		}
	})
}
