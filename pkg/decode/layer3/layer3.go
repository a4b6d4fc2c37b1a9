// Package layer3 decodes MPEG audio Layer III, better known as MP3: MPEG-1
// (ISO 11172-3), MPEG-2 low sampling rates (ISO 13818-3) and MPEG-2.5. Section
// numbers in comments are those of ISO 11172-3 unless it says otherwise.
//
// Coded frames go in, one at a time and in order; float32 PCM comes out, frame
// after frame, with nothing trimmed: encoder delay and padding are the
// caller's business, and so is finding the frames. The package does no I/O and
// imports only the standard library.
//
// A frame passes through these steps, each in a file of its own: side
// information, scale factors, Huffman codes, joint stereo, hybrid filter bank,
// polyphase synthesis.
//
// Damage never stops the decoder. A frame whose main data begins farther back
// than frames were seen, or whose side information is impossible, decodes to
// silence after what overlaps from the frame before; its bytes still serve the
// frames that follow. Codes that reach beyond their granule are dropped.
// Decoder.Fault tells of each such frame. What comes out depends on the frames
// since Reset and on nothing else: on one architecture it is the same bit for
// bit. Between architectures the last bit may differ, as some fuse
// multiplication and addition.
//
// Free format and layers I and II are not supported.
package layer3

import "errors"

// MaxSamples is the most samples a frame holds, all channels counted.
const MaxSamples = 2 * granuleLines * maxChannels

var (
	errHeader = errors.New("not the header of a layer III frame")
	errShort  = errors.New("the frame is cut short")
	errRoom   = errors.New("no room for the samples of a frame")
)

// Decoder decodes one stream. The zero value is ready. It takes some 22 kB, is
// not safe for concurrent use, and allocates nothing after the first frame of
// the program, when the shared tables are built.
type Decoder struct {
	t    *tables
	side side
	ch   [maxChannels]channel
	sub  [slots][subbands]float32
	main [maxReservoir + maxFrame + slack]byte // reservoir, then this frame's main data
	have int                                   // bytes of reservoir
	// begun says that a frame with codes was decoded since Reset.
	begun bool
	fault Fault // of the last frame
}

// channel is what is kept for one channel.
type channel struct {
	x       [granuleLines]float32 // lines of the granule at hand
	lines   int                   // from here on they are 0
	active  int                   // from this subband on overlap is 0
	overlap [subbands][slots]float32
	scale   scaleFactors
	filter  filter
}

// Reset makes d ready for another stream.
func (d *Decoder) Reset() { *d = Decoder{t: d.t} }

// Frame decodes one frame, header included, and writes its samples interleaved
// to dst; full scale is -1 to +1, and louder is not clipped. It returns the
// number of PCM frames (ParseHeader(frame).Samples(), whatever the frame
// holds). dst needs room for that times the channels; MaxSamples always is
// enough. Bytes after the frame are ignored. It is an error, and leaves d as it
// was, if frame does not start with a header of Layer III, is shorter than
// that says, or does not fit dst.
func (d *Decoder) Frame(dst []float32, frame []byte) (n int, err error) {
	h, ok := ParseHeader(frame)
	switch {
	case !ok:
		return 0, errHeader
	case len(frame) < h.Size():
		return 0, errShort
	case len(dst) < h.Samples()*h.Channels:
		return 0, errRoom
	}
	if d.t == nil {
		d.t = shared()
	}
	at := h.mainData()
	d.side.parse(d.t, h, frame[at-h.SideInfo():at])
	end := d.have + copy(d.main[d.have:maxReservoir+maxFrame], frame[at:h.Size()])
	clear(d.main[end : end+slack])
	mute := d.judge(h, end)
	pos := 8 * (d.have - d.side.begin)
	for gr := range h.granules() {
		if mute {
			d.ch[0].mute(&d.side.gr[gr][0])
			d.ch[1].mute(&d.side.gr[gr][1])
		} else {
			pos = d.granule(h, gr, pos, 8*end)
		}
		out := dst[gr*granuleLines*h.Channels:]
		for ch := range h.Channels {
			c := &d.ch[ch]
			d.hybrid(c, &d.side.gr[gr][ch])
			c.filter.run(d.t, &d.sub, out[ch:], h.Channels)
		}
	}
	keep := min(end, maxReservoir)
	copy(d.main[:keep], d.main[end-keep:end])
	d.have = keep
	return h.Samples(), nil
}

// mute makes g a granule without lines.
func (c *channel) mute(g *granule) {
	*g = granule{}
	c.lines = 0
	c.scale = scaleFactors{}
}

// granule reads granule gr of all channels from bit pos of d.main, of which
// end bits are there, and returns where the next one begins.
func (d *Decoder) granule(h Header, gr, pos, end int) int {
	for ch := range h.Channels {
		g := &d.side.gr[gr][ch]
		stop := min(pos+g.bits, end)
		share := d.side.share[ch]
		if gr == 0 {
			share = 0
		}
		d.lines(h, ch, g, share, pos, stop)
		pos = stop
	}
	if h.Channels == 2 {
		d.stereo(h, &d.side.gr[gr][1])
	}
	return pos
}

// lines reads scale factors and Huffman codes of one channel, from bit pos to
// bit stop, and requantises them.
func (d *Decoder) lines(h Header, ch int, g *granule, share uint8, pos, stop int) {
	c := &d.ch[ch]
	l := &d.t.layouts[h.rate][g.layout()]
	r := bits{data: d.main[:]}
	r.seek(pos)
	if h.lsf() {
		c.scale.readLSF(&r, g, g.layout(), ch == 1 && h.joint(intensity))
	} else {
		c.scale.readMPEG1(&r, g, g.layout(), share)
	}
	n := d.t.codes(&c.x, &r, g, stop)
	if n < g.bigLines && d.fault == Sound {
		d.fault = Garbled
	}
	for n > 0 && c.x[n-1] == 0 {
		n--
	}
	clear(c.x[n:])
	c.lines = n
	d.t.scaleLines(c.x[:n], &c.scale, g, l)
	if g.block == shortBlock {
		c.reorder(l)
	}
}

// codes decodes the Huffman codes of a granule up to bit stop and returns the
// number of lines.
func (t *tables) codes(x *[granuleLines]float32, r *bits, g *granule, stop int) int {
	at := 0
	for i, end := range [3]int{g.region[0], g.region[1], granuleLines} {
		end = max(min(end, g.bigLines), at)
		n := t.bigValues(x[at:end], r, g.table[i], stop)
		at += n
		if at < end {
			return at
		}
	}
	return at + t.quadValues(x[at:], r, g.quadTable, stop)
}

// layout is the kind of layout the granule's lines have.
func (g *granule) layout() int {
	switch {
	case g.block != shortBlock:
		return allLong
	case g.mixed:
		return mixedBlock
	}
	return allShort
}
