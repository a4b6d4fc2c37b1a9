package player

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// moody is a card that hangs in write number from, for last or until
// it is interrupted, and tells of that.
type moody struct {
	card
	from int
	last time.Duration // 0 for ever
	tell func(string)
	cut  chan struct{}
	cuts int
}

func (m *moody) Tell(tell func(string)) { m.tell = tell }

func (m *moody) Interrupt() {
	m.cuts++
	close(m.cut)
}

func (m *moody) Write(p []float64) error {
	if m.writes+1 == m.from {
		m.tell("it is looked for")
		var back <-chan time.Time
		if m.last > 0 {
			back = time.After(m.last)
		}
		select {
		case <-m.cut:
			return fmt.Errorf("moody: %w", ErrInterrupted)
		case <-back:
		}
	}
	return m.card.Write(p)
}

// moodyRun plays ten seconds to m, and ends that after three seconds, by Stop or
// by the context. It returns how long that took, what it told and Run's error.
func moodyRun(t *testing.T, m *moody, stop bool) (time.Duration, []Event, error) {
	t.Helper()
	m.cut = make(chan struct{})
	src := newMem(8000, 1, 80_000, 8000, sine(8000))
	e, err := New(Config{Output: m, Tracks: 1, Open: func(context.Context, int) (Source, error) {
		src.opened++
		return src, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var at time.Time
	time.AfterFunc(3*time.Second, func() {
		at = time.Now()
		if stop {
			e.Stop()
			e.Stop()
		} else {
			cancel()
		}
	})
	var events []Event
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev := range e.Events() {
			events = append(events, ev)
		}
	}()
	err = e.Run(ctx)
	took := time.Since(at)
	<-done
	if err := src.check(); err != nil {
		t.Error(err)
	}
	if m.closed+m.aborted != 1 {
		t.Errorf("closed %d times, aborted %d times", m.closed, m.aborted)
	}
	return took, events, err
}

// TestHungOutputIsInterrupted: an end is an end, as soon as sound would have had
// the time for its own, with the result of any other.
func TestHungOutputIsInterrupted(t *testing.T) {
	for stop, want := range map[bool]error{true: nil, false: context.Canceled} {
		synctest.Test(t, func(t *testing.T) {
			m := &moody{from: 100}
			took, events, err := moodyRun(t, m, stop)
			if !errors.Is(err, want) || errors.Is(err, ErrInterrupted) || m.cuts != 1 {
				t.Errorf("stop %v: %v, interrupted %d times", stop, err, m.cuts)
			}
			if took < quitTime || took > quitTime+cardTime {
				t.Errorf("stop %v: took %v", stop, took)
			}
			if last := events[len(events)-1]; last.Kind != Stop {
				t.Errorf("stop %v: the last event is %q", stop, last.Kind)
			}
		})
	}
}

// TestSoundOutputIsNotInterrupted: one that works, or does again in time, ends
// softly.
func TestSoundOutputIsNotInterrupted(t *testing.T) {
	for _, m := range []*moody{{}, {from: 150, last: 900 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			took, _, err := moodyRun(t, m, true)
			if err != nil || m.cuts != 0 || took > quitTime+cardTime || m.drains != 1 {
				t.Errorf("%v, interrupted %d times, took %v, drained %d times", err, m.cuts, took, m.drains)
			}
			if m.from == 0 { // the other one ran dry
				clicks(t, m.heardAll(), 8000, 1)
			}
		})
	}
}

// TestOutputTellsMeanwhile: what it tells in a call is not kept until the end of
// that.
func TestOutputTellsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moody{from: 50, last: 1500 * time.Millisecond, cut: make(chan struct{})}
		src := newMem(8000, 1, 80_000, 8000, sine(8000))
		e, err := New(Config{Output: m, Tracks: 1, Open: func(context.Context, int) (Source, error) { return src, nil }})
		if err != nil {
			t.Fatal(err)
		}
		var told time.Time
		begin, done := time.Now(), make(chan error, 1)
		go func() { done <- e.Run(context.Background()) }()
		for ev := range e.Events() {
			if ev.Kind == Warning && ev.Text == "it is looked for" {
				told = time.Now()
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if at := told.Sub(begin); told.IsZero() || at > 1100*time.Millisecond {
			t.Errorf("told after %v", at)
		}
	})
}
