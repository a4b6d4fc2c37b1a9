package player

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

// deep is a track that says it has another number of bits.
type deep struct {
	*memSource
	bits int
}

func (d deep) Info() audio.Info {
	i := d.memSource.Info()
	i.BitDepth = d.bits
	return i
}

// fitting is a card that takes any depth once it is open, and warns.
type fitting struct {
	*card
	text atomic.Value
}

func (f *fitting) Fits(Spec) bool  { return true }
func (f *fitting) Warning() string { return f.text.Load().(string) }

// TestFits: tracks that differ in nothing the output minds follow without a
// gap; those of another rate never do.
func TestFits(t *testing.T) {
	for _, rate := range []int{44100, 48000} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newMem(44100, 1, 50_000, 20_000, count(0)), newMem(rate, 1, 50_000, 20_000, count(1))
			out := &fitting{card: &card{}}
			out.text.Store("")
			sources := []Source{deep{a, 16}, deep{b, 24}}
			e, err := New(Config{Output: out, Tracks: 2, Open: func(_ context.Context, i int) (Source, error) { return sources[i], nil }})
			if err != nil {
				t.Fatal(err)
			}
			var warnings []string
			done := make(chan struct{})
			go func() {
				defer close(done)
				for ev := range e.Events() {
					if ev.Kind == Warning {
						warnings = append(warnings, ev.Text)
					}
				}
			}()
			go func() {
				time.Sleep(500 * time.Millisecond)
				out.text.Store("another card plays")
			}()
			if err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-done
			if len(warnings) != 1 || warnings[0] != "another card plays" {
				t.Errorf("warned of %q", warnings)
			}
			if opens := len(out.opens); (rate == 44100) != (opens == 1) || out.gaps > 0 {
				t.Errorf("at %d Hz %d opens, %d gaps", rate, opens, out.gaps)
			}
			if rate == 44100 {
				exact(t, out.all[0][:50_000], 1, 0, count(0))
				exact(t, out.all[0][50_000:], 1, 0, count(1))
			}
		})
	}
}

// TestNothingFits: a queue of which the output can play nothing ends, though it
// is to be repeated for ever.
func TestNothingFits(t *testing.T) {
	for name, rates := range map[string][]int{"none": {4000, 4000}, "one of two": {4000, 8000}} {
		synctest.Test(t, func(t *testing.T) {
			opens := 0
			var e *Engine
			e, err := New(Config{Output: &card{refuse: 4000}, Tracks: len(rates), Repeat: RepeatAll, Open: func(_ context.Context, i int) (Source, error) {
				opens++
				return newMem(rates[i], 1, audio.Frames(rates[i]), 1000, count(0)), nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Minute, e.Stop)
			begin := time.Now()
			err = e.Run(t.Context())
			took := time.Since(begin)
			if name == "none" && (err == nil || took > time.Second || opens > 8) {
				t.Errorf("%v after %v, %d tracks opened", err, took, opens)
			}
			if name != "none" && (err != nil || took < time.Minute || opens > 300) {
				t.Errorf("%v after %v, %d tracks opened", err, took, opens)
			}
		})
	}
}
