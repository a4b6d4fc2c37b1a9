package decode

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"secstream/pkg/audio"
)

// Bounds on codebooks, all of a stream together. Real streams stay below a
// tenth of either.
const (
	maxBookEntries = 1 << 18
	maxBookValues  = 1 << 21
)

var (
	errVorbisSetup  = errors.New("setup header makes no sense")
	errVorbisFloor0 = fmt.Errorf("%w: floor type 0, which the decoder gets wrong", audio.ErrUnsupported)
	errVorbisBook1  = fmt.Errorf("%w: a codebook of one entry, which the decoder cannot take", audio.ErrUnsupported)
	errVorbisRoot   = fmt.Errorf("%w: a codebook whose lattice the decoder gets wrong", audio.ErrUnsupported)
)

// vorbisSetup is a setup packet fit for the library, and the modes in it.
type vorbisSetup struct {
	packet []byte
	long   uint64
	modes  int
	bits   uint
}

// checkVorbisSetup reads a setup packet (Vorbis I §4.2.4) as strictly as the
// library does not: with some bytes it would loop without end, allocate
// gigabytes or make a wrong sound. What is refused here wraps
// audio.ErrUnsupported where it is the library that falls short.
//
// One shortcoming can be helped: of a floor without partitions, which every
// 5.1 file has for its LFE channel, the library reads one class too many. The
// packet that is returned holds that class.
func checkVorbisSetup(packet []byte, channels int) (vorbisSetup, error) {
	c := &setupChecker{data: packet[7:], channels: channels}
	c.books()
	for n := c.read(6) + 1; n > 0; n-- {
		c.expect(c.read(16) == 0) // time domain transforms: placeholders
	}
	c.floors = int(c.read(6)) + 1
	for i := 0; i < c.floors && c.err == nil; i++ {
		c.floor()
	}
	c.residues = int(c.read(6)) + 1
	for i := 0; i < c.residues && c.err == nil; i++ {
		c.residue()
	}
	c.mappings = int(c.read(6)) + 1
	for i := 0; i < c.mappings && c.err == nil; i++ {
		c.mapping()
	}
	s := c.modes()
	c.expect(c.read(1) == 1) // framing
	if c.err != nil {
		return vorbisSetup{}, c.err
	}
	s.packet = packet
	if len(c.gaps) > 0 {
		s.packet = append(packet[:7:7], c.filled()...)
	}
	return s, nil
}

// setupChecker reads bits, least significant first (Vorbis I §2).
type setupChecker struct {
	data     []byte
	pos      int // in bits
	err      error
	channels int

	book     []bookFacts
	entries  int // of all books so far
	values   int
	floors   int
	residues int
	mappings int
	gaps     []int // where the library needs a class that is not there
}

// bookFacts are what other parts rely on.
type bookFacts struct {
	dims, entries int
	scalar        bool // can be read: the code is complete
	vector        bool // has values
}

func (c *setupChecker) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *setupChecker) expect(ok bool) {
	if !ok {
		c.fail(errVorbisSetup)
	}
}

// read returns the next n bits, n up to 32; 0 once something is wrong.
func (c *setupChecker) read(n int) uint32 {
	if c.err != nil || n > len(c.data)*8-c.pos {
		c.fail(errVorbisSetup)
		return 0
	}
	var v uint64
	at := c.pos / 8
	for i, b := range c.data[at:min(at+5, len(c.data))] {
		v |= uint64(b) << (8 * i)
	}
	v >>= c.pos % 8
	c.pos += n
	return uint32(v & (1<<n - 1))
}

func (c *setupChecker) skip(n, width int) {
	if c.err != nil || width > 0 && n > (len(c.data)*8-c.pos)/width {
		c.fail(errVorbisSetup)
		return
	}
	c.pos += n * width
}

func (c *setupChecker) books() {
	for n := c.read(8) + 1; n > 0 && c.err == nil; n-- {
		c.codebook()
	}
}

// codebook reads one codebook (Vorbis I §3.2.1).
func (c *setupChecker) codebook() {
	c.expect(c.read(24) == 0x564342)
	b := bookFacts{dims: int(c.read(16)), entries: int(c.read(24))}
	c.entries += b.entries
	c.expect(b.dims > 0 && b.entries > 0 && c.entries <= maxBookEntries)
	if c.err == nil && b.entries == 1 {
		c.fail(errVorbisBook1)
	}
	if c.err != nil {
		return
	}
	if c.read(1) == 1 {
		b.scalar = c.orderedLengths(b.entries)
	} else {
		b.scalar = c.lengths(b.entries)
	}
	switch kind := c.read(4); kind {
	case 0:
	case 1, 2:
		b.vector = true
		c.lookup(b, kind == 1)
	default:
		c.fail(errVorbisSetup)
	}
	c.book = append(c.book, b)
}

// kraft adds up codewords: a code is complete when they fill the whole tree
// (Vorbis I §3.2.1). The library loops for ever in a tree with a hole. The
// one hole that is allowed is beside a single codeword of one bit.
type kraft struct {
	sum  uint64 // in units of 2^-32
	used int
}

func (k *kraft) add(n int, length uint32) {
	k.sum += uint64(n) << (32 - length)
	k.used += n
}

func (c *setupChecker) complete(k kraft) bool {
	whole := k.sum == 1<<32 || k.used == 1 && k.sum == 1<<31
	c.expect(whole || k.used == 0)
	return whole
}

func (c *setupChecker) lengths(entries int) bool {
	var k kraft
	sparse := c.read(1) == 1
	for i := 0; i < entries && c.err == nil; i++ {
		if !sparse || c.read(1) == 1 {
			k.add(1, c.read(5)+1)
		}
	}
	return c.complete(k)
}

