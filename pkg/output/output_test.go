package output

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

// contract holds an output to what player.Output promises. It writes less than
// three seconds of sound.
func contract(t *testing.T, o player.Output) {
	t.Helper()
	if o.Buffered() != 0 {
		t.Error("something is buffered before Open")
	}
	if err := o.Open(cd); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // Buffered is called from any goroutine
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				if b := o.Buffered(); b < 0 || b > 44100 {
					t.Errorf("%d frames buffered", b)
				}
			}
		}
	})
	begin, keep := time.Now(), noise(1, 44100)
	p := append([]float64(nil), keep...)
	for _, n := range []int{1, 2, 441, 20_000, 44100 - 20_444} { // frames, far more than a buffer too
		if err := o.Write(p[:2*n]); err != nil {
			t.Fatal(err)
		}
		p = p[2*n:]
	}
	took, slack := time.Since(begin), 60*time.Millisecond
	if o.Paced() && (took < 500*time.Millisecond || took > time.Second+slack) {
		t.Errorf("writing a second of sound took %v", took)
	}
	if o.Paced() == (o.Buffered() == 0) {
		t.Errorf("paced %v, %d frames buffered", o.Paced(), o.Buffered())
	}
	if err := o.Drain(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); o.Paced() && (took < 900*time.Millisecond || took > 1800*time.Millisecond) {
		t.Errorf("playing a second of sound took %v", took)
	}
	if o.Buffered() != 0 {
		t.Errorf("%d frames buffered after Drain", o.Buffered())
	}
	// The same shape again after Drain, a flush, and silence to end with.
	if err := o.Open(cd); err != nil {
		t.Error(err)
	}
	if err := o.Write(keep[:2*4410]); err != nil {
		t.Error(err)
	}
	o.Flush()
	if err := o.Write(make([]float64, 2*441)); err != nil {
		t.Error(err)
	}
	if err := o.Drain(); err != nil {
		t.Error(err)
	}
	close(stop)
	wg.Wait()
	for range 2 {
		if err := o.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if o.Buffered() != 0 {
		t.Error("something is buffered after Close")
	}
}

func TestContract(t *testing.T) {
	open := func(t *testing.T, name string) player.Output {
		t.Helper()
		o, err := Open(name, Options{Stdout: &bytes.Buffer{}})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for _, name := range []string{"wav:" + filepath.Join(t.TempDir(), "a.wav"), "raw:" + filepath.Join(t.TempDir(), "a.raw"), "wav:-", "raw:-", "null"} {
		t.Run(name[:4], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { contract(t, open(t, name)) })
		})
	}
}

func TestNullKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newNull()
		if err := o.Open(player.Spec{SampleRate: 48000, Channels: 1}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for range 1000 {
			if err := o.Write(make([]float64, 480)); err != nil {
				t.Fatal(err)
			}
			if b := o.Buffered(); b > 9600 {
				t.Fatalf("%d frames buffered", b)
			}
		}
		if err := o.Drain(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 10*time.Second || took > 10*time.Second+50*time.Millisecond {
			t.Errorf("10 s took %v", took)
		}
		time.Sleep(time.Hour) // an underrun takes nothing from what follows
		if err := o.Write(make([]float64, 4800)); err != nil || o.Buffered() != 4800 {
			t.Errorf("%d frames buffered after an underrun, %v", o.Buffered(), err)
		}
		o.Flush()
		if o.Buffered() != 0 {
			t.Error("Flush keeps something")
		}
	})
}

func TestFold(t *testing.T) {
	for n := 3; n <= 12; n++ {
		m := stereo(n)
		if len(m) != n {
			t.Fatalf("%d channels: %d shares", n, len(m))
		}
		var sum share
		for _, s := range m {
			sum.left, sum.right = sum.left+s.left, sum.right+s.right
		}
		if math.Abs(sum.left-1) > 1e-12 || math.Abs(sum.right-1) > 1e-12 {
			t.Errorf("%d channels: full scale becomes %v", n, sum)
		}
	}
	got := fold(nil, []float64{1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, stereo(6))
	r := math.Sqrt(0.5)
	for i, want := range []float64{1, 0, r, 1, r, r} {
		if math.Abs(got[i]*(1+2*r)-want) > 1e-12 {
			t.Errorf("5.1 sample %d: %v, want %v", i, got[i]*(1+2*r), want)
		}
	}
}

// listener is a device that takes all.
type listener struct {
	rate, channels int
	bits16         bool
	got            []float64
}

func (l *listener) open(rate, channels int, bits16 bool) error {
	l.rate, l.channels, l.bits16 = rate, channels, bits16
	return nil
}
func (l *listener) write(p []float64) error { l.got = append(l.got, p...); return nil }
func (l *listener) buffered() audio.Frames  { return 0 }
func (l *listener) flush()                  {}
func (l *listener) drain() error            { return nil }
func (l *listener) close() error            { return nil }
func (l *listener) String() string          { return "listener" }

func TestSpeakerShapes(t *testing.T) {
	for _, c := range []struct {
		spec     player.Spec
		channels int
		bits16   bool
		warned   bool
	}{
		{player.Spec{SampleRate: 44100, Channels: 1, BitDepth: 16}, 1, true, false},
		{player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 8, Sample: audio.ALaw}, 2, true, false},
		{player.Spec{SampleRate: 96000, Channels: 2, BitDepth: 24}, 2, false, false},
		{player.Spec{SampleRate: 96000, Channels: 2, BitDepth: 16, Sample: audio.F32}, 2, false, false},
		{player.Spec{SampleRate: 48000, Channels: 6, BitDepth: 16}, 2, false, true},
		{player.Spec{SampleRate: 48000, Channels: 9, BitDepth: 16}, 2, false, true},
	} {
		l := &listener{}
		o := &speaker{dev: l}
		if err := o.Open(c.spec); err != nil {
			t.Fatal(err)
		}
		if l.rate != c.spec.SampleRate || l.channels != c.channels || l.bits16 != c.bits16 || (o.Warning() != "") != c.warned {
			t.Errorf("%+v opens %+v, warning %q", c.spec, l, o.Warning())
		}
		if err := o.Write(make([]float64, 10*c.spec.Channels)); err != nil || len(l.got) != 10*c.channels {
			t.Errorf("%+v: %d samples, %v", c.spec, len(l.got), err)
		}
	}
}

