package layer3

import (
	"math"
	"math/rand"
)

// A maker writes streams of valid frames with random contents: every block
// type, Huffman code, stereo tool and scale factor layout there is, in mixtures
// that no encoder makes.
type maker struct {
	rng     *rand.Rand
	rate    int // row of rates
	mode    Mode
	ext     []uint8 // mode extensions to choose from
	protect bool
	blocks  []made  // block types to choose from
	legal   bool    // take blocks only in the order encoders may: 0 1 2 3 0, mixed or not
	narrow  bool    // leave the top band of intensity stereo's right channel empty
	last    [2]made // block before, by channel
	words   [34]map[int]leaf
	top     [34]int // largest value of each code

	version int
	stream  []byte // main data of all frames, end to end
	used    int    // bytes of stream taken
	frames  []madeFrame
}

type made struct {
	block int
	mixed bool
}

type madeFrame struct {
	header, side []byte
	slot         int // bytes of main data the frame carries
}

var allBlocks = []made{{0, false}, {1, false}, {2, false}, {3, false}, {2, true}, {1, true}, {3, true}}

func newMaker(seed int64, rate int, mode Mode, ext ...uint8) *maker {
	m := &maker{rng: rand.New(rand.NewSource(seed)), rate: rate, mode: mode, ext: ext, blocks: allBlocks, version: rate / 3}
	if len(ext) == 0 {
		m.ext = []uint8{0}
	}
	for _, c := range codes {
		m.words[c.table] = map[int]leaf{}
		for _, l := range leaves(c.leaves) {
			m.words[c.table][l.v] = l
			m.top[c.table] = max(m.top[c.table], l.v&15)
		}
	}
	for i := 17; i < 32; i++ {
		if i != 24 {
			m.words[i], m.top[i] = m.words[16+i/24*8], 15
		}
	}
	return m
}

type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) put(v, n int) {
	for n--; n >= 0; n-- {
		if w.n&7 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n>>3] |= byte(v>>n&1) << (7 - w.n&7)
		w.n++
	}
}

func (m *maker) lsf() bool { return m.version > 0 }

func (m *maker) channels() int {
	if m.mode == Mono {
		return 1
	}
	return 2
}

// make returns a stream of n frames.
func (m *maker) make(n int) []byte {
	for range n {
		m.frame()
	}
	m.stream = append(m.stream, make([]byte, 4096)...)
	var out []byte
	for _, f := range m.frames {
		out = append(append(out, f.header...), f.side...)
		out = append(out, m.stream[:f.slot]...)
		m.stream = m.stream[f.slot:]
	}
	return out
}

func (m *maker) frame() {
	bitRate, pad := 1+m.rng.Intn(14), m.rng.Intn(2)
	if m.rng.Intn(2) == 0 { // short frames are the exception
		bitRate = 9 + m.rng.Intn(6)
	}
	protect := 1
	if m.protect {
		protect = 0
	}
	ext := m.ext[m.rng.Intn(len(m.ext))]
	head := []byte{0xff, 0xe0 | []byte{3, 2, 0}[m.version]<<3 | 1<<1 | byte(protect),
		byte(bitRate<<4 | m.rate%3<<2 | pad<<1), byte(m.mode)<<6 | ext<<4}
	h, ok := ParseHeader(head)
	if !ok {
		panic("maker wrote a bad header")
	}
	if m.protect {
		head = append(head, 0, 0)
	}
	slotAt := 0
	for _, f := range m.frames {
		slotAt += f.slot
	}
	slot := h.Size() - h.mainData()
	back := min(slotAt-m.used, 511)
	if m.lsf() {
		back = min(back, 255)
	}
	if m.rng.Intn(8) == 0 {
		back = m.rng.Intn(back + 1)
	}
	for m.used < slotAt-back { // stuffing
		m.stream = append(m.stream, byte(m.rng.Intn(256)))
		m.used++
	}
	side, main := m.content(h, back, 8*(back+slot))
	m.stream = append(m.stream, main...)
	m.used += len(main)
	m.frames = append(m.frames, madeFrame{head, side, slot})
}

