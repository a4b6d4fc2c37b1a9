package tui

import (
	"fmt"
	"strconv"
	"strings"

	"secstream/pkg/audio"
)

// facts says how the sound is stored: "FLAC · 44.1 kHz · 2 ch · 16 bit".
func (n nowPlaying) facts() string {
	i := n.state.Info
	if i.SampleRate <= 0 {
		return strings.ToUpper(n.track().Format)
	}
	last := ""
	switch {
	case i.Codec == audio.PCM && (i.Sample == audio.F32 || i.Sample == audio.F64):
		last = fmt.Sprintf("%d bit float", i.Sample.Bytes()*8)
	case i.Codec == audio.PCM && i.Sample == audio.ALaw:
		last = "A-law"
	case i.Codec == audio.PCM && i.Sample == audio.ULaw:
		last = "mu-law"
	case (i.Codec == audio.PCM || i.Codec == audio.Flac) && i.BitDepth > 0:
		last = fmt.Sprintf("%d bit", i.BitDepth)
	case i.BitRate > 0:
		last = fmt.Sprintf("%d kbit/s", (i.BitRate+500)/1000)
	}
	rate := strconv.FormatFloat(float64(i.SampleRate)/1000, 'f', -1, 64) + " kHz"
	return join(" · ", codecName(i), rate, fmt.Sprintf("%d ch", i.Channels), last)
}

// codecName is what people call the format.
func codecName(i audio.Info) string {
	switch i.Codec {
	case audio.Vorbis:
		return "Ogg Vorbis"
	case audio.Opus:
		return "Ogg Opus"
	case audio.PCM:
		return strings.ToUpper(clean(string(i.Container)))
	}
	return strings.ToUpper(clean(string(i.Codec)))
}
