package mix

import (
	"fmt"
	"math"
	"testing"

	"secstream/pkg/audio"
)

// sine is n frames of a tone, with its opposite in a second channel.
func sine(f float64, rate, n int) []float64 {
	p := make([]float64, 2*n)
	for i := range n {
		p[2*i] = math.Sin(2 * math.Pi * f * float64(i) / float64(rate))
		p[2*i+1] = -p[2*i]
	}
	return p
}

// resampled runs p through in pieces.
func resampled(r *Resampler, p []float64, frames int) []float64 {
	var out []float64
	for len(p) > 0 {
		k := min(2*frames, len(p))
		out = r.Process(out, p[:k])
		p = p[k:]
	}
	return r.End(out)
}

// fit is the level in dB of frequency f in channel 0 of p, away from its ends,
// and of all that is not f. The sine is fitted by least squares under a window.
func fit(p []float64, f, rate float64) (level, rest float64) {
	edge := 1000
	n := len(p)/2 - 2*edge
	var cc, ss, cs, vc, vs, ww float64
	at := func(i int) (v, c, s, w float64) {
		a := 2 * math.Pi * f * float64(i) / rate
		return p[2*(i+edge)], math.Cos(a), math.Sin(a), 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n))
	}
	for i := range n {
		v, c, s, w := at(i)
		cc, ss, cs, vc, vs, ww = cc+w*c*c, ss+w*s*s, cs+w*c*s, vc+w*v*c, vs+w*v*s, ww+w
	}
	det := cc*ss - cs*cs
	a, b := (vc*ss-vs*cs)/det, (vs*cc-vc*cs)/det
	var left float64
	for i := range n {
		v, c, s, w := at(i)
		d := v - a*c - b*s
		left += w * d * d
	}
	return 10 * math.Log10(a*a+b*b), 10 * math.Log10(2*left/ww+1e-30)
}

// The bounds that all pairs of rates keep. What is measured is logged.
const (
	maxRest   = -113.0 // dB: distortion, noise and images, below a full tone
	maxAlias  = -113.0 // dB: of a tone that the new rate cannot hold
	maxRipple = 0.005  // dB: either way, up to 20 kHz, or 0.9 of half the rate
)

// Under the race detector the first ones do: nothing here is shared.
var ratePairs = pairs([][2]int{
	{44100, 48000}, {48000, 44100}, {44100, 96000}, {96000, 44100}, {192000, 44100}, {96000, 48000}, {48000, 96000},
	{22050, 48000}, {8000, 48000}, {11025, 44100}, {44100, 44101}, {44056, 48000}, {47999, 44100},
})

func pairs(all [][2]int) [][2]int {
	if slow {
		return all[:2]
	}
	return all
}

// TestResamplerQuality holds tones over the whole band to the bounds.
func TestResamplerQuality(t *testing.T) {
	for _, c := range ratePairs {
		t.Run(fmt.Sprintf("%d-%d", c[0], c[1]), func(t *testing.T) {
			in, out := c[0], c[1]
			low := float64(min(in, out))
			worst, ripple, alias := math.Inf(-1), 0.0, math.Inf(-1)
			for _, share := range []float64{0.0005, 0.0227, 0.1, 0.25, 0.4, 0.45, 0.453} {
				f := share * low
				r := NewResampler(in, out, 2)
				level, rest := fit(resampled(r, sine(f, in, in/8), 777), f, float64(out))
				worst, ripple = max(worst, rest), max(ripple, math.Abs(level))
			}
			if in > out {
				for _, f := range []float64{low/2 + 5, low * 0.52, low * 0.6, float64(in) * 0.499} {
					if f > float64(in)*0.499 {
						continue // that cannot go in
					}
					p := resampled(NewResampler(in, out, 2), sine(f, in, in/8), 777)
					_, rest := fit(p, 0.01, float64(out)) // all of it is too much
					alias = max(alias, rest)
				}
			}
			t.Logf("rest %.1f dB, ripple %.5f dB, alias %.1f dB, %d phases of %d", worst, ripple, alias, NewResampler(in, out, 2).phases, 2*NewResampler(in, out, 2).reach)
			if worst > maxRest || ripple > maxRipple || alias > maxAlias {
				t.Errorf("rest %.1f dB, ripple %.5f dB, alias %.1f dB", worst, ripple, alias)
			}
		})
	}
}

// TestResamplerInPieces: the sound does not depend on how it is cut, is as long
// as it was, keeps its channels apart, and comes a second time the same.
func TestResamplerInPieces(t *testing.T) {
	for _, c := range ratePairs {
		p := sine(440, c[0], 5000)
		r := NewResampler(c[0], c[1], 2)
		whole := resampled(r, p, 5000)
		if n := (5000*c[1] + c[0] - 1) / c[0]; len(whole) != 2*n {
			t.Errorf("%v: %d frames, want %d", c, len(whole)/2, n)
		}
		for _, n := range []int{1, 7, 64, 1024} {
			part := resampled(r, p, n)
			if len(part) != len(whole) {
				t.Fatalf("%v: %d samples in pieces of %d, %d at once", c, len(part), n, len(whole))
			}
			for i := range whole {
				if part[i] != whole[i] || i%2 == 1 && part[i] != -part[i-1] {
					t.Fatalf("%v: sample %d differs in pieces of %d", c, i, n)
				}
			}
		}
	}
}

// TestResamplerIsPolyphase: all rates of cards have each phase kept.
func TestResamplerIsPolyphase(t *testing.T) {
	rates := []int{8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000}
	for _, in := range rates {
		for _, out := range rates[4:] {
			if in != out && !NewResampler(in, out, 2).exact {
				t.Errorf("%d to %d Hz is interpolated", in, out)
			}
		}
	}
}

func TestResamplerWipes(t *testing.T) {
	r := NewResampler(44100, 48000, 2)
	p := sine(1000, 44100, 2000)
	out := r.Process(nil, p)
	if r.Held() < 90 || r.Held() > 100 || len(out)/2 > r.Most(2000) {
		t.Errorf("%d frames held, %d made", r.Held(), len(out)/2)
	}
	for _, x := range r.past {
		for i, v := range x[len(x):cap(x)] {
			if v != 0 {
				t.Fatalf("sample %d is still there after its use", i)
			}
		}
	}
	r.Reset()
	for _, x := range r.past {
		for i, v := range x[:cap(x)] {
			if v != 0 {
				t.Fatalf("sample %d is still there after Reset", i)
			}
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	p := sine(1000, 44100, 882)
	dst := make([]float64, 0, 4000)
	r, q, s := NewResampler(44100, 48000, 2), NewQuantizer(16), Stereo(audio.UsualSpeakers(2), 2)
	r.Process(dst, p)
	for name, f := range map[string]func(){
		"resampling": func() { r.Process(dst, p) }, "rounding": func() { q.Process(dst, p) }, "folding": func() { Fold(dst, p, s) },
	} {
		if n := testing.AllocsPerRun(50, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkResampler(b *testing.B) {
	for _, c := range ratePairs {
		b.Run(fmt.Sprintf("%d-%d", c[0], c[1]), func(b *testing.B) {
			r := NewResampler(c[0], c[1], 2)
			p := sine(1000, c[0], c[0]/100)
			dst := make([]float64, 0, 2*r.Most(len(p)))
			b.ReportAllocs()
			var frames int
			for b.Loop() {
				frames += len(r.Process(dst, p)) / 2
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
		})
	}
}
