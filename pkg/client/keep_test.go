package client_test

import (
	"bytes"
	"context"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/buffer"
	"secstream/pkg/client"
	"secstream/pkg/session"
)

func sessionOf(millis int) session.Config { return session.Config{Millis: millis} }

// witness sees to it that nobody writes to a slice.
type witness struct {
	*client.Track
	t    *testing.T
	seen map[int][]byte
	held map[int][]byte
}

func (w *witness) Slice(ctx context.Context, i int) ([]byte, error) {
	b, err := w.Track.Slice(ctx, i)
	if err != nil {
		return b, err
	}
	if old := w.seen[i]; old != nil && !bytes.Equal(b, old) {
		w.t.Errorf("slice %d is another the second time", i)
	}
	w.seen[i], w.held[i] = bytes.Clone(b), b
	return b, nil
}

func (w *witness) Release(i int) {
	if !bytes.Equal(w.held[i], w.seen[i]) {
		w.t.Errorf("slice %d was written to", i)
	}
	w.Track.Release(i)
}

// TestKeptSlices: decoding leaves slices as they are, of every format, so that
// one that was kept is what it was.
func TestKeptSlices(t *testing.T) {
	c, tracks := dial(t, start(t, sessionOf(8000), publicAudio), client.Config{Buffer: buffer.Aggressive})
	for _, lt := range tracks {
		if lt.Codec == string(audio.Opus) || raceEnabled && lt.Duration > 8 {
			continue
		}
		track := opens(t, c, lt.ID)
		w := &witness{track, t, map[int][]byte{}, map[int][]byte{}}
		first := playAll(t, w, 0)
		fetched := track.Status().Fetched
		if fetched != int64(track.Len()) {
			t.Errorf("%s: %d slices fetched of %d", lt.Path, fetched, track.Len())
		}
		compare(t, playAll(t, w, 0), first, 0)
		if n := track.Status().Fetched; n != fetched {
			t.Errorf("%s: %d slices were fetched again", lt.Path, n-fetched)
		}
	}
}

// TestStatesOfSlices follows slices through their states, and sees what was
// played wiped when that is due.
func TestStatesOfSlices(t *testing.T) {
	address := start(t, session.Config{Millis: 1000}, publicAudio)
	for _, v1 := range []bool{false, true} {
		c, tracks := dial(t, address, client.Config{V1: v1, Buffer: buffer.Conservative, Prefetch: buffer.None})
		track := opens(t, c, trackID(t, tracks, "drums.wav"))
		want := make([]client.SliceState, track.Len())
		check := func(when string) {
			t.Helper()
			if got := track.States(nil); !bytes.Equal(asBytes(got), asBytes(want)) {
				t.Errorf("%s: %v, want %v", when, got, want)
			}
		}
		check("at first")
		b, err := track.Slice(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		want[2] = client.SlicePlaying
		check("while it plays")
		s := track.Status()
		if s.BufferedBytes != int64(len(b)) || s.WireBytes < 1000 || s.Exchanges != 1 || s.KeySince.IsZero() || s.Cipher == "" || s.Latency <= 0 ||
			s.Verified != 1 || s.Fetched != 1 || (s.Identity == nil) != v1 || (s.Protocol == "secstream/2") == v1 || s.Compression == "" {
			t.Errorf("%+v", s)
		}
		track.Release(2)
		want[2] = client.SliceWiped
		check("released")
		if bytes.Count(b, []byte{0}) != len(b) || track.Status().BufferedBytes != 0 {
			t.Error("it is not wiped")
		}
	}
	c, tracks := dial(t, address, client.Config{Prefetch: buffer.None})
	track := opens(t, c, trackID(t, tracks, "drums.wav"))
	var kept [5][]byte
	for i := range kept {
		b, err := track.Slice(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		kept[i] = b
		track.Release(i)
	}
	for i, b := range kept {
		if wiped := bytes.Count(b, []byte{0}) == len(b); wiped != (i < 2) {
			t.Errorf("slice %d: wiped %v", i, wiped)
		}
	}
	if err := track.Close(); err != nil {
		t.Error(err)
	}
	if bytes.Count(kept[4], []byte{0}) != len(kept[4]) || track.Status().BufferedBytes != 0 {
		t.Error("something is left")
	}
	if got, err := track.Slice(t.Context(), 4); err == nil || got != nil {
		t.Error("a closed track gives slices")
	}
	if _, err := track.Slice(t.Context(), -1); err == nil {
		t.Error("there is a slice before the first")
	}
}

func asBytes(s []client.SliceState) []byte {
	b := make([]byte, len(s))
	for i, v := range s {
		b[i] = byte(v)
	}
	return b
}

// TestBudgetIsKept: whatever the strategies would like to have.
func TestBudgetIsKept(t *testing.T) {
	const slice = 44100 * 4
	for _, budget := range []int64{1, 2*slice + 100, 4*slice + 100} {
		c, tracks := dial(t, start(t, session.Config{Millis: 1000}, publicAudio), client.Config{
			Buffer: buffer.Aggressive, Prefetch: buffer.Adaptive, BufferBytes: budget,
		})
		track := opens(t, c, trackID(t, tracks, "drums.wav"))
		for _, i := range []int{0, 1, 2, 3, 4, 5, 0, 3, 1, 2, 3} {
			if _, err := track.Slice(t.Context(), i); err != nil {
				t.Fatal(err)
			}
			if n := track.Status().BufferedBytes; n > max(budget, slice+slice/2) {
				t.Errorf("%d bytes of %d", n, budget)
			}
			track.Release(i)
		}
	}
}
