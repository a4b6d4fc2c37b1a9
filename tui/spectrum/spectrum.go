// Package spectrum shows what is heard as bars: samples go in, levels of
// frequency bands and lines of text come out. It knows no clock, no terminal
// and no player.
package spectrum

import "math"

// window is how many samples one look takes: 46 ms at 44.1 kHz, which tells
// 21 Hz apart and still follows a drum.
const window = 2048

// What the bars span. Below lies rumble, above next to nothing in music.
const (
	lowestHz  = 40
	highestHz = 16000
)

// floorDB is the level, against a sine at full scale, at which a bar is empty.
const floorDB = -60

// fall is how much of the height a bar falls from one call to the next: at 25
// calls a second from full to empty in a bit less than a second.
const fall = 0.045

// MaxBands bounds the number of bands.
const MaxBands = 256

// Analyzer turns samples into levels. It must not be used by two goroutines at
// a time. Nothing is allocated after New.
type Analyzer struct {
	fft    *fft
	hann   [window]float64
	frame  [window]float64
	power  [window/2 + 1]float64
	edges  []float64 // of the bands, in bins; one more than there are bands
	rate   int       // the sample rate that edges are for
	levels []float64
}

// New makes an analyzer of so many bands, from 1 to MaxBands.
func New(bands int) *Analyzer {
	bands = min(max(bands, 1), MaxBands)
	a := &Analyzer{fft: newFFT(window), edges: make([]float64, bands+1), levels: make([]float64, bands)}
	for i := range a.hann {
		a.hann[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/window)
	}
	return a
}

// Bands returns the level of each band, low to high, from 0 to 1. It looks at
// the newest of samples, which are mono, oldest first, from -1 to 1; rate is
// in Hz. A band rises at once and falls slowly, by calls: call it some 25
// times a second. Without samples, as in a pause, all bands fall. The bands
// are of equal width on the ear's scale, and each holds the sum of its power,
// so that pink noise, which music resembles, is level. What is returned
// belongs to the analyzer and is good until the next call.
func (a *Analyzer) Bands(samples []float64, rate int) []float64 {
	loud := len(samples) > 0 && rate > 0
	if loud {
		a.tune(rate)
		a.look(samples)
	}
	for i, was := range a.levels {
		now := 0.0
		if loud {
			now = level(a.sum(a.edges[i], a.edges[i+1]))
		}
		a.levels[i] = max(now, was-fall, 0)
	}
	return a.levels
}

// tune lays the bands over the bins of a sample rate.
func (a *Analyzer) tune(rate int) {
	if rate == a.rate {
		return
	}
	a.rate = rate
	top := min(highestHz, float64(rate)/2)
	low := min(lowestHz, top/2)
	for i := range a.edges {
		hz := low * math.Pow(top/low, float64(i)/float64(len(a.edges)-1))
		a.edges[i] = min(hz*window/float64(rate), window/2)
	}
}

// look fills power with that of the newest samples. Where there are fewer than
// a window, silence stands before them. What is not a number counts as silence.
func (a *Analyzer) look(samples []float64) {
	samples = samples[max(0, len(samples)-window):]
	pad := window - len(samples)
	clear(a.frame[:pad])
	for i, s := range samples {
		if !(s >= -8 && s <= 8) { //nolint:staticcheck // a NaN fails any comparison
			s = 0
		}
		a.frame[pad+i] = s * a.hann[pad+i]
	}
	a.fft.power(a.power[:], a.frame[:])
}

// sum is the power between two edges, parts of bins by their share. Bin k
// stands for what lies from k-1/2 to k+1/2.
func (a *Analyzer) sum(from, to float64) float64 {
	total := 0.0
	for k := int(from + 0.5); k <= window/2 && float64(k)-0.5 < to; k++ {
		share := min(to, float64(k)+0.5) - max(from, float64(k)-0.5)
		total += a.power[k] * max(share, 0)
	}
	return total
}

// level puts power on a scale of decibels from 0 to 1. A sine at full scale
// has window/4 in its bin, and 1.5 times the power of that, as a Hann window
// spreads it, all in all.
func level(power float64) float64 {
	const full = 1.5 * (window / 4) * (window / 4)
	if !(power > 0) { //nolint:staticcheck // nor is a NaN
		return 0
	}
	return min(max(1-10*math.Log10(power/full)/floorDB, 0), 1)
}
