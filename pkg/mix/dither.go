package mix

import "math"

// ditherHold is how many samples in a row must need no rounding before the
// dither ends: few enough for a pause to be silent, too many to come by chance
// in sound that needs it.
const ditherHold = 128

// Quantizer rounds samples to a device's bits. Sound that has no more bits
// passes as it is, bit for bit. Sound that has more is rounded with triangular
// dither of two steps' width (TPDF; Lipshitz, Wannamaker, Vanderkooy 1992):
// the error is then noise that knows nothing of the sound, where bare rounding
// leaves distortion.
type Quantizer struct {
	half float64 // full scale in steps
	hold int     // samples to dither still
	seed uint64
}

// NewQuantizer makes one for integers of 2 to 32 bits.
func NewQuantizer(bits int) *Quantizer {
	return &Quantizer{half: math.Ldexp(1, bits-1), seed: 0x9E3779B97F4A7C15}
}

// Process appends p to dst, each sample a whole number of steps within full
// scale. NaN becomes silence.
func (q *Quantizer) Process(dst, p []float64) []float64 {
	for _, v := range p {
		s := v * q.half // exact: half is a power of two
		k := math.RoundToEven(s)
		switch {
		case k == s && q.hold > 0:
			q.hold--
		case k != s:
			q.hold = ditherHold
		}
		if q.hold > 0 {
			k = math.RoundToEven(s + q.noise())
		}
		switch {
		case k > q.half-1:
			k = q.half - 1
		case k < -q.half:
			k = -q.half
		case k != k:
			k = 0
		}
		dst = append(dst, k/q.half)
	}
	return dst
}

// noise is the difference of two even chances (xorshift64*, Marsaglia and
// Vigna): between -1 and 1, most often near 0.
func (q *Quantizer) noise() float64 {
	q.seed ^= q.seed >> 12
	q.seed ^= q.seed << 25
	q.seed ^= q.seed >> 27
	v := q.seed * 0x2545F4914F6CDD1D
	return (float64(v>>32) - float64(v&0xFFFFFFFF)) / (1 << 32)
}

// Truncated is the value from which a device that takes int16(v*32767), rounded
// toward zero, gets back the 16-bit integer that v, as Process leaves it,
// stands for. Only -32768 cannot be had; it becomes -32767.
func Truncated(v float64) float64 {
	k := v * 32768
	switch {
	case k > 0:
		k += 0.5
	case k < 0:
		k -= 0.5
	}
	return k / 32767
}
