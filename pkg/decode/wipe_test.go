package decode

import (
	"os"
	"testing"

	"secstream/pkg/audio"
)

// TestWipe: a decoder that is wiped in the middle holds no sound where it held
// some before.
func TestWipe(t *testing.T) {
	for _, c := range []struct {
		file  string
		par   Params
		open  func(Params, []byte) (Decoder, error)
		holds func(d Decoder) (sum float64)
	}{
		{"music-safari-cbr.mp3", Params{Codec: audio.Layer3, Channels: 2}, newMP3, func(d Decoder) (sum float64) {
			for _, v := range d.(*mp3).pcm {
				sum += float64(v * v)
			}
			return sum
		}},
		{"music-guitar.flac", Params{Codec: audio.Flac, Channels: 2}, newFLAC, func(d Decoder) (sum float64) {
			for _, sub := range d.(*flacDecoder).frames.(*flacLibrary).frame.Subframes {
				for _, v := range sub.Samples {
					sum += float64(v) * float64(v)
				}
			}
			return sum
		}},
		{"music-guitar.flac", Params{Codec: audio.Flac, Channels: 2}, newOwnFLAC, func(d Decoder) (sum float64) {
			for _, x := range d.(*flacDecoder).frames.(*flacFrames).x {
				for _, v := range x {
					sum += float64(v) * float64(v)
				}
			}
			return sum
		}},
		{"music-chimes.ogg", Params{Codec: audio.Vorbis, Channels: 2}, newVorbis, func(d Decoder) (sum float64) {
			for _, v := range d.(*vorbisDecoder).buf {
				sum += float64(v * v)
			}
			return sum
		}},
	} {
		data, err := os.ReadFile("../../testdata/audio/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.open(c.par, data)
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		p := make([]float64, 2*30_000)
		for n := audio.Frames(0); n < 30_000; {
			k, err := d.Read(p[2*n:])
			if err != nil {
				t.Fatalf("%s: %v", c.file, err)
			}
			n += k
		}
		if c.holds(d) == 0 {
			t.Errorf("%s: nothing to wipe", c.file)
		}
		Wipe(&guard{d: d})
		if c.holds(d) != 0 {
			t.Errorf("%s: sound is left", c.file)
		}
	}
	Wipe(nil)
}
