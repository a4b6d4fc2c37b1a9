package layer3

import (
	"math"
	"math/rand"
	"testing"
	"time"
)

// decodeJunk decodes whatever of b looks like a frame and says whether all
// samples are finite.
func decodeJunk(t testing.TB, b []byte) {
	var d Decoder
	var pcm [MaxSamples]float32
	for len(b) > 0 {
		n, err := d.Frame(pcm[:], b)
		if err != nil {
			b = b[1:]
			continue
		}
		h, _ := ParseHeader(b)
		if n != h.Samples() {
			t.Fatalf("%d samples of %d", n, h.Samples())
		}
		for i, v := range pcm[:n*h.Channels] {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("sample %d is %g", i, v)
			}
		}
		b = b[h.Size():]
	}
}

// mutate damages a copy of b in one of six ways.
func mutate(rng *rand.Rand, b []byte) []byte {
	b = append([]byte(nil), b...)
	at := rng.Intn(len(b))
	n := min(1+rng.Intn(300), len(b)-at)
	switch rng.Intn(6) {
	case 0:
		for range 1 + rng.Intn(50) {
			b[rng.Intn(len(b))] ^= 1 << rng.Intn(8)
		}
	case 1:
		return b[:at]
	case 2:
		return append(b[:at], b[at+n:]...)
	case 3:
		junk := make([]byte, n)
		rng.Read(junk)
		return append(b[:at:at], append(junk, b[at:]...)...)
	case 4:
		clear(b[at : at+n])
	case 5: // the side information of one frame says anything
		for ; at+40 < len(b); at++ {
			if _, ok := ParseHeader(b[at:]); ok {
				rng.Read(b[at+4 : at+36])
				break
			}
		}
	}
	return b
}

// damageSeeds are short: the fuzzer takes long to make long inputs small.
func damageSeeds(t testing.TB) [][]byte {
	var seeds [][]byte
	for _, name := range []string{"music-safari-cbr.mp3", "music-march-vbr.mp3", "speech-english-16k-mono.mp3"} {
		s := publicFrames(t, name)
		seeds = append(seeds, s[:min(len(s), 2500)])
	}
	for rate := range rates {
		seeds = append(seeds, newMaker(int64(rate), rate, JointStereo, 0, 1, 2, 3).make(2))
	}
	return seeds
}

func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	seeds := damageSeeds(t)
	for i := range 1000 {
		b := mutate(rng, seeds[i%len(seeds)])
		start := time.Now()
		decodeJunk(t, b)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("mutation %d took %v", i, took)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, s := range damageSeeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) { decodeJunk(t, b[:min(len(b), 20000)]) })
}
