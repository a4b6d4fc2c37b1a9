package client_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/wire"
)

// TestOutage: the tries in vain are counted since the server served last, those
// that are under way together once, and the last error is kept. Another
// server's are its own.
func TestOutage(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		lib := shelves(t)
		l, other := newLine(t, latency, 2_000_000, 0), newLine(t, latency, 2_000_000, 0)
		l.start(served(t, lib, id, 5000))
		other.start(served(t, lib, id, 5000))
		track, well := onLine(t, l, client.Config{}, coffee), onLine(t, other, client.Config{}, coffee)
		if o := track.Status().Outage; o != (client.Outage{}) {
			t.Errorf("from the start: %+v", o)
		}
		if _, err := track.Slice(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		l.stop()
		// What is fetched ahead is on its way for ever while nobody waits: 4 at a
		// time, after 0.25, 0.5, 1, 2 s and then every 2 s, and up to a quarter more.
		time.Sleep(11 * time.Second)
		o := track.Status().Outage
		if o.Tries < 5 || o.Tries > 9 || !errors.Is(o.Err, client.ErrUnreachable) || time.Since(o.Last) > 4*time.Second {
			t.Errorf("after 11 s: %+v", o)
		}
		if o := well.Status().Outage; o != (client.Outage{}) {
			t.Errorf("of another server: %+v", o)
		}
		l.start(served(t, lib, id, 5000))
		time.Sleep(4 * time.Second)
		if o := track.Status().Outage; o != (client.Outage{}) {
			t.Errorf("it serves again: %+v", o)
		}
	})
}

// TestWhatIsNoOutage: a refusal is an answer, and who gives up knows nothing;
// a server that is busy does not serve.
func TestWhatIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer atomic.Pointer[wire.Error]
		l := newLine(t, latency, 2_000_000, 0)
		l.start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, answer.Load()) }))
		c := l.dials(t, client.Config{Patience: time.Nanosecond})
		if got := c.Server(); got != "server.example" {
			t.Errorf("the server is called %q", got)
		}
		for _, step := range []struct {
			err   *wire.Error
			tries int
		}{
			{wire.Errorf(wire.NotReady, "not yet"), 1}, {wire.Errorf(wire.NotReady, "not yet"), 2},
			{wire.Errorf(wire.TrackNotFound, "Track not found"), 0}, {wire.Errorf(wire.NotReady, "not yet"), 1},
		} {
			answer.Store(step.err)
			time.Sleep(time.Millisecond)
			_, err := c.Library(t.Context())
			o := c.Outage()
			if refused := new(wire.Error); err == nil || o.Tries != step.tries || o.Tries > 0 && !errors.As(o.Err, &refused) {
				t.Errorf("%v: %+v", step.err, o)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), latency/2)
		defer cancel()
		if _, err := c.Library(ctx); err == nil {
			t.Fatal("a list came")
		}
		if o := c.Outage(); o.Tries != 1 {
			t.Errorf("of a caller that gave up: %+v", o)
		}
		time.Sleep(time.Second) // until nothing is on the line
	})
}
