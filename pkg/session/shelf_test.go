package session

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/handshake"
	"secstream/pkg/wire"
)

// counting is a source that counts how often it is opened, and holds whoever
// opens it at the gate if there is one.
type counting struct {
	*memory
	opened atomic.Int64
	gate   chan struct{}
}

func (c *counting) Open(ctx context.Context) (Content, error) {
	c.opened.Add(1)
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return c.memory.Open(ctx)
}

func fetch(t testing.TB, sess *Session, id string) []byte {
	t.Helper()
	slice, err := sess.Slice(t.Context(), "", id)
	if err != nil {
		t.Fatal(err)
	}
	defer slice.Release()
	return bytes.Clone(slice.Body)
}

func TestKeptSlices(t *testing.T) {
	now := time.Unix(0, 0)
	s := newTestStore(t, Config{Cache: Cache{TTL: time.Minute}, Now: func() time.Time { return now }})
	src := &counting{memory: newMemory(t, "music-drums.wav")}
	sess := create(t, s, src)
	a, b := exchangeWith(t, sess, ""), exchangeWith(t, sess, "")
	before := src.opened.Load()
	first := fetch(t, sess, a.info.SliceIDs[0])
	if again := fetch(t, sess, a.info.SliceIDs[0]); !bytes.Equal(first, again) || src.opened.Load() != before+1 {
		t.Errorf("asked for again it was made again: %d times", src.opened.Load()-before)
	}
	if other := fetch(t, sess, b.info.SliceIDs[0]); bytes.Equal(first, other) {
		t.Error("two keys, one slice")
	}
	now = now.Add(time.Minute)
	if later := fetch(t, sess, a.info.SliceIDs[0]); bytes.Equal(first, later) {
		t.Error("a slice was given out after its time")
	}
	if st := s.Stats(); st.CacheHits != 1 || st.CacheMisses != 3 || st.CacheSlices != 2 {
		t.Errorf("%+v", st)
	}
	// The content its session began with is what a kept slice holds.
	src.set("2", nil)
	fetch(t, sess, a.info.SliceIDs[0])
	if _, err := sess.Slice(t.Context(), "", a.info.SliceIDs[1]); !errors.Is(err, ErrChanged) {
		t.Errorf("a slice of the new content: %v", err)
	}
	if err := s.End(sess.ID); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.CacheSlices != 0 || st.CacheBytes != 0 {
		t.Errorf("kept for a session that ended: %+v", st)
	}
}

func TestOldSlicesGoUnasked(t *testing.T) {
	now := time.Unix(0, 0)
	s := newTestStore(t, Config{Millis: 1000, Cache: Cache{TTL: time.Minute}, Now: func() time.Time { return now }})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	ids := exchangeWith(t, sess, "").info.SliceIDs
	sending, err := sess.Slice(t.Context(), "", ids[0])
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, sess, ids[1])
	now = now.Add(30 * time.Second)
	fetch(t, sess, ids[2])
	now = now.Add(30 * time.Second)
	s.sweep()
	if n := s.Stats().CacheSlices; n != 2 { // what is being sent, and what is young
		t.Errorf("%d slices are kept", n)
	}
	sending.Release()
	s.sweep()
	if n := s.Stats().CacheSlices; n != 1 {
		t.Errorf("%d slices are kept", n)
	}
}

// TestShelfBounds: the least recently used go, what is being sent stays, and
// all that is taken is given back.
func TestShelfBounds(t *testing.T) {
	s := newTestStore(t, Config{Millis: 1000, Cache: Cache{Slices: 3}})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	l := exchangeWith(t, sess, "")
	ids := l.info.SliceIDs
	bodies := map[int][]byte{}
	for _, i := range []int{0, 1, 2, 0, 3} { // 1 was used longest ago
		bodies[i] = fetch(t, sess, ids[i])
	}
	for i, kept := range map[int]bool{0: true, 2: true, 3: true} {
		if bytes.Equal(fetch(t, sess, ids[i]), bodies[i]) != kept {
			t.Errorf("slice %d: kept is not %v", i, kept)
		}
	}
	if bytes.Equal(fetch(t, sess, ids[1]), bodies[1]) {
		t.Error("the least recently used one is still there")
	}
	var sending []*Slice
	for i := range 6 {
		slice, err := sess.Slice(t.Context(), "", ids[i])
		if err != nil {
			t.Fatal(err)
		}
		sending = append(sending, slice)
		if n := s.Stats().CacheSlices; n > 3 {
			t.Errorf("%d slices are kept", n)
		}
	}
	if err := s.End(sess.ID); err != nil {
		t.Fatal(err)
	}
	for i, slice := range sending {
		if plain, err := l.unpack.Append(nil, bytes.Clone(slice.Body), 1<<20); err != nil || len(plain) == 0 {
			t.Errorf("slice %d, sent while its session ended: %v", i, err)
		}
		slice.Release()
	}
	if st := s.Stats(); st.CacheBytes != 0 || st.CacheSlices != 0 {
		t.Errorf("%+v", st)
	}
	if !s.room.all.TryAcquire(maxRoom) {
		t.Error("room was not given back")
	}
}

