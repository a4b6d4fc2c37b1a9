package spectrum

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

func sine(hz, amplitude float64, rate, n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
	}
	return s
}

func TestFFTIsTheTransform(t *testing.T) {
	const n = 64
	r := rand.New(rand.NewPCG(1, 2))
	src := make([]float64, n)
	for i := range src {
		src[i] = r.Float64()*2 - 1
	}
	got := make([]float64, n/2+1)
	newFFT(n).power(got, src)
	for k := range got {
		var x complex128 // the definition, term by term
		for i, s := range src {
			x += complex(s, 0) * cmplx.Exp(complex(0, -2*math.Pi*float64(k)*float64(i)/n))
		}
		if want := real(x)*real(x) + imag(x)*imag(x); math.Abs(got[k]-want) > 1e-9 {
			t.Errorf("bin %d: %g, want %g", k, got[k], want)
		}
	}
}

// loudest is the band that is highest.
func loudest(levels []float64) int {
	best := 0
	for i, l := range levels {
		if l > levels[best] {
			best = i
		}
	}
	return best
}

func TestATonesBandIsTheLoudest(t *testing.T) {
	const bands = 32
	for _, rate := range []int{22050, 44100, 48000, 96000} {
		for _, hz := range []float64{60, 110, 440, 1000, 5000, 10000} {
			levels := New(bands).Bands(sine(hz, 1, rate, 4096), rate)
			top := min(16000, float64(rate)/2)
			want := math.Log(hz/40) / math.Log(top/40) * bands
			if got := loudest(levels); math.Abs(float64(got)+0.5-want) > 1.6 {
				t.Errorf("%g Hz at %d Hz: band %d is loudest, want %.1f", hz, rate, got, want)
			}
		}
	}
}

func TestLevelIsInDecibels(t *testing.T) {
	for _, db := range []float64{0, -20, -40} {
		levels := New(12).Bands(sine(1000, math.Pow(10, db/20), 44100, 2048), 44100)
		if got, want := levels[loudest(levels)], 1+db/60; math.Abs(got-want) > 0.03 {
			t.Errorf("%g dB: level %.3f, want %.3f", db, got, want)
		}
	}
	for i, l := range New(12).Bands(sine(1000, 1e-5, 44100, 2048), 44100) {
		if l != 0 {
			t.Errorf("-100 dB: band %d has %g", i, l)
		}
	}
}

func TestRiseAtOnceFallSlowly(t *testing.T) {
	a := New(8)
	tone := sine(1000, 1, 44100, 2048)
	band := loudest(a.Bands(tone, 44100))
	was := a.Bands(tone, 44100)[band]
	if was < 0.9 {
		t.Fatalf("the first look at a tone gives %g", was)
	}
	steps := 0
	for ; was > 0; steps++ {
		now := a.Bands(nil, 44100)[band]
		if now >= was || was-now > 0.1 {
			t.Fatalf("step %d: from %g to %g", steps, was, now)
		}
		was = now
	}
	if steps < 15 || steps > 40 {
		t.Errorf("a bar falls in %d calls", steps)
	}
}

func TestOddInput(t *testing.T) {
	for _, samples := range [][]float64{nil, {1}, {math.NaN(), math.Inf(1), -math.MaxFloat64}, make([]float64, 100000)} {
		for _, rate := range []int{-1, 0, 1, 50, 8000, 1 << 30} {
			for _, bands := range []int{-1, 1, 3, 1000} {
				levels := New(bands).Bands(samples, rate)
				if len(levels) != min(max(bands, 1), MaxBands) {
					t.Fatalf("%d levels of %d bands", len(levels), bands)
				}
				for _, l := range levels {
					if !(l >= 0 && l <= 1) {
						t.Fatalf("%d samples at %d Hz: level %g", len(samples), rate, l)
					}
				}
			}
		}
	}
}

func TestBandsAllocatesNothing(t *testing.T) {
	a := New(32)
	tone := sine(1000, 1, 44100, 4096)
	rate := 44100
	if n := testing.AllocsPerRun(100, func() { rate ^= 1; a.Bands(tone, rate) }); n != 0 {
		t.Errorf("%g allocations a call", n)
	}
}

func TestBandsIsFast(t *testing.T) {
	a := New(64)
	tone := sine(1000, 1, 44100, 4096)
	best := time.Hour
	for range 200 { // the best of many: others use the processor too
		start := time.Now()
		a.Bands(tone, 44100)
		best = min(best, time.Since(start))
	}
	if limit := time.Millisecond; best > limit { // with the race detector as well
		t.Errorf("a look takes %v, want at most %v", best, limit)
	}
}

func BenchmarkBands(b *testing.B) {
	a := New(64)
	tone := sine(1000, 1, 44100, 4096)
	b.ReportAllocs()
	for b.Loop() {
		a.Bands(tone, 44100)
	}
}

func TestBars(t *testing.T) {
	levels := []float64{0, 0.25, 0.5, 0.75, 1}
	for _, c := range []struct {
		draw func([]float64, int, int) []string
		w, h int
		want string
	}{
		{Bars, 5, 1, " ▂▄▆█"},
		{Bars, 9, 1, "  ▂ ▄ ▆ █"},
		{Bars, 16, 2, "         ▄▄ ██  |   ▄▄ ██ ██ ██  "},
		{Bars, 2, 1, "▂█"},
		{Bars, 7, 2, "   ▄█  | ▄███  "},
		{ASCII, 9, 1, "  . : | #"},
		{Bars, 3, 0, ""},
	} {
		if got := strings.Join(c.draw(levels, c.w, c.h), "|"); got != c.want {
			t.Errorf("%d×%d:\n%q, want\n%q", c.w, c.h, got, c.want)
		}
	}
	for _, n := range []int{0, 1, 7, 200} {
		for w := range 50 {
			for _, l := range Bars(make([]float64, n), w, 3) {
				if ansi.StringWidth(l) != w {
					t.Fatalf("%d bands: a line of %d cells is %q", n, w, l)
				}
			}
		}
	}
	for _, l := range ASCII([]float64{-1, 2, math.NaN(), 0.3}, 9, 4) {
		for _, r := range l {
			if r > '~' {
				t.Fatalf("%q is no ASCII", l)
			}
		}
	}
}
