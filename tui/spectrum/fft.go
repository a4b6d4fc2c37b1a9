package spectrum

import (
	"math"
	"math/bits"
)

// fft is the discrete Fourier transform of n real samples, n a power of two,
// by one of n/2 complex ones: the even samples are the real parts, the odd
// ones the imaginary parts, and a last pass takes the two spectra apart.
type fft struct {
	half  int // n/2
	turn  []complex128
	buf   []complex128
	order []int32
}

func newFFT(n int) *fft {
	f := &fft{half: n / 2, turn: make([]complex128, n/2), buf: make([]complex128, n/2), order: make([]int32, n/2)}
	for k := range f.turn {
		sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		f.turn[k] = complex(cos, sin)
	}
	shift := 32 - bits.Len(uint(f.half-1))
	for i := range f.order {
		f.order[i] = int32(bits.Reverse32(uint32(i)) >> shift)
	}
	return f
}

// power writes the n/2+1 squared magnitudes of the spectrum of src's n
// samples to dst.
func (f *fft) power(dst, src []float64) {
	for i, j := range f.order {
		f.buf[i] = complex(src[2*j], src[2*j+1])
	}
	f.transform()
	for k := 1; k < f.half; k++ {
		z, y := f.buf[k], f.buf[f.half-k]
		even := complex(real(z)+real(y), imag(z)-imag(y)) / 2
		odd := complex(imag(z)+imag(y), real(y)-real(z)) / 2
		x := even + f.turn[k]*odd
		dst[k] = real(x)*real(x) + imag(x)*imag(x)
	}
	sum, diff := real(f.buf[0])+imag(f.buf[0]), real(f.buf[0])-imag(f.buf[0])
	dst[0], dst[f.half] = sum*sum, diff*diff
}

// transform is the radix-2 transform in place of buf, which is in bit-reversed
// order.
func (f *fft) transform() {
	for size := 2; size <= f.half; size *= 2 {
		step := 2 * f.half / size // turn is of n samples, buf of n/2
		for start := 0; start < f.half; start += size {
			low := f.buf[start : start+size/2]
			high := f.buf[start+size/2 : start+size]
			for k := range low {
				t := high[k] * f.turn[k*step]
				low[k], high[k] = low[k]+t, low[k]-t
			}
		}
	}
}
