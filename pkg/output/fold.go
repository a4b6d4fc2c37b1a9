package output

import "math"

// minus3dB is the share of a centre or surround channel in each stereo channel.
var minus3dB = math.Sqrt(0.5)

// share is what a channel adds to left and right.
type share struct{ left, right float64 }

// stereo is how n > 2 channels fold to two by ITU-R BS.775-3 (table 2: centre
// and surrounds at -3 dB, no LFE), scaled so that it cannot clip. The channel
// order is that of WAV and FLAC (RFC 9639 §9.1.3). Past 8 channels no order is
// usual: the first two are taken.
func stereo(n int) []share {
	c, l, r := share{minus3dB, minus3dB}, share{1, 0}, share{0, 1}
	sl, sr, lfe := share{minus3dB, 0}, share{0, minus3dB}, share{}
	back := share{0.5, 0.5} // a lone rear centre is split over both surrounds
	var m []share
	switch n {
	case 3:
		m = []share{l, r, c}
	case 4:
		m = []share{l, r, sl, sr}
	case 5:
		m = []share{l, r, c, sl, sr}
	case 6:
		m = []share{l, r, c, lfe, sl, sr}
	case 7:
		m = []share{l, r, c, lfe, back, sl, sr}
	case 8:
		m = []share{l, r, c, lfe, sl, sr, sl, sr}
	default:
		m = make([]share, n)
		m[0], m[1] = l, r
	}
	var sum share
	for _, s := range m {
		sum.left += s.left
		sum.right += s.right
	}
	for i := range m {
		m[i].left /= sum.left
		m[i].right /= sum.right
	}
	return m
}

// fold appends the stereo mix of the interleaved frames in p.
func fold(dst, p []float64, m []share) []float64 {
	for ; len(p) >= len(m); p = p[len(m):] {
		var l, r float64
		for i, s := range m {
			l += p[i] * s.left
			r += p[i] * s.right
		}
		dst = append(dst, l, r)
	}
	return dst
}
