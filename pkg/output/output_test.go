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
	for _, name := range []string{"wav:" + filepath.Join(t.TempDir(), "a.wav"), "raw:" + filepath.Join(t.TempDir(), "a.raw"), "wav:-", "raw:-", "null", "null:fast"} {
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

// listener is a device that takes all, or only what fixed says.
type listener struct {
	shape
	fixed shape
	got   []float64
}

func (l *listener) open(want shape) (shape, error) {
	l.shape = want
	switch {
	case l.fixed != shape{}:
		l.shape = l.fixed
	case want.channels > 2:
		l.channels = 2
	}
	return l.shape, nil
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
		bits     int
		warned   bool
	}{
		{player.Spec{SampleRate: 44100, Channels: 1, BitDepth: 16}, 1, 16, false},
		{player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 8, Sample: audio.ALaw}, 2, 16, false},
		{player.Spec{SampleRate: 96000, Channels: 2, BitDepth: 24}, 2, 24, false},
		{player.Spec{SampleRate: 96000, Channels: 2, BitDepth: 16, Sample: audio.F32}, 2, 0, false},
		{player.Spec{SampleRate: 48000, Channels: 6, BitDepth: 16}, 2, 0, true},
		{player.Spec{SampleRate: 48000, Channels: 9, BitDepth: 16}, 2, 0, true},
	} {
		l := &listener{}
		o := &speaker{dev: l}
		if err := o.Open(c.spec); err != nil {
			t.Fatal(err)
		}
		if l.rate != c.spec.SampleRate || l.channels != c.channels || l.bits != c.bits || (o.Warning() != "") != c.warned {
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
