package decode

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"secstream/pkg/audio"
)

// pcm reads headerless interleaved little-endian samples.
type pcm struct {
	data     []byte
	sample   audio.Sample
	channels int
}

func newPCM(p Params, data []byte) (Decoder, error) {
	size := p.Sample.Bytes()
	if size == 0 {
		return nil, fmt.Errorf("decode pcm: %w: sample kind %q", audio.ErrUnsupported, p.Sample)
	}
	if len(data)%(size*p.Channels) != 0 {
		return nil, corrupt(audio.PCM, fmt.Errorf("%d bytes are not whole frames of %d", len(data), size*p.Channels))
	}
	return &pcm{data: data, sample: p.Sample, channels: p.Channels}, nil
}

func (d *pcm) Read(p []float64) (audio.Frames, error) {
	if len(d.data) == 0 {
		return 0, io.EOF
	}
	size := d.sample.Bytes()
	n := min(len(p), len(d.data)/size)
	toFloat(p[:n], d.data[:n*size], d.sample)
	d.data = d.data[n*size:]
	return audio.Frames(n / d.channels), nil
}

// toFloat converts len(dst) samples. Every kind fits a float64 exactly: 32-bit
// integers need 32 of its 53 bits, and dividing by a power of two only moves
// the exponent.
func toFloat(dst []float64, src []byte, kind audio.Sample) {
	switch kind {
	case audio.U8:
		for i := range dst {
			dst[i] = float64(int(src[i])-128) / (1 << 7)
		}
	case audio.S16:
		for i := range dst {
			dst[i] = float64(int16(binary.LittleEndian.Uint16(src[2*i:]))) / (1 << 15)
		}
	case audio.S24:
		for i := range dst {
			b := src[3*i : 3*i+3]
			v := int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24) >> 8
			dst[i] = float64(v) / (1 << 23)
		}
	case audio.S32:
		for i := range dst {
			dst[i] = float64(int32(binary.LittleEndian.Uint32(src[4*i:]))) / (1 << 31)
		}
	case audio.F32:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
		}
	case audio.F64:
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
		}
	case audio.ALaw:
		lookUp(dst, src, &aLaw)
	case audio.ULaw:
		lookUp(dst, src, &muLaw)
	}
}

func lookUp(dst []float64, src []byte, table *[256]float64) {
	for i := range dst {
		dst[i] = table[src[i]]
	}
}

var (
	aLaw  = lawTable(expandALaw)
	muLaw = lawTable(expandMuLaw)
)

// lawTable holds the linear value of each G.711 code, 16-bit full scale being 1.
func lawTable(expand func(byte) int) (t [256]float64) {
	for i := range t {
		t[i] = float64(expand(byte(i))) / (1 << 15)
	}
	return t
}

// expandALaw gives the 13-bit value of an A-law code, moved up to 16 bits
// (G.711 table 1). Even bits are inverted on the line; the top bit set means
// positive; values sit in the middle of their quantising step.
func expandALaw(code byte) int {
	code ^= 0x55
	segment, step := int(code>>4&7), int(code&15)
	v := step<<4 + 8
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if code&0x80 == 0 {
		return -v
	}
	return v
}

// expandMuLaw gives the 14-bit value of a mu-law code, moved up to 16 bits
// (G.711 table 2). All bits are inverted on the line; 132 is the bias (33)
// of the coding in 16-bit terms.
func expandMuLaw(code byte) int {
	code = ^code
	v := (int(code&15)<<3+132)<<(code>>4&7) - 132
	if code&0x80 != 0 {
		return -v
	}
	return v
}
