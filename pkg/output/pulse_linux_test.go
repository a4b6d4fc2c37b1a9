package output

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

func TestPulseExact(t *testing.T) {
	steady(t, func() error { return pulseExact(t) })
}

func pulseExact(t *testing.T) error {
	t.Helper()
	recorded := soundServer(t, "44100")
	o, err := Open("speaker", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if s := o.(interface{ String() string }).String(); s != "PulseAudio" {
		t.Fatalf("speaker is %s", s)
	}
	spec := player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16}
	song, clip, more, wide := noise(1, 66150), noise(2, 882), noise(3, 22050), noise(4, 22050)

	play := func(spec player.Spec, p []float64, pauseAt int) error {
		t.Helper()
		if err := o.Open(spec); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		pieces(t, o, p[:2*pauseAt], 882)
		if pauseAt > 0 {
			pieces(t, o, make([]float64, 2*44100/2), 882) // a pause: half a second of silence
		}
		pieces(t, o, p[2*pauseAt:], 882)
		if b := o.Buffered().Duration(spec.SampleRate); b > 400*time.Millisecond {
			return fmt.Errorf("%v buffered", b)
		}
		if err := o.Drain(); err != nil {
			t.Fatal(err)
		}
		took, want := time.Since(begin), audio.Frames(len(p)/2).Duration(spec.SampleRate)
		if pauseAt > 0 {
			want += 500 * time.Millisecond
		}
		if took < want-100*time.Millisecond || took > want+time.Second {
			return fmt.Errorf("%v of sound took %v", want, took)
		}
		if b := o.Buffered(); b != 0 {
			t.Errorf("%d frames buffered after Drain", b)
		}
		return nil
	}
	slow := errors.Join(
		play(spec, song, 30_000),
		play(spec, clip, 0),
		play(player.Spec{SampleRate: 22050, Channels: 1, BitDepth: 16}, make([]float64, 4410), 0), // another shape in between
		play(spec, more, 0),
		play(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}, wide, 0), // of 24 bits, but these fit 16
	)
	if slow != nil {
		return slow
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}

	s16 := func(p []float64) []byte { return wavfile.AppendSamples(nil, p, audio.S16) }
	return heard(recorded(), s16(song[:60_000]), s16(song[60_000:]), s16(clip), s16(more), s16(wide))
}

func TestPulseOtherRateAndFlush(t *testing.T) {
	steady(t, func() error { return pulseFlush(t) })
}

func pulseFlush(t *testing.T) error {
	t.Helper()
	recorded := soundServer(t, "48000")
	o, err := Open("auto", Options{App: strings.Repeat("long name ", 500)})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	// A tone of another rate comes out resampled, at its own pitch.
	tone := make([]float64, 22050)
	for i := range tone {
		tone[i] = 0.5 * math.Sin(2*math.Pi*1000*float64(i)/22050)
	}
	if err := o.Open(player.Spec{SampleRate: 22050, Channels: 1, BitDepth: 16}); err != nil {
		t.Fatal(err)
	}
	if err := o.Write(tone); err != nil {
		t.Fatal(err)
	}
	if err := o.Drain(); err != nil {
		t.Fatal(err)
	}
	// What is flushed is not heard, what comes after is.
	if err := o.Open(player.Spec{SampleRate: 48000, Channels: 2, BitDepth: 16}); err != nil {
		t.Fatal(err)
	}
	loud := make([]float64, 2*48000)
	for i := range loud {
		loud[i] = 0.75
	}
	pieces(t, o, loud, 960)
	o.Flush()
	if b := o.Buffered().Duration(48000); b > 60*time.Millisecond {
		return fmt.Errorf("%v buffered after Flush", b)
	}
	last := noise(5, 24000)
	pieces(t, o, last, 960)
	if err := o.Drain(); err != nil {
		t.Fatal(err)
	}
	b := recorded()
	var crossings, flushed int
	for i := 4; i+1 < len(b); i += 4 {
		v, before := int16(binary.LittleEndian.Uint16(b[i:])), int16(binary.LittleEndian.Uint16(b[i-4:]))
		if v == 24576 {
			flushed++
			continue
		}
		if flushed == 0 && before < 0 && v >= 0 {
			crossings++
		}
	}
	if crossings < 990 || crossings > 1010 {
		return fmt.Errorf("1000 Hz for a second crosses zero %d times", crossings)
	}
	if flushed < 36000 || flushed > 46000 {
		return fmt.Errorf("%d of 48000 frames heard of what was flushed at the end", flushed)
	}
	if !bytes.Contains(b, wavfile.AppendSamples(nil, last, audio.S16)) {
		return errors.New("the sound after Flush is not whole")
	}
	return nil
}

