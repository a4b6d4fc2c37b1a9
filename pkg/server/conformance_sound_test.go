package server_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// selfContained has every slice of files like suffix begin with magic and
// decode by itself, and all of them together be the file, frame for frame.
func selfContained(t *testing.T, f *fixture, magic, suffix string, header ...string) {
	t.Helper()
	found := 0
	for _, tr := range f.lib.Tracks() {
		if !strings.HasSuffix(tr.Path, suffix) {
			continue
		}
		found++
		l := f.listenTo(t, f.session(t, tr.ID), "", header...)
		want, info := decodeFile(t, readSong(t, tr.Path))
		if l.info.TotalSamples != int64(info.Frames) || l.info.Duration != info.Duration().Seconds() || len(l.info.Slices) != l.info.TotalSlices {
			t.Errorf("%s: %d frames in %v s, want %d", tr.Path, l.info.TotalSamples, l.info.Duration, info.Frames)
		}
		var got []float64
		for i := range l.info.Slices {
			slice := l.slice(t, i)
			if !bytes.HasPrefix(slice, []byte(magic)) {
				t.Errorf("%s: slice %d begins with %.4q", tr.Path, i, slice)
			}
			got = append(got, l.decode(t, i, slice)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the slices are not the file", tr.Path)
		}
	}
	if found == 0 {
		t.Errorf("no file %s", suffix)
	}
}

func ogg(t *testing.T, f *fixture) {
	selfContained(t, f, "OggS", ".ogg")
	l := f.listen(t, f.session(t, f.track(t, "chimes.ogg")))
	for i := range l.info.SliceIDs {
		status, _, body := f.do(t, "GET", "/api/sessions/"+l.id+"/slices/"+l.info.SliceIDs[i], "", "")
		slice := l.slice(t, i)
		for _, packet := range []string{"\x01vorbis", "\x03vorbis", "\x05vorbis"} {
			if !bytes.Contains(slice, []byte(packet)) {
				t.Errorf("slice %d has no packet %q", i, packet)
			}
		}
		if status != 200 || len(body) <= len(slice) {
			t.Errorf("slice %d: %d, was compressed", i, status)
		}
	}
	if l.info.Format != "ogg" {
		t.Errorf("format %q", l.info.Format)
	}
}

func mp3(t *testing.T, f *fixture) {
	selfContained(t, f, "\xff", ".mp3") // a frame, and no tag before it
	for _, name := range []string{"march-vbr.mp3", "safari-cbr.mp3"} {
		l := f.listen(t, f.session(t, f.track(t, name)))
		last := l.slice(t, len(l.info.SliceIDs)-1)
		if bytes.Contains(last, []byte("APETAGEX")) || len(last) > 128 && bytes.HasPrefix(last[len(last)-128:], []byte("TAG")) {
			t.Errorf("%s: tags are sent as sound", name)
		}
	}
}

func strictBrowsers(t *testing.T, f *fixture) {
	always := start(t, server.Config{Decode: server.DecodeAlways}, session.Config{Millis: 2000})
	for _, name := range []string{"russian-8k.ogg", "french-8k.flac", "english-16k-mono.mp3"} {
		l := always.listen(t, always.session(t, always.track(t, name)))
		if l.info.Format != "riff" || l.info.Codec != string(audio.PCM) {
			t.Errorf("%s is announced as %s in %s", name, l.info.Codec, l.info.Format)
		}
		want, info := decodeFile(t, readSong(t, "speech-"+name))
		var got []float64
		for i, s := range l.info.Slices {
			part, pi := decodeFile(t, l.slice(t, i)) // a file of its own
			if pi.Container != audio.WAV || pi.Frames != s.Samples || s.Preroll != 0 || pi.SampleRate != info.SampleRate {
				t.Errorf("%s: slice %d is %+v", name, i, pi)
			}
			got = append(got, part...)
		}
		within := 0.51 / 32768 // lossy codecs are rounded to 16 bits
		if info.Container == audio.FLAC {
			within = 0
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d samples, want %d", name, len(got), len(want))
		}
		for i := range got {
			if d := got[i] - min(max(want[i], -1), 32767.0/32768); d > within || d < -within {
				t.Fatalf("%s: sample %d is %v, want %v", name, i, got[i], want[i])
			}
		}
	}
	for agent, format := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                                "ogg",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36 EdgA/126.0.0.0":                 "ogg",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0":                                                                         "ogg",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1": "riff",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.0 Mobile/15E148 Safari/605.1.15":      "riff",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                          "riff",
		"Mozilla/5.0 (Nobody knows)": "riff",
		"curl/8.8.0":                 "ogg",
	} {
		l := f.listenTo(t, f.session(t, f.track(t, "russian-8k.ogg")), "", "User-Agent", agent)
		magic := map[string]string{"ogg": "OggS", "riff": "RIFF"}[format]
		if slice := l.slice(t, 0); l.info.Format != format || !bytes.HasPrefix(slice, []byte(magic)) {
			t.Errorf("%s: %s, and %.4q", agent, l.info.Format, slice)
		}
	}
}

