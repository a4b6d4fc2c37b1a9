package output

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

// TestFits holds the steps between a source and a device that takes something
// else to what comes out: as long as it was, at its level, in whole steps.
func TestFits(t *testing.T) {
	for _, c := range []struct {
		spec   player.Spec
		fixed  shape
		frames int // of one second
	}{
		{player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}, shape{rate: 48000, channels: 2, bits: 16}, 48000},
		{player.Spec{SampleRate: 96000, Channels: 1, BitDepth: 24}, shape{rate: 44100, channels: 2, bits: 16}, 44100},
		{player.Spec{SampleRate: 48000, Channels: 6, BitDepth: 24}, shape{rate: 48000, channels: 2, bits: 24}, 48000},
		{player.Spec{SampleRate: 8000, Channels: 1, BitDepth: 16}, shape{rate: 48000, channels: 1}, 48000},
	} {
		l := &listener{fixed: c.fixed}
		o := &speaker{dev: l}
		if err := o.Open(c.spec); err != nil {
			t.Fatal(err)
		}
		tone := make([]float64, c.spec.SampleRate*c.spec.Channels)
		for i := range tone {
			tone[i] = 0.7 * math.Sin(2*math.Pi*1000*float64(i/c.spec.Channels)/float64(c.spec.SampleRate))
		}
		given := slices.Clone(tone)
		for p := tone; len(p) > 0; p = p[min(len(p), 480*c.spec.Channels):] {
			if err := o.Write(p[:min(len(p), 480*c.spec.Channels)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.Drain(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(tone, given) {
			t.Errorf("%+v: the writer's samples are changed", c.spec)
		}
		if len(l.got) != c.frames*c.fixed.channels {
			t.Errorf("%+v: %d samples, want %d", c.spec, len(l.got), c.frames*c.fixed.channels)
		}
		left := make([]float64, 0, c.frames)
		for i := 0; i < len(l.got); i += c.fixed.channels {
			left = append(left, l.got[i])
			if steps := math.Ldexp(l.got[i], c.fixed.bits-1); c.fixed.bits > 0 && steps != math.Round(steps) {
				t.Fatalf("%+v: sample %d is no whole step", c.spec, i)
			}
		}
		rest := residue(left[1000:len(left)-1000], 1000, float64(c.fixed.rate))
		t.Logf("%+v: all but the tone %.1f dB", c.spec, rest)
		if bound := map[int]float64{16: -89.5, 24: -115, 0: -115}[c.fixed.bits]; rest > bound {
			t.Errorf("%+v: all but the tone %.1f dB", c.spec, rest)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		for i, b := range o.bufs {
			if slices.ContainsFunc(b[:cap(b)], func(v float64) bool { return v != 0 }) {
				t.Errorf("%+v: the sound is still there after step %d", c.spec, i)
			}
		}
	}
}

// residue is what p holds besides frequency f, in dB below the tone.
func residue(p []float64, f, rate float64) float64 {
	var cc, ss, cs, vc, vs float64
	for i, v := range p {
		s, c := math.Sincos(2 * math.Pi * f * float64(i) / rate)
		cc, ss, cs, vc, vs = cc+c*c, ss+s*s, cs+c*s, vc+v*c, vs+v*s
	}
	det := cc*ss - cs*cs
	a, b := (vc*ss-vs*cs)/det, (vs*cc-vc*cs)/det
	var left float64
	for i, v := range p {
		s, c := math.Sincos(2 * math.Pi * f * float64(i) / rate)
		d := v - a*c - b*s
		left += d * d
	}
	return 10 * math.Log10(2*left/float64(len(p))/(a*a+b*b))
}

// TestPassesExactly: a device of the sound's own shape gets the very samples,
// one of 16 bits too if the sound has no more, and 24-bit ones rounded only there.
func TestPassesExactly(t *testing.T) {
	p := noise(1, 5000)
	deep := slices.Clone(p)
	for i := range deep {
		deep[i] += 3.0 / (1 << 23)
	}
	for _, c := range []struct {
		name  string
		bits  int // of the device
		p     []float64
		exact bool
	}{
		{"16 to 16", 16, p, true}, {"16 to 24", 24, p, true}, {"24 to 24", 24, deep, true}, {"24 to 32", 32, deep, true},
		{"24 to floats", 0, deep, true}, {"24 to 16", 16, deep, false},
	} {
		l := &listener{fixed: shape{rate: 44100, channels: 2, bits: c.bits}}
		o := &speaker{dev: l}
		if err := errors.Join(o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}), o.Write(c.p)); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(l.got, c.p) != c.exact {
			t.Errorf("%s: exact is %v", c.name, !c.exact)
		}
		for i, v := range l.got {
			if d := math.Abs(v - c.p[i]); d > 1.6/32768 {
				t.Fatalf("%s: sample %d is off by %v", c.name, i, d)
			}
		}
	}
}

func TestSpeakerRefusesRatesFarApart(t *testing.T) {
	o := &speaker{dev: &listener{fixed: shape{rate: 192000, channels: 2}}}
	if err := o.Open(player.Spec{SampleRate: 1000, Channels: 2}); !errors.Is(err, audio.ErrUnsupported) {
		t.Errorf("1 to 192 kHz: %v", err)
	}
}

// TestDeclaredPlaces: what a file says of its channels decides how they are
// folded, and which sound may follow without a gap.
func TestDeclaredPlaces(t *testing.T) {
	r := math.Sqrt(0.5)
	for _, c := range []struct {
		channels int
		speakers audio.Speakers
		frame    []float64
		left     float64
		warning  string
	}{
		{3, 0, []float64{0, 0, 1}, r / (1 + r), "3 channels are folded to stereo"},
		{3, audio.Stereo | audio.LFE, []float64{0, 0, 1}, 0, "3 channels are folded to stereo"},
		{3, audio.Stereo | audio.LFE, []float64{1, 0, 0}, 1, "3 channels are folded to stereo"},
		{2, audio.FrontCenter | audio.LFE, []float64{0.5, 1}, 0.5, "2 channels are folded to stereo"},
		{2, audio.Stereo, []float64{0.5, 1}, 0.5, ""},
		{1, audio.FrontRight, []float64{0.5}, 0.5, ""}, // one channel is mono
		{4, audio.FrontCenter, []float64{0.5, 1, 1, 1}, 0.5, "1 of 4 channels have a place and are folded to stereo"},
		{9, 0, []float64{0.5, 0, 1, 1, 1, 1, 1, 1, 1}, 0.5, "only the first two of 9 channels are played"},
	} {
		l := &listener{fixed: shape{rate: 44100, channels: 2}}
		o := &speaker{dev: l}
		spec := player.Spec{SampleRate: 44100, Channels: c.channels, Speakers: c.speakers, BitDepth: 16}
		if err := errors.Join(o.Open(spec), o.Write(c.frame)); err != nil {
			t.Fatal(err)
		}
		if len(l.got) != 2 || math.Abs(l.got[0]-c.left) > 1e-12 || o.Warning() != c.warning {
			t.Errorf("%d channels, %v: %v, warning %q", c.channels, c.speakers, l.got, o.Warning())
		}
		usual := spec
		usual.Speakers = audio.UsualSpeakers(c.channels)
		if same := c.speakers.For(c.channels) == usual.Speakers || c.channels == 1; o.Fits(usual) != same {
			t.Errorf("%d channels, %v: the usual ones follow: %v", c.channels, c.speakers, !same)
		}
	}
}

// TestSeats: every channel has a place on the device, or all are folded.
func TestSeats(t *testing.T) {
	const five = audio.Stereo | audio.FrontCenter | audio.LFE
	for _, c := range []struct {
		sound, device, seats audio.Speakers
	}{
		{five | audio.Backs, five | audio.Backs, five | audio.Backs},
		{five | audio.Sides, five | audio.Backs, five | audio.Backs},
		{five | audio.Backs, five | audio.Sides, five | audio.Sides},
		{five | audio.Backs, five | audio.Backs | audio.Sides, five | audio.Backs},
		{five | audio.Sides | audio.Backs, five | audio.Backs, 0},
		{five | audio.BackCenter, five | audio.Backs, 0},
		{audio.Stereo, five, audio.Stereo},
		{five | audio.Backs, audio.Stereo, 0},
	} {
		n := len(c.sound.Places(32))
		var got audio.Speakers
		for _, place := range (shape{channels: n, speakers: c.sound}).seats(c.device) {
			got |= place
		}
		if got != c.seats {
			t.Errorf("%v on %v: %v", c.sound, c.device, got)
		}
	}
	if got := (shape{channels: 3, speakers: audio.Stereo}).seats(five); got != nil {
		t.Errorf("a channel without a place sits at %v", got)
	}
}

// sink is a device that takes all, keeps nothing and allocates nothing.
type sink struct{ listener }

func (s *sink) write([]float64) error { return nil }

func TestSpeakerAllocatesNothing(t *testing.T) {
	for _, fixed := range []shape{{rate: 48000, channels: 2, bits: 16}, {rate: 44100, channels: 2}} {
		o := &speaker{dev: &sink{listener{fixed: fixed}}}
		if err := o.Open(player.Spec{SampleRate: 44100, Channels: 6, BitDepth: 24}); err != nil {
			t.Fatal(err)
		}
		p := make([]float64, 6*441)
		for i := range p {
			p[i] = float64(i%100) / 111
		}
		if n := testing.AllocsPerRun(200, func() {
			if err := o.Write(p); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%+v: %v allocations a write", fixed, n)
		}
	}
}

// TestCounter is as fast as it comes, and counts.
func TestCounter(t *testing.T) {
	o, err := Open("null:fast", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Write([]float64{1}); err == nil {
		t.Error("Write works before Open")
	}
	for _, channels := range []int{2, 6} {
		if err := o.Open(player.Spec{SampleRate: 44100, Channels: channels}); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if err := o.Write(make([]float64, channels*4410)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(o.Drain(), o.Close()); err != nil {
		t.Error(err)
	}
	if n := o.(*Counter).Frames(); n != 2*100*4410 || o.Paced() {
		t.Errorf("%d frames, paced %v", n, o.Paced())
	}
}

func TestCheck(t *testing.T) {
	for _, name := range []string{"", "auto", "speaker", "null", "null:fast", "wav:x", "wav:-", "raw:a:b"} {
		if err := Check(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"auto:x", "speaker:x", "null:", "null:slow", "wav", "wav:", "raw:", "pulse:", "alsa:", "mp3:x", ":", "Speaker"} {
		if err := Check(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if !File("wav:-") || !File("raw:x") || File("pulse:x") || File("null:fast") {
		t.Error("files and devices are mixed up")
	}
}

// TestFollows: only sound of the same shape may follow without Open; how it was
// coded does not matter.
func TestFollows(t *testing.T) {
	file, err := Open("raw:-", Options{Stdout: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]player.Output{"speaker": &speaker{dev: &sink{}}, "null": newNull(), "file": file} {
		fits := func(s player.Spec) bool { return o.(interface{ Fits(player.Spec) bool }).Fits(s) }
		if fits(cd) {
			t.Errorf("%s: something fits before Open", name)
		}
		if err := o.Open(cd); err != nil {
			t.Fatal(err)
		}
		if !fits(cd) || !fits(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16, Sample: audio.S16}) {
			t.Errorf("%s: 16 bits do not follow 16 bits", name)
		}
		for _, s := range []player.Spec{{SampleRate: 48000, Channels: 2, BitDepth: 16}, {SampleRate: 44100, Channels: 1, BitDepth: 16}} {
			if fits(s) {
				t.Errorf("%s: %+v follows", name, s)
			}
		}
		if deep := (player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}); fits(deep) != (name == "null") {
			t.Errorf("%s: 24 bits follow 16: %v", name, fits(deep))
		}
	}
}
