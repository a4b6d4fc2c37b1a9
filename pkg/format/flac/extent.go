package flac

import (
	"encoding/binary"
	"math/bits"
)

// extent works out where the frame in b ends by stepping through its coding
// (RFC 9639 §9.2) without decoding samples. It returns the length with the
// CRC-16 included, or 0 when b does not hold a whole, sound frame, and how many
// bytes it looked at. It is the judge where the search for a frame end is in
// doubt.
func (h *header) extent(b []byte, si *streamInfo) (size, used int) {
	w := bitWalk{b: b, pos: 8 * h.size}
	for ch := range h.channels {
		size := si.bits
		if ch == h.side {
			size++
		}
		if !w.subframe(h.block, size) {
			return 0, min(w.pos/8, len(b))
		}
	}
	n := (w.pos+7)/8 + 2
	if n > len(b) || crc16(0, b[:n]) != 0 {
		return 0, min(n, len(b))
	}
	return n, n
}

// framed reports whether the last whole frame before end ends there. What
// looks like a tag is then samples, as every decoder takes it. Read errors are
// left to the walk, which meets them again.
func (o *opener) framed(end int64) bool {
	const most = 256 << 10 // so long is hardly a frame of 65535 samples
	s := o.s
	h := header{block: s.si.maxBlock, channels: s.si.channels}
	from := max(s.start, end-int64(min(h.maxFrame(&s.si), most)))
	b, err := o.read(from, int(end-from))
	if err != nil {
		return false
	}
	spare := walkStart
	for i := len(b) - 1; i >= 0 && spare > 0; i-- {
		if b[i] != 0xff || !h.parse(b[i:]) || !h.fits(&s.si) {
			continue
		}
		size, used := h.extent(b[i:], &s.si)
		if size > 0 {
			return i+size == len(b)
		}
		spare -= used
	}
	return false
}

// bitWalk steps through bits, most significant first.
type bitWalk struct {
	b   []byte
	pos int // in bits
}

// word returns the bits from pos on, left-aligned: 57 of them at least, zeros
// where b has ended.
func (w *bitWalk) word() uint64 {
	i := w.pos >> 3
	if i+8 <= len(w.b) {
		return binary.BigEndian.Uint64(w.b[i:]) << (w.pos & 7)
	}
	var v uint64
	for k := range 8 {
		v <<= 8
		if i+k < len(w.b) {
			v |= uint64(w.b[i+k])
		}
	}
	return v << (w.pos & 7)
}

// get reads n bits, 1 to 32.
func (w *bitWalk) get(n int) int {
	v := w.word() >> (64 - n)
	w.pos += n
	return int(v)
}

// unary steps over zeros and the one that ends them and returns their number,
// or -1 if b ends first.
func (w *bitWalk) unary() int {
	for zeros := 0; w.pos < 8*len(w.b); {
		n := bits.LeadingZeros64(w.word())
		if n < 57 {
			w.pos += n + 1
			return zeros + n
		}
		zeros += 57
		w.pos += 57
	}
	return -1
}

// ok reports whether w is still inside b.
func (w *bitWalk) ok() bool { return w.pos <= 8*len(w.b) }

// subframe steps over one subframe of block samples with size bits each.
func (w *bitWalk) subframe(block, size int) bool {
	head := w.get(8)
	if head&0x80 != 0 {
		return false
	}
	if head&1 != 0 {
		zeros := w.unary()
		if zeros < 0 {
			return false
		}
		size -= zeros + 1
	}
	if size < 1 {
		return false
	}
	switch kind := head >> 1; {
	case kind == 0: // constant
		w.pos += size
	case kind == 1: // verbatim
		w.pos += size * block
	case kind >= 8 && kind <= 12: // fixed predictor of order kind-8
		w.pos += size * (kind - 8)
		return w.residual(block, kind-8)
	case kind >= 32: // linear predictor of order kind-31
		order := kind - 31
		w.pos += size * order
		precision := w.get(4) + 1
		if precision == 16 {
			return false
		}
		w.pos += 5 + order*precision
		return w.residual(block, order)
	default:
		return false
	}
	return w.ok()
}

// residual steps over the coded residual of a block (RFC 9639 §9.2.7).
func (w *bitWalk) residual(block, order int) bool {
	method, parts := w.get(2), w.get(4)
	count := block >> parts
	if method > 1 || count<<parts != block || count < order {
		return false
	}
	paramBits := 4 + method
	escape := 1<<paramBits - 1
	for i := range 1 << parts {
		n := count
		if i == 0 {
			n -= order
		}
		param := w.get(paramBits)
		if param == escape {
			w.pos += w.get(5) * n
			if !w.ok() {
				return false
			}
			continue
		}
		for range n {
			if w.unary() < 0 {
				return false
			}
			w.pos += param
		}
		if !w.ok() {
			return false
		}
	}
	return true
}