func TestNoCache(t *testing.T) {
	s := newTestStore(t, Config{Cache: Cache{Bytes: -1}})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	l := exchangeWith(t, sess, "")
	if bytes.Equal(fetch(t, sess, l.info.SliceIDs[0]), fetch(t, sess, l.info.SliceIDs[0])) {
		t.Error("a slice was kept")
	}
	if !s.room.all.TryAcquire(maxRoom) {
		t.Error("room was not given back")
	}
}

// TestOnePreparation: requests for one slice at a time share one making, kept
// afterwards or not; a maker that goes away is followed by another.
func TestOnePreparation(t *testing.T) {
	for name, cache := range map[string]Cache{"kept": {}, "not kept": {Bytes: -1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTestStore(t, Config{Cache: cache})
				src := &counting{memory: newMemory(t, "music-drums.wav")}
				sess := create(t, s, src)
				l := exchangeWith(t, sess, "")
				src.gate = make(chan struct{})
				before := src.opened.Load()
				away, leave := context.WithCancel(t.Context())
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := sess.Slice(away, "", l.info.SliceIDs[0]); !errors.Is(err, context.Canceled) {
						t.Errorf("whoever went away got %v", err)
					}
				})
				synctest.Wait()
				bodies := make([][]byte, 8)
				for i := range bodies {
					all.Go(func() { bodies[i] = fetch(t, sess, l.info.SliceIDs[0]) })
				}
				synctest.Wait()
				if n := src.opened.Load() - before; n != 1 {
					t.Errorf("%d makers at once", n)
				}
				leave()
				synctest.Wait()
				if n := src.opened.Load() - before; n != 2 {
					t.Errorf("%d makers after the first went away", n)
				}
				close(src.gate)
				all.Wait()
				for _, b := range bodies {
					if len(b) == 0 || !bytes.Equal(b, bodies[0]) {
						t.Error("not everybody got the same slice")
					}
				}
				s.Close()
				if !s.room.all.TryAcquire(maxRoom) {
					t.Error("room was not given back")
				}
			})
		})
	}
}

func TestFailureIsNotKept(t *testing.T) {
	s := newTestStore(t, Config{})
	src := newMemory(t, "music-drums.wav")
	sess := create(t, s, src)
	l := exchangeWith(t, sess, "")
	broken := errors.New("the disk is gone")
	src.set("1", broken)
	if _, err := sess.Slice(t.Context(), "", l.info.SliceIDs[0]); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	src.set("1", nil)
	fetch(t, sess, l.info.SliceIDs[0])
}

// TestPrewarm: the answer does not wait for the slices, and a request that
// arrives meanwhile shares the work.
func TestPrewarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestStore(t, Config{Millis: 1000, Prewarm: 2})
		src := &counting{memory: newMemory(t, "music-drums.wav")}
		sess := create(t, s, src)
		pair, err := handshake.NewPair()
		if err != nil {
			t.Fatal(err)
		}
		answer, sent, err := sess.Tracks()[0].Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}})
		if err != nil {
			t.Fatal(err)
		}
		src.gate = make(chan struct{})
		synctest.Wait()
		if n := src.opened.Load(); n != 1 {
			t.Fatalf("opened %d times before the answer was sent", n)
		}
		sent()
		synctest.Wait()
		got := make(chan []byte)
		go func() { got <- fetch(t, sess, answer.SessionInfo.SliceIDs[0]) }()
		synctest.Wait()
		if n := src.opened.Load(); n != 2 {
			t.Errorf("opened %d times, want one more", n)
		}
		close(src.gate)
		<-got
		synctest.Wait()
		if st := s.Stats(); st.Prewarmed != 2 || st.CacheSlices != 2 || st.CacheHits != 1 || st.CacheMisses != 0 {
			t.Errorf("%+v", st)
		}
		s.Close()
	})
}

