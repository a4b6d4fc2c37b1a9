package output

import (
	"fmt"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

// shape is what a device is asked to take, and what it then takes.
type shape struct {
	rate, channels int
	speakers       audio.Speakers // where the channels belong, 0 if nobody knows
	bits           int            // of integers that hold the sound exactly, 0 if only floats do
}

// plain says that every device knows what to do with the channels. A single one
// is mono, whatever its file calls it.
func (s shape) plain() bool {
	return s.channels == 1 || s.channels == 2 && s.speakers == audio.Stereo
}

// stereo is s folded to two channels.
func (s shape) stereo() shape {
	s.channels, s.speakers, s.bits = 2, audio.Stereo, 0
	return s
}

// seats lists the places among has that the channels of s are for, nil if there
// is not one for each. A pair of surround channels takes the side or the back,
// whichever there is, unless the sound has both.
func (s shape) seats(has audio.Speakers) []audio.Speakers {
	list := s.speakers.Places(s.channels)
	for i, place := range list {
		if other := opposite(place); has&place == 0 && s.speakers&other == 0 {
			list[i] = other
		}
		if has&list[i] == 0 {
			return nil
		}
	}
	if len(list) != s.channels {
		return nil
	}
	return list
}

// opposite is the back in place of the side, and the other way round.
func opposite(place audio.Speakers) audio.Speakers {
	switch place {
	case audio.BackLeft:
		return audio.SideLeft
	case audio.BackRight:
		return audio.SideRight
	case audio.SideLeft:
		return audio.BackLeft
	case audio.SideRight:
		return audio.BackRight
	}
	return place
}

// wanted is the shape of a source's sound, the bits rounded up to those that
// devices have.
func wanted(spec player.Spec) shape {
	s := shape{rate: spec.SampleRate, channels: spec.Channels, speakers: spec.Speakers.For(spec.Channels)}
	if s.channels == 1 {
		s.speakers = audio.FrontCenter
	}
	switch whole := spec.Sample != audio.F32 && spec.Sample != audio.F64; {
	case !whole || spec.BitDepth <= 0 || spec.BitDepth > 32:
	case !s.plain(): // folded sound has more, and few devices do not fold
	case spec.BitDepth <= 16:
		s.bits = 16
	case spec.BitDepth <= 24:
		s.bits = 24
	default:
		s.bits = 32
	}
	return s
}

// foldWarning says what becomes of the channels of s on a device of two.
func foldWarning(s shape) string {
	switch n := len(s.speakers.Places(s.channels)); n {
	case 0:
		return fmt.Sprintf("only the first two of %d channels are played", s.channels)
	case s.channels:
		return fmt.Sprintf("%d channels are folded to stereo", n)
	default:
		return fmt.Sprintf("%d of %d channels have a place and are folded to stereo", n, s.channels)
	}
}
