package client

import (
	"encoding/json"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/wire"
)

// FuzzTake holds what a server says of a track against what a player relies
// on afterwards.
func FuzzTake(f *testing.F) {
	f.Add(`{"sessionId":"s","totalSlices":2,"sliceDuration":5000,"sampleRate":44100,"channels":2,"bitDepth":16,"sliceIds":["a","b"],"format":"wav",` +
		`"codec":"pcm","sampleFormat":"s16","totalSamples":300,"slices":[{"start":0,"samples":200,"preroll":0},{"start":200,"samples":100,"preroll":0}]}`)
	f.Add(`{"sliceIds":["a"],"slices":[{"start":0,"samples":-1,"preroll":9}],"sampleRate":1,"channels":1,"totalSamples":-1}`)
	f.Add(`{"error":"no"}`)
	f.Fuzz(func(t *testing.T, text string) {
		_ = wire.ReadError(500, []byte(text)).Error()
		info := new(wire.SessionInfo)
		if json.Unmarshal([]byte(text), info) != nil {
			return
		}
		tr := new(Track)
		if tr.take(info) != nil {
			return
		}
		var at audio.Frames
		for i := range tr.Len() {
			s := tr.Span(i)
			if s.Start != at || s.Samples <= 0 || s.Preroll < 0 || tr.plainLimit(i) < 0 {
				t.Fatalf("slice %d: %+v", i, s)
			}
			at += s.Samples
		}
		if at != tr.Info().Frames || tr.Info().SampleRate < 1 || tr.Info().Channels < 1 || at.Duration(tr.Info().SampleRate) < 0 {
			t.Fatalf("%+v", tr.Info())
		}
	})
}
