package layer3

const (
	granuleLines = 576
	maxChannels  = 2
	// maxFrame is the longest frame there is: 320 kbit/s at 32 kHz or
	// 160 kbit/s at 8 kHz, padded.
	maxFrame = 1441
	// maxReservoir is the farthest back main data can begin, in bytes.
	maxReservoir = 511
	shortBlock   = 2
)

// side is the side information of a frame (ISO 11172-3 2.4.1.7, 13818-3
// 2.4.1.7).
type side struct {
	begin int           // main_data_begin, bytes before this frame's main data
	share [2]uint8      // scfsi by channel, the first band's bit on top
	gr    [2][2]granule // by granule and channel
	raw   [32 + 8]uint8 // the bytes, padded for bits
	bad   bool          // something no encoder may write
	big   bool          // more lines than there are; no encoder may write that either, but the rest can be decoded
}

// granule is the side information of one granule of one channel.
type granule struct {
	bits      int // part2_3_length: scale factors and Huffman codes
	bigLines  int // lines coded in pairs, 0 to 576
	gain      int // global_gain
	compress  int // scalefac_compress
	block     int // block_type: 0 normal, 1 start, 2 short, 3 stop
	mixed     bool
	table     [3]uint8 // Huffman code by region
	window    [3]uint8 // subblock_gain by window
	region    [2]int   // where regions 0 and 1 end, lines
	preflag   bool
	scale     uint // scalefac_scale: scale factors count in steps of 2^-(1+scale)/2
	quadTable int  // count1table_select
}

// parse reads the side information raw of a frame with header h.
func (s *side) parse(t *tables, h Header, raw []byte) {
	clear(s.raw[copy(s.raw[:], raw):])
	r := bits{data: s.raw[:]}
	s.bad, s.big = false, false
	s.share = [2]uint8{}
	if h.lsf() {
		s.begin = r.read(8)
		r.read(uint(h.Channels))
	} else {
		s.begin = r.read(9)
		r.read(uint(7 - 2*h.Channels))
		for ch := range h.Channels {
			s.share[ch] = uint8(r.read(4))
		}
	}
	for gr := range h.granules() {
		for ch := range h.Channels {
			g := &s.gr[gr][ch]
			if !g.parse(t, h, &r) {
				s.bad = true
			}
			if g.bigLines > granuleLines {
				g.bigLines, s.big = granuleLines, true
			}
		}
	}
}

// parse reads one granule and says whether it can be decoded.
func (g *granule) parse(t *tables, h Header, r *bits) bool {
	*g = granule{bits: r.read(12)}
	g.bigLines = 2 * r.read(9)
	g.gain = r.read(8)
	if h.lsf() {
		g.compress = r.read(9)
	} else {
		g.compress = r.read(4)
	}
	ok := true
	if r.flag() { // window_switching_flag
		g.block = r.read(2)
		g.mixed = r.flag()
		g.table[0], g.table[1] = uint8(r.read(5)), uint8(r.read(5))
		for w := range g.window {
			g.window[w] = uint8(r.read(3))
		}
		g.region = [2]int{t.split(h, g.block), granuleLines}
		ok = g.block != 0
	} else {
		for i := range g.table {
			g.table[i] = uint8(r.read(5))
		}
		first := r.read(4) + 1
		second := first + r.read(3) + 1
		long := &t.long[h.rate]
		g.region = [2]int{int(long[first]), int(long[min(second, longBands)])}
	}
	if !h.lsf() {
		g.preflag = r.flag()
	}
	g.scale = uint(r.read(1))
	g.quadTable = r.read(1)
	return ok
}

// split is where region 0 ends when there are but two: after three bands of
// short blocks, after eight of long ones (ISO 11172-3 2.4.2.7). Mixed blocks
// of LSF, which no encoder is known to write, follow the short rule here as
// they do in the reference program.
func (t *tables) split(h Header, block int) int {
	if block == shortBlock {
		return 9 * int(t.layouts[h.rate][allShort].width[0])
	}
	return int(t.long[h.rate][8])
}
