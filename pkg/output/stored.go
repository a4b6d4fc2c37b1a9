package output

import (
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// stored is how samples of this shape are kept in a file, so that nothing is
// lost.
func stored(s player.Spec) wavfile.Format {
	kind, valid := wavfile.Stored(s.Sample, s.BitDepth)
	return wavfile.Format{SampleRate: s.SampleRate, Channels: s.Channels, Sample: kind, ValidBits: valid}
}
