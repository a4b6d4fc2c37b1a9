package mix

import (
	"math"
	"math/rand"
	"slices"
	"testing"

	"secstream/pkg/audio"
)

func TestFold(t *testing.T) {
	for n := 3; n <= 12; n++ {
		m := Stereo(audio.UsualSpeakers(n), n)
		if len(m) != n {
			t.Fatalf("%d channels: %d shares", n, len(m))
		}
		var sum Share
		for _, s := range m {
			sum.Left, sum.Right = sum.Left+s.Left, sum.Right+s.Right
		}
		if math.Abs(sum.Left-1) > 1e-12 || math.Abs(sum.Right-1) > 1e-12 {
			t.Errorf("%d channels: full scale becomes %v", n, sum)
		}
	}
	got := Fold(nil, []float64{1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, Stereo(audio.UsualSpeakers(6), 6))
	r := math.Sqrt(0.5)
	for i, want := range []float64{1, 0, r, 1, r, r} {
		if math.Abs(got[i]*(1+2*r)-want) > 1e-12 {
			t.Errorf("5.1 sample %d: %v, want %v", i, got[i]*(1+2*r), want)
		}
	}
	// ITU-R BS.775-3, table 2, down to 2/0, whatever the scale.
	for mask, want := range map[audio.Speakers][]Share{
		0x107: {{1, 0}, {0, 1}, {r, r}, {0.5, 0.5}},             // 3/1
		0x37:  {{1, 0}, {0, 1}, {r, r}, {r, 0}, {0, r}},         // 3/2
		0x60F: {{1, 0}, {0, 1}, {r, r}, {0, 0}, {r, 0}, {0, r}}, // 3/2 with LFE, surrounds at the sides
		0x33:  {{1, 0}, {0, 1}, {r, 0}, {0, r}},                 // 2/2
	} {
		m := Stereo(mask, len(want))
		for i, w := range want {
			if math.Abs(m[i].Left/m[0].Left-w.Left) > 1e-12 || math.Abs(m[i].Right/m[1].Right-w.Right) > 1e-12 {
				t.Errorf("%v: channel %d has %v, want %v", mask, i, m[i], w)
			}
		}
	}
	if got := Twice(nil, []float64{1, 2}); !slices.Equal(got, []float64{1, 1, 2, 2}) {
		t.Errorf("twice: %v", got)
	}
}

// TestDeclaredPlaces: a file's own places win over the usual ones.
func TestDeclaredPlaces(t *testing.T) {
	// Four channels as left, right, centre and audio.LFE, not as quadrophony.
	m := Stereo(audio.FrontLeft|audio.FrontRight|audio.FrontCenter|audio.LFE, 4)
	if m[2].Left != m[2].Right || m[2].Left == 0 || m[3] != (Share{}) {
		t.Errorf("L R C audio.LFE: %v", m)
	}
	// More channels than places: the rest is not heard. More places than channels: the first.
	if m = Stereo(audio.FrontLeft|audio.FrontRight, 4); m[0] != (Share{1, 0}) || m[2] != (Share{}) {
		t.Errorf("two places, four channels: %v", m)
	}
	if m = Stereo(0x3FFFF, 3); len(m) != 3 || m[2].Left != m[2].Right {
		t.Errorf("all places, three channels: %v", m)
	}
	if m = Stereo(audio.LFE, 1); m[0] != (Share{}) {
		t.Errorf("audio.LFE alone: %v", m)
	}
}

// TestExactWithoutDither: 16-bit sound passes to the bit, the extremes included,
// and so does 24-bit sound that has only 16.
func TestExactWithoutDither(t *testing.T) {
	for _, bits := range []int{8, 16, 24} {
		q := NewQuantizer(bits)
		half := math.Ldexp(1, bits-1)
		rng := rand.New(rand.NewSource(1))
		p := []float64{-1, (half - 1) / half, 0, 1 / half, -1 / half}
		for range 10_000 {
			p = append(p, float64(rng.Int63n(int64(2*half)))/half-1)
		}
		if got := q.Process(nil, p); !slices.Equal(got, p) {
			t.Errorf("%d bits: changed", bits)
		}
	}
}

// TestDither: what is rounded with more bits than there are errs as noise, even
// in level at any place between two steps, and the sound below one step stays.
func TestDither(t *testing.T) {
	const n, step = 200_000, 1.0 / 32768
	for _, part := range []float64{0.1, 0.25, 0.5, 0.9} {
		q := NewQuantizer(16)
		p := slices.Repeat([]float64{(100 + part) * step}, n)
		var sum, square float64
		for _, v := range q.Process(nil, p) {
			d := (v - p[0]) / step
			sum, square = sum+d, square+d*d
		}
		// Rounding adds 1/12, the two chances 1/12 each: 1/4 in all.
		if mean, power := sum/n, square/n; math.Abs(mean) > 0.005 || math.Abs(power-0.25) > 0.005 {
			t.Errorf("%.2f of a step: mean error %.4f, power %.4f", part, mean, power)
		}
	}
	// A tone of a third of a step would vanish by rounding.
	p := make([]float64, 2*n)
	for i := range n {
		p[2*i] = 0.33 * step * math.Sin(2*math.Pi*1000*float64(i)/44100)
	}
	level, _ := fit(NewQuantizer(16).Process(nil, p), 1000, 44100)
	if want := 20 * math.Log10(0.33*step); math.Abs(level-want) > 0.5 {
		t.Errorf("a tone of %.1f dB is heard at %.1f dB", want, level)
	}
}

// TestDitherEnds: silence after the sound is silent again.
func TestDitherEnds(t *testing.T) {
	q := NewQuantizer(16)
	q.Process(nil, []float64{0.1234567})
	got := q.Process(nil, make([]float64, 1000))
	if slices.ContainsFunc(got[ditherHold:], func(v float64) bool { return v != 0 }) {
		t.Error("noise goes on in silence")
	}
	for _, v := range q.Process(nil, []float64{math.NaN(), 2, -2, math.Inf(1), math.Inf(-1)}) {
		if !(v >= -1 && v < 1) {
			t.Errorf("%v comes out", v)
		}
	}
}

// TestTruncated: through a device that truncates, all 16-bit integers come out
// as they are, but for the lowest, which it does not have.
func TestTruncated(t *testing.T) {
	for k := -32768; k <= 32767; k++ {
		v := min(max(Truncated(float64(k)/32768), -1), 1)
		if got := int(int16(v * 32767)); got != max(k, -32767) {
			t.Fatalf("%d becomes %d", k, got)
		}
	}
}
