package client

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/wire"
)

// FuzzTake holds what a server says of a track against what a player relies
// on afterwards.
func FuzzTake(f *testing.F) {
	f.Add(`{"sessionId":"s","totalSlices":2,"sliceDuration":5000,"sampleRate":44100,"channels":2,"bitDepth":16,"sliceIds":["a","b"],"format":"wav",` +
		`"codec":"pcm","sampleFormat":"s16","totalSamples":300,"slices":[{"start":0,"samples":200,"preroll":0},{"start":200,"samples":100,"preroll":0}]}`)
	f.Add(`{"sessionId":"s","totalSlices":1,"sliceDuration":5000,"sampleRate":8000,"channels":1,"bitDepth":4,"sliceIds":["a"],"format":"riff",` +
		`"codec":"pcm","sampleFormat":"u8","totalSamples":9,"slices":[{"start":0,"samples":9,"preroll":0}]}`)
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

// What a server calls the format ends up on screens, so only what the
// protocol knows is taken; what published servers send is.
func TestUnknownFormatsAreRefused(t *testing.T) {
	const steer = "\x1b]0;mine\a\x1b[2J"
	info := func(format, codec, sample string) *wire.SessionInfo {
		return &wire.SessionInfo{TrackFacts: wire.TrackFacts{
			Format: format, Codec: codec, Sample: sample, SampleRate: 8000, Channels: 1, BitDepth: 16, TotalSamples: 1,
			SliceIDs: []string{"a"}, Slices: []wire.Slice{{Samples: 1}},
		}}
	}
	for _, good := range [][3]string{
		{"wav", "pcm", "s16"}, {"mp3", "mp3", ""}, {"flac", "flac", ""}, {"ogg", "vorbis", ""}, {"ogg", "opus", ""}, {"riff", "pcm", "s24"},
		{"wav", "", ""}, {"mp3", "", ""}, {"flac", "", ""}, {"unknown", "", ""},
	} {
		if err := new(Track).take(info(good[0], good[1], good[2])); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	early := info("riff", "pcm", "s16")
	early.Slices[0].Preroll = 1105
	if err := new(Track).take(early); !errors.Is(err, ErrProtocol) {
		t.Errorf("preroll in a RIFF slice: %v", err)
	}
	for _, bad := range [][3]string{
		{steer, "pcm", "s16"}, {"wav", steer, ""}, {"wav", "pcm", steer}, {"flac", "flac", steer}, {"wav", "pcm", ""},
		{"aiff", "pcm", "s16"}, {"ogg", "speex", ""}, {"riff", "flac", ""}, {"riff", "", ""}, {"riff", "pcm", ""}, {"riff", "", "s16"}, {strings.Repeat("x", 1<<20), "pcm", "s16"},
	} {
		err := new(Track).take(info(bad[0], bad[1], bad[2]))
		if !errors.Is(err, ErrProtocol) || strings.ContainsAny(err.Error(), steer[:1]+"\a") || len(err.Error()) > 200 {
			t.Errorf("%.40q: %.300v", bad, err)
		}
	}
}
