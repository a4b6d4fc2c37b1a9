package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/wire"
)

// slow is a WAV of n slices of 5 samples: long, and small.
func slow(n int, version string) *memory {
	size := uint32(5 * n)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), size+36)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x08\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	return &memory{data: append(b, make([]byte, size)...), version: version}
}

func agree(t *testing.T, track *Track) error {
	t.Helper()
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	_, sent, err := track.Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}})
	if err == nil {
		sent()
	}
	return err
}

const long = 131_000 // slices

func TestCuttingsAreBounded(t *testing.T) {
	s := newTestStore(t, Config{})
	var last *Session
	var err error
	for i := range maxCut/long + 1 {
		last = create(t, s, slow(long, fmt.Sprint(i)))
		if err = agree(t, last.Tracks()[0]); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) || s.cuts.held > maxCut {
		t.Fatalf("%v with %d slices held", err, s.cuts.held)
	}
	if live := s.Stats().Live; live != maxCut/long+1 {
		t.Fatalf("%d sessions", live)
	}
	s.mu.Lock()
	first := ""
	for id := range s.sessions {
		if id != last.ID {
			first = id
		}
	}
	s.mu.Unlock()
	if err := s.End(first); err != nil {
		t.Fatal(err)
	}
	if err := agree(t, last.Tracks()[0]); err != nil {
		t.Errorf("with room again: %v", err)
	}
	s.Close()
	if s.cuts.held != 0 || s.cuts.cached > maxCached || len(s.cuts.byKey) > 1 {
		t.Errorf("after all: %d slices held, %d cached in %d", s.cuts.held, s.cuts.cached, len(s.cuts.byKey))
	}
}

func TestRandomisedCuttingsGoWithTheirSession(t *testing.T) {
	s := newTestStore(t, Config{})
	src := slow(1000, "1")
	for range 5 {
		sess, err := s.Create(Request{Sources: []Source{src}, Randomize: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := agree(t, sess.Tracks()[0]); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.cuts.byKey) != 1 {
			t.Fatalf("%d cuttings", len(s.cuts.byKey))
		}
		if err := s.End(sess.ID); err != nil {
			t.Fatal(err)
		}
	}
	if s.cuts.held != 0 || s.cuts.cached != 0 || len(s.cuts.byKey) != 0 {
		t.Errorf("%d slices held, %d cached", s.cuts.held, s.cuts.cached)
	}
}

func TestSlicesOfASessionAreBounded(t *testing.T) {
	s := newTestStore(t, Config{})
	src := slow(long, "1")
	sess := create(t, s, src, src, src)
	for i, track := range sess.Tracks() {
		err := agree(t, track)
		if i < MaxSlices/long && err != nil || i == MaxSlices/long && !errors.Is(err, ErrLong) {
			t.Errorf("track %d: %v", i, err)
		}
	}
}

// All room there is comes back, whatever happens, and what a slice holds is
// what it was charged.
func TestRoom(t *testing.T) {
	s := newTestStore(t, Config{Cache: Cache{Bytes: -1}})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	l := exchangeWith(t, sess, "")
	var kept []*Slice
	for _, id := range l.info.SliceIDs {
		for range 3 {
			slice, err := sess.Slice(t.Context(), "", id)
			if err != nil {
				t.Fatal(err)
			}
			if int64(cap(slice.Body)) != slice.from.room.n {
				t.Errorf("a slice of %d bytes holds %d and is charged %d", len(slice.Body), cap(slice.Body), slice.from.room.n)
			}
			kept = append(kept, slice)
		}
	}
	if s.room.all.TryAcquire(maxRoom) {
		t.Error("slices that are not sent take no room")
	}
	for _, slice := range kept {
		slice.Release()
	}
	if _, err := sess.Slice(t.Context(), "", "none"); !errors.Is(err, ErrNoSlice) {
		t.Error(err)
	}
	_, sent, err := sess.Info(t.Context())
	if err != nil || s.room.all.TryAcquire(maxRoom) {
		t.Errorf("a description that is not sent takes no room: %v", err)
	}
	sent()
	if !s.room.all.TryAcquire(maxRoom) {
		t.Error("not all room came back")
	}
}

func TestBuffersHaveTheSizeThatIsCharged(t *testing.T) {
	for _, n := range []int64{0, 1, 1 << minShift, 1<<minShift + 1, 900_000, pack.MaxPlain} {
		b := takeBuffer(n)
		if int64(cap(*b)) != bufferSize(n) || int64(cap(*b)) < n {
			t.Errorf("%d bytes: a buffer of %d, charged %d", n, cap(*b), bufferSize(n))
		}
		giveBuffer(b, *b)
	}
	b := takeBuffer(100)
	giveBuffer(b, make([]byte, 3<<minShift)) // it had to grow
	if again := takeBuffer(100); int64(cap(*again)) != bufferSize(100) {
		t.Errorf("a small one comes back with %d bytes", cap(*again))
	}
}
