package client

import (
	"errors"
	"fmt"
	"slices"

	"secstream/pkg/audio"
	"secstream/pkg/wire"
)

// Bounds on what a server may claim.
const (
	maxRate     = 1<<32 - 1 // Hz
	maxChannels = 255
	maxPreroll  = 1 << 20 // frames
	maxSeconds  = 1 << 31 // 68 years
	maxSlices   = 1 << 20
)

// take checks what the server says of the track before anything relies on it:
// the slices must cover the track without gap or overlap.
func (t *Track) take(s *wire.SessionInfo) error {
	if s == nil {
		return fmt.Errorf("%w: no session info", ErrProtocol)
	}
	if len(s.Slices) != len(s.SliceIDs) || len(s.Slices) == 0 || len(s.Slices) > maxSlices {
		return fmt.Errorf("%w: %d slice IDs for %d slices", ErrProtocol, len(s.SliceIDs), len(s.Slices))
	}
	if err := known(&s.TrackFacts); err != nil {
		return err
	}
	if s.SampleRate < 1 || int64(s.SampleRate) > maxRate || s.Channels < 1 || s.Channels > maxChannels || s.BitDepth < 0 || s.BitDepth > 64 {
		return fmt.Errorf("%w: %d Hz, %d channels, %d bits", ErrProtocol, s.SampleRate, s.Channels, s.BitDepth)
	}
	var at audio.Frames
	for i, sl := range s.Slices {
		if sl.Start != at || sl.Samples <= 0 || sl.Samples > 1<<40 || sl.Preroll < 0 || sl.Preroll > maxPreroll {
			return fmt.Errorf("%w: slice %d starts at %d with %d samples", ErrProtocol, i, sl.Start, sl.Samples)
		}
		if sl.Preroll > 0 && audio.Container(s.Format) == audio.RIFF {
			return fmt.Errorf("%w: slice %d, a RIFF file of PCM, has %d samples of preroll", ErrProtocol, i, sl.Preroll)
		}
		at += sl.Samples
	}
	if int64(at)/int64(s.SampleRate) > maxSeconds {
		return fmt.Errorf("%w: a track of %d frames at %d Hz", ErrProtocol, at, s.SampleRate)
	}
	if int64(at) != s.TotalSamples {
		return fmt.Errorf("%w: slices of %d samples for a track of %d", ErrProtocol, at, s.TotalSamples)
	}
	info := audio.Info{
		Container: audio.Container(s.Format), Codec: audio.Codec(s.Codec), Sample: audio.Sample(s.Sample),
		SampleRate: s.SampleRate, Channels: s.Channels, BitDepth: s.BitDepth, Frames: at,
		Speakers: audio.Speakers(s.Speakers).For(s.Channels),
	}
	if t.spans != nil {
		return t.same(info, s.Slices)
	}
	info.Tags = t.info.Tags
	t.spans, t.info = s.Slices, info
	if d := s.Damage; d != nil && d.Count > 0 {
		t.info.DamageN, t.info.Damage = d.Count, []audio.Damage{{Off: d.Offset, What: d.What}}
	}
	return nil
}

// ErrRecut is of a server that has forgotten the session, and cuts the track
// otherwise now. It can be opened anew.
var ErrRecut = errors.New("the server was started again")

// errOther: the slices of the track are no longer those that there were.
var errOther = fmt.Errorf("%w: with another key it is another track", ErrProtocol)

// same holds a server that agreed on another key to what it said before.
func (t *Track) same(now audio.Info, spans []wire.Slice) error {
	was := t.info
	if now.Container != was.Container || now.Codec != was.Codec || now.Sample != was.Sample || now.SampleRate != was.SampleRate ||
		now.Channels != was.Channels || now.Speakers != was.Speakers || now.BitDepth != was.BitDepth || !slices.Equal(spans, t.spans) {
		return errOther
	}
	return nil
}

// known refuses names that no server of protocol v1 uses: screens show them.
// Published servers send no codec, and call a format unknown. An error shows
// no more of a name than tells it.
func known(s *wire.TrackFacts) error {
	switch audio.Container(s.Format) {
	case audio.WAV, audio.MP3, audio.FLAC, audio.Ogg, "unknown", "":
	case audio.RIFF:
		if audio.Codec(s.Codec) != audio.PCM {
			return fmt.Errorf("%w: format riff with codec %.32q", ErrProtocol, s.Codec)
		}
	default:
		return fmt.Errorf("%w: there is no format %.32q", ErrProtocol, s.Format)
	}
	switch audio.Codec(s.Codec) {
	case audio.PCM, audio.Layer3, audio.Flac, audio.Vorbis, audio.Opus, "":
	default:
		return fmt.Errorf("%w: there is no codec %.32q", ErrProtocol, s.Codec)
	}
	if pcm := audio.Codec(s.Codec) == audio.PCM; (pcm || s.Sample != "") && audio.Sample(s.Sample).Bytes() == 0 {
		return fmt.Errorf("%w: there are no samples of kind %.32q", ErrProtocol, s.Sample)
	}
	return nil
}
