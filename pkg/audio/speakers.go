package audio

import (
	"fmt"
	"math/bits"
	"strings"
)

// Speakers says where channels belong: a set of places, one a bit, whose order
// is that of the channels. The bits are those of a WAV file's channel mask
// (WAVEFORMATEXTENSIBLE, dwChannelMask), so what decoders yield is in the order
// of WAV files. Channels past the last place have none; places past the last
// channel do not count. 0 is nothing known.
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

// Pairs of places.
const (
	Stereo = FrontLeft | FrontRight
	Backs  = BackLeft | BackRight
	Sides  = SideLeft | SideRight
)

// UsualSpeakers is where n channels belong when nobody says: the order that WAV
// and FLAC share (RFC 9639 §9.1.3), and Vorbis once its channels are put in it
// (Vorbis I §4.3.9). Past 8 no order is usual.
func UsualSpeakers(n int) Speakers {
	usual := [...]Speakers{0, 0x4, 0x3, 0x7, 0x33, 0x37, 0x3F, 0x70F, 0x63F}
	if n > 0 && n < len(usual) {
		return usual[n]
	}
	return 0
}

// For is what s says of n channels: the usual places where it says nothing, and
// no more places than channels.
func (s Speakers) For(n int) Speakers {
	if s == 0 {
		return UsualSpeakers(n)
	}
	var all Speakers
	for _, place := range s.Places(n) {
		all |= place
	}
	return all
}

// Places lists the n first places of s, one a channel.
func (s Speakers) Places(n int) []Speakers {
	var list []Speakers
	for ; s != 0 && len(list) < n; s &= s - 1 {
		list = append(list, 1<<bits.TrailingZeros32(uint32(s)))
	}
	return list
}

// String spells out the places, as "FL FR FC LFE BL BR"; those that have no
// name come last, as a number.
func (s Speakers) String() string {
	names := [...]string{
		"FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR",
		"TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
	}
	var out []string
	for i, name := range names {
		if s>>i&1 != 0 {
			out = append(out, name)
		}
	}
	if s>>len(names) != 0 {
		out = append(out, fmt.Sprintf("0x%X", uint32(s>>len(names)<<len(names))))
	}
	return strings.Join(out, " ")
}
