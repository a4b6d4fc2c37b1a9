package output

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// opened is an output of that name, ready for 16-bit stereo at 44100 Hz.
func opened(t *testing.T, name string) *speaker {
	t.Helper()
	o, err := Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	if err := o.Open(cd); err != nil {
		t.Fatal(err)
	}
	return o.(*speaker)
}

const capSink = "sink_name=cap rate=44100 format=s16le channels=2"

// TestServerRestarts kills the sound server and starts another: the sound goes
// on there, and what is written from then on is heard to the bit.
func TestServerRestarts(t *testing.T) {
	steady(t, func() error {
		s := pulseAudio(t, capSink)
		o := opened(t, "auto")
		pieces(t, o, noise(1, 22050), 882)
		s.kill()
		begin := time.Now()
		done := make(chan error, 1)
		go func() { done <- o.Write(make([]float64, 2*88200)) }() // takes a second and more
		s.start(capSink)
		recorded := s.record("cap", "s16le", "44100", "2")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: %s", time.Since(begin), o.Warning())
		if !strings.Contains(o.Warning(), "the sound server is gone; it goes on with") {
			t.Errorf("warning %q", o.Warning())
		}
		p := noise(2, 22050)
		pieces(t, o, p, 882)
		if b := o.Buffered().Duration(44100); b <= 0 || b > 400*time.Millisecond {
			return fmt.Errorf("%v buffered", b)
		}
		if err := o.Drain(); err != nil {
			t.Error(err)
		}
		return heard(recorded(), wavfile.AppendSamples(nil, p, audio.S16))
	})
}

// TestSinkRemoved takes the chosen sink away while it plays: the sound goes on
// on the default one.
func TestSinkRemoved(t *testing.T) {
	pactl := tool(t, "pactl")
	steady(t, func() error {
		s := pulseAudio(t, capSink)
		module, err := exec.Command(pactl, "load-module", "module-null-sink", "norewinds=1", "sink_name=usb", "rate=44100").Output()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(pactl, "set-default-sink", "cap").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		o := opened(t, "pulse:usb")
		recorded := s.record("cap", "s16le", "44100", "2")
		pieces(t, o, make([]float64, 2*22050), 882)
		if out, err := exec.Command(pactl, "unload-module", strings.TrimSpace(string(module))).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		pieces(t, o, make([]float64, 2*22050), 882)
		p := noise(3, 22050)
		pieces(t, o, p, 882)
		if err := o.Drain(); err != nil {
			t.Error(err)
		}
		t.Logf("warning %q", o.Warning())
		return heard(recorded(), wavfile.AppendSamples(nil, p, audio.S16))
	})
}

// TestServerStaysAway: after a while of looking, the error says what is gone.
func TestServerStaysAway(t *testing.T) {
	s := pulseAudio(t, capSink)
	t.Setenv("PATH", t.TempDir()) // and no ALSA
	o := opened(t, "auto")
	o.patience = 2 * time.Second
	if err := o.Write(make([]float64, 2*882)); err != nil {
		t.Fatal(err)
	}
	s.kill()
	begin := time.Now()
	err := o.Write(make([]float64, 2*44100))
	if !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), "the sound server is gone, and none came back within 2s") ||
		strings.Count(err.Error(), "none came back") != 1 {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > 2*o.patience {
		t.Errorf("took %v", took)
	}
	if err := o.Drain(); err == nil {
		t.Error("Drain works without a server")
	}
	if err := o.Write(make([]float64, 2)); err == nil {
		t.Error("Write works without a server")
	}
	o.patience = lookAgain // it was long enough
	o.Flush()
	if b := o.Buffered(); b != 0 {
		t.Errorf("%d frames buffered", b)
	}
	if err := o.Open(cd); err == nil {
		t.Error("Open works without a server")
	}
}

// TestServerGoneBetweenTracks: a drain and an opening find the other server too.
func TestServerGoneBetweenTracks(t *testing.T) {
	s := pulseAudio(t, capSink)
	o := opened(t, "pulse")
	pieces(t, o, noise(1, 4410), 882)
	s.kill()
	s.start(capSink)
	if err := o.Drain(); err != nil {
		t.Errorf("Drain: %v", err)
	}
	pieces(t, o, make([]float64, 2*882), 882)
	s.kill()
	s.start(capSink)
	if err := o.Open(player.Spec{SampleRate: 48000, Channels: 1, BitDepth: 24}); err != nil {
		t.Errorf("Open: %v", err)
	}
	if err := errors.Join(o.Write(make([]float64, 4800)), o.Drain()); err != nil {
		t.Error(err)
	}
}

// TestALSAChildDies: what plays to a card dies, another takes its place.
func TestALSAChildDies(t *testing.T) {
	raw := soundCard(t)
	o := opened(t, "alsa")
	if err := o.Write(noise(1, 8820)); err != nil {
		t.Fatal(err)
	}
	_ = o.dev.(*alsa).child.Process.Kill()
	<-o.dev.(*alsa).gone
	p := noise(2, 4410)
	if err := errors.Join(o.Write(p), o.Drain()); err != nil {
		t.Fatal(err)
	}
	if o.Warning() == "" {
		t.Error("nothing is said of it")
	}
	t.Log(o.Warning())
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := heard(b, wavfile.AppendSamples(nil, p, audio.S16)); err != nil {
		t.Error(err)
	}
	o.patience = 100 * time.Millisecond
	t.Setenv("PATH", t.TempDir())
	if err := o.Write(p); err == nil { // aplay plays to the end in Drain: another has to start
		_ = o.dev.(*alsa).child.Process.Kill()
		<-o.dev.(*alsa).gone
		if err = o.Write(p); !errors.Is(err, ErrNoDevice) {
			t.Errorf("without aplay: %v", err)
		}
	}
}

// TestPulseHearsWithoutWaiting: what the connection's goroutine runs allocates
// nothing, and nothing the writer holds can keep it.
func TestPulseHearsWithoutWaiting(t *testing.T) {
	p := &pulse{room: make(chan struct{}, 1)}
	p.stream.Store(7)
	p.mu.Lock() // as the writer may
	defer p.mu.Unlock()
	hearRequests(t, p)
	if p.wanted.Load() != 101*100 {
		t.Errorf("%d bytes wanted", p.wanted.Load())
	}
}

// TestPulseKeepsNothing: the samples that were sent are overwritten.
func TestPulseKeepsNothing(t *testing.T) {
	pulseAudio(t, capSink)
	o := opened(t, "pulse")
	if err := o.Write(noise(1, 882)); err != nil {
		t.Fatal(err)
	}
	d := o.dev.(*pulse)
	if b := d.buf[:cap(d.buf)]; len(b) == 0 || len(bytes.Trim(b, "\x00")) > 0 {
		t.Errorf("of %d bytes some are still there", len(b))
	}
}