func (c *setupChecker) orderedLengths(entries int) bool {
	var k kraft
	length := c.read(5) + 1
	for done := 0; done < entries && c.err == nil; length++ {
		n := int(c.read(bits.Len(uint(entries - done))))
		c.expect(n <= entries-done && length <= 32)
		if c.err == nil {
			k.add(n, length)
		}
		done += n
	}
	return c.complete(k)
}

// lookup reads the values of a codebook (Vorbis I §3.2.1 and §9.2.3).
func (c *setupChecker) lookup(b bookFacts, lattice bool) {
	c.skip(2, 32)
	width := int(c.read(4)) + 1
	c.skip(1, 1)
	c.values += b.entries * b.dims
	c.expect(c.values <= maxBookValues)
	n := b.entries * b.dims
	if lattice {
		// The library finds the side of the lattice with floating point,
		// which can come out one short for an exact power.
		n = int(math.Floor(math.Pow(float64(b.entries), 1/float64(b.dims))))
		if !power(n, b.dims, b.entries) || power(n+1, b.dims, b.entries) {
			c.fail(errVorbisRoot)
		}
	}
	c.skip(n, width)
}

// power tells if n to the power of dims is at most limit.
func power(n, dims, limit int) bool {
	for p := 1; dims > 0 && n > 1; dims-- {
		if p *= n; p > limit {
			return false
		}
	}
	return limit > 0
}

// floor reads one floor (Vorbis I §7.2.2).
func (c *setupChecker) floor() {
	kind := c.read(16)
	if c.err == nil && kind == 0 {
		c.fail(errVorbisFloor0)
	}
	c.expect(kind == 1)
	var class, dims [32]int
	partitions := int(c.read(5))
	if partitions == 0 {
		c.gaps = append(c.gaps, c.pos)
	}
	classes := 0
	for i := range partitions {
		class[i] = int(c.read(4))
		classes = max(classes, class[i]+1)
	}
	for i := range classes {
		dims[i] = int(c.read(3)) + 1
		sub := c.read(2)
		if sub > 0 {
			c.scalarBook(int(c.read(8)))
		}
		for range 1 << sub {
			if b := int(c.read(8)); b > 0 {
				c.scalarBook(b - 1)
			}
		}
	}
	c.skip(1, 2)
	width := int(c.read(4))
	points := 2
	for i := range partitions {
		points += dims[class[i]]
		c.skip(dims[class[i]], width)
	}
	c.expect(points <= 65)
}

func (c *setupChecker) scalarBook(i int) {
	c.expect(i < len(c.book) && c.book[i].scalar)
}

// residue reads one residue (Vorbis I §8.6.1).
func (c *setupChecker) residue() {
	c.expect(c.read(16) <= 2)
	begin, end := c.read(24), c.read(24)
	c.skip(1, 24)
	classes := int(c.read(6)) + 1
	classbook := int(c.read(8))
	c.scalarBook(classbook)
	c.expect(begin <= end)
	if c.err != nil {
		return
	}
	book := c.book[classbook]
	c.expect(book.dims <= 256 && power(classes, book.dims, book.entries))
	var stages [64]int
	for i := range classes {
		stages[i] = bits.OnesCount32(c.read(3))
		if c.read(1) == 1 {
			stages[i] += bits.OnesCount32(c.read(5))
		}
	}
	for _, n := range stages[:classes] {
		for range n {
			b := int(c.read(8))
			c.scalarBook(b)
			c.expect(c.err == nil && c.book[b].vector)
		}
	}
}

// mapping reads one mapping (Vorbis I §4.2.4).
func (c *setupChecker) mapping() {
	c.expect(c.read(16) == 0)
	submaps := 1
	if c.read(1) == 1 {
		submaps = int(c.read(4)) + 1
	}
	if c.read(1) == 1 {
		width := bits.Len(uint(c.channels - 1))
		for n := int(c.read(8)) + 1; n > 0 && c.err == nil; n-- {
			magnitude, angle := int(c.read(width)), int(c.read(width))
			c.expect(magnitude != angle && magnitude < c.channels && angle < c.channels)
		}
	}
	c.expect(c.read(2) == 0)
	if submaps > 1 {
		for range c.channels {
			c.expect(int(c.read(4)) < submaps)
		}
	}
	for range submaps {
		c.skip(1, 8)
		floor, residue := int(c.read(8)), int(c.read(8))
		c.expect(floor < c.floors && residue < c.residues)
	}
}

func (c *setupChecker) modes() vorbisSetup {
	s := vorbisSetup{modes: int(c.read(6)) + 1}
	s.bits = uint(bits.Len(uint(s.modes - 1)))
	for i := range s.modes {
		s.long |= uint64(c.read(1)) << i
		c.expect(c.read(32) == 0) // window and transform type
		c.expect(int(c.read(8)) < c.mappings)
	}
	return s
}

// classBits is the size of the class put into a gap: one dimension, no
// subclass, no book; all of it zero bits.
const classBits = 3 + 2 + 8

// filled returns the bits that were read with a class in every gap.
func (c *setupChecker) filled() []byte {
	out := make([]byte, (c.pos+len(c.gaps)*classBits+7)/8)
	gaps, to := c.gaps, 0
	for from := range c.pos {
		if len(gaps) > 0 && gaps[0] == from {
			to += classBits
			gaps = gaps[1:]
		}
		out[to/8] |= c.data[from/8] >> (from % 8) & 1 << (to % 8)
		to++
	}
	return out
}
