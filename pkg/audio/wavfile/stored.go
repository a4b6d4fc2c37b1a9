package wavfile

import (
	"encoding/binary"
	"math"

	"secstream/pkg/audio"
)

// Stored is how samples are kept in a file so that nothing is lost, and how
// many bits of each are valid, 0 for all. sample is how the source stores PCM,
// "" for coded audio; depth is the source's significant bits, 0 if it has none.
// Integers and floats stay as they were, companded ones become the 16 bits they
// stand for, FLAC takes the next whole number of bytes with its valid bits noted
// (the choice of flac -d: 8 bits unsigned, 12 in 16, 20 in 24), and lossy
// codecs, which have no bits of their own, take 16.
func Stored(sample audio.Sample, depth int) (kind audio.Sample, valid int) {
	kind = sample
	switch sample {
	case audio.ALaw, audio.ULaw:
		kind, depth = audio.S16, 16
	case "":
		switch {
		case depth <= 0:
			kind = audio.S16
		case depth <= 8:
			kind = audio.U8
		case depth <= 16:
			kind = audio.S16
		case depth <= 24:
			kind = audio.S24
		default:
			kind = audio.S32
		}
	}
	if depth > 0 && depth < 8*kind.Bytes() && kind != audio.F32 && kind != audio.F64 {
		valid = depth
	}
	return kind, valid
}

// AppendSamples appends p, full scale being -1 to +1, to dst in stored form.
// Integers are rounded to the nearest and clipped; a value that came from such
// an integer gives it back exactly. NaN becomes silence in integers. Kinds that
// Stored never returns are written as 64-bit floats.
func AppendSamples(dst []byte, p []float64, kind audio.Sample) []byte {
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
