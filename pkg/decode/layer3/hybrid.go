package layer3

import "math"

const (
	subbands = 32
	slots    = 18 // samples of a subband in a granule
)

// aliasCoefficients are the c of ISO 11172-3 table B.9.
var aliasCoefficients = [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037}

// buildWindows computes the windows of ISO 11172-3 2.4.3.4.10.3. Into them go
// the signs and divisors that the fast transforms below leave out, and for odd
// subbands the frequency inversion of 2.4.3.4.10.5.
func (t *tables) buildWindows() {
	for i, c := range aliasCoefficients {
		n := math.Sqrt(1 + c*c)
		t.butterfly[i] = [2]float32{float32(1 / n), float32(c / n)}
	}
	for parity := range 2 {
		for block := range 4 {
			for i := range 36 {
				t.win36[parity][block][i] = float32(window36(block, i) * factor(i, 18) * invert(parity, i))
			}
		}
		for i := range 12 {
			w := math.Sin(math.Pi / 24 * float64(2*i+1))
			t.win12[parity][i] = float32(w * factor(i, 6) * invert(parity, i))
		}
	}
}

// window36 is the window of a long block at i.
func window36(block, i int) float64 {
	long := math.Sin(math.Pi / 72 * float64(2*i+1))
	if block == 3 { // stop is start backwards
		i = 35 - i
	}
	switch {
	case block == 0, block == shortBlock, i < 18:
		return long
	case i < 24:
		return 1
	case i < 30:
		return math.Sin(math.Pi / 24 * float64(2*(i-18)+1))
	}
	return 0
}

// factor is what remains of an inverse MDCT of n lines at output i when the
// sums of a type III DCT are at hand: output i is minus or plus element m of a
// type IV DCT, which is that of the type III DCT over 2cos((2m+1)pi/4n).
func factor(i, n int) float64 {
	m, sign := i+n/2, 1.0
	if m >= n {
		m, sign = 2*n-1-m, -1
	}
	if m < 0 {
		m = -1 - m
	}
	return sign / (2 * math.Cos(float64(2*m+1)*math.Pi/float64(4*n)))
}

func invert(parity, i int) float64 {
	if parity&i&1 == 1 {
		return -1
	}
	return 1
}

// reorder sorts the lines of short blocks from window after window to line
// after line, so that the three windows take turns (ISO 11172-3 2.4.3.4.8).
func (c *channel) reorder(l *layout) {
	var in [granuleLines]float32
	at := l.lines
	if at >= c.lines {
		return
	}
	copy(in[at:], c.x[at:])
	for i := l.long; i < l.n && at < c.lines; i += 3 {
		w := int(l.width[i])
		out, a, b, e := c.x[at:at+3*w], in[at:at+w], in[at+w:at+2*w], in[at+2*w:at+3*w]
		for k := range a {
			out[3*k], out[3*k+1], out[3*k+2] = a[k], b[k], e[k]
		}
		at += 3 * w
	}
	c.lines = at
}

// alias reduces aliasing between the first n+1 subbands (2.4.3.4.10.1).
func (t *tables) alias(x *[granuleLines]float32, n int) {
	for sb := 1; sb <= n; sb++ {
		lo, hi := x[slots*sb-8:slots*sb], x[slots*sb:slots*sb+8]
		for i, b := range t.butterfly {
			u, d := lo[7-i], hi[i]
			lo[7-i], hi[i] = u*b[0]-d*b[1], d*b[0]+u*b[1]
		}
	}
}

// hybrid takes the lines of channel c to subband samples in d.sub (ISO 11172-3
// 2.4.3.4.10.1 to .5). Subbands without lines and overlap are skipped.
func (d *Decoder) hybrid(c *channel, g *granule) {
	n := (c.lines + slots - 1) / slots
	long := subbands // subbands transformed as long blocks
	switch {
	case g.block != shortBlock:
		if n > 0 {
			d.t.alias(&c.x, min(n, subbands-1))
			n = min(n+1, subbands)
		}
	case g.mixed:
		long = 2
		if n > 0 {
			d.t.alias(&c.x, 1)
			n = max(n, 2)
		}
	default:
		long = 0
	}
	for sb := range n {
		x := (*[slots]float32)(c.x[sb*slots:])
		switch {
		case sb >= long:
			imdct12(x, &d.sub, sb, &c.overlap[sb], &d.t.win12[sb&1])
		case g.mixed && sb < 2:
			imdct36(x, &d.sub, sb, &c.overlap[sb], &d.t.win36[sb&1][0])
		default:
			imdct36(x, &d.sub, sb, &c.overlap[sb], &d.t.win36[sb&1][g.block])
		}
	}
	for sb := n; sb < c.active; sb++ { // what the last granule left
		for i, v := range c.overlap[sb] {
			d.sub[i][sb] = v
		}
		c.overlap[sb] = [slots]float32{}
	}
	top := max(n, c.active)
	for i := range d.sub {
		clear(d.sub[i][top:])
	}
	c.active = n
}

