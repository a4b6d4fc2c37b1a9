package slicer

import (
	"math"
	"unicode/utf16"

	"secstream/pkg/audio"
)

// modulus of the generator, 2^31.
const modulus = 1 << 31

// generator draws the numbers of protocol v1 section 7: a linear congruential
// generator in IEEE-754 doubles, roundings included, because that is what the
// published implementation computes. It is not for secrets.
type generator struct{ state float64 }

func newGenerator(id string) *generator {
	var h int32
	for _, c := range utf16.Encode([]rune(id)) {
		h = 31*h + int32(c)
	}
	return &generator{state: math.Abs(float64(h))} // 2^31 for the smallest int32, exactly
}

// next returns a number in [0, 1). The conversion keeps the compiler from
// fusing product and sum, which would skip a rounding.
func (g *generator) next() float64 {
	product := float64(1103515245 * g.state)
	g.state = math.Mod(product+12345, modulus)
	return g.state / modulus
}

// Lengths draws slice lengths, in frames, for a track of n frames with avg
// frames a slice, exactly as protocol v1 section 7 gives them: each avg
// times 1±variance, and a rest under 0.3 avg joins the slice before it.
// A length may be 0 when variance is near 1.
func Lengths(id string, n audio.Frames, avg int64, variance float64) []audio.Frames {
	if !(variance > 0) { // also NaN
		variance = 0
	}
	v := math.Min(variance, 1)
	g := newGenerator(id)
	lengths := make([]audio.Frames, 0, int64(n)/avg+2)
	for done := audio.Frames(0); done < n; {
		swing := float64((g.next()*2 - 1) * v)
		length := audio.Frames(math.Floor(float64(avg) * (1 + swing)))
		rest := n - done
		if last := len(lengths) - 1; last >= 0 && float64(rest) < float64(avg)*0.3 {
			lengths[last] += rest
			break
		}
		length = min(length, rest)
		lengths = append(lengths, length)
		done += length
	}
	return lengths
}
