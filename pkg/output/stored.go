package output

import (
	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// stored is how samples of this shape are kept in a file, so that nothing is
// lost.
func stored(s player.Spec) wavfile.Format {
	kind, valid := wavfile.Stored(s.Sample, s.BitDepth)
	return wavfile.Format{SampleRate: s.SampleRate, Channels: s.Channels, Sample: kind, ValidBits: valid, Speakers: s.Speakers.For(s.Channels)}
}

// encode writes s to b, which it makes larger first if it has to: what append
// would leave behind, nobody could overwrite.
func encode(b []byte, s []float64, kind audio.Sample) []byte {
	if need := len(s) * kind.Bytes(); cap(b) < need {
		b = make([]byte, 0, need+need/2)
	}
	return wavfile.AppendSamples(b[:0], s, kind)
}
