package session

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"secstream/pkg/seal"
)

// wiped says whether e's key is gone: what it seals is zeros.
func wiped(e *exchange) bool {
	head := e.box.Head()
	out := e.box.Seal(append(make([]byte, head), "sound"...), 0, nil)
	return bytes.Equal(out[head:][:5+seal.TagSize], make([]byte, 5+seal.TagSize))
}

// TestKeysGoWithTheirSession, however it ends, and with a track that is taken out.
func TestKeysGoWithTheirSession(t *testing.T) {
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000})
	for name, end := range map[string]func(*Session) error{
		"ended":   func(s *Session) error { return store.End(s.ID) },
		"removed": func(s *Session) error { return s.Remove(s.Tracks()[0].ID) },
		"closed":  func(*Session) error { store.Close(); return nil },
	} {
		sess := create(t, store, newMemory(t, "music-coffee-8k.wav"), newMemory(t, "music-coffee-8k.wav"))
		first := sess.Tracks()[0]
		exchangeWith(t, sess, first.ID)
		keyed(t, sess, first.ID)
		all := slices.Clone(first.exchanges)
		if len(all) != 2 || wiped(all[0]) || wiped(all[1]) {
			t.Fatalf("%s: %d keys, or wiped too soon", name, len(all))
		}
		if err := end(sess); err != nil {
			t.Fatal(err)
		}
		if !wiped(all[0]) || !wiped(all[1]) {
			t.Errorf("%s: a key is left", name)
		}
	}
}

// TestKeysOutliveTheirSlices: a slice that is being made when its key is retired
// is made to the end; then the key goes, and none is made under it any more.
func TestKeysOutliveTheirSlices(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(t, Config{Identity: id, Millis: 1000})
		sess := create(t, store, newMemory(t, "music-coffee-8k.wav"))
		l := keyed(t, sess, "")
		track := sess.Tracks()[0]
		e := track.exchanges[0]
		if !store.room.all.TryAcquire(maxRoom) {
			t.Fatal("no room")
		}
		came := make(chan error, 1)
		go func() {
			_, _, err := l.fetch(t, sess, 3)
			came <- err
		}()
		synctest.Wait()
		track.retire(e)
		if wiped(e) {
			t.Error("a key is wiped under a slice")
		}
		if _, _, err := store.slice(t.Context(), track, e, 4, false); !errors.Is(err, errGone) {
			t.Errorf("another slice: %v", err)
		}
		store.room.all.Release(maxRoom)
		if err := <-came; err != nil {
			t.Errorf("the slice does not come: %v", err)
		}
		if !wiped(e) {
			t.Error("the key is left")
		}
	})
}

// TestLastKeyTakesTheCuttingAlong: what the slices of a track are is let go of with
// its last key, and made anew, alike, for the next one. The track stays of the
// version it began with.
func TestLastKeyTakesTheCuttingAlong(t *testing.T) {
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000, Randomize: true, Rekey: Rekey{Slices: 1}})
	src := newMemory(t, "music-coffee-8k.wav")
	sess, err := store.Create(Request{Sources: []Source{src}, Randomize: true})
	if err != nil {
		t.Fatal(err)
	}
	l := keyed(t, sess, "")
	for i := range 2 {
		if _, _, err := l.fetch(t, sess, i); err != nil {
			t.Fatal(err)
		}
	}
	if store.cuts.held == 0 || sess.slices.Load() == 0 {
		t.Fatal("nothing is held")
	}
	if _, _, err := l.fetch(t, sess, 2); !errors.Is(err, ErrRekey) {
		t.Fatal(err)
	}
	track := sess.Tracks()[0]
	if track.cut != nil || store.cuts.held != 0 || sess.slices.Load() != 0 || len(store.cuts.byKey) != 0 {
		t.Errorf("%d slices are held, %d counted", store.cuts.held, sess.slices.Load())
	}
	if _, _, err := l.fetch(t, sess, 2); !errors.Is(err, ErrRekey) {
		t.Errorf("and once more: %v", err)
	}
	next := keyed(t, sess, "")
	if !slices.Equal(next.SessionInfo.Slices, l.SessionInfo.Slices) || sess.slices.Load() != int64(len(l.SessionInfo.Slices)) {
		t.Error("the next key cuts otherwise")
	}
	if _, _, err := next.fetch(t, sess, 2); err != nil {
		t.Error(err)
	}
	track.retire(track.exchanges[0])
	src.set("2", nil)
	if _, err := agreeV2(t, sess, ""); !errors.Is(err, ErrChanged) {
		t.Errorf("another version: %v", err)
	}
	if _, err := agreeV2(t, sess, ""); !errors.Is(err, ErrChanged) || track.cut != nil {
		t.Errorf("and once more: %v", err)
	}
	src.set("", nil)
	if err := store.End(sess.ID); err != nil || store.cuts.held != 0 || sess.slices.Load() != 0 {
		t.Errorf("%v, %d slices are held", err, store.cuts.held)
	}
}

