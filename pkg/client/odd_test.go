package client_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/decode"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// oddFLAC makes a mono file of 24 bits in blocks of an odd number of samples, so
// that slices of its PCM have an odd number of bytes.
func oddFLAC(t *testing.T, path string) {
	t.Helper()
	const rate, block, blocks = 8000, 1145, 41
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := flac.NewEncoder(f, &meta.StreamInfo{
		BlockSizeMin: block, BlockSizeMax: block, SampleRate: rate, NChannels: 1, BitsPerSample: 24, NSamples: block * blocks,
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range blocks {
		samples := make([]int32, block)
		for i := range samples {
			samples[i] = int32((n*block+i)*7919%(1<<24)) - 1<<23
		}
		fr := &frame.Frame{Header: frame.Header{HasFixedBlockSize: true, BlockSize: block, SampleRate: rate, Channels: frame.ChannelsMono, BitsPerSample: 24}}
		fr.Subframes = []*frame.Subframe{{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, Samples: samples, NSamples: block}}
		if err := enc.WriteFrame(fr); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil { // and the file
		t.Fatal(err)
	}
}

// TestOddSlices: PCM of an odd number of bytes has one more in a RIFF file, which
// is counted under the seal, padded or not, and is no sound.
func TestOddSlices(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "odd.flac")
	oddFLAC(t, path)
	want, _ := whole(t, path)
	for _, pad := range []bool{false, true} {
		m := between(t, serving(t, session.Config{Millis: 1000, Pad: pad, PCM: decode.AsWAV}, server.Config{Decode: server.DecodeAlways}, dir))
		c, tracks := dial(t, m.URL, client.Config{Patience: 1})
		for _, rekey := range []string{"", "1"} {
			m.does(nil, on("slice", func(p *passing) {
				if rekey != "" {
					p.header.Set(wire.HeaderRekey, rekey)
				}
			}))
			track := opens(t, c, trackID(t, tracks, "odd.flac"))
			info := track.Info()
			if info.Container != audio.RIFF || info.Channels != 1 || info.Sample != audio.S24 {
				t.Fatalf("%+v", info)
			}
			odd := 0
			for i := range track.Len() {
				if n := int(track.Span(i).Samples) * 3; n%2 == 1 {
					odd++
					if got := len(sliceOf(t, track, i)); got != n {
						t.Errorf("slice %d: %d bytes, want %d", i, got, n)
					}
				}
			}
			if odd < 2 {
				t.Errorf("%d of %d slices are odd", odd, track.Len())
			}
			compare(t, playAll(t, track, 0), want, 0)
			compareSome(t, track, want, 12345)
		}
	}
}
