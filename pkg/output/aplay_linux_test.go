package output

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// alsaConfig has ALSA know these devices only, and no sound server.
func alsaConfig(t *testing.T, text string) {
	t.Helper()
	tool(t, "aplay")
	noServer(t)
	conf := filepath.Join(t.TempDir(), "asound.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", conf)
}

// choosy are devices that do not take everything: share one rate, format and
// number of channels, linear no floats, stereo no mono.
const choosy = `
pcm.nothing { type null }
pcm.card { type share slave { pcm nothing rate 48000 channels 2 format S16_LE } bindings { 0 0 1 1 } }
pcm.linear { type linear slave { pcm { type null } format S32_LE } }
pcm.stereo { type multi slaves.a { pcm { type null } channels 2 } bindings.0 { slave a channel 0 } bindings.1 { slave a channel 1 } }
pcm.kitchen { type null hint { show on description "Kitchen radio" } }
`

// TestAbilities asks aplay what devices can, and picks what they are sent.
func TestAbilities(t *testing.T) {
	alsaConfig(t, choosy)
	for _, c := range []struct {
		name      string
		want, got shape
		format    string
	}{
		{"card", shape{rate: 44100, channels: 2, speakers: audio.Stereo, bits: 24}, shape{rate: 48000, channels: 2, speakers: audio.Stereo, bits: 16}, "S16_LE"},
		{"card", shape{rate: 48000, channels: 1, bits: 16}, shape{rate: 48000, channels: 2, speakers: audio.Stereo, bits: 16}, "S16_LE"},
		{"card", shape{rate: 48000, channels: 6, speakers: audio.UsualSpeakers(6)}, shape{rate: 48000, channels: 2, speakers: audio.Stereo, bits: 16}, "S16_LE"},
		{"linear", shape{rate: 96000, channels: 2, speakers: audio.Stereo, bits: 24}, shape{rate: 96000, channels: 2, speakers: audio.Stereo, bits: 32}, "S32_LE"},
		{"linear", shape{rate: 44100, channels: 1, bits: 16}, shape{rate: 44100, channels: 1, bits: 16}, "S16_LE"},
		{"stereo", shape{rate: 44100, channels: 1, bits: 16}, shape{rate: 44100, channels: 2, speakers: audio.Stereo, bits: 16}, "S16_LE"},
		{"kitchen", shape{rate: 44100, channels: 2, speakers: audio.Stereo, bits: 24}, shape{rate: 44100, channels: 2, speakers: audio.Stereo}, "FLOAT_LE"},
	} {
		a, err := newALSA(c.name)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got, format := a.can.nearest(c.want)
		if got != c.got || format.name != c.format {
			t.Errorf("%s for %+v: %+v as %s", c.name, c.want, got, format.name)
		}
	}
	// Where only the rate is wrong aplay says which one it would take.
	a, err := newALSA("card")
	if err != nil {
		t.Fatal(err)
	}
	if said, _ := a.try("S16_LE", 44100, 2); otherRate(said) != 48000 {
		t.Errorf("the rate in place of 44100 Hz is %d: %s", otherRate(said), said)
	}
}

// TestALSANames: a device that is not there gives an error that names those
// that are, and these are listed.
func TestALSANames(t *testing.T) {
	alsaConfig(t, choosy)
	_, err := Open("alsa:cellar", Options{})
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), `device "cellar"; there are: `) || !strings.Contains(err.Error(), "kitchen") {
		t.Errorf("error %v", err)
	}
	all := Devices()
	if g := all[0]; g.Kind != "PulseAudio" || g.Err == nil || len(g.Devices) > 0 {
		t.Errorf("without a sound server: %+v", g)
	}
	if g := all[1]; g.Err != nil || !slices.Contains(g.Devices, Device{Name: "alsa:kitchen", Text: "Kitchen radio"}) {
		t.Errorf("%+v", g)
	}
	t.Setenv("PATH", t.TempDir())
	if g := alsaDevices(); g.Err == nil || len(g.Devices) > 0 {
		t.Errorf("without aplay: %+v", g)
	}
}

// TestALSAWithoutFloats plays sound of 24 bits to a device that has no floats.
func TestALSAWithoutFloats(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw := filepath.Join(t.TempDir(), "out.raw")
	alsaConfig(t, fmt.Sprintf(`pcm.hall { type linear slave { format S32_LE pcm { type file slave.pcm { type null } file "|%s pace" format raw } } }`, self))
	t.Setenv(paceEnv, "352800 "+raw)
	o, err := Open("alsa:hall", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}); err != nil {
		t.Fatal(err)
	}
	p := noise(1, 4410)
	for i := range p {
		p[i] += 1.0 / (1 << 23) // the lowest of 24 bits
	}
	if err := errors.Join(o.Write(p), o.Drain()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	// after counts in frames of four bytes; here they have eight.
	if err := heard(b, wavfile.AppendSamples(nil, p, audio.S32)); err != nil {
		t.Error(err)
	}
}

// TestALSABehindPlug: a device that takes everything is sent what the one behind
// it takes. ALSA would draw lines between frames, and cut bits off.
func TestALSABehindPlug(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw := filepath.Join(t.TempDir(), "out.raw")
	alsaConfig(t, fmt.Sprintf(`pcm.hall { type plug slave { format S16_LE rate 48000 channels 2 pcm { type file slave.pcm { type null } file "|%s pace" format raw } } }`, self))
	t.Setenv(paceEnv, "192000 "+raw)
	o := opened(t, "alsa:hall")
	if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}); err != nil {
		t.Fatal(err)
	}
	if o.got.rate != 48000 || o.got.bits != 16 {
		t.Fatalf("%+v", o.got)
	}
	p := make([]float64, 2*22050)
	for i := range p {
		p[i] = 0.7 * math.Sin(2*math.Pi*9000*float64(i/2)/44100)
	}
	if err := errors.Join(o.Write(p), o.Drain()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	var left []float64
	for b = bytes.TrimLeft(b, "\x00"); len(b) >= 4; b = b[4:] {
		left = append(left, float64(int16(binary.LittleEndian.Uint16(b)))/32768)
	}
	if len(left) < 23000 {
		t.Fatalf("%d frames heard of 24000", len(left))
	}
	if rest := residue(left[1000:22000], 9000, 48000); rest > -89.5 {
		t.Errorf("all but the tone is at %.1f dB", rest)
	}
}