// hearRequests has the server ask p for 100 bytes, a hundred times and once.
func hearRequests(t *testing.T, p *pulse) {
	t.Helper()
	var msg any = &proto.Request{StreamIndex: 7, Length: 100}
	if n := testing.AllocsPerRun(100, func() { p.hear(msg) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	p.hear(&proto.Request{StreamIndex: 8, Length: 1}) // not ours
}

// TestSinks: the list is that of the server; a name that is not in it gives an
// error that has those that are.
func TestSinks(t *testing.T) {
	pulseAudio(t, capSink, "sink_name=hall rate=96000 channels=6 sink_properties=device.description=Hall")
	g := Devices()[0]
	want := []Device{
		{Name: "pulse:cap", Text: "Null Output", Rate: 44100, Channels: 2, Default: true},
		{Name: "pulse:hall", Text: "Hall", Rate: 96000, Channels: 6},
	}
	if g.Err != nil || g.Kind != "PulseAudio" || !slices.Equal(g.Devices, want) {
		t.Errorf("%+v", g)
	}
	_, err := Open("pulse:attic", Options{})
	if !errors.Is(err, ErrUnknown) || err.Error() != `there is no such output: sink "attic"; there are: cap, hall` {
		t.Errorf("error %v", err)
	}
	t.Setenv("PULSE_SINK", "hall")
	o := opened(t, "auto")
	if d := o.dev.(*pulse); d.sink != "hall" || o.got.rate != 96000 {
		t.Errorf("PULSE_SINK is not heeded: %q, %+v", d.sink, o.got)
	}
	t.Setenv("PULSE_SINK", "attic")
	if o := opened(t, "auto"); o.dev.(*pulse).sink != "" {
		t.Error("a PULSE_SINK that is gone is insisted on")
	}
}

// TestPulseResamples: on a sink of another rate our resampler plays, not the
// server's; the bound is far below what that does.
func TestPulseResamples(t *testing.T) {
	steady(t, func() error {
		s := pulseAudio(t, "sink_name=cap rate=48000 format=float32le channels=2")
		recorded := s.record("cap", "float32le", "48000", "2")
		o, err := Open("pulse:cap", Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		const n, f = 44100, 9000.0
		p := make([]float64, 2*n)
		for i := range n {
			p[2*i] = 0.5 * math.Sin(2*math.Pi*f*float64(i)/44100)
			p[2*i+1] = p[2*i]
		}
		if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}); err != nil {
			t.Fatal(err)
		}
		pieces(t, o, p, 882)
		if b := o.Buffered().Duration(44100); b <= 0 || b > 400*time.Millisecond {
			return fmt.Errorf("%v buffered", b)
		}
		if err := o.Drain(); err != nil {
			t.Fatal(err)
		}
		b := recorded()
		var got []float64
		for ; len(b) >= 8; b = b[8:] {
			if v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b))); v != 0 || len(got) > 0 {
				got = append(got, v)
			}
		}
		if len(got) < 47000 {
			return fmt.Errorf("%d frames heard of 48000", len(got))
		}
		// A machine that stands still breaks the sound off: the best part tells of the resampler.
		rest := math.Inf(1)
		for at := 2000; at+5000 <= 46000; at += 1000 {
			rest = min(rest, residue(got[at:at+5000], f, 48000))
		}
		t.Logf("all but the tone: %.1f dB", rest)
		if rest > -110 {
			return fmt.Errorf("all but the tone is at %.1f dB", rest)
		}
		return nil
	})
}

