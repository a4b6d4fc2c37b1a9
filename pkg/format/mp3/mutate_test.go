package mp3

import (
	"bytes"
	"context"
	"errors"
	"math/rand"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"secstream/pkg/audio"
)

// hang is more than any of this takes on a loaded machine under the race
// detector, where a second's work takes five.
const hang = 20 * time.Second

// seeds are the starts of the public files, cut down and with the tags at the
// end put back.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(testAudio, "*.mp3"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no seed in %s: %v", testAudio, err)
	}
	var out [][]byte
	for _, name := range names {
		data := load(t, filepath.Base(name))
		out = append(out, cat(data[:30<<10], data[len(data)-128:]))
	}
	return append(out,
		cat(id3v2(30), xing(head44, 20, "LAME3.100", 576, 1800), silence(head44, 20), lyrics2(), ape(true), id3v1()),
		cat(ape(true), silence(head8, 90), id3v2Footer(9)),
		// Tags the walk takes for main data, since they are not at the end of
		// the file; they are at the end of a slice.
		cat(id3v2(30), xing(head44, 20, "LAME3.100", 576, 1800), ending(silence(head44, 3), ape(true)), junk(4), id3v1()))
}

// check opens, indexes and slices whatever the bytes are. What comes out must
// add up: cuts that Find finds again, slices that are sound by themselves.
func check(t testing.TB, data []byte) {
	t.Helper()
	s, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		mustBeError(t, err)
		return
	}
	got, err := s.Index(context.Background(), bytes.NewReader(data))
	if err != nil {
		mustBeError(t, err)
		return
	}
	tr := got.(*Track)
	in := tr.Info()
	if in.Frames <= 0 || in.Frames != tr.Cuts().Total() || in.DamageN < len(in.Damage) || len(in.Damage) > audio.MaxDamage {
		t.Fatalf("%d frames, %d in the index, %d of %d faults", in.Frames, tr.Cuts().Total(), len(in.Damage), in.DamageN)
	}
	if in.Frames+in.Delay+in.Padding != audio.Frames(tr.frames)*tr.ref.samples() || in.AudioBytes > int64(len(data)) {
		t.Fatalf("%+v", in)
	}
	if c := tr.Cuts().Find(0); c.At != 0 {
		t.Fatalf("first cut at %d", c.At)
	}
	sound(t, data, tr, 0.5)
}

func mustBeError(t testing.TB, err error) {
	t.Helper()
	var e *audio.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an audio.Error: %v", err)
	}
}

// mutate damages b in one of the ways files get damaged.
func mutate(rng *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	at := rng.Intn(len(b))
	n := min(1+rng.Intn(600), len(b)-at)
	switch rng.Intn(8) {
	case 0:
		for range 1 + rng.Intn(20) {
			b[rng.Intn(len(b))] ^= 1 << rng.Intn(8)
		}
	case 1:
		return b[:at]
	case 2:
		return append(b[:at], b[at+n:]...)
	case 3:
		return append(b[:at:at], append(junk(n), b[at:]...)...)
	case 4:
		clear(b[at : at+n])
	case 5: // lies in the headers at both ends
		for range 4 {
			b[rng.Intn(min(700, len(b)))] = byte(rng.Uint32())
			b[len(b)-1-rng.Intn(min(300, len(b)))] = byte(rng.Uint32())
		}
	case 6: // part of the file once more, elsewhere
		return append(b[:at:at], append(bytes.Clone(b[rng.Intn(len(b)):]), b[at:]...)...)
	case 7: // every header of some stretch gets another bit
		for i := at; i+4 < len(b) && i < at+4000; i++ {
			if b[i] == 0xFF && b[i+1]&0xE0 == 0xE0 {
				b[i+1+rng.Intn(3)] ^= 1 << rng.Intn(8)
			}
		}
	}
	return b
}

func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(7))
	all := seeds(t)
	var before, after runtime.MemStats
	for i := range 1000 {
		data := mutate(rng, all[i%len(all)])
		if i%3 == 0 && len(data) > 0 {
			data = mutate(rng, data)
		}
		runtime.ReadMemStats(&before)
		start := time.Now()
		check(t, data)
		if d := time.Since(start); d > hang {
			t.Errorf("mutation %d took %v", i, d)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("mutation %d allocated %d bytes", i, n)
		}
		if t.Failed() {
			t.Fatalf("mutation %d", i)
		}
	}
}

func FuzzTrack(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(cat(s[:min(len(s), 2<<10)], s[max(0, len(s)-200):]))
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

// TestHostileSizes: files made to be slow or large are neither.
func TestHostileSizes(t *testing.T) {
	trap := bytes.Repeat([]byte{0xFF, 0xFB, 0x90, 0x00}, 2<<20) // headers that lead nowhere
	rubble := bytes.Repeat(cat(silence(head44, 3), []byte{0}), 7000)
	for name, data := range map[string][]byte{
		"headers everywhere":     cat(silence(head44, 30), trap),
		"headers from the start": trap,
		"junk after each frame":  rubble,
		"tags without end":       bytes.Repeat(id3v2(0), 200000),
		"ones":                   cat(silence(head44, 30), bytes.Repeat([]byte{0xFF}, 8<<20)),
		"Lyrics3 for ever":       cat(silence(head44, 30), bytes.Repeat(lyrics1(), 50000)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		if s, err := Open(bytes.NewReader(data), int64(len(data))); err == nil {
			if _, err := s.Index(context.Background(), bytes.NewReader(data)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		runtime.ReadMemStats(&after)
		t.Logf("%s: %v for %d bytes", name, time.Since(start), len(data))
		if d, n := time.Since(start), after.TotalAlloc-before.TotalAlloc; d > hang || n > 8<<20 {
			t.Errorf("%s: %v, %d bytes allocated", name, d, n)
		}
	}
}
