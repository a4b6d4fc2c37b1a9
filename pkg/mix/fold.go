package mix

import (
	"math"

	"secstream/pkg/audio"
)

// Share is what a channel adds to left and right.
type Share struct{ Left, Right float64 }

// minus3dB is the share of a centre or surround channel in each stereo channel.
var minus3dB = math.Sqrt(0.5)

// Stereo is how n channels that belong to s fold to two by ITU-R BS.775-3
// (table 2: centre and surrounds at -3 dB, no LFE; heights as surrounds),
// scaled so that it cannot clip. Where no places are known the first two
// channels are left and right; a channel without a place is not heard.
func Stereo(s audio.Speakers, n int) []Share {
	shares := make([]Share, n)
	var sum Share
	if s == 0 {
		s = audio.FrontLeft | audio.FrontRight
	}
	for i, place := range s.Places(n) {
		shares[i] = stereo(place)
		sum.Left += shares[i].Left
		sum.Right += shares[i].Right
	}
	if most := max(sum.Left, sum.Right); most > 0 {
		for i := range shares {
			shares[i].Left /= most
			shares[i].Right /= most
		}
	}
	return shares
}

func stereo(place audio.Speakers) Share {
	switch place {
	case audio.FrontLeft, audio.FrontLeftOfCenter:
		return Share{1, 0}
	case audio.FrontRight, audio.FrontRightOfCenter:
		return Share{0, 1}
	case audio.FrontCenter:
		return Share{minus3dB, minus3dB}
	case audio.BackLeft, audio.SideLeft, audio.TopFrontLeft, audio.TopBackLeft:
		return Share{minus3dB, 0}
	case audio.BackRight, audio.SideRight, audio.TopFrontRight, audio.TopBackRight:
		return Share{0, minus3dB}
	case audio.BackCenter, audio.TopCenter, audio.TopFrontCenter, audio.TopBackCenter:
		return Share{0.5, 0.5} // a lone one is split over both surrounds
	}
	return Share{} // LFE, and places that nobody has named
}

// Fold appends to dst the stereo mix of the interleaved frames in p.
func Fold(dst, p []float64, shares []Share) []float64 {
	for ; len(p) >= len(shares); p = p[len(shares):] {
		var l, r float64
		for i, s := range shares {
			l += p[i] * s.Left
			r += p[i] * s.Right
		}
		dst = append(dst, l, r)
	}
	return dst
}

// Twice appends to dst each sample of p twice: mono for a device of two
// channels.
func Twice(dst, p []float64) []float64 {
	for _, v := range p {
		dst = append(dst, v, v)
	}
	return dst
}