// TestPulseBits: a sink of 16 bits gets dithered sound, in which a tone below one
// step is still heard; a sink of more gets all there is, also of a source that
// claims 16 bits but was turned down.
func TestPulseBits(t *testing.T) {
	const n, level = 44100, 0.33 / 32768
	p := make([]float64, 2*n)
	for i := range p {
		p[i] = level * math.Sin(2*math.Pi*1000*float64(i/2)/44100)
	}
	for format, depth := range map[string]int{"s16le": 24, "float32le": 16} {
		steady(t, func() error {
			s := pulseAudio(t, "sink_name=cap rate=44100 channels=2 format="+format)
			recorded := s.record("cap", "float32le", "44100", "2")
			o := opened(t, "pulse")
			if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: depth}); err != nil {
				t.Fatal(err)
			}
			pieces(t, o, p, 882)
			if err := o.Drain(); err != nil {
				t.Fatal(err)
			}
			b := recorded()
			if format == "float32le" {
				if want := wavfile.AppendSamples(nil, p[2:], audio.F32); !bytes.Contains(b, want[:len(want)-8]) {
					return errors.New("the floats are not as they were")
				}
				return nil
			}
			var re, im float64
			for i := 0; i+8 <= len(b); i += 8 {
				v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
				sin, cos := math.Sincos(2 * math.Pi * 1000 * float64(i/8) / 44100)
				re, im = re+v*cos, im+v*sin
			}
			if got := 2 * math.Hypot(re, im) / n; math.Abs(20*math.Log10(got/level)) > 1 {
				return fmt.Errorf("a tone of %.2f steps is heard as one of %.2f", level*32768, got*32768)
			}
			return nil
		})
	}
}

// TestPulsePassesChannels: where the sink has a place for each channel, each is
// heard there, to the bit, whatever order the sink has its channels in.
func TestPulsePassesChannels(t *testing.T) {
	const five = audio.Stereo | audio.FrontCenter | audio.LFE
	const alsa = "front-left,front-right,rear-left,rear-right,front-center,lfe" // the order of sinks that are cards
	steady(t, func() error {
		s := pulseAudio(t, "sink_name=cap rate=44100 format=s16le channels=6 channel_map="+alsa)
		for i, speakers := range []audio.Speakers{five | audio.Backs, five | audio.Sides} {
			recorded := s.record("cap", "s16le", "44100", "6")
			o := opened(t, "pulse")
			if err := o.Open(player.Spec{SampleRate: 44100, Channels: 6, Speakers: speakers, BitDepth: 16}); err != nil {
				t.Fatal(err)
			}
			if w := o.Warning(); w != "" {
				t.Errorf("%v: warning %q", speakers, w)
			}
			p := noise(int64(i), 3*11025)
			if err := errors.Join(o.Write(p), o.Drain()); err != nil {
				t.Fatal(err)
			}
			want := wavfile.AppendSamples(nil, p, audio.S16)
			b := bytes.TrimLeft(recorded(), "\x00")
			if at := bytes.Index(want, b[:min(len(b), 600)]); at < 0 || at > 12 { // a zero sample may be stripped
				return fmt.Errorf("%v: another beginning: %d", speakers, at)
			} else if !bytes.HasPrefix(b, want[at:]) {
				return fmt.Errorf("%v: the channels are not as they were", speakers)
			}
		}
		return nil
	})
}

// TestPulseFolds: a sink that lacks the place of a channel gets stereo, however
// many channels it has.
func TestPulseFolds(t *testing.T) {
	pulseAudio(t, "sink_name=cap rate=44100 format=float32le channels=6 channel_map=front-left,front-right,aux0,aux1,aux2,aux3",
		"sink_name=hall rate=44100 format=float32le channels=6 channel_map=front-left,front-right,front-center,lfe,rear-left,rear-right")
	for name, folded := range map[string]bool{"pulse:cap": true, "pulse:hall": false} {
		o := opened(t, name)
		if err := o.Open(player.Spec{SampleRate: 44100, Channels: 6, BitDepth: 16}); err != nil {
			t.Fatal(err)
		}
		if (o.Warning() == "6 channels are folded to stereo") != folded || (o.got.channels == 2) != folded {
			t.Errorf("%s: %+v, warning %q", name, o.got, o.Warning())
		}
	}
}
