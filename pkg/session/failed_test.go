package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"secstream/pkg/handshake"
	"secstream/pkg/wire"
)

func request(t testing.TB) Ask {
	t.Helper()
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	return Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}}
}

// untouched fails unless track is as it was before anybody asked for a key.
func untouched(t *testing.T, s *Store, track *Track) {
	t.Helper()
	if track.cut != nil || track.version != "" || track.coming != 0 || len(track.exchanges) != 0 ||
		track.session.slices.Load() != 0 || s.cuts.held != 0 || s.Stats().Exchanges != 0 {
		t.Errorf("left behind: %+v, %+v, %d slices held", track, s.Stats(), s.cuts.held)
	}
	if !s.room.all.TryAcquire(maxRoom) {
		t.Fatal("room is lost")
	}
	s.room.all.Release(maxRoom)
}

func TestFailedExchangeLeavesNothing(t *testing.T) {
	s := newTestStore(t, Config{SliceIDs: func(string, int, int) string { return "" }})
	src := newMemory(t, "music-drums.wav")
	track := create(t, s, src).Tracks()[0]
	if _, _, err := track.Exchange(t.Context(), request(t)); err == nil {
		t.Fatal("a generator of empty IDs is taken")
	}
	untouched(t, s, track)

	s.cfg.SliceIDs = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if !s.room.all.TryAcquire(maxRoom) {
		t.Fatal("no room")
	}
	_, _, err := track.Exchange(ctx, request(t))
	s.room.all.Release(maxRoom)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
	untouched(t, s, track)

	src.set("2", nil) // nobody has heard of version 1
	_, sent, err := track.Exchange(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	sent()
}

// An exchange that fails while another of the same track is under way takes
// nothing from it.
func TestFailedExchangeHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t, Config{})
		sess := create(t, s, newMemory(t, "music-drums.wav"))
		track := sess.Tracks()[0]
		if !s.room.all.TryAcquire(maxRoom) {
			t.Fatal("no room")
		}
		ask := func(ctx context.Context) <-chan error {
			done, req := make(chan error, 1), request(t)
			go func() {
				_, sent, err := track.Exchange(ctx, req)
				if err == nil {
					sent()
				}
				done <- err
			}()
			synctest.Wait()
			return done
		}
		ctx, cancel := context.WithCancel(t.Context())
		fails, succeeds := ask(ctx), ask(t.Context())
		cancel()
		if err := <-fails; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		s.room.all.Release(maxRoom)
		if err := <-succeeds; err != nil || track.cut == nil || sess.slices.Load() != int64(track.cut.plan.Len()) {
			t.Errorf("%v; %+v", err, track)
		}
	})
}
