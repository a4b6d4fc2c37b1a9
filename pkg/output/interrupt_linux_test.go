package output

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"secstream/pkg/player"
)

// playing is an engine that plays to the server, and its events but those of
// time.
func playing(t *testing.T, name string) (*player.Engine, chan error, chan player.Event) {
	t.Helper()
	o, err := Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, done := engine(t, o, &pcmSource{44100, 2, make([]byte, 4*44100*60)})
	news := make(chan player.Event, 1000)
	began := make(chan struct{})
	go func() {
		defer close(news)
		for ev := range e.Events() {
			if ev.Kind == player.Slice && ev.Slice == 1 {
				close(began)
			}
			news <- ev
		}
	}()
	<-began
	return e, done, news
}

// stopped stops e, and fails unless that takes less than a search would.
func stopped(t *testing.T, e *player.Engine, done chan error) {
	t.Helper()
	begin := time.Now()
	e.Stop()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	took := time.Since(begin)
	t.Log("stopped within", took)
	if took > 3*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

// TestStopWhenServerIsKilled: a search that is under way ends with Stop, and was
// told of when it began.
func TestStopWhenServerIsKilled(t *testing.T) {
	s := pulseAudio(t, capSink)
	t.Setenv("PATH", t.TempDir()) // and no ALSA
	e, done, news := playing(t, "auto")
	s.kill()
	for ev := range news {
		if ev.Kind == player.Warning {
			if !strings.Contains(ev.Text, "the sound server is gone; an output is looked for") {
				t.Errorf("warning %q", ev.Text)
			}
			break
		}
	}
	stopped(t, e, done)
	last := player.Event{}
	for last = range news {
	}
	if last.Kind != player.Stop {
		t.Errorf("the last event is %q", last.Kind)
	}
}

// TestStopWhenServerHangs: one that answers nothing is not waited for, in the
// middle of sound or in a pause.
func TestStopWhenServerHangs(t *testing.T) {
	for _, pause := range []bool{false, true} {
		s := pulseAudio(t, capSink)
		e, done, news := playing(t, "auto")
		if pause {
			e.Pause(true)
			for ev := range news {
				if ev.Kind == player.Pause {
					break
				}
			}
		}
		send(t, s, syscall.SIGSTOP)
		stopped(t, e, done)
		send(t, s, syscall.SIGCONT)
		end(s.cmd)
	}
}

func send(t *testing.T, s *testServer, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// TestHungServerIsLeft: a connection that is interrupted ends whatever request
// waits on it, and closes without another.
func TestHungServerIsLeft(t *testing.T) {
	s := pulseAudio(t, capSink)
	for name, wait := range waits {
		o := opened(t, "pulse")
		send(t, s, syscall.SIGSTOP)
		time.AfterFunc(50*time.Millisecond, o.Interrupt)
		begin := time.Now()
		err := wait(o)
		for name == "write" && err == nil { // until no buffer takes any more
			err = wait(o)
		}
		_ = o.Close()
		if took := time.Since(begin); err == nil || took > stallTime-time.Second {
			t.Errorf("%s: %v, after %v", name, err, took)
		}
		send(t, s, syscall.SIGCONT)
	}
}

// TestInterruptALSA: the child is ended.
func TestInterruptALSA(t *testing.T) {
	soundCard(t)
	o := opened(t, "alsa")
	a := o.dev.(*alsa)
	if err := a.child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, o.Interrupt)
	if err := o.Write(make([]float64, 2*44100*10)); err == nil {
		t.Error("a child that stands still takes all")
	}
	<-a.gone
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}
