package output

import (
	"encoding/binary"
	"math"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// stored is how samples of this shape are kept in a file, so that nothing is
// lost: integers and floats as they were, companded ones as the 16 bits they
// stand for, FLAC in the next whole number of bytes with its valid bits noted
// (the choice of flac -d: 8 bits unsigned, 12 in 16, 20 in 24), lossy codecs,
// which have no bits of their own, in 16.
func stored(s player.Spec) wavfile.Format {
	f := wavfile.Format{SampleRate: s.SampleRate, Channels: s.Channels, Sample: s.Sample}
	depth := s.BitDepth
	switch s.Sample {
	case audio.ALaw, audio.ULaw:
		f.Sample, depth = audio.S16, 16
	case "":
		switch {
		case depth <= 0:
			f.Sample = audio.S16
		case depth <= 8:
			f.Sample = audio.U8
		case depth <= 16:
			f.Sample = audio.S16
		case depth <= 24:
			f.Sample = audio.S24
		default:
			f.Sample = audio.S32
		}
	}
	if depth > 0 && depth < 8*f.Sample.Bytes() && f.Sample != audio.F32 && f.Sample != audio.F64 {
		f.ValidBits = depth
	}
	return f
}

// encode appends samples in stored form. Integers are rounded to the nearest
// and clipped; a value that came from such an integer gives it back exactly.
// NaN becomes silence in integers.
func encode(dst []byte, p []float64, kind audio.Sample) []byte {
	switch kind {
	case audio.U8:
		for _, v := range p {
			dst = append(dst, byte(integer(v, 1<<7)+128))
		}
	case audio.S16:
		for _, v := range p {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(integer(v, 1<<15)))
		}
	case audio.S24:
		for _, v := range p {
			n := uint32(integer(v, 1<<23))
			dst = append(dst, byte(n), byte(n>>8), byte(n>>16))
		}
	case audio.S32:
		for _, v := range p {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(integer(v, 1<<31)))
		}
	case audio.F32:
		for _, v := range p {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
		}
	default:
		for _, v := range p {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	}
	return dst
}

// integer scales v to full scale half, which is a power of two, so that the
// product is exact.
func integer(v, half float64) int64 {
	v = math.RoundToEven(v * half)
	switch {
	case v >= half:
		return int64(half) - 1
	case v >= -half:
		return int64(v)
	case v < -half:
		return -int64(half)
	}
	return 0 // NaN
}
