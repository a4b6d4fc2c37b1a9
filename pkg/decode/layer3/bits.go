package layer3

import "encoding/binary"

// slack is how many bytes must lie behind the last one that counts: a reader
// looks ahead, and fields of a damaged granule may reach beyond its end.
const slack = 64

// bits reads a bit stream, most significant bit first. Reading past the end
// of what counts is allowed for slack bytes.
type bits struct {
	data []byte
	p    int    // next byte to load
	buf  uint64 // loaded bits, the next one on top; those below n are 0 or right
	n    uint   // how many bits of buf count
}

// seek moves to bit pos of data.
func (b *bits) seek(pos int) {
	b.p, b.buf, b.n = pos>>3, 0, 0
	b.fill()
	b.buf <<= uint(pos & 7)
	b.n -= uint(pos & 7)
}

// fill leaves at least 56 bits in buf.
func (b *bits) fill() {
	b.buf |= binary.BigEndian.Uint64(b.data[b.p:]) >> (b.n & 63)
	b.p += int((63 - b.n) >> 3)
	b.n |= 56
}

// pos is the number of bits read so far, counted from the start of data.
func (b *bits) pos() int { return b.p<<3 - int(b.n) }

// read takes n bits, 0 to 32.
func (b *bits) read(n uint) int {
	if b.n < n {
		b.fill()
	}
	v := b.buf >> 1 >> ((63 - n) & 63)
	b.buf <<= n & 63
	b.n -= n
	return int(v)
}

func (b *bits) flag() bool { return b.read(1) != 0 }
