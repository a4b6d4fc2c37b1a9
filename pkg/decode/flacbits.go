package decode

import (
	"encoding/binary"
	"math/bits"
)

// flacBits reads bits, most significant first. Past the end it reads zeros;
// whoever reads in bulk compares pos with the length afterwards.
type flacBits struct {
	b   []byte
	pos int
}

// word returns the bits from pos on, left-aligned: 57 of them at least.
func (r *flacBits) word() uint64 {
	if i := r.pos >> 3; i+8 <= len(r.b) {
		return binary.BigEndian.Uint64(r.b[i:]) << (r.pos & 7)
	}
	var tail [8]byte
	copy(tail[:], r.b[min(r.pos>>3, len(r.b)):])
	return binary.BigEndian.Uint64(tail[:]) << (r.pos & 7)
}

// get reads n bits, 0 to 32.
func (r *flacBits) get(n int) int {
	v := r.word() >> (64 - n)
	r.pos += n
	return int(v)
}

// signed reads a number of n bits, 0 to 33, in two's complement.
func (r *flacBits) signed(n int) int64 {
	if n == 0 {
		return 0
	}
	v := int64(r.word()) >> (64 - n)
	r.pos += n
	return v
}

// unary counts the zeros before the next one. At the end of the bytes it
// stops, beyond them.
func (r *flacBits) unary() int {
	zeros := 0
	for r.pos <= 8*len(r.b) {
		n := bits.LeadingZeros64(r.word())
		if n < 57 {
			r.pos += n + 1
			return zeros + n
		}
		zeros += 57
		r.pos += 57
	}
	return zeros
}

// rice reads Rice-coded numbers with parameter k, 0 to 30 (RFC 9639
// §9.2.7.2). Most numbers fit in one word, and are taken from it in place.
func (r *flacBits) rice(x []int64, k int) {
	pos, mask := r.pos, uint64(1)<<k-1
	for i := range x {
		var u uint64
		at := pos >> 3
		if at < 0 || at+8 > len(r.b) {
			r.pos = pos
			r.riceSlow(x[i:], k)
			return
		}
		w := binary.BigEndian.Uint64(r.b[at:]) << (pos & 7)
		n := bits.LeadingZeros64(w)
		if used := n + 1 + k; used <= 57 {
			u = uint64(n)<<(k&63) | w>>((64-used)&63)&mask
			pos += used
		} else {
			r.pos = pos
			u = uint64(r.unary()) << k
			u |= uint64(r.get(k))
			pos = r.pos
		}
		x[i] = int64(u>>1) ^ -int64(u&1)
	}
	r.pos = pos
}

// riceSlow is rice near the end of the bytes.
func (r *flacBits) riceSlow(x []int64, k int) {
	for i := range x {
		u := uint64(r.unary())<<k | uint64(r.get(k))
		x[i] = int64(u>>1) ^ -int64(u&1)
		if r.pos > 8*len(r.b) {
			return
		}
	}
}

var (
	flacTable8  = flacCRCTable(0x07, 8)
	flacTable16 = flacCRCTable(0x8005, 16)
)

// flacCRCTable serves both checks of a frame: RFC 9639 §9.1.8 and §9.3.
func flacCRCTable(poly, width int) (t [256]uint16) {
	for i := range t {
		s := i << (width - 8)
		for range 8 {
			s <<= 1
			if s>>width != 0 {
				s ^= 1<<width | poly
			}
		}
		t[i] = uint16(s)
	}
	return t
}

func flacCRC8(b []byte) uint8 {
	var s uint8
	for _, v := range b {
		s = uint8(flacTable8[s^v])
	}
	return s
}

func flacCRC16(b []byte) uint16 {
	var s uint16
	for _, v := range b {
		s = s<<8 ^ flacTable16[uint8(s>>8)^v]
	}
	return s
}
