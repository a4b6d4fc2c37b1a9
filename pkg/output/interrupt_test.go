package output

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/player"
)

// hung is a device that takes nothing and answers nothing until it is
// interrupted; one that is broken says so at once.
type hung struct {
	listener
	broken bool
	cut    chan struct{}
	cuts   atomic.Int32
	closed int
}

func (h *hung) wait() error {
	if !h.broken {
		<-h.cut
	}
	return errors.New("the device is gone")
}

func (h *hung) write([]float64) error { return h.wait() }
func (h *hung) drain() error          { return h.wait() }
func (h *hung) pause(bool) error      { return h.wait() }
func (h *hung) close() error          { h.closed++; return nil }
func (h *hung) interrupt() {
	if h.cuts.Add(1) == 1 {
		close(h.cut)
	}
}

// hungSpeaker plays to h.
func hungSpeaker(t *testing.T, h *hung) *speaker {
	t.Helper()
	h.cut = make(chan struct{})
	o := &speaker{place: place{kind: "auto"}, dev: h, patience: patience, halt: make(chan struct{})}
	if err := o.Open(cd); err != nil {
		t.Fatal(err)
	}
	return o
}

// noOutput leaves nothing to be found.
func noOutput(t *testing.T) {
	t.Helper()
	t.Setenv("PULSE_SERVER", "unix:/nowhere/at/all")
	t.Setenv("PATH", t.TempDir())
}

var waits = map[string]func(o *speaker) error{
	"write": func(o *speaker) error { return o.Write(make([]float64, 882)) },
	"drain": (*speaker).Drain,
	"pause": func(o *speaker) error { _, err := o.Pause(true); return err },
}

// TestInterrupt: whatever is under way ends, be it the device or the search for
// another, and so does what comes after.
func TestInterrupt(t *testing.T) {
	noOutput(t)
	for name, wait := range waits {
		for _, broken := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				h := &hung{broken: broken}
				o := hungSpeaker(t, h)
				begin := time.Now()
				time.AfterFunc(time.Second, func() { o.Interrupt(); o.Interrupt() })
				if err := wait(o); !errors.Is(err, player.ErrInterrupted) {
					t.Errorf("%s, broken %v: %v", name, broken, err)
				}
				for after, wait := range waits {
					if err := wait(o); !errors.Is(err, player.ErrInterrupted) {
						t.Errorf("%s, broken %v, then %s: %v", name, broken, after, err)
					}
				}
				if err := o.Close(); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took != time.Second || h.cuts.Load() == 0 || h.closed == 0 {
					t.Errorf("%s, broken %v: %v, cut %d times, closed %d times", name, broken, took, h.cuts.Load(), h.closed)
				}
			})
		}
	}
}

// TestSearchIsToldBefore: the search is told of when it begins, lasts as long as
// it should, and is not begun again.
func TestSearchIsToldBefore(t *testing.T) {
	noOutput(t)
	for name, wait := range waits {
		synctest.Test(t, func(t *testing.T) {
			o := hungSpeaker(t, &hung{broken: true})
			begin := time.Now()
			var told []string
			o.Tell(func(text string) { told = append(told, time.Since(begin).String()+" "+text) })
			err := wait(o)
			if err == nil || !errors.Is(err, ErrNoDevice) || strings.Count(err.Error(), "none came back") != 1 {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begin); took != patience {
				t.Errorf("%s took %v", name, took)
			}
			if len(told) != 1 || told[0] != "0s the device is gone; an output is looked for" {
				t.Errorf("%s told %q", name, told)
			}
		})
	}
}