func TestAddAndRemove(t *testing.T) {
	s := newTestStore(t, Config{Limits: Limits{Max: 4, PerOwner: 3}})
	first := newMemory(t, "music-drums.wav")
	sess, err := s.Create(Request{Sources: []Source{first}, Owner: "one"})
	if err != nil {
		t.Fatal(err)
	}
	a := exchangeWith(t, sess, "")
	if err := sess.Remove(sess.Tracks()[0].ID); !errors.Is(err, ErrSingle) {
		t.Errorf("the only track: %v", err)
	}
	second := newMemory(t, "music-tabla.flac")
	added, err := sess.Add([]Source{second})
	if err != nil {
		t.Fatal(err)
	}
	a.plain(t, sess, 0) // what was agreed before still holds
	b := exchangeWith(t, sess, added[0].ID)
	if n := len(b.info.Tracks); n != 2 || b.info.Tracks[1].TrackID != added[0].ID || b.info.Tracks[1].TrackIndex != 1 ||
		b.info.Format != "wav" || b.info.Tracks[1].Format != "flac" {
		t.Errorf("%+v", b.info)
	}
	third := newMemory(t, "music-drums.wav")
	if _, err := sess.Add([]Source{third, newMemory(t, "music-drums.wav")}); !errors.Is(err, ErrOwner) || third.closed != 1 {
		t.Errorf("more than one may have: %v, closed %d times", err, third.closed)
	}
	if _, err := s.Create(Request{Sources: []Source{third, third, third}, Owner: "other"}); !errors.Is(err, ErrFull) {
		t.Errorf("more than there may be: %v", err)
	}
	gone := sess.Tracks()[0].ID
	if err := sess.Remove(gone); err != nil || first.closed != 1 {
		t.Errorf("%v, closed %d times", err, first.closed)
	}
	if _, err := sess.Slice(t.Context(), "", a.info.SliceIDs[0]); !errors.Is(err, ErrNoSlice) {
		t.Errorf("a slice of the track that went: %v", err)
	}
	info, sent, err := sess.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent()
	if info.ActiveTrackID != added[0].ID || info.Format != "flac" || len(info.Tracks) != 1 || info.Tracks[0].TrackIndex != 0 {
		t.Errorf("%+v", info)
	}
	if err := sess.Remove(added[0].ID); !errors.Is(err, ErrLast) {
		t.Errorf("the last track: %v", err)
	}
	if err := sess.Remove(gone); !errors.Is(err, ErrNoTrack) {
		t.Errorf("a track that went already: %v", err)
	}
	if st := s.Stats(); st.Tracks != 1 || s.owners["one"] != 1 {
		t.Errorf("%+v, %v", st, s.owners)
	}
	if err := s.End(sess.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := sess.Add([]Source{newMemory(t, "music-drums.wav")}); !errors.Is(err, ErrNoSession) || len(s.owners) != 0 {
		t.Errorf("added to a session that ended: %v, %v", err, s.owners)
	}
}

// TestAddBeforeExchange: a track that comes before the first key exchange does
// not take the first one's place.
func TestAddBeforeExchange(t *testing.T) {
	s := newTestStore(t, Config{})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	first := sess.Tracks()[0].ID
	if _, err := sess.Add([]Source{newMemory(t, "music-tabla.flac")}); err != nil {
		t.Fatal(err)
	}
	if l := exchangeWith(t, sess, ""); l.info.ActiveTrackID != first || l.info.Format != "wav" || len(l.info.Tracks) != 2 {
		t.Errorf("%+v", l.info)
	}
}

func TestLimitsChange(t *testing.T) {
	now := time.Unix(0, 0)
	s := newTestStore(t, Config{Now: func() time.Time { return now }})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	now = now.Add(10 * time.Minute)
	if _, err := s.Get(sess.ID); err != nil {
		t.Fatal(err)
	}
	s.SetLimits(Limits{TTL: time.Minute, Max: 1})
	if _, err := s.Create(Request{Sources: []Source{newMemory(t, "music-drums.wav")}}); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if _, err := s.Get(sess.ID); !errors.Is(err, ErrNoSession) {
		t.Errorf("idle for longer than is allowed now: %v", err)
	}
}

// TestDecodes: what a client does not take it gets in the form it does, or not
// at all; others get it as it is.
// TestNobodyDecodes: what cannot be made PCM comes as it is stored.
func TestNobodyDecodes(t *testing.T) {
	s := newTestStore(t, Config{})
	sess := create(t, s, newMemory(t, "music-tabla.flac"))
	ask := request(t)
	ask.Decodes = func(c audio.Codec) bool { return c == audio.PCM }
	answer, sent, err := sess.Tracks()[0].Exchange(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	sent()
	if answer.SessionInfo.Format != "flac" {
		t.Errorf("%+v", answer.SessionInfo)
	}
}

func BenchmarkSlice(b *testing.B) {
	for name, cache := range map[string]Cache{"kept": {}, "made": {Bytes: -1}} {
		b.Run(name, func(b *testing.B) {
			s := newTestStore(b, Config{Cache: cache})
			sess := create(b, s, newMemory(b, "music-drums.wav"))
			l := exchangeWith(b, sess, "")
			b.SetBytes(int64(len(fetch(b, sess, l.info.SliceIDs[0]))))
			b.ReportAllocs()
			for b.Loop() {
				slice, err := sess.Slice(b.Context(), "", l.info.SliceIDs[0])
				if err != nil {
					b.Fatal(err)
				}
				slice.Release()
			}
		})
	}
}
