package ogg

import (
	"errors"
	"math/bits"
)

// modes are what the length of an audio packet depends on: one block flag for
// each of the stream's modes.
type modes struct {
	n    int    // 1 to 64
	bits uint   // how many bits name one
	long uint64 // bit i set: mode i uses the long block
}

var (
	errSetup      = errors.New("setup header makes no sense")
	errSetupShort = errors.New("setup header is cut short")
)

// parseModes finds the modes in a setup packet (Vorbis I §4.2.4).
//
// They stand at its end behind data whose length is known only by reading it,
// so all of it is read. The usual short cut, to walk back from the framing bit
// as long as the bits look like modes, can stop at the wrong count: nothing
// marks where the modes begin.
func parseModes(packet []byte, channels int) (modes, error) {
	if !isVorbis(packet, setupPacket) {
		return modes{}, errSetup
	}
	b := &bitReader{data: packet[7:]}
	for n := b.read(8) + 1; n > 0 && !b.bad; n-- {
		b.codebook()
	}
	for n := b.read(6) + 1; n > 0; n-- {
		b.expect(b.read(16) == 0) // time domain transforms: placeholders
	}
	for n := b.read(6) + 1; n > 0 && !b.bad; n-- {
		b.floor()
	}
	for n := b.read(6) + 1; n > 0 && !b.bad; n-- {
		b.residue()
	}
	for n := b.read(6) + 1; n > 0 && !b.bad; n-- {
		b.mapping(channels)
	}
	m := b.modes()
	b.expect(b.read(1) == 1) // framing
	switch {
	case b.short():
		return modes{}, errSetupShort
	case b.bad:
		return modes{}, errSetup
	}
	return m, nil
}

// bitReader reads the bits of a packet, least significant bit first (Vorbis I
// §2). Past the end it yields zeros.
type bitReader struct {
	data []byte
	pos  uint64 // in bits
	bad  bool   // something expected was not there
}

func (b *bitReader) short() bool { return b.pos > uint64(len(b.data))*8 }

func (b *bitReader) expect(ok bool) {
	if !ok || b.short() {
		b.bad = true
	}
}

// read returns the next n bits, n up to 32.
func (b *bitReader) read(n uint) uint32 {
	var v uint64
	at := b.pos / 8
	for i := range uint64(5) {
		if at+i < uint64(len(b.data)) {
			v |= uint64(b.data[at+i]) << (8 * i)
		}
	}
	v >>= b.pos % 8
	b.pos += uint64(n)
	return uint32(v & (1<<n - 1))
}

// skip passes over n fields of width bits.
func (b *bitReader) skip(n, width uint64) {
	hi, lo := bits.Mul64(n, width)
	if hi != 0 || lo > 1<<40 {
		lo = 1 << 40 // far past any end
	}
	b.pos += lo
}

// codebook passes over one codebook (Vorbis I §3.2.1).
func (b *bitReader) codebook() {
	b.expect(b.read(24) == 0x564342)
	dims, entries := b.read(16), b.read(24)
	if b.read(1) == 1 {
		b.orderedLengths(entries)
	} else if b.read(1) == 1 {
		for range entries {
			if b.read(1) == 1 {
				b.skip(1, 5)
			}
			if b.short() {
				break
			}
		}
	} else {
		b.skip(uint64(entries), 5)
	}
	switch kind := b.read(4); kind {
	case 0:
	case 1, 2:
		b.skip(2, 32)
		width := uint64(b.read(4)) + 1
		b.skip(1, 1)
		values := uint64(entries) * uint64(dims)
		if kind == 1 {
			values = uint64(latticeSide(entries, dims))
		}
		b.skip(values, width)
	default:
		b.bad = true
	}
	b.expect(true)
}

// orderedLengths passes over codeword lengths that are stored as runs.
func (b *bitReader) orderedLengths(entries uint32) {
	length := b.read(5) + 1
	for done := uint32(0); done < entries; length++ {
		n := b.read(uint(bits.Len32(entries - done)))
		b.expect(n <= entries-done && length <= 32)
		if b.bad {
			return
		}
		done += n
	}
}

// latticeSide is the greatest n for which n to the power of dims is at most
// entries (lookup1_values, Vorbis I §9.2.3); 0 without dimensions.
func latticeSide(entries, dims uint32) uint32 {
	if dims == 0 || entries == 0 {
		return 0
	}
	fits := func(n uint64) bool {
		p := uint64(1)
		for i := uint32(0); i < dims && n > 1; i++ {
			if p *= n; p > uint64(entries) {
				return false
			}
		}
		return true
	}
	lo, hi := uint64(1), uint64(entries)+1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; fits(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return uint32(lo)
}

// floor passes over one floor (Vorbis I §6.2.1 and §7.2.2).
func (b *bitReader) floor() {
	switch b.read(16) {
	case 0:
		b.skip(1, 8+16+16+6+8)
		b.skip(uint64(b.read(4))+1, 8)
	case 1:
		b.floor1()
	default:
		b.bad = true
	}
	b.expect(true)
}

func (b *bitReader) floor1() {
	var class, dims [32]uint32
	partitions := b.read(5)
	classes := uint32(0)
	for i := range partitions {
		class[i] = b.read(4)
		classes = max(classes, class[i]+1)
	}
	for i := range classes {
		dims[i] = b.read(3) + 1
		sub := b.read(2)
		if sub > 0 {
			b.skip(1, 8)
		}
		b.skip(1<<sub, 8)
	}
	b.skip(1, 2)
	width := uint64(b.read(4))
	for i := range partitions {
		b.skip(uint64(dims[class[i]]), width)
	}
}

// residue passes over one residue (Vorbis I §8.6.1).
func (b *bitReader) residue() {
	b.expect(b.read(16) <= 2)
	b.skip(3, 24)
	classes := b.read(6) + 1
	b.skip(1, 8)
	books := 0
	for range classes {
		books += bits.OnesCount32(b.read(3))
		if b.read(1) == 1 {
			books += bits.OnesCount32(b.read(5))
		}
	}
	b.skip(uint64(books), 8)
	b.expect(true)
}

// mapping passes over one mapping (Vorbis I §4.2.4).
func (b *bitReader) mapping(channels int) {
	b.expect(b.read(16) == 0)
	submaps := uint64(1)
	if b.read(1) == 1 {
		submaps = uint64(b.read(4)) + 1
	}
	if b.read(1) == 1 {
		steps := uint64(b.read(8)) + 1
		b.skip(2*steps, uint64(bits.Len(uint(channels-1))))
	}
	b.expect(b.read(2) == 0)
	if submaps > 1 {
		b.skip(uint64(channels), 4)
	}
	b.skip(submaps, 24)
	b.expect(true)
}

func (b *bitReader) modes() modes {
	m := modes{n: int(b.read(6)) + 1}
	m.bits = uint(bits.Len(uint(m.n - 1)))
	for i := range m.n {
		m.long |= uint64(b.read(1)) << i
		b.expect(b.read(32) == 0) // window and transform type
		b.skip(1, 8)
	}
	return m
}