func TestSpeakerRefusesRates(t *testing.T) {
	o := &speaker{dev: &listener{}}
	for _, rate := range []int{0, 1, 999, 768001, math.MaxUint32} {
		if err := o.Open(player.Spec{SampleRate: rate, Channels: 2}); !errors.Is(err, audio.ErrUnsupported) {
			t.Errorf("%d Hz: %v", rate, err)
		}
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	p := make([]float64, 2*882)
	for _, name := range []string{"null", "wav:" + filepath.Join(t.TempDir(), "a.wav"), "raw:" + filepath.Join(t.TempDir(), "a.raw")} {
		o, err := Open(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Open(player.Spec{SampleRate: 384000, Channels: 2, BitDepth: 24}); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if err := o.Write(p); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a write", name[:4], n)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRing(t *testing.T) {
	r := newRing(100)
	p := make([][2]float64, 64)
	r.pull(p)
	const frames = 10_000
	var wg sync.WaitGroup
	wg.Go(func() {
		in := make([]float64, 2*frames)
		for i := range in {
			in[i] = float64(i + 1)
		}
		r.push(in)
	})
	next := 1.0
	for next < 2*frames {
		p[0] = [2]float64{-1, -1}
		r.pull(p)
		for _, f := range p {
			if f == [2]float64{} {
				continue // silence where there was nothing
			}
			if f[0] != next || f[1] != next+1 {
				t.Fatalf("got %v, want %v", f, next)
			}
			next += 2
		}
	}
	wg.Wait()
	r.push([]float64{1, 2, 3, 4})
	if r.held() != 2 {
		t.Errorf("%d frames held", r.held())
	}
	r.drop()
	r.wait()
	wg.Go(func() { r.push(make([]float64, 1000)) })
	r.close()
	wg.Wait()
}

// tone is the level in dB of frequency f in channel 0 of p, after the start
// and before the end, and of all that is not f.
func tone(p []float64, f, rate float64) (level, rest float64) {
	n := len(p)/2 - 4000
	var c, s, all, w float64
	for i := range n {
		win := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n))
		v := p[2*(i+2000)]
		a := 2 * math.Pi * f * float64(i) / rate
		c, s, w = c+v*win*math.Cos(a), s+v*win*math.Sin(a), w+win
	}
	c, s = 2*c/w, 2*s/w
	for i := range n {
		a := 2 * math.Pi * f * float64(i) / rate
		d := p[2*(i+2000)] - c*math.Cos(a) - s*math.Sin(a)
		all += d * d
	}
	return 10 * math.Log10(c*c+s*s), 10 * math.Log10(2*all/float64(n))
}

func TestResampler(t *testing.T) {
	for _, c := range []struct {
		in, out int
		f       float64
		gone    bool // above what the new rate can hold
	}{
		{44100, 48000, 1000, false}, {44100, 48000, 18000, false}, {48000, 44100, 1000, false}, {48000, 44100, 18000, false},
		{48000, 44100, 23000, true}, {96000, 44100, 30000, true}, {96000, 44100, 1000, false}, {8000, 48000, 3000, false}, {192000, 48000, 15000, false},
	} {
		r := newResampler(c.in, c.out)
		in := make([]float64, 2*c.in/2)
		for i := range len(in) / 2 {
			in[2*i] = math.Sin(2 * math.Pi * c.f * float64(i) / float64(c.in))
			in[2*i+1] = -in[2*i]
		}
		var out []float64
		for p := in; len(p) > 0; {
			k := min(2*777, len(p))
			out = r.process(out, p[:k])
			p = p[k:]
		}
		out = r.end(out)
		if want := c.out / 2; len(out)/2 < want || len(out)/2 > want+2*r.reach*c.out/c.in {
			t.Errorf("%d to %d: %d frames of %d", c.in, c.out, len(out)/2, want)
		}
		for i := 0; i < len(out); i += 2 {
			if out[i] != -out[i+1] {
				t.Fatalf("%d to %d: channels mixed up at frame %d", c.in, c.out, i/2)
			}
		}
		level, rest := tone(out[:c.out/2*2], c.f, float64(c.out))
		t.Logf("%d to %d, %.0f Hz: level %.3f dB, rest %.1f dB", c.in, c.out, c.f, level, rest)
		if c.gone && (level > -100 || rest > -100) || !c.gone && (math.Abs(level) > 0.05 || rest > -100) {
			t.Errorf("%d to %d, %.0f Hz: level %.3f dB, rest %.1f dB", c.in, c.out, c.f, level, rest)
		}
	}
}
