package layer3

// pretab is added to the scale factors of the upper long bands when preflag is
// set (ISO 11172-3 table B.6).
var pretab = [longBands]uint8{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2}

// scaleBits are the widths of scale factors by scalefac_compress, MPEG-1.
var scaleBits = [16][2]uint8{
	{0, 0}, {0, 1}, {0, 2}, {0, 3}, {3, 0}, {1, 1}, {1, 2}, {1, 3},
	{2, 1}, {2, 2}, {2, 3}, {3, 1}, {3, 2}, {3, 3}, {4, 2}, {4, 3},
}

// scaleGroups are how many scale factors of LSF have each of four widths
// (ISO 13818-3 2.4.3.2), by range of scalefac_compress and layout. The last
// three rows are for the right channel of intensity stereo.
var scaleGroups = [6][3][4]uint8{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
	{{7, 7, 7, 0}, {12, 12, 12, 0}, {6, 15, 12, 0}},
	{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
	{{8, 8, 5, 0}, {15, 12, 9, 0}, {6, 18, 9, 0}},
}

// noPosition marks a band that is not coded in intensity stereo.
const noPosition = 255

// scaleFactors are those of one channel, by segment of the layout. They stay
// from granule to granule, because the second may share the first one's.
type scaleFactors struct {
	v   [maxSegments + 1]uint8
	pos [maxSegments + 1]uint8 // intensity positions, right channel only
}

// readMPEG1 reads the scale factors of ISO 11172-3 2.4.1.7. Bit 3-i of share
// says that group i of long blocks stays as it is.
func (s *scaleFactors) readMPEG1(r *bits, g *granule, kind int, share uint8) {
	lo, hi := uint(scaleBits[g.compress][0]), uint(scaleBits[g.compress][1])
	switch kind {
	case allLong:
		for i, group := range [4][2]int{{0, 6}, {6, 11}, {11, 16}, {16, 21}} {
			width := lo
			if i >= 2 {
				width = hi
			}
			if share>>(3-i)&1 == 0 {
				s.readRun(r, group[0], group[1], width, noPosition)
			}
		}
		clear(s.v[21:])
	case allShort:
		s.readRun(r, 0, 18, lo, noPosition)
		s.readRun(r, 18, 36, hi, noPosition)
		clear(s.v[36:])
	default:
		s.readRun(r, 0, 17, lo, noPosition)
		s.readRun(r, 17, 35, hi, noPosition)
		clear(s.v[35:])
	}
	for i, v := range s.v {
		s.pos[i] = v
		if v >= 7 {
			s.pos[i] = noPosition
		}
	}
}

// readLSF reads the scale factors of ISO 13818-3 2.4.3.2 and sets g.preflag.
// right means the right channel of intensity stereo, whose scale factors are
// intensity positions, the largest of each width meaning none.
func (s *scaleFactors) readLSF(r *bits, g *granule, kind int, right bool) {
	var width [4]int
	c, row := g.compress, 0
	switch {
	case right && c>>1 < 180:
		c >>= 1
		width, row = [4]int{c / 36, c % 36 / 6, c % 6}, 3
	case right && c>>1 < 244:
		c = c>>1 - 180
		width, row = [4]int{c >> 4, c >> 2 & 3, c & 3}, 4
	case right:
		c = c>>1 - 244
		width, row = [4]int{c / 3, c % 3}, 5
	case c < 400:
		width, row = [4]int{(c >> 4) / 5, (c >> 4) % 5, c >> 2 & 3, c & 3}, 0
	case c < 500:
		c -= 400
		width, row = [4]int{(c >> 2) / 5, (c >> 2) % 5, c & 3}, 1
	default:
		c -= 500
		width, row = [4]int{c / 3, c % 3}, 2
		g.preflag = true
	}
	at := 0
	for i, n := range scaleGroups[row][kind] {
		none := uint8(noPosition)
		if width[i] > 0 {
			none = 1<<width[i] - 1
		}
		s.readRun(r, at, at+int(n), uint(width[i]), none)
		at += int(n)
	}
	clear(s.v[at:])
	clear(s.pos[at:])
}

// readRun reads scale factors from up to to; none is the value that as an
// intensity position means none.
func (s *scaleFactors) readRun(r *bits, from, to int, width uint, none uint8) {
	for i := from; i < to; i++ {
		v := uint8(r.read(width))
		s.v[i], s.pos[i] = v, v
		if v == none {
			s.pos[i] = noPosition
		}
	}
}

// scaleLines multiplies the lines of each segment by its gain (ISO 11172-3
// 2.4.3.4.7). x ends where all further lines are 0.
func (t *tables) scaleLines(x []float32, s *scaleFactors, g *granule, l *layout) {
	base := g.gain - 210 + gainBias
	shift := 1 + g.scale
	at := 0
	for i := 0; i < l.long && at < len(x); i++ {
		v := int(s.v[i])
		if g.preflag {
			v += int(pretab[i])
		}
		end := min(at+int(l.width[i]), len(x))
		scaleRun(x[at:end], t.gain[(base-v<<shift)&(gainSize-1)])
		at = end
	}
	var window [3]int
	for w := range window {
		window[w] = base - 8*int(g.window[w])
	}
	for i, w := l.long, 0; i < l.n && at < len(x); i++ {
		end := min(at+int(l.width[i]), len(x))
		scaleRun(x[at:end], t.gain[(window[w]-int(s.v[i])<<shift)&(gainSize-1)])
		at = end
		if w++; w == 3 {
			w = 0
		}
	}
}

func scaleRun(x []float32, gain float32) {
	for i := range x {
		x[i] *= gain
	}
}
