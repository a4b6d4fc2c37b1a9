// Package decode turns the encoded bytes of one slice into PCM. It is the only
// package that knows third-party decoders; each of them runs behind a recover,
// a guard against reads that make no progress, and a limit on its output.
//
// It also makes and reads the slices of clients that cannot decode: PCM, each a
// RIFF WAVE file of its own (AsWAV, Unwrap). It imports audio, audio/wavfile and
// decoders, nothing else.
package decode

import (
	"fmt"

	"secstream/pkg/audio"
)

// Decoder yields PCM. It is not safe for concurrent use and holds on to the
// bytes it was made from until it is done with.
type Decoder interface {
	// Read fills p with interleaved samples, full scale being -1 to +1
	// (integers of n bits are divided by 2^(n-1), so every integer and float
	// sample a file can hold survives exactly), channels in the order of WAV
	// files (audio.Speakers). It returns the number of
	// frames; len(p) must be a multiple of the channel count. At the end it
	// returns 0 and io.EOF. Any other error is final.
	Read(p []float64) (audio.Frames, error)
}

// Fault is damage that a decoder stepped over: sound came out there, silence
// perhaps, but not the sound that was encoded.
type Fault struct {
	At   audio.Frames // where the damaged unit's sound begins, in what the decoder yields
	Len  audio.Frames // how much of it there is
	What string       // lower case, no full stop
	// Plain says that the unit's headers show it, so that an index of the whole
	// file has told of it already.
	Plain bool
}

// Faults are those of what d has decoded so far, in order. Only MP3 has any:
// FLAC frames and Ogg pages have checksums, and an index leaves out what fails.
func Faults(d Decoder) []Fault {
	if f, ok := d.(interface{ faults() []Fault }); ok {
		return f.faults()
	}
	return nil
}

// Params say what the bytes of a slice are.
type Params struct {
	Codec      audio.Codec
	Sample     audio.Sample // PCM only: how the headerless bytes are stored
	SampleRate int          // Hz; 0 leaves it unchecked
	Channels   int          // 1 to 255
	BitDepth   int          // FLAC: bits of a sample; 0 leaves it unchecked
	Limit      audio.Frames // most frames the decoder may yield; more is an error; 0 sets no limit
}

var errOpus = fmt.Errorf("decode opus: %w: no Go decoder gives the exact samples of the reference", audio.ErrUnsupported)

// New makes a decoder for the bytes of one slice. PCM comes without a header;
// everything else is a complete file of its format. A codec that cannot be
// decoded gives an error wrapping audio.ErrUnsupported that says why; bytes
// that are not what p says give one wrapping audio.ErrCorrupt.
func New(p Params, data []byte) (Decoder, error) {
	if p.Channels < 1 || p.Channels > 255 {
		return nil, fmt.Errorf("decode %s: channel count %d is outside 1 to 255", p.Codec, p.Channels)
	}
	var open func(Params, []byte) (Decoder, error)
	switch p.Codec {
	case audio.PCM:
		open = newPCM
	case audio.Flac:
		open = newFLAC
	case audio.Layer3:
		open = newMP3
	case audio.Vorbis:
		open = newVorbis
	case audio.Opus:
		return nil, errOpus
	default:
		return nil, fmt.Errorf("decode %s: %w", p.Codec, audio.ErrUnsupported)
	}
	return guarded(p, data, open)
}
