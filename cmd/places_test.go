package cmd

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/format"
)

// pitch is the tone of a place (Hz), low enough for what a codec leaves of LFE.
func pitch(place audio.Speakers) float64 { return 60 + 40*math.Log2(float64(place)) }

// chord writes a WAV file in which each place of the mask sounds at its own pitch.
func chord(t *testing.T, path string, mask audio.Speakers, channels int) {
	t.Helper()
	const rate, n = 44100, 55125
	places := mask.For(channels).Places(channels)
	p := make([]float64, n*channels)
	for c, place := range places {
		for i := range n {
			p[i*channels+c] = 0.25 * math.Sin(2*math.Pi*pitch(place)*float64(i)/rate)
		}
	}
	b, err := wavfile.AppendHeader(nil, wavfile.Format{SampleRate: rate, Channels: channels, Sample: audio.S16, Speakers: mask}, n)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, wavfile.AppendSamples(b, p, audio.S16), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTonesComeOutAtTheirPlaces encodes files of many channels with the
// reference encoders, plays them, from the folder and from a server, and looks
// for each tone in the channel that the header gives its place.
func TestTonesComeOutAtTheirPlaces(t *testing.T) {
	dir := t.TempDir()
	type made struct {
		name string
		mask audio.Speakers
	}
	var files []made
	add := func(ext string, mask audio.Speakers, channels int, encode ...string) {
		name := fmt.Sprintf("%x.%s", uint32(mask), ext)
		files = append(files, made{name, mask})
		path := filepath.Join(dir, name)
		if len(encode) == 0 {
			chord(t, path, mask, channels)
			return
		}
		wav := filepath.Join(t.TempDir(), "in.wav")
		chord(t, wav, mask, channels)
		run(t, encode[0], append(encode[1:], path, wav)...)
	}
	const (
		front = audio.Stereo | audio.FrontCenter
		five  = front | audio.LFE
	)
	for mask, channels := range map[audio.Speakers]int{
		five | audio.Sides: 6, five | audio.Backs: 6, front | audio.BackCenter: 4, audio.Stereo | audio.LFE: 3,
		audio.FrontCenter | audio.LFE: 2, audio.FrontLeft: 1, five | audio.Sides | audio.FrontLeftOfCenter | audio.FrontRightOfCenter: 8,
	} {
		add("wav", mask, channels)
	}
	for mask, channels := range map[audio.Speakers]int{five | audio.Sides: 6, five | audio.Backs: 6, audio.Stereo | audio.Backs: 4} {
		add("flac", mask, channels, "flac", "-s", "-f", "-o")
	}
	for _, channels := range []int{3, 4, 5, 6, 7, 8} {
		add("ogg", audio.UsualSpeakers(channels), channels, "oggenc", "-Q", "-q", "3", "-o")
	}
	secstream := program(t)
	addr := serveFolder(t, secstream, "--slice", "1s", dir)
	listed(t, addr)
	for _, f := range files {
		ways := [][]string{{filepath.Join(dir, f.name)}, {"--track", f.name, addr}}
		if filepath.Ext(f.name) == ".ogg" {
			ways = ways[:1] // their places are the usual ones, of which a server says nothing
		}
		for _, from := range ways {
			out := filepath.Join(t.TempDir(), "out.wav")
			cmd := exec.Command(secstream, append([]string{"play", "--no-tui", "--output", "wav:" + out}, from...)...)
			cmd.Env = append(os.Environ(), "SECSTREAM_CONFIG_DIR="+t.TempDir())
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", from, err, text)
			}
			atTheirPlaces(t, f.name, out, f.mask)
		}
	}
}

// atTheirPlaces looks for the tones of chord in what was played.
func atTheirPlaces(t *testing.T, name, path string, mask audio.Speakers) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := format.Open(f, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	i := s.Info()
	if got := i.Speakers.For(i.Channels); got != mask {
		t.Errorf("%s: the file is of %v, want %v", name, got, mask)
	}
	b = b[i.AudioOff : i.AudioOff+i.AudioBytes]
	frame := i.Channels * i.Sample.Bytes()
	for c, place := range mask.Places(i.Channels) {
		best, at := 0.0, audio.Speakers(0)
		for _, other := range mask.Places(i.Channels) {
			var re, im float64
			for n := 0; (n+1)*frame <= len(b); n++ {
				k := n*frame + c*2
				v := float64(int16(uint16(b[k]) | uint16(b[k+1])<<8))
				sin, cos := math.Sincos(2 * math.Pi * pitch(other) * float64(n) / float64(i.SampleRate))
				re, im = re+v*cos, im+v*sin
			}
			if level := 2 * math.Hypot(re, im) / 32768 / float64(i.Frames); level > best {
				best, at = level, other
			}
		}
		if at != place || best < 0.2 {
			t.Errorf("%s: at %v there is the tone of %v, %.3f", name, place, at, best)
		}
	}
}
