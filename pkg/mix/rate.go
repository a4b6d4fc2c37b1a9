package mix

import "math"

const (
	// tapReach is half the filter's length in frames of the lower rate. With
	// kaiserBeta the filter falls from its pass band to its stop band, some
	// -118 dB, in about 7.7/tapReach of that rate's half (Kaiser's formula).
	tapReach   = 96
	kaiserBeta = 12
	// cutOff is the middle of that fall as a share of the lower rate's half:
	// the stop band begins where the lower rate ends, so nothing folds back,
	// and at 44100 Hz all up to 20.2 kHz passes.
	cutOff = 0.96
	// fineSteps is how many phases between two frames are kept where not every
	// one that occurs can be; a line between neighbours then errs below -115 dB.
	fineSteps = 1024
	// maxBank bounds the coefficients of a bank that has every phase. All
	// rates of 8 kHz and up in use on cards stay below it.
	maxBank = 1 << 19
)

// Resampler changes the sample rate of interleaved frames by a windowed sinc.
//
// Where the rates have few phases between them (44100 to 48000 Hz has 160) each
// phase has its own coefficients, and time does not drift in any case: phases
// are counted in whole numbers.
type Resampler struct {
	in, out  int // the rates, without their common factor
	channels int
	reach    int       // frames of input on each side of a frame of output
	phases   int       // in bank
	exact    bool      // the bank has every phase that occurs
	bank     []float64 // 2*reach coefficients a phase
	past     [][]float64
	num      int // the next frame of output lies num/out frames past the centre
	fed      int64
	made     int64
}

// NewResampler makes one from a rate to another (Hz, both above 0), for
// interleaved frames of that many channels.
func NewResampler(in, out, channels int) *Resampler {
	g := gcd(in, out)
	scale := math.Min(1, float64(out)/float64(in))
	r := &Resampler{in: in / g, out: out / g, channels: channels, reach: int(math.Ceil(tapReach / scale))}
	r.phases, r.exact = r.out, true
	if r.out > maxBank/(2*r.reach) {
		r.phases, r.exact = max(1, int(math.Ceil(fineSteps*scale))), false
	}
	n := r.phases
	if !r.exact {
		n++ // the phase past the last, for the line to it
	}
	r.bank = make([]float64, 0, n*2*r.reach)
	for i := range n {
		r.bank = appendPhase(r.bank, float64(i)/float64(r.phases), r.reach, scale)
	}
	r.past = make([][]float64, channels)
	r.Reset()
	return r
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// appendPhase appends the coefficients of the frame that lies frac past the
// centre. They sum to one: a steady level keeps its value in every phase.
func appendPhase(dst []float64, frac float64, reach int, scale float64) []float64 {
	first, sum := len(dst), 0.0
	for k := range 2 * reach {
		x := math.Abs(float64(k-reach+1)-frac) * scale
		var h float64
		if u := x / tapReach; u < 1 {
			h = sinc(cutOff*x) * bessel0(kaiserBeta*math.Sqrt(1-u*u))
		}
		dst, sum = append(dst, h), sum+h
	}
	for i := range dst[first:] {
		dst[first+i] /= sum
	}
	return dst
}

// Reset forgets, and overwrites, the past; the first frame in is the first
// frame out.
func (r *Resampler) Reset() {
	for c, x := range r.past {
		clear(x[:cap(x)])
		if cap(x) == 0 {
			x = make([]float64, 4*r.reach)
		}
		r.past[c] = x[:r.reach-1]
	}
	r.num, r.fed, r.made = 0, 0, 0
}

// Held is how many frames of input are inside, not heard in what came out yet.
func (r *Resampler) Held() int { return max(0, len(r.past[0])-(r.reach-1)) }

// Most is how many frames Process makes at most of that many.
func (r *Resampler) Most(frames int) int {
	return int((int64(frames+r.Held()+1)*int64(r.out))/int64(r.in)) + 1
}

// Process appends to dst the frames that p, whole frames, completes.
func (r *Resampler) Process(dst, p []float64) []float64 {
	frames := len(p) / r.channels
	r.fed += int64(frames)
	r.grow(frames)
	for c, x := range r.past {
		for i := c; i < len(p); i += r.channels {
			x = append(x, p[i])
		}
		r.past[c] = x
	}
	return r.run(dst, math.MaxInt64)
}

// grow makes room for that many frames more, and overwrites what it moves from.
func (r *Resampler) grow(frames int) {
	for c, x := range r.past {
		if need := len(x) + frames; need > cap(x) {
			r.past[c] = append(make([]float64, 0, 2*need), x...)
			clear(x)
		}
	}
}

// run makes frames as far as the past reaches, at most limit in all since Reset.
func (r *Resampler) run(dst []float64, limit int64) []float64 {
	taps, n := 2*r.reach, len(r.past[0])
	base := 0
	for r.made < limit {
		if r.num >= r.out {
			base += r.num / r.out
			r.num %= r.out
		}
		if base+taps > n {
			break
		}
		for _, x := range r.past {
			dst = append(dst, r.at(x[base:base+taps]))
		}
		r.num += r.in
		r.made++
	}
	base = min(base, n)
	for c, x := range r.past {
		k := copy(x, x[base:])
		clear(x[k:])
		r.past[c] = x[:k]
	}
	return dst
}

// at is one channel's sample of the frame whose window is x.
func (r *Resampler) at(x []float64) float64 {
	if r.exact {
		return dot(r.bank[r.num*len(x):], x)
	}
	where := float64(r.num) / float64(r.out) * float64(r.phases)
	i := int(where)
	a := dot(r.bank[i*len(x):], x)
	return a + (where-float64(i))*(dot(r.bank[(i+1)*len(x):], x)-a)
}

// dot is the sum of the products of x and the beginning of h. Four sums hide
// the time an addition takes, whole groups of eight all but one check of bounds.
func dot(h, x []float64) float64 {
	var a, b, c, d float64
	h = h[:len(x)]
	for len(x) >= 8 && len(h) >= 8 {
		u, v := (*[8]float64)(h), (*[8]float64)(x)
		a += u[0] * v[0]
		b += u[1] * v[1]
		c += u[2] * v[2]
		d += u[3] * v[3]
		a += u[4] * v[4]
		b += u[5] * v[5]
		c += u[6] * v[6]
		d += u[7] * v[7]
		h, x = h[8:], x[8:]
	}
	for i, v := range x {
		a += h[i] * v
	}
	return (a + b) + (c + d)
}

// End appends what is left, as if silence followed, so that as much sound came
// out as went in; then it forgets all.
func (r *Resampler) End(dst []float64) []float64 {
	want := (r.fed*int64(r.out) + int64(r.in) - 1) / int64(r.in)
	r.grow(2 * r.reach)
	for c, x := range r.past {
		r.past[c] = x[:len(x)+2*r.reach] // past the length all is zero
	}
	dst = r.run(dst, want)
	r.Reset()
	return dst
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of the first kind and order zero, by
// its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
