package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestRoomIsShared: who takes all that is theirs leaves room for others, and
// waits where they do not.
func TestRoomIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		first, err := r.take(t.Context(), "greedy", maxShare)
		if err != nil {
			t.Fatal(err)
		}
		more := make(chan error)
		go func() {
			g, err := r.take(t.Context(), "greedy", maxShare)
			g.free()
			more <- err
		}()
		synctest.Wait()
		if _, ok := r.try("greedy", 1); ok {
			t.Error("more than a share")
		}
		g, ok := r.try("modest", maxShare)
		if !ok {
			t.Fatal("no room for others")
		}
		g.free()
		g.free() // nothing: it is free
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.take(ctx, "greedy", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		first.free()
		if err := <-more; err != nil {
			t.Error(err)
		}
		if len(r.shares) != 0 || !r.all.TryAcquire(maxRoom) {
			t.Errorf("left behind: %d shares", len(r.shares))
		}
	})
}

// TestNobodyTakesAllCuttings: one client's tracks have a bound of their own.
func TestNobodyTakesAllCuttings(t *testing.T) {
	s := newTestStore(t, Config{})
	ask := func(owner string, i int) (*Session, error) {
		sess, err := s.Create(Request{Sources: []Source{slow(long, fmt.Sprint(owner, i))}, Owner: owner})
		if err != nil {
			t.Fatal(err)
		}
		return sess, agree(t, sess.Tracks()[0])
	}
	var mine *Session
	for i := range maxOwned / long {
		var err error
		if mine, err = ask("greedy", i); err != nil {
			t.Fatal(err)
		}
	}
	over, err := ask("greedy", -1)
	if !errors.Is(err, ErrOwner) {
		t.Errorf("one more: %v", err)
	}
	if _, err := ask("modest", 0); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if err := s.End(mine.ID); err != nil {
		t.Fatal(err)
	}
	if err := agree(t, over.Tracks()[0]); err != nil {
		t.Errorf("with room again: %v", err)
	}
	for range 3 { // what is shared counts once
		sess := create(t, s, slow(long, "shared"))
		sess.owner = "greedy too"
		if err := agree(t, sess.Tracks()[0]); err != nil {
			t.Error(err)
		}
	}
}

// TestNamesAreCounted: IDs that are kept in memory count for whoever has them
// made.
func TestNamesAreCounted(t *testing.T) {
	s := newTestStore(t, Config{SliceIDs: UUID})
	sess, err := s.Create(Request{Sources: []Source{slow(long, "1")}, Owner: "greedy"})
	if err != nil {
		t.Fatal(err)
	}
	if err := agree(t, sess.Tracks()[0]); err != nil {
		t.Fatal(err)
	}
	if err := agree(t, sess.Tracks()[0]); !errors.Is(err, ErrOwner) {
		t.Errorf("%v", err)
	}
	if err := s.End(sess.ID); err != nil || len(s.cuts.owned) != 0 {
		t.Errorf("%v, %v", err, s.cuts.owned)
	}
}

// TestSlicesAheadDoNotWait: what is made ahead takes no place in the queue for
// room, so that a key exchange does not stand behind it.
func TestSlicesAheadDoNotWait(t *testing.T) {
	s := newTestStore(t, Config{Prewarm: 1})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	held, ok := s.room.try("", maxRoom-64<<10)
	if !ok {
		t.Fatal("no room")
	}
	defer held.free()
	l := exchangeWith(t, sess, "") // its slices take more than is left
	exchangeWith(t, sess, "")
	if s.Stats().Prewarmed != 0 {
		t.Errorf("%+v", s.Stats())
	}
	held.free()
	fetch(t, sess, l.info.SliceIDs[0])
}
