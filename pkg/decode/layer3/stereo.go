package layer3

import "math"

// buildBlend computes how intensity stereo shares a line out to left and right
// by position (ISO 11172-3 2.4.3.4.9.3, ISO 13818-3 2.4.3.2).
func (t *tables) buildBlend() {
	for i := range 32 {
		if i < 7 {
			s, c := math.Sincos(float64(i) * math.Pi / 12)
			t.blend[0][i] = [2]float32{float32(s / (s + c)), float32(c / (s + c))}
		}
		for scale := range 2 {
			down := float32(math.Exp2(-float64((i+1)/2) / float64(int(4)>>scale)))
			t.blend[1+scale][i] = [2]float32{1, down}
			if i&1 == 1 {
				t.blend[1+scale][i] = [2]float32{down, 1}
			}
		}
	}
}

// stereo turns what a joint stereo frame holds into left and right. right is
// the granule of the right channel, whose lines that are 0 at the top carry
// intensity stereo.
func (d *Decoder) stereo(h Header, right *granule) {
	if !h.joint(intensity | midSide) {
		return
	}
	l := &d.t.layouts[h.rate][right.layout()]
	ends := [3]int{}
	if h.joint(intensity) {
		ends = d.zeroPart(l)
	}
	n := max(d.ch[0].lines, d.ch[1].lines)
	if h.joint(midSide) {
		rotate(d.ch[0].x[:n], d.ch[1].x[:n])
		d.ch[0].lines, d.ch[1].lines = n, n
	}
	if !h.joint(intensity) {
		return
	}
	blend := &d.t.blend[0]
	if h.lsf() {
		blend = &d.t.blend[1+right.compress&1]
	}
	gain := float32(1)
	if h.joint(midSide) {
		gain = math.Sqrt2 // rotate has taken it off
	}
	d.share(l, ends, blend, gain)
	d.ch[1].lines = n
}

// rotate computes left and right from middle and side (ISO 11172-3
// 2.4.3.4.9.2).
func rotate(a, b []float32) {
	const half = math.Sqrt2 / 2
	b = b[:len(a)]
	for i, m := range a {
		s := b[i]
		a[i], b[i] = (m+s)*half, (m-s)*half
	}
}

// zeroPart finds for each window the segment from which on the right channel
// is 0, counted as windows of the layout's short bands (long ones: bands).
// In a layout with short bands, a result below l.long means a long band, and
// all three are then the same.
func (d *Decoder) zeroPart(l *layout) (ends [3]int) {
	x := d.ch[1].x[:]
	if l.n > l.long {
		at := granuleLines
		open := 3
		ends = [3]int{-1, -1, -1}
		for i := l.n - 3; i >= l.long && open > 0; i -= 3 {
			at -= 3 * int(l.width[i])
			for w := range ends {
				if ends[w] < 0 && !zero(x[at+w:at+3*int(l.width[i])], 3) {
					ends[w] = i + 3
					open--
				}
			}
		}
		if open < 3 {
			for w := range ends {
				ends[w] = max(ends[w], l.long)
			}
			return ends
		}
	}
	at, i := l.lines, l.long
	for ; i > 0 && zero(x[at-int(l.width[i-1]):at], 1); i-- {
		at -= int(l.width[i-1])
	}
	return [3]int{i, i, i}
}

func zero(x []float32, step int) bool {
	for i := 0; i < len(x); i += step {
		if x[i] != 0 {
			return false
		}
	}
	return true
}

// share spreads the left channel's lines over both channels in the bands from
// ends on. The topmost bands, which have no scale factor, take the position of
// the ones below.
func (d *Decoder) share(l *layout, ends [3]int, blend *[32][2]float32, gain float32) {
	pos := &d.ch[1].scale.pos
	at := 0
	for i := 0; i < l.long; i++ {
		p := pos[i]
		if i == longBands-1 {
			p = pos[i-1]
		}
		end := at + int(l.width[i])
		if i >= ends[0] && p != noPosition {
			d.spread(at, end, 1, blend[p&31], gain)
		}
		at = end
	}
	for i := l.long; i < l.n; i += 3 {
		end := at + 3*int(l.width[i])
		for w := range ends {
			p := pos[i+w]
			if i == l.n-3 {
				p = pos[i-3+w]
			}
			if i >= ends[w] && p != noPosition {
				d.spread(at+w, end, 3, blend[p&31], gain)
			}
		}
		at = end
	}
}

// spread shares out every step-th line from at up to end.
func (d *Decoder) spread(at, end, step int, part [2]float32, gain float32) {
	l, r := part[0]*gain, part[1]*gain
	for ; at < end; at += step {
		v := d.ch[0].x[at]
		d.ch[0].x[at], d.ch[1].x[at] = v*l, v*r
	}
}
