package wav

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
	"sync"

	"secstream/pkg/audio"
)

// Compatible gives a track whose slices old clients understand: they know
// integers of 16, 24 and 32 bits and floats of 32 bits. A WAV track stored as
// one of these, and every track that is no WAV, comes back as it is. 8-bit and
// G.711 sound is widened to 16 bits, which loses nothing; 64-bit floats are
// rounded to 32 bits. Info tells of the samples that Carve yields.
func Compatible(t audio.Track) audio.Track {
	w, ok := t.(*Track)
	if !ok {
		return t
	}
	to := audio.S16
	switch w.info.Sample {
	case audio.U8, audio.ALaw, audio.ULaw:
	case audio.F64:
		to = audio.F32
	default:
		return t
	}
	info := w.info
	info.Sample, info.BitDepth = to, to.Bytes()*8
	info.AudioBytes = int64(info.Frames) * int64(info.Channels*to.Bytes())
	info.BitRate = int(min(int64(info.SampleRate)*int64(info.Channels*info.BitDepth), math.MaxInt32))
	info.Details = append(slices.Clone(info.Details), audio.Field{Name: "converted from", Value: string(w.info.Sample)})
	return &converted{from: w, info: info}
}

// converted is a WAV track whose samples change their kind on the way out. It
// has no Range: what Carve yields is nowhere in the file.
type converted struct {
	from *Track
	info audio.Info
}

// Info is what is known of the track as Carve yields it.
func (c *converted) Info() audio.Info { return c.info }

// Cuts are all frames; Off counts bytes of the file as it is stored.
func (c *converted) Cuts() *audio.Index { return c.from.index }

// Preroll is 0: PCM needs none.
func (c *converted) Preroll(audio.Cut) audio.Frames { return 0 }

// blocks hold stored samples on their way through a conversion. They are
// wiped before they go back: the sound is somebody's.
var blocks = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// Carve appends the converted samples of [from.At, to.At).
func (c *converted) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	off, n, err := c.from.span(from, to)
	if err != nil {
		return dst, err
	}
	in, out := c.from.info.Sample, c.info.Sample
	dst = slices.Grow(dst, n/in.Bytes()*out.Bytes())
	block := blocks.Get().(*[32 << 10]byte)
	defer blocks.Put(block)
	defer clear(block[:])
	for end := off + int64(n); off < end; {
		b := block[:min(int64(len(block)), end-off)]
		if err := readFull(r, b, off); err != nil {
			return dst, err
		}
		dst = convert(dst, b, in)
		off += int64(len(b))
	}
	return dst, nil
}

// convert appends src, samples of kind in, to dst as 16-bit integers, or as
// 32-bit floats if they were 64-bit ones.
func convert(dst, src []byte, in audio.Sample) []byte {
	switch in {
	case audio.U8:
		for _, b := range src {
			dst = append(dst, 0, b^0x80)
		}
	case audio.ALaw:
		for _, b := range src {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(aLaw[b]))
		}
	case audio.ULaw:
		for _, b := range src {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(uLaw[b]))
		}
	case audio.F64:
		for ; len(src) >= 8; src = src[8:] {
			v := float32(math.Float64frombits(binary.LittleEndian.Uint64(src)))
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	}
	return dst
}

// aLaw and uLaw are the 16-bit values of all G.711 codes.
var aLaw, uLaw = table(ExpandALaw), table(ExpandULaw)

func table(expand func(byte) int16) (t [256]int16) {
	for i := range t {
		t[i] = expand(byte(i))
	}
	return t
}

// ExpandALaw is the 16-bit value of an A-law code (ITU-T G.711 table 1): the
// 13-bit value of the table, shifted up by three.
func ExpandALaw(code byte) int16 {
	code ^= 0x55 // even bits travel inverted
	v := int16(code&0x0F)<<4 + 8
	if segment := code >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if code&0x80 == 0 {
		return -v
	}
	return v
}

// ExpandULaw is the 16-bit value of a mu-law code (ITU-T G.711 table 2): the
// 14-bit value of the table, shifted up by two.
func ExpandULaw(code byte) int16 {
	const bias = 0x84
	code = ^code // all bits travel inverted
	v := (int16(code&0x0F)<<3+bias)<<(code>>4&7) - bias
	if code&0x80 != 0 {
		return -v
	}
	return v
}