func kindsOfWAV(t *testing.T, f *fixture) {
	bytes8 := []byte{0, 1, 127, 128, 129, 255, 200, 100}
	for what, c := range map[string]struct {
		wav
		status, depth int
		float         bool
		first         string // of the slice, in hex
	}{
		"8 bits":             {wav{channels: 1, rate: 8000, bits: 8, data: bytes8}, 200, 16, false, "0080"},
		"16 bits":            {wav{channels: 1, rate: 8000, bits: 16, data: bytes8}, 200, 16, false, "0001"},
		"24 bits, extended":  {wav{kind: 0xFFFE, sub: 1, channels: 1, rate: 8000, bits: 24, data: bytes8[:6]}, 200, 24, false, "00017f"},
		"32-bit floats":      {wav{kind: 3, channels: 1, rate: 8000, bits: 32, data: bytes8}, 200, 32, true, "00017f80"},
		"floats, extended":   {wav{kind: 0xFFFE, sub: 3, channels: 1, rate: 8000, bits: 32, data: bytes8}, 200, 32, true, "00017f80"},
		"64-bit floats":      {wav{kind: 3, channels: 1, rate: 8000, bits: 64, data: []byte{0, 0, 0, 0, 0, 0, 0xF0, 0x3F}}, 200, 32, true, "0000803f"}, // 1
		"A-law":              {wav{kind: 6, channels: 1, rate: 8000, bits: 8, data: []byte{0xD5, 0x55}}, 200, 16, false, "0800"},
		"mu-law":             {wav{kind: 7, channels: 1, rate: 8000, bits: 8, data: []byte{0x80, 0xFF}}, 200, 16, false, "7c7d"},
		"ADPCM":              {wav{kind: 2, channels: 1, rate: 8000, bits: 4, data: bytes8}, 415, 0, false, ""},
		"an odd chunk":       {wav{channels: 1, rate: 8000, bits: 16, odd: true, data: bytes8}, 200, 16, false, "0001"},
		"more than there is": {wav{channels: 1, rate: 8000, bits: 16, size: 1 << 30, data: bytes8}, 200, 16, false, "0001"},
	} {
		status, _, body := f.do(t, "POST", "/api/sessions", "audio/wav", string(c.bytes()))
		var made wire.CreateAnswer
		if err := json.Unmarshal([]byte(body), &made); status != c.status || err != nil {
			t.Errorf("%s: %d %s", what, status, body)
		}
		if status != 200 {
			continue
		}
		l := f.listen(t, made.SessionID)
		slice := l.slice(t, 0)
		if l.info.Format != "wav" || l.info.BitDepth != c.depth || l.info.IsFloat32 != c.float ||
			len(slice) != int(l.info.TotalSamples)*c.depth/8 || !strings.HasPrefix(hexed(slice), c.first) {
			t.Errorf("%s: %d bits, float %v, %d frames as %x", what, l.info.BitDepth, l.info.IsFloat32, l.info.TotalSamples, slice)
		}
	}
}

func durations(t *testing.T, f *fixture) {
	w := wav{channels: 1, rate: 8000, bits: 16, data: make([]byte, 612*800*2)}
	made := f.create(t, "/api/sessions", "audio/wav", string(w.bytes()))
	l := f.listen(t, made.SessionID)
	i := l.info
	if made.Metadata.Duration != 61.2 || i.Duration != 61.2 || i.TotalSamples != 489_600 || i.TotalSlices != 13 || i.SliceMillis != 5000 {
		t.Errorf("61.2 s are %v s and %v s, %d frames, %d slices of %d ms", made.Metadata.Duration, i.Duration, i.TotalSamples, i.TotalSlices, i.SliceMillis)
	}
	var at audio.Frames
	for n, s := range i.Slices {
		if s.Start != at || s.Preroll != 0 {
			t.Errorf("slice %d: %+v", n, s)
		}
		at += s.Samples
	}
	if at != 489_600 {
		t.Errorf("the slices have %d frames", at)
	}
}