// TestALSAPassesChannels plays 5.1 through aplay to a device that has six
// channels, in ALSA's order. The device is ALSA's own way to a sound server, so
// that others say which channel is which.
func TestALSAPassesChannels(t *testing.T) {
	tool(t, "aplay")
	steady(t, func() error {
		s := pulseAudio(t, "sink_name=cap rate=44100 format=s16le channels=6 channel_map=front-left,front-right,front-center,lfe,rear-left,rear-right")
		recorded := s.record("cap", "s16le", "44100", "6")
		conf := filepath.Join(s.dir, "asound.conf")
		if err := os.WriteFile(conf, []byte("pcm.six { type pulse device cap }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("ALSA_CONFIG_PATH", conf)
		o := opened(t, "alsa:six")
		spec := player.Spec{SampleRate: 44100, Channels: 6, Speakers: audio.Stereo | audio.FrontCenter | audio.LFE | audio.Sides, BitDepth: 16}
		if err := o.Open(spec); err != nil {
			t.Fatal(err)
		}
		if o.got.channels != 6 || o.Warning() != "" {
			t.Fatalf("%+v, warning %q", o.got, o.Warning())
		}
		p := noise(9, 3*22050)
		if err := errors.Join(o.Write(p), o.Drain()); err != nil {
			t.Fatal(err)
		}
		want := wavfile.AppendSamples(nil, p, audio.S16)
		if b := recorded(); !bytes.Contains(b, want) {
			return fmt.Errorf("the %d bytes are not among the %d heard", len(want), len(b))
		}
		return nil
	})
}

func TestALSAOrder(t *testing.T) {
	for n, want := range map[int][]int{3: nil, 4: {0, 1, 2, 3}, 5: {0, 1, 3, 4, 2}, 6: {0, 1, 4, 5, 2, 3}, 7: nil, 8: {0, 1, 4, 5, 2, 3, 6, 7}, 9: nil} {
		if got := alsaOrder(shape{channels: n, speakers: audio.UsualSpeakers(n)}); !slices.Equal(got, want) {
			t.Errorf("%d channels: %v, want %v", n, got, want)
		}
	}
	for mask, want := range map[audio.Speakers][]int{0x60F: {0, 1, 4, 5, 2, 3}, 0x137: nil, 0x10F: nil, 0x3: nil} {
		if got := alsaOrder(shape{channels: 6, speakers: mask}); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", mask, got, want)
		}
	}
	if got := reorder(nil, []float64{0, 1, 2, 3, 4, 5}, []int{0, 1, 4, 5, 2, 3}); !slices.Equal(got, []float64{0, 1, 4, 5, 2, 3}) {
		t.Errorf("reordered %v", got)
	}
}

func TestParseCards(t *testing.T) {
	got := parseCards("00-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1\n00-03: HDMI 0 : HDMI 0 : playback 1\n01-00: USB Mic : USB Mic : capture 1\nnonsense\n")
	want := []Device{{Name: "alsa:hw:0,0", Text: "ALC257 Analog"}, {Name: "alsa:hw:0,3", Text: "HDMI 0"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// FuzzAplay reads whatever aplay, or the system, may print.
func FuzzAplay(f *testing.F) {
	f.Add("FORMAT:  S16_LE\nCHANNELS: 2\nRATE: [44100 192000]\nWarning: rate is not accurate (requested = 44100Hz, got = 48000Hz)\n")
	f.Add("default\n    Default device\nhw:CARD=PCH,DEV=0\n    HDA Intel\n")
	f.Add("00-03: HDMI 0 : HDMI 0 : playback 1\n-: playback\n99999999999999999999-1: playback\n")
	f.Add("ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM x\naplay: main:831: audio open error: No such file or directory\n")
	f.Add("Plug PCM: x\nIts setup is:\n  format       : FLOAT_LE\n  rate         : 44100\nIts setup is:\n  format       : S16_LE\n  rate         : 48000\n  exact rate   : 48000 (48000/1)\n")
	f.Fuzz(func(t *testing.T, text string) {
		if rate, bits := behind(text); bits != 0 && bits != 16 || rate != 0 && !strings.Contains(text, "rate") {
			t.Errorf("%d Hz, %d bits", rate, bits)
		}
		if can, ok := parseAbilities(text); ok {
			got, format := can.nearest(shape{rate: 44100, channels: 2, speakers: audio.Stereo, bits: 16})
			if got.rate < can.minRate || got.rate > can.rate || got.channels != 2 || format.name == "" {
				t.Errorf("%+v of %+v", got, can)
			}
		}
		if otherRate(text) != 0 && !strings.Contains(text, "rate is not accurate") {
			t.Error("a rate out of nowhere")
		}
		for _, d := range append(parseCards(text), parseNames(text)...) {
			if !strings.HasPrefix(d.Name, "alsa:") || strings.ContainsAny(d.Name, "\n") {
				t.Errorf("device %q", d.Name)
			}
		}
		if err := reason(text, nil); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("reason %q", err)
		}
	})
}
