package client_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/client"
)

// hung is a server that never answers whoever takes leave.
func hung(h http.Handler, asked *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			asked.Add(1)
			<-r.Context().Done()
			return
		}
		h.ServeHTTP(w, r)
	})
}

// TestTheNextTrackWaitsForNoLeave: at a server that hangs a track is closed at
// once, as far as the player can tell, and the process ends soon.
func TestTheNextTrackWaitsForNoLeave(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		l := newLine(t, 0, 100_000_000, 0)
		l.start(hung(served(t, shelves(t), id, 5000), &asked))
		c := l.dials(t, client.Config{})
		for range 3 {
			track := by(t, c, coffee)
			sliceOf(t, track, 0)
			begin := time.Now()
			if err := track.Close(); err != nil || time.Since(begin) > 0 {
				t.Errorf("closed after %v: %v", time.Since(begin), err)
			}
		}
		begin := time.Now()
		if err := c.Close(); err == nil {
			t.Error(err)
		}
		if d := time.Since(begin); d > time.Second || asked.Load() != 3 {
			t.Errorf("the end takes %v; %d sessions were ended", d, asked.Load())
		}
	})
}

// TestLeavesAreCounted: there are never more of them under way than a few, and
// none of those that are is forgotten.
func TestLeavesAreCounted(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		l := newLine(t, 0, 100_000_000, 0)
		l.start(hung(served(t, shelves(t), id, 5000), &asked))
		c := l.dials(t, client.Config{Ahead: 1})
		var tracks []*client.Track
		for range 20 {
			tracks = append(tracks, by(t, c, coffee))
		}
		for _, track := range tracks {
			_ = track.Close()
		}
		time.Sleep(500 * time.Millisecond)
		if n := asked.Load(); n != 16 {
			t.Errorf("%d sessions are being ended at once", n)
		}
		time.Sleep(2 * time.Second)
		track := by(t, c, coffee) // there is room again
		_ = track.Close()
		time.Sleep(500 * time.Millisecond)
		if n := asked.Load(); n != 17 {
			t.Errorf("%d sessions were ended", n)
		}
		if err := c.Close(); err == nil {
			t.Error("nobody says that sessions were left")
		}
	})
}

// TestClosedSessionsAreEnded: after Client.Close the server has been told.
func TestClosedSessionsAreEnded(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		var n tally
		l := newLine(t, latency, 2_000_000, 0)
		l.start(n.count(served(t, shelves(t), id, 5000)))
		c := l.dials(t, client.Config{})
		for range 3 {
			track := by(t, c, coffee)
			sliceOf(t, track, 0)
			if err := track.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := c.Close(); err != nil || n.ends.Load() != 3 {
			t.Errorf("%v, %d ended", err, n.ends.Load())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