// content makes side information and main data of at most room bits.
func (m *maker) content(h Header, back, room int) (side, main []byte) {
	var s, d bitWriter
	nch := m.channels()
	parts := nch * h.granules()
	var kinds [2][2]made
	for gr := range h.granules() {
		kinds[gr][0] = m.nextBlock(0)
		if m.mode == JointStereo { // one type for both
			kinds[gr][1] = kinds[gr][0]
		} else {
			kinds[gr][1] = m.nextBlock(1)
		}
	}
	var share [2]int
	if m.lsf() {
		s.put(back, 8)
		s.put(m.rng.Intn(2), nch)
	} else {
		s.put(back, 9)
		s.put(0, 7-2*nch)
		for ch := range nch {
			if kinds[0][ch].block != shortBlock && kinds[1][ch].block != shortBlock {
				share[ch] = m.rng.Intn(16)
			}
			s.put(share[ch], 4)
		}
	}
	for gr := range h.granules() {
		for ch := range nch {
			g := part{maker: m, h: h, made: kinds[gr][ch], ch: ch, share: share[ch] * gr}
			for fill := 288; ; fill /= 2 {
				g.fill = fill
				var w bitWriter
				g.write(&w)
				if w.n <= min(room/parts, 4095) || fill == 0 {
					break
				}
			}
			if g.body.n > min(room/parts, 4095) { // not even scale factors fit
				g = part{maker: m, h: h, made: kinds[gr][ch], ch: ch, empty: true}
				var w bitWriter
				g.write(&w)
			}
			room -= g.body.n
			parts--
			g.writeSide(&s)
			for i := range g.body.n {
				d.put(int(g.body.b[i>>3]>>(7-i&7)&1), 1)
			}
		}
	}
	return s.b, d.b
}

// nextBlock chooses the next block.
func (m *maker) nextBlock(ch int) made {
	was := m.last[ch]
	long := was.block == 0 || was.block == 3
	for {
		b := m.blocks[m.rng.Intn(len(m.blocks))]
		if !m.legal || long && b.block < 2 || !long && b.block >= 2 && b.mixed == was.mixed {
			m.last[ch] = b
			return b
		}
	}
}

// part is one granule of one channel being made.
type part struct {
	*maker
	h Header
	made
	ch    int
	share int
	fill  int // most pairs
	empty bool

	body                           bitWriter
	pairs, gain, compress, quadTab int
	scale, preflag                 int
	tables                         [3]int
	regions                        [2]int
	window                         [3]int
	peak                           int
}

func (g *part) layoutKind() int {
	x := granule{block: g.block, mixed: g.mixed}
	return x.layout()
}

func (g *part) positions() bool { return g.ch == 1 && g.h.joint(intensity) }

func (g *part) write(w *bitWriter) {
	g.peak = 1
	g.scale, g.preflag, g.quadTab = g.rng.Intn(2), g.rng.Intn(2), g.rng.Intn(2)
	if g.lsf() || g.block == shortBlock {
		g.preflag = 0
	}
	for i := range g.window {
		g.window[i] = g.rng.Intn(8) * g.rng.Intn(2)
	}
	if g.empty {
		g.compress, g.pairs = 0, 0
		g.tables = [3]int{}
		g.body = *w
		if g.lsf() && g.positions() {
			g.compress = 0
		}
		return
	}
	g.scaleFactors(w)
	g.values(w)
	g.body = *w
	g.gain = min(255, max(0, 205-int(4*math.Log2(math.Pow(float64(g.peak), 4.0/3)))-g.rng.Intn(12)))
}

func (g *part) scaleFactors(w *bitWriter) {
	kind := g.layoutKind()
	if !g.lsf() {
		g.compress = g.rng.Intn(16)
		if g.positions() {
			g.compress = g.rng.Intn(14) // widths up to 3: positions 0 to 7
		}
		lo, hi := int(scaleBits[g.compress][0]), int(scaleBits[g.compress][1])
		switch kind {
		case allLong:
			for i, n := range []int{6, 5, 5, 5} {
				if g.share>>(3-i)&1 == 0 {
					g.factors(w, n, []int{lo, lo, hi, hi}[i])
				}
			}
		case allShort:
			g.factors(w, 18, lo)
			g.factors(w, 18, hi)
		default:
			g.factors(w, 17, lo)
			g.factors(w, 18, hi)
		}
		return
	}
	g.compress = g.rng.Intn(512)
	width, row := lsfWidths(g.compress, g.positions())
	for i, n := range scaleGroups[row][kind] {
		g.factors(w, int(n), width[i])
	}
}

