package layer3

import "math"

// dctTables are the divisors 1/(2cos) of the first two steps of dct32.
type dctTables struct {
	first  [16]float32
	second [8]float32
}

// filter is the state of one channel's polyphase synthesis (2.4.3.2.2). Of the
// 64 values the standard puts in its vector V for every 32 subband samples only
// 32 differ, those of a type II DCT. Output j, and 32-j with it, takes
// coefficient 16+j from 8 slots and 16-j from the 8 between, so even and odd
// slots are kept apart, each coefficient's history in a row.
//
// A row is a ring of 8 written twice, so that the last 8 always lie together,
// oldest first. Sums are then formed in the same order wherever the ring is:
// what a frame decodes to must not depend on how many came before it.
type filter struct {
	history [2][subbands]row
	next    int // slot 0 to 15: bit 0 selects the half, the others the place
}

type row [16]float32

// last returns the 8 values up to place, which is 0 to 7.
func (r *row) last(place int) *[8]float32 { return (*[8]float32)(r[place&7+1:]) }

// taps are the window factors of outputs j (near, far) and 32-j (nearUp, farUp),
// oldest first: near for coefficient 16+j, far for 16-j.
type taps struct {
	near, far, nearUp, farUp [8]float32
}

// buildSynth sorts the window D by output and computes the divisors of dct32.
func (t *tables) buildSynth() {
	window := func(i int) float64 {
		v := float64(halfWindow[min(i, 512-i)]) / 65536
		if i > 256 && i%64 != 0 {
			v = -v
		}
		return v
	}
	for j := range t.synth {
		s := &t.synth[j]
		for i := range 8 {
			lag := 64 * (7 - i)
			if j < 16 { // there is no coefficient 32
				s.near[i] = float32(window(lag + j))
			}
			s.far[i] = float32(-window(lag + 32 + j))
			if j > 0 && j < 16 {
				s.nearUp[i] = float32(-window(lag + 32 - j))
				s.farUp[i] = float32(-window(lag + 64 - j))
			}
		}
	}
	for k := range t.dct.first {
		t.dct.first[k] = float32(0.5 / math.Cos(float64(2*k+1)*math.Pi/64))
	}
	for k := range t.dct.second {
		t.dct.second[k] = float32(0.5 / math.Cos(float64(2*k+1)*math.Pi/32))
	}
}

// run takes one granule of subband samples to PCM: 576 samples in dst, every
// step-th place.
func (f *filter) run(t *tables, sub *[slots][subbands]float32, dst []float32, step int) {
	for i := range sub {
		half, place := f.next&1, f.next>>1
		now, before := &f.history[half], &f.history[half^1]
		dct32(&sub[i], now, place, &t.dct)
		t.window(now, before, place, place-1+half, dst[subbands*i*step:], step)
		f.next = (f.next + 1) & 15
	}
}

// window computes 32 samples from the values up to place n of now and up to
// place b of before.
func (t *tables) window(now, before *[subbands]row, n, b int, dst []float32, step int) {
	dst = dst[:31*step+1]
	dst[0], _ = cross(now[16].last(n), before[16].last(b), &t.synth[0])
	dst[16*step], _ = cross(now[0].last(n), before[0].last(b), &t.synth[16])
	for j := 1; j < 16; j++ {
		lo, hi := cross(now[16+j].last(n), before[16-j].last(b), &t.synth[j])
		dst[j*step], dst[(32-j)*step] = lo, hi
	}
}

// cross computes the two samples that the values a and b go into.
func cross(a, b *[8]float32, t *taps) (lo, hi float32) {
	n, f := &t.near, &t.far
	lo = a[0]*n[0] + a[1]*n[1] + a[2]*n[2] + a[3]*n[3] + (a[4]*n[4] + a[5]*n[5] + a[6]*n[6] + a[7]*n[7])
	lo += b[0]*f[0] + b[1]*f[1] + b[2]*f[2] + b[3]*f[3] + (b[4]*f[4] + b[5]*f[5] + b[6]*f[6] + b[7]*f[7])
	n, f = &t.nearUp, &t.farUp
	hi = a[0]*n[0] + a[1]*n[1] + a[2]*n[2] + a[3]*n[3] + (a[4]*n[4] + a[5]*n[5] + a[6]*n[6] + a[7]*n[7])
	hi += b[0]*f[0] + b[1]*f[1] + b[2]*f[2] + b[3]*f[3] + (b[4]*f[4] + b[5]*f[5] + b[6]*f[6] + b[7]*f[7])
	return lo, hi
}

// dct32 writes to place of every row of out the type II DCT of x: element m is
// sum x[k] cos(m(2k+1)pi/64). Two steps of halving (Lee's) lead to four of 8
// points.
func dct32(x *[subbands]float32, out *[subbands]row, place int, c *dctTables) {
	var p [4][8]float32
	for k := range 8 {
		a, b := x[k]+x[31-k], x[15-k]+x[16+k]
		d, e := (x[k]-x[31-k])*c.first[k], (x[15-k]-x[16+k])*c.first[15-k]
		p[0][k], p[1][k] = a+b, (a-b)*c.second[k]
		p[2][k], p[3][k] = d+e, (d-e)*c.second[k]
	}
	for i := range p {
		dct8(&p[i])
	}
	for m := range 8 {
		up, side := p[1][m], p[3][m]
		next := float32(0)
		if m < 7 {
			up += p[1][m+1]
			side += p[3][m+1]
			next = p[2][m+1]
		}
		q := (*[4]row)(out[4*m:])
		q[0].put(place, p[0][m])
		q[1].put(place, p[2][m]+side)
		q[2].put(place, up)
		q[3].put(place, side+next)
	}
}

func (r *row) put(place int, v float32) { r[place&7], r[place&7+8] = v, v }

// dct8 is the type II DCT of 8 points, in place.
func dct8(x *[8]float32) {
	const (
		cos1 = 0.98078528040323044913 // cos(k pi/16)
		cos2 = 0.92387953251128675613
		cos3 = 0.83146961230254523708
		cos4 = math.Sqrt2 / 2
		cos5 = 0.55557023301960222474
		cos6 = 0.38268343236508977173
		cos7 = 0.19509032201612826785
	)
	a0, a1, a2, a3 := x[0]+x[7], x[1]+x[6], x[2]+x[5], x[3]+x[4]
	d0, d1, d2, d3 := x[0]-x[7], x[1]-x[6], x[2]-x[5], x[3]-x[4]
	b0, b1, b2, b3 := a0+a3, a1+a2, a0-a3, a1-a2
	x[0], x[4] = b0+b1, cos4*(b0-b1)
	x[2], x[6] = cos2*b2+cos6*b3, cos6*b2-cos2*b3
	x[1] = cos1*d0 + cos3*d1 + cos5*d2 + cos7*d3
	x[3] = cos3*d0 - cos7*d1 - cos1*d2 - cos5*d3
	x[5] = cos5*d0 - cos1*d1 + cos7*d2 + cos3*d3
	x[7] = cos7*d0 - cos5*d1 + cos3*d2 - cos1*d3
}