// imdct36 transforms the lines x of subband sb, adds the overlap of the last
// granule and leaves that for the next (2.4.3.4.10.2 to .4). The transform of
// 18 lines is a type IV DCT, done as two type III DCTs of 9 points.
func imdct36(x *[slots]float32, sub *[slots][subbands]float32, sb int, overlap *[slots]float32, win *[36]float32) {
	sb &= subbands - 1
	var e, o [9]float32
	e[0], o[0] = x[0], x[0]+x[1]
	last := o[0]
	for i := 1; i < 9; i++ {
		e[i] = x[2*i] + x[2*i-1]
		next := x[2*i+1] + x[2*i]
		o[i] = next + last
		last = next
	}
	dct9(&e)
	dct9(&o)
	for m := range 9 {
		odd := o[m] * dct9Odd[m]
		s, d := e[m]+odd, e[m]-odd
		sub[8-m][sb] = overlap[8-m] + d*win[8-m]
		sub[9+m][sb] = overlap[9+m] + d*win[9+m]
		overlap[8-m] = s * win[26-m]
		overlap[9+m] = s * win[27+m]
	}
}

// dct9Odd is 1/(2cos((2m+1)pi/36)).
var dct9Odd = [9]float32{
	0.5019099, 0.5176381, 0.5516890, 0.6103873, 0.7071068, 0.8717234, 1.1831008, 1.9318517, 5.7368566,
}

// Cosines of multiples of 10 degrees.
const (
	cos10 = 0.98480775301220805937
	cos20 = 0.93969262078590838405
	cos30 = 0.86602540378443864676
	cos40 = 0.76604444311897803520
	cos50 = 0.64278760968653932632
	cos70 = 0.34202014332566873304
	cos80 = 0.17364817766693034885
)

// dct9 computes, in place, sum y[j] cos((2m+1)j*10°) for m 0 to 8. Terms of
// even j are the same for m and 8-m, those of odd j differ in sign.
func dct9(y *[9]float32) {
	a, b := y[0]+0.5*y[6], y[0]-y[6]
	u, v, w := y[2]+y[4], y[2]+y[8], y[8]-y[4]
	c := y[2] - y[4] - y[8]
	e0 := a + cos40*u + cos80*v
	e1 := b + 0.5*c
	e2 := a - cos80*u + cos40*w
	e3 := a - cos40*v - cos80*w
	y4 := b - c

	mid := cos30 * y[3]
	p, q, r := y[1]+y[5], y[1]+y[7], y[5]-y[7]
	o0 := mid + cos50*p + cos70*q
	o1 := cos30 * (y[1] - y[5] - y[7])
	o2 := cos50*q - cos70*r - mid
	o3 := cos70*p + cos50*r - mid
	y[0], y[8] = e0+o0, e0-o0
	y[1], y[7] = e1+o1, e1-o1
	y[2], y[6] = e2+o2, e2-o2
	y[3], y[5] = e3+o3, e3-o3
	y[4] = y4
}

// imdct12 does for short blocks what imdct36 does for long ones. The lines of
// the three windows take turns in x.
func imdct12(x *[slots]float32, sub *[slots][subbands]float32, sb int, overlap *[slots]float32, win *[12]float32) {
	sb &= subbands - 1
	var y [36]float32 // the windows overlap: 6 zeros, 24 samples, 6 zeros
	for w := range 3 {
		out := (*[12]float32)(y[6+6*w:])
		c := dct6(x[w], x[3+w], x[6+w], x[9+w], x[12+w], x[15+w])
		for i := range 3 {
			out[i] += c[3+i] * win[i]
			out[3+i] += c[5-i] * win[3+i]
			out[6+i] += c[2-i] * win[6+i]
			out[9+i] += c[i] * win[9+i]
		}
	}
	for i := range slots {
		sub[i][sb] = overlap[i] + y[i]
		overlap[i] = y[18+i]
	}
}

// dct6 is the type III DCT of the sums of neighbours of its arguments, by which
// a type IV DCT of 6 points is done.
func dct6(x0, x1, x2, x3, x4, x5 float32) [6]float32 {
	const cos15, cos45, cos75 = 0.96592582628906828675, math.Sqrt2 / 2, 0.25881904510252076235
	y1, y2, y3, y4, y5 := x1+x0, x2+x1, x3+x2, x4+x3, x5+x4
	a := x0 + 0.5*y4
	e0, e1, e2 := a+cos30*y2, x0-y4, a-cos30*y2
	o0 := cos15*y1 + cos45*y3 + cos75*y5
	o1 := cos45 * (y1 - y3 - y5)
	o2 := cos75*y1 - cos45*y3 + cos15*y5
	return [6]float32{e0 + o0, e1 + o1, e2 + o2, e2 - o2, e1 - o1, e0 - o0}
}