// TestNamesCostNothing: the ID of a slice is part of what it is bound to.
func TestNamesCostNothing(t *testing.T) {
	names := newNames().next(70000)
	all := names.list()
	buf := []byte("in front")
	for _, i := range []int{0, 1, 255, 256, 69999} {
		if got := string(names.append(buf, i)); got != "in front"+all[i] {
			t.Errorf("slice %d: %q, want %q", i, got, all[i])
		}
	}
	buf = make([]byte, 0, 100)
	if n := testing.AllocsPerRun(50, func() { buf = names.append(buf[:0], 7) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestUnknownSlicesCostNothing: to ask for a slice that is none takes no look at
// each key of a session.
func TestUnknownSlicesCostNothing(t *testing.T) {
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000, Rekey: Rekey{Slices: 1}})
	sources := make([]Source, 20)
	src := newMemory(t, "music-coffee-8k.wav")
	for i := range sources {
		sources[i] = src
	}
	sess := create(t, store, sources...)
	l := keyed(t, sess, sess.Tracks()[0].ID)
	for i := range 2 { // the key has served its time then
		if _, _, err := l.fetch(t, sess, i); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := l.fetch(t, sess, 0); !errors.Is(err, ErrRekey) {
		t.Fatal(err)
	}
	for _, track := range sess.Tracks() {
		for range MaxExchanges {
			if err := agree(t, track); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, id := range []string{"AAAAAAAAAAAAAAAAAAAAA", newNames().next(1).list()[0], sess.names.next(1).list()[0], strings.Repeat("A", 1<<20)} {
		if n := testing.AllocsPerRun(10, func() {
			if _, err := sess.Slice(t.Context(), "", id); !errors.Is(err, ErrNoSlice) {
				t.Error(err)
			}
		}); n > 3 {
			t.Errorf("%.30q: %v allocations with %d keys", id, n, sess.keys.Load())
		}
	}
	// What was made for one track is none of another's, and goes with its own.
	first, second := sess.Tracks()[0], sess.Tracks()[1]
	mine := first.exchanges[0].ids.list()[0]
	if _, err := sess.Slice(t.Context(), second.ID, mine); !errors.Is(err, ErrNoSlice) {
		t.Errorf("a slice of another track: %v", err)
	}
	if err := sess.Remove(first.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{mine, l.SessionInfo.SliceIDs[0]} {
		if _, err := sess.Slice(t.Context(), "", id); !errors.Is(err, ErrNoSlice) {
			t.Errorf("of a track that is gone: %v", err)
		}
	}
	if n, keys := len(sess.names.known), sess.keys.Load(); n != 19*MaxExchanges || keys != 19*MaxExchanges {
		t.Errorf("%d sets of IDs are known, %d keys counted", n, keys)
	}
}

// TestKeysOfASessionAreBounded, whatever kind of IDs they come with.
func TestKeysOfASessionAreBounded(t *testing.T) {
	for name, g := range map[string]Generator{"nanoid": nil, "uuid": UUID} {
		store := newTestStore(t, Config{SliceIDs: g})
		sess := create(t, store, newMemory(t, "music-drums.wav"), newMemory(t, "music-drums.wav"))
		first, second := sess.Tracks()[0], sess.Tracks()[1]
		sess.keys.Store(MaxKeys - 1) // as many of other tracks
		if err := agree(t, first); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := agree(t, second); !errors.Is(err, ErrExchanges) || second.cut != nil || len(sess.names.known) > 1 {
			t.Errorf("%s: one too many: %v", name, err)
		}
		if err := sess.Remove(first.ID); err != nil {
			t.Fatal(err)
		}
		if err := agree(t, second); err != nil {
			t.Errorf("%s: with room again: %v", name, err)
		}
	}
}
