package mix

import (
	"math"
	"math/bits"
)

// Speakers says where channels belong: a set of places, one a bit, whose order
// is that of the channels. The bits are those of a WAV file's channel mask
// (WAVEFORMATEXTENSIBLE, dwChannelMask). 0 is nothing known.
type Speakers uint32

// Places of channels.
const (
	FrontLeft Speakers = 1 << iota
	FrontRight
	FrontCenter
	LFE
	BackLeft
	BackRight
	FrontLeftOfCenter
	FrontRightOfCenter
	BackCenter
	SideLeft
	SideRight
	TopCenter
	TopFrontLeft
	TopFrontCenter
	TopFrontRight
	TopBackLeft
	TopBackCenter
	TopBackRight
)

// Usual is where n channels belong when nobody says: the order that WAV and
// FLAC share (RFC 9639 §9.1.3). Past 8 no order is usual.
func Usual(n int) Speakers {
	usual := [...]Speakers{0, 0x4, 0x3, 0x7, 0x33, 0x37, 0x3F, 0x70F, 0x63F}
	if n > 0 && n < len(usual) {
		return usual[n]
	}
	return 0
}

// Places lists the n first places of s, one a channel.
func (s Speakers) Places(n int) []Speakers {
	var list []Speakers
	for ; s != 0 && len(list) < n; s &= s - 1 {
		list = append(list, 1<<bits.TrailingZeros32(uint32(s)))
	}
	return list
}

// Share is what a channel adds to left and right.
type Share struct{ Left, Right float64 }

// minus3dB is the share of a centre or surround channel in each stereo channel.
var minus3dB = math.Sqrt(0.5)

// Stereo is how n channels that belong to s fold to two by ITU-R BS.775-3
// (table 2: centre and surrounds at -3 dB, no LFE; heights as surrounds),
// scaled so that it cannot clip. Where no places are known the first two
// channels are left and right; a channel without a place is not heard.
func Stereo(s Speakers, n int) []Share {
	shares := make([]Share, n)
	var sum Share
	if s == 0 {
		s = FrontLeft | FrontRight
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

func stereo(place Speakers) Share {
	switch place {
	case FrontLeft, FrontLeftOfCenter:
		return Share{1, 0}
	case FrontRight, FrontRightOfCenter:
		return Share{0, 1}
	case FrontCenter:
		return Share{minus3dB, minus3dB}
	case BackLeft, SideLeft, TopFrontLeft, TopBackLeft:
		return Share{minus3dB, 0}
	case BackRight, SideRight, TopFrontRight, TopBackRight:
		return Share{0, minus3dB}
	case BackCenter, TopCenter, TopFrontCenter, TopBackCenter:
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
