package decode

import (
	"errors"
	"io"
	"math"
	"math/rand"
	"runtime"
	"slices"
	"testing"
	"time"

	"secstream/pkg/audio"
)

// mutate damages data in one of the ways files get damaged, or lie.
func mutate(rng *rand.Rand, data []byte) []byte {
	b := append([]byte(nil), data...)
	at, n := rng.Intn(len(b)), 1+rng.Intn(200)
	n = min(n, len(b)-at)
	switch rng.Intn(7) {
	case 0:
		b[at] ^= 1 << rng.Intn(8)
	case 1:
		b = b[:at]
	case 2:
		b = append(b[:at], b[at+n:]...)
	case 3:
		junk := make([]byte, n)
		rng.Read(junk)
		b = append(b[:at], append(junk, data[at:]...)...)
	case 4:
		clear(b[at : at+n])
	case 5:
		rng.Read(b[at : at+n])
	case 6:
		for range 1 + rng.Intn(4) {
			b[rng.Intn(min(len(b), 60))] = byte(rng.Intn(256))
		}
	}
	return b
}

// mendCRCs makes the checks of FLAC frames right again after a mutation, so
// that the damage gets through to the decoder. It goes by sync codes.
func mendCRCs(b []byte) {
	last := -1
	for i := 42; i+16 < len(b); i++ {
		if b[i] == 0xff && b[i+1]&0xfe == 0xf8 && b[i+2] != 0xff {
			if last >= 0 && i-last > 16 {
				crc := flacCRC16(b[last : i-2])
				b[i-2], b[i-1] = byte(crc>>8), byte(crc)
			}
			last = i
		}
	}
}

// drain reads to the end, and fails the test on an error that does not say
// that the bytes are at fault. It returns a print of the samples.
func drain(t testing.TB, d Decoder, err error, channels int) (sum uint64) {
	t.Helper()
	var n audio.Frames
	for buf := make([]float64, 1024*channels); err == nil; {
		n, err = d.Read(buf)
		for _, v := range buf[:int(n)*channels] {
			if v < -1 || v > 1 {
				t.Fatalf("sample %v is beyond full scale", v)
			}
			sum = sum*0x100000001b3 ^ math.Float64bits(v)
		}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, audio.ErrCorrupt) && !errors.Is(err, audio.ErrUnsupported) {
		t.Fatalf("error %v is of no known kind", err)
	}
	return sum
}

func TestFLACMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	for name, data := range flacFiles(t) {
		data = data[:min(len(data), 24000)]
		for i := range 340 {
			b := mutate(rng, data)
			if i%2 == 0 {
				mendCRCs(b)
			}
			var sums [2]uint64
			for k, own := range []bool{false, true} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				begin := time.Now()
				d, channels, err := flacWith(t, b, own)
				sums[k] = drain(t, d, err, max(channels, 1))
				runtime.ReadMemStats(&after)
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("%s, mutation %d: took %v", name, i, d)
				}
				if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
					t.Errorf("%s, mutation %d: %d bytes allocated", name, i, got)
				}
			}
			if sums[0] != sums[1] {
				t.Errorf("%s, mutation %d: the decoders differ", name, i)
			}
		}
	}
}

func FuzzFLAC(f *testing.F) {
	seeds := 0
	for _, data := range flacFiles(f) {
		f.Add(data[:min(len(data), 12000)])
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seed")
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = slices.Clone(data)
		mendCRCs(data)
		for _, own := range []bool{false, true} {
			d, channels, err := flacWith(t, data, own)
			if err == nil {
				d.(*guard).limit, d.(*guard).left = 1<<17, 1<<17
			}
			drain(t, d, err, max(channels, 1))
		}
	})
}

func FuzzPCM(f *testing.F) {
	kinds := []audio.Sample{audio.U8, audio.S16, audio.S24, audio.S32, audio.F32, audio.F64, audio.ALaw, audio.ULaw}
	for _, data := range flacFiles(f) {
		for i := range kinds {
			f.Add(data[:4800], byte(i), byte(1+i%3))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, kind, channels byte) {
		s := kinds[int(kind)%len(kinds)]
		d, err := New(Params{Codec: audio.PCM, Sample: s, Channels: int(channels)}, data)
		if err != nil {
			return
		}
		out, err := readAll(d, int(channels))
		if err != nil || len(out) != len(data)/s.Bytes() {
			t.Fatalf("%s: %d bytes gave %d samples, %v", s, len(data), len(out), err)
		}
	})
}