// lsfWidths spells out the table of ISO 13818-3 2.4.3.2 by search, where the
// decoder divides: the compress values of each range in their order.
func lsfWidths(compress int, right bool) ([4]int, int) {
	type entry struct {
		width [4]int
		row   int
	}
	var list []entry
	grid := func(row, a, b, c, d int) {
		for i := range a {
			for j := range b {
				for k := range c {
					for l := range d {
						list = append(list, entry{[4]int{i, j, k, l}, row})
					}
				}
			}
		}
	}
	if right {
		grid(3, 5, 6, 6, 1)
		grid(4, 4, 4, 4, 1)
		grid(5, 4, 3, 1, 1)
		compress >>= 1
	} else {
		grid(0, 5, 5, 4, 4)
		grid(1, 5, 5, 4, 1)
		grid(2, 4, 3, 1, 1)
	}
	return list[compress].width, list[compress].row
}

func (g *part) factors(w *bitWriter, n, width int) {
	for range n {
		v := g.rng.Intn(1 << width)
		if g.positions() && g.lsf() && width > 0 {
			// The largest value means none, which judges do not all know, as
			// they stumble over 7 and over more than 15.
			for v == 7 || v > 15 || v == 1<<width-1 {
				v = g.rng.Intn(1 << width)
			}
		}
		w.put(v, width)
	}
}

// values writes the Huffman codes.
func (g *part) values(w *bitWriter) {
	g.pairs = g.rng.Intn(g.fill + 1)
	quads := 0
	if rest := (granuleLines - 2*g.pairs) / 4; rest > 0 {
		quads = g.rng.Intn(min(rest, g.fill) + 1)
	}
	if g.positions() && g.rng.Intn(4) > 0 { // leave something to intensity
		g.pairs, quads = g.pairs/4, quads/4
	}
	if g.positions() && g.narrow {
		g.pairs = min(g.pairs, 90)
		quads = min(quads, 40)
	}
	for i := range g.tables {
		for g.tables[i] = g.rng.Intn(32); g.tables[i] == 4 || g.tables[i] == 14; {
			g.tables[i] = g.rng.Intn(32)
		}
	}
	t := shared()
	ends := [3]int{0, granuleLines, granuleLines}
	if g.block != 0 {
		if g.mixed && g.block == shortBlock && g.lsf() {
			g.tables[1] = g.tables[0] // judges disagree where region 0 ends
		}
		ends[0] = t.split(g.h, g.block)
	} else {
		g.regions = [2]int{g.rng.Intn(16), g.rng.Intn(8)}
		long := t.long[g.rate]
		ends[0] = int(long[g.regions[0]+1])
		ends[1] = int(long[min(g.regions[0]+g.regions[1]+2, longBands)])
	}
	for i, region := 0, 0; i < 2*g.pairs; i += 2 {
		for i >= ends[region] {
			region++
		}
		g.pair(w, g.tables[region])
	}
	for range quads {
		v := g.rng.Intn(16)
		l := g.words[quadA+g.quadTab][v]
		w.put(int(l.word>>(32-l.size)), int(l.size))
		for k := range 4 {
			if v>>(3-k)&1 == 1 {
				w.put(g.rng.Intn(2), 1)
			}
		}
	}
}

func (g *part) pair(w *bitWriter, table int) {
	words := g.words[table]
	if words == nil {
		return
	}
	top := g.top[table]
	if g.rng.Intn(3) > 0 { // small values are the rule
		top = min(top, 2)
	}
	x, y := g.rng.Intn(top+1), g.rng.Intn(top+1)
	l := words[x<<4|y]
	w.put(int(l.word>>(32-l.size)), int(l.size))
	for _, v := range []int{x, y} {
		if v == 15 && linBits[table] > 0 {
			n := int(linBits[table])
			more := g.rng.Intn(1 << g.rng.Intn(n+1))
			w.put(more, n)
			v += more
		}
		g.peak = max(g.peak, v)
		if v > 0 {
			w.put(g.rng.Intn(2), 1)
		}
	}
}

func (g *part) writeSide(s *bitWriter) {
	s.put(g.body.n, 12)
	s.put(g.pairs, 9)
	s.put(g.gain, 8)
	if g.lsf() {
		s.put(g.compress, 9)
	} else {
		s.put(g.compress, 4)
	}
	if g.block != 0 {
		mixed := 0
		if g.mixed {
			mixed = 1
		}
		s.put(1, 1)
		s.put(g.block, 2)
		s.put(mixed, 1)
		s.put(g.tables[0], 5)
		s.put(g.tables[1], 5)
		for _, v := range g.window {
			s.put(v, 3)
		}
	} else {
		s.put(0, 1)
		for _, v := range g.tables {
			s.put(v, 5)
		}
		s.put(g.regions[0], 4)
		s.put(g.regions[1], 3)
	}
	if !g.lsf() {
		s.put(g.preflag, 1)
	}
	s.put(g.scale, 1)
	s.put(g.quadTab, 1)
}
