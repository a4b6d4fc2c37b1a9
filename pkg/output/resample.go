package output

import "math"

const (
	// tapReach is half the filter's length in input frames (output frames when
	// the rate goes down), tapSteps its resolution between frames: linear
	// interpolation in the table then errs below -125 dB.
	tapReach = 64
	tapSteps = 2048
	// kaiserBeta sets the stop band at about -118 dB.
	kaiserBeta = 12
	// passBand is the cut-off as a share of the lower rate's half, so that the
	// filter has reached its stop band just past that half.
	passBand = 0.93
)

// resampler changes the sample rate of stereo frames by a windowed sinc, for
// devices that keep the first rate they were opened with.
type resampler struct {
	in, out int // Hz
	table   []float64
	scale   float64 // taps a frame of input, at most 1
	reach   int     // input frames on each side of an output frame
	past    []float64
	num     int // the next output frame lies num/out input frames past the centre
}

func newResampler(in, out int) *resampler {
	scale := math.Min(1, float64(out)/float64(in))
	r := &resampler{in: in, out: out, scale: scale, reach: int(math.Ceil(tapReach / scale))}
	r.table = make([]float64, tapReach*tapSteps+2)
	for i := range r.table {
		x := float64(i) / tapSteps
		if x < tapReach {
			u := x / tapReach
			r.table[i] = passBand * scale * sinc(passBand*x) * bessel0(kaiserBeta*math.Sqrt(1-u*u)) / bessel0(kaiserBeta)
		}
	}
	r.reset()
	return r
}

// reset forgets the past; the first frame in is the first frame out.
func (r *resampler) reset() {
	r.past = append(r.past[:0], make([]float64, 2*(r.reach-1))...)
	r.num = 0
}

// process appends to dst the frames that p completes.
func (r *resampler) process(dst, p []float64) []float64 {
	r.past = append(r.past, p...)
	base := 0
	for ; base+2*r.reach <= len(r.past)/2; r.num += r.in {
		for r.num >= r.out && base+2*r.reach <= len(r.past)/2 {
			r.num -= r.out
			base++
		}
		if base+2*r.reach > len(r.past)/2 {
			break
		}
		dst = r.frame(dst, base)
	}
	r.past = r.past[:copy(r.past, r.past[2*base:])]
	return dst
}

// end appends what is left, as if silence followed.
func (r *resampler) end(dst []float64) []float64 {
	return r.process(dst, make([]float64, 2*r.reach))
}

// frame appends the output frame whose window begins at input frame base.
func (r *resampler) frame(dst []float64, base int) []float64 {
	frac := float64(r.num) / float64(r.out)
	var l, rr float64
	for k := range 2 * r.reach {
		x := math.Abs(float64(k-r.reach+1)-frac) * r.scale * tapSteps
		i := int(x)
		if i >= tapReach*tapSteps {
			continue
		}
		h := r.table[i] + (x-float64(i))*(r.table[i+1]-r.table[i])
		l += h * r.past[2*(base+k)]
		rr += h * r.past[2*(base+k)+1]
	}
	return append(dst, l, rr)
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
