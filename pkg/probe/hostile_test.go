package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand"
	"runtime"
	"testing"
	"time"

	"secstream/pkg/audio"
)

// starts are the beginnings of public files, short enough to be probed often.
func starts(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for name, n := range map[string]int{
		"speech-librivox-16k.wav": 40000, "speech-french-8k.flac": 22000, "speech-russian-8k.ogg": 9000,
		"music-guitar.opus": 12000, "speech-english-16k-mono.mp3": 6000,
	} {
		out[name] = public(t, name)[:n]
	}
	return out
}

// mutate changes b in one of the ways files go wrong.
func mutate(rng *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	at := func() int { return rng.Intn(len(b)) }
	if rng.Intn(2) == 0 { // headers matter most
		at = func() int { return rng.Intn(min(len(b), 400)) }
	}
	switch rng.Intn(6) {
	case 0:
		for range 1 + rng.Intn(8) {
			b[at()] ^= 1 << rng.Intn(8)
		}
	case 1:
		return b[:at()]
	case 2:
		i := at()
		return append(b[:i], b[min(i+1+rng.Intn(300), len(b)):]...)
	case 3:
		i := at()
		extra := make([]byte, 1+rng.Intn(300))
		rng.Read(extra)
		return append(b[:i:i], append(extra, b[i:]...)...)
	case 4:
		i := at()
		clear(b[i:min(i+1+rng.Intn(500), len(b))])
	case 5: // a length that lies
		i := at()
		for k := i; k < min(i+1+rng.Intn(4), len(b)); k++ {
			b[k] = 0xff
		}
	}
	return b
}

// Whatever the bytes, probing ends soon, costs little and tells something
// that can be written down.
func TestMutated(t *testing.T) {
	for name, whole := range starts(t) {
		rng := rand.New(rand.NewSource(1))
		o := all(t)
		var slowest time.Duration
		var most uint64
		for i := range 1000 {
			b := mutate(rng, whole)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			probeAny(t, b, o)
			slowest = max(slowest, time.Since(begin))
			runtime.ReadMemStats(&after)
			most = max(most, after.TotalAlloc-before.TotalAlloc)
			if t.Failed() {
				t.Fatalf("%s, mutation %d", name, i)
			}
		}
		if slowest > 5*time.Second || most > 64<<20 {
			t.Errorf("%s: up to %v and %d bytes of memory", name, slowest, most)
		}
		t.Logf("%s: up to %v and %d kB", name, slowest, most>>10)
	}
}

// probeAny probes b and checks what must be true of any bytes.
func probeAny(t *testing.T, b []byte, o Options) {
	f, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	var e *audio.Error
	if err != nil && !errors.As(err, &e) && !errors.Is(err, audio.ErrUnsupported) && f.Container == "" {
		t.Errorf("an error of no file: %v", err)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Error(err)
	}
	if f.DamageCount < len(f.Damage) {
		t.Errorf("%d faults listed of %d", len(f.Damage), f.DamageCount)
	}
	if err == nil && f.Verify.Decoded && f.Verify.FaultCount == 0 && f.Verify.Samples != f.TotalSamples {
		t.Errorf("%d samples decoded of %d, and nothing said", f.Verify.Samples, f.TotalSamples)
	}
}

func FuzzRead(f *testing.F) {
	seeds := starts(f)
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, b := range seeds {
		f.Add(b)
	}
	o := all(f)
	f.Fuzz(func(t *testing.T, b []byte) { probeAny(t, b, o) })
}
