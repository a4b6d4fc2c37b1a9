package output

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/decode"
	"secstream/pkg/player"
)

// pcmSource is a track of 16-bit PCM in memory, in slices of one second.
type pcmSource struct {
	rate, channels int
	data           []byte
}

func (s *pcmSource) frames() audio.Frames { return audio.Frames(len(s.data) / 2 / s.channels) }

func (s *pcmSource) Info() audio.Info {
	return audio.Info{Container: audio.WAV, Codec: audio.PCM, Sample: audio.S16, SampleRate: s.rate, Channels: s.channels,
		BitDepth: 16, Frames: s.frames()}
}

func (s *pcmSource) Params() decode.Params {
	return decode.Params{Codec: audio.PCM, Sample: audio.S16, SampleRate: s.rate, Channels: s.channels}
}

func (s *pcmSource) Len() int { return (int(s.frames()) + s.rate - 1) / s.rate }

func (s *pcmSource) Span(i int) audio.Span {
	start := audio.Frames(i * s.rate)
	return audio.Span{Start: start, Samples: min(audio.Frames(s.rate), s.frames()-start)}
}

func (s *pcmSource) Slice(_ context.Context, i int) ([]byte, error) {
	sp := s.Span(i)
	return s.data[int(sp.Start)*2*s.channels : int(sp.Start+sp.Samples)*2*s.channels], nil
}

func (s *pcmSource) Release(int)  {}
func (s *pcmSource) Close() error { return nil }

// engine plays tracks to o.
func engine(t *testing.T, o player.Output, tracks ...*pcmSource) (*player.Engine, chan error) {
	t.Helper()
	e, err := player.New(player.Config{Output: o, Tracks: len(tracks), Open: func(_ context.Context, i int) (player.Source, error) {
		return tracks[i], nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- e.Run(context.Background()) }()
	return e, done
}

func TestEngineToFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.wav")
	a := &pcmSource{44100, 2, wavfile.AppendSamples(nil, noise(1, 100_003), audio.S16)}
	b := &pcmSource{44100, 2, wavfile.AppendSamples(nil, noise(2, 882), audio.S16)}
	o, err := Open("wav:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, done := engine(t, o, a, b)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, data := wavParts(t, got); string(data) != string(a.data)+string(b.data) {
		t.Error("samples differ")
	}
	// Another shape ends it, and no file is left.
	path = filepath.Join(dir, "two.wav")
	if o, err = Open("wav:"+path, Options{}); err != nil {
		t.Fatal(err)
	}
	_, done = engine(t, o, a, &pcmSource{8000, 1, b.data})
	if err := <-done; err == nil {
		t.Error("two shapes in one file")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*two*")); len(names) > 0 {
		t.Errorf("left over: %v", names)
	}
}

// TestEngineToSpeaker plays over a real sound server: what is heard is exact
// over the join of two tracks, and free of clicks through all controls.
func TestEngineToSpeaker(t *testing.T) {
	steady(t, func() error { return engineToSpeaker(t) })
}

func engineToSpeaker(t *testing.T) error {
	t.Helper()
	recorded := soundServer(t, "44100")
	open := func() player.Output {
		o, err := Open("speaker", Options{})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	a := &pcmSource{44100, 2, wavfile.AppendSamples(nil, noise(1, 50_001), audio.S16)}
	b := &pcmSource{44100, 2, wavfile.AppendSamples(nil, noise(2, 30_000), audio.S16)}
	_, done := engine(t, open(), a, b)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	tone := &pcmSource{44100, 2, nil}
	for i := range 20 * 44100 {
		v := uint16(int16(26000 * math.Sin(2*math.Pi*437*float64(i)/44100)))
		tone.data = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(tone.data, v), v)
	}
	e, done := engine(t, open(), tone)
	stood := func() { time.Sleep(time.Second) } // the output stands still by then
	for _, do := range []func(){
		func() { e.Pause(true) }, stood, func() { e.Pause(false) }, func() { e.Seek(5 * time.Second) }, func() { e.SetVolume(0.4) },
		func() { e.SeekBy(3 * time.Second) }, func() { e.Mute(true) }, func() { e.Mute(false) }, func() { e.Pause(true) },
		func() { e.Seek(12 * time.Second) }, stood, func() { e.Pause(false) }, e.Stop,
	} {
		time.Sleep(350 * time.Millisecond)
		do()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	rest, err := after("two tracks", recorded(), append(append([]byte(nil), a.data...), b.data...))
	if err != nil {
		return err
	}
	last, most, loud := 0, 0, 0
	for i := 0; i+1 < len(rest); i += 4 {
		v := int(int16(binary.LittleEndian.Uint16(rest[i:])))
		most, last = max(most, v-last, last-v), v
		loud = max(loud, v)
	}
	own := 26000 * 2 * math.Pi * 437 / 44100
	t.Logf("largest step %d, the tone's own %.0f", most, own)
	if float64(most) > 1.1*own || loud < 25000 {
		return fmt.Errorf("largest step %d, the tone's own %.0f, loudest %d", most, own, loud)
	}
	return nil
}
