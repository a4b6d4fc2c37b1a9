package layer3

import "strings"

// Codes are decoded by table: the next pairBits bits select an entry. Where
// code word and signs fit in, the entry is final; elsewhere it gives the values
// and the rest is read bit by bit, or it points to a second table.
const (
	pairBits = 10
	quadBits = 10
	bare     = 1 << 30 // entry: values follow, signs and extra bits not yet read
	link     = 1 << 31 // entry: the word goes on in a second table
)

// pairCode is a Huffman code for two values. A final entry holds the number of
// bits in bits 0-4 and two indexes into tables.small in 5-9 and 10-14. A bare
// one holds bits, x and y in the same places. A link holds the width of the
// second table in bits 0-4 and where it begins above.
type pairCode struct {
	first *[1 << pairBits]uint32 // nil: no bits, all values 0
	rest  []uint32
	extra uint
}

type leaf struct {
	word uint32 // left-aligned in 32 bits
	size uint
	v    int
}

// leaves expands one string of codes.
func leaves(s string) []leaf {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	var out []leaf
	var word uint32
	for ; len(s) >= 3; s = s[3:] {
		n := uint(strings.IndexByte(digits, s[0]))
		out = append(out, leaf{word, n, strings.IndexByte(digits, s[1])<<4 | strings.IndexByte(digits, s[2])})
		word += 1 << (32 - n)
	}
	return out
}

func (t *tables) buildCodes() {
	for _, c := range codes {
		l := leaves(c.leaves)
		if c.table >= quadA {
			buildQuads(&t.quads[c.table-quadA], l)
			continue
		}
		t.pairs[c.table] = newPairCode(l, c.table >= 16)
		if c.table == 16 || c.table == 24 {
			for i := c.table; i < min(c.table+8, 32); i++ {
				t.pairs[i] = t.pairs[c.table]
				t.pairs[i].extra = uint(linBits[i])
			}
		}
	}
}

func newPairCode(all []leaf, escapes bool) pairCode {
	p := pairCode{first: new([1 << pairBits]uint32)}
	for i := 0; i < len(all); {
		l := all[i]
		at := l.word >> (32 - pairBits)
		if l.size <= pairBits {
			fill(p.first[at:at+1<<(pairBits-l.size)], l, pairBits, escapes)
			i++
			continue
		}
		width := uint(0) // of the second table all words with these bits share
		j := i
		for ; j < len(all) && all[j].word>>(32-pairBits) == at; j++ {
			width = max(width, all[j].size-pairBits)
		}
		second := make([]uint32, 1<<width)
		for ; i < j; i++ {
			l = all[i]
			l.size -= pairBits
			k := l.word << pairBits >> (32 - width)
			fill(second[k:k+1<<(width-l.size)], l, 0, true)
		}
		p.first[at] = link | uint32(len(p.rest))<<5 | uint32(width)
		p.rest = append(p.rest, second...)
	}
	return p
}

// fill writes the entries of all bit patterns that begin with the code word l.
func fill(e []uint32, l leaf, width uint, escapes bool) {
	x, y := l.v>>4, l.v&15
	signs := uint(min(x, 1) + min(y, 1))
	if l.size+signs > width || escapes && (x == 15 || y == 15) {
		for i := range e {
			e[i] = bare | uint32(l.size) | uint32(x)<<5 | uint32(y)<<10
		}
		return
	}
	for i := range e {
		s := i >> (width - l.size - signs) // the sign bits, x's first
		xs, ys := 2*x, 2*y
		if y > 0 {
			ys |= s & 1
			s >>= 1
		}
		if x > 0 {
			xs |= s & 1
		}
		e[i] = uint32(l.size+signs) | uint32(xs)<<5 | uint32(ys)<<10
	}
}

// buildQuads makes a table whose entries hold the number of bits in bits 0-3
// and four indexes into tables.small, two bits each, above.
func buildQuads(e *[1 << quadBits]uint16, all []leaf) {
	for _, l := range all {
		at := l.word >> (32 - quadBits)
		for i := range uint32(1) << (quadBits - l.size) {
			v, used := uint16(0), l.size
			for k := range 4 {
				if l.v>>(3-k)&1 == 0 {
					continue
				}
				sign := i >> (quadBits - 1 - used) & 1
				used++
				v |= uint16(2|sign) << (4 + 2*k)
			}
			e[at+i] = v | uint16(used)
		}
	}
}

// bigValues decodes pairs into x until it is full or bit end is reached, and
// returns the number of lines decoded. A pair that reaches beyond end is dropped.
func (t *tables) bigValues(x []float32, r *bits, table uint8, end int) int {
	code := &t.pairs[table&31]
	if code.first == nil {
		clear(x)
		return len(x)
	}
	first, small := code.first, &t.small
	b := *r
	i := 0
	for ; i < len(x)-1; i += 2 {
		b.fill()
		if b.pos() >= end {
			break
		}
		e := first[b.buf>>(64-pairBits)]
		if e < bare {
			x[i], x[i+1] = small[e>>5&31], small[e>>10&31]
			b.buf <<= e & 31
			b.n -= uint(e & 31)
			continue
		}
		x[i], x[i+1] = t.longPair(&b, code, e)
	}
	*r = b
	if b.pos() > end && i > 0 {
		i -= 2
	}
	return i
}

// longPair decodes a pair whose entry e is not final. At most 19 bits of code
// word, two signs and 26 extra bits follow; the reader holds 56.
func (t *tables) longPair(b *bits, code *pairCode, e uint32) (x, y float32) {
	if e >= link {
		b.buf <<= pairBits
		b.n -= pairBits
		e = code.rest[uint64(e&^link>>5)+b.buf>>(64-e&31)]
	}
	b.buf <<= e & 31
	b.n -= uint(e & 31)
	return t.value(b, int(e>>5&31), code.extra), t.value(b, int(e>>10&31), code.extra)
}

// value completes one value with its extra bits and sign.
func (t *tables) value(b *bits, v int, extra uint) float32 {
	if v == 15 {
		v += b.read(extra)
	}
	if v == 0 {
		return 0
	}
	if b.flag() {
		return -t.pow43[v]
	}
	return t.pow43[v]
}

// quadValues decodes quadruples of values -1 to 1 into x until it is full or
// bit end is reached, and returns the number of lines decoded. Encoders pad,
// so a quadruple that reaches beyond end is no fault; it is dropped.
func (t *tables) quadValues(x []float32, r *bits, table int, end int) int {
	code, small := &t.quads[table&1], &t.small
	b := *r
	i := 0
	for ; i < len(x)-3; i += 4 {
		b.fill()
		if b.pos() >= end {
			break
		}
		e := code[b.buf>>(64-quadBits)]
		q := x[i : i+4 : i+4]
		q[0], q[1], q[2], q[3] = small[e>>4&3], small[e>>6&3], small[e>>8&3], small[e>>10&3]
		b.buf <<= e & 15
		b.n -= uint(e & 15)
	}
	*r = b
	if b.pos() > end && i > 0 {
		i -= 4
	}
	return i
}
