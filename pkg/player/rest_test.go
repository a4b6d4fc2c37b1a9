package player

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

// resting is a card that can stand still.
type resting struct {
	*card
	cannot bool  // it could not be brought to
	lost   error // what Pause(false) says
}

func (o *resting) Pause(on bool) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pass()
	if on && o.cannot {
		return false, nil
	}
	if o.frozen = on; !on {
		return false, o.lost
	}
	for _, v := range o.pending {
		if v != 0 {
			o.wrong = errors.New("told to stand still with sound in it")
		}
	}
	return true, nil
}

// still says whether the card stands still, and how often it was written to.
func (o *resting) state() (still bool, writes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.frozen, o.writes
}

// TestPauseStandsStill: nothing is written in a pause, nothing of the sound is
// lost by it, and it goes on at once.
func TestPauseStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &resting{card: &card{}}
		r := play(t, o.card, Config{Output: o}, newMem(8000, 1, 80_000, 8000, sine(8000)))
		time.Sleep(3 * time.Second)
		for range 3 {
			r.e.Pause(true)
			time.Sleep(time.Second)
			still, writes := o.state()
			at := r.e.State().Frame
			time.Sleep(time.Hour)
			if s := r.e.State(); !still || s.Frame != at || !s.Paused {
				t.Errorf("still %v, at frame %d and then %d", still, at, s.Frame)
			}
			if _, now := o.state(); now != writes {
				t.Errorf("written to %d times", now-writes)
			}
			r.e.Pause(false)
			time.Sleep(100 * time.Millisecond)
			if s := r.e.State(); s.Frame < at+600 || s.Frame > at+800 {
				t.Errorf("after 100 ms at frame %d, from %d", s.Frame, at)
			}
			time.Sleep(time.Second)
		}
		r.wait()
		if r.err != nil || r.count(Pause) != 3 || r.count(Play) != 4 || r.c.gaps > 0 {
			t.Errorf("%v, %d gaps, %d pauses", r.err, r.c.gaps, r.count(Pause))
		}
		clicks(t, r.c.all[0], 8000, 1)
		if n := sounding(r.c.all[0]); n < 80_000-100 || n > 80_000 { // a sine is 0 here and there
			t.Errorf("%d frames of sound", n)
		}
	})
}

// sounding counts the samples that are not silence.
func sounding(p []float64) (n int) {
	for _, v := range p {
		if v != 0 {
			n++
		}
	}
	return n
}

// TestTurnsInAPause: what is done in a pause is so when it is over, and the
// output stands still before and after.
func TestTurnsInAPause(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(e *Engine)
		track int
		frame audio.Frames
	}{
		"seek":           {func(e *Engine) { e.Seek(5 * time.Second) }, 0, 40_000},
		"next":           {func(e *Engine) { e.Next() }, 1, 0},
		"another rate":   {func(e *Engine) { e.Jump(2) }, 2, 0},
		"there and back": {func(e *Engine) { e.Jump(2); time.Sleep(time.Second); e.Jump(1) }, 1, 0},
		"a slow slice":   {func(e *Engine) { e.Seek(9500 * time.Millisecond) }, 0, 76_000},
		"an edit":        {func(e *Engine) { e.Clear(); e.Add(1, 2) }, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := &resting{card: &card{}}
			tracks := []*memSource{newMem(8000, 1, 80_000, 8000, sine(8000)), newMem(8000, 1, 80_000, 8000, sine(8000)), newMem(16000, 1, 160_000, 16000, sine(16000))}
			tracks[0].delay = map[int]time.Duration{len(tracks[0].spans) - 1: 5 * time.Second}
			r := play(t, o.card, Config{Output: o}, tracks...)
			time.Sleep(2 * time.Second)
			r.e.Pause(true)
			time.Sleep(2 * time.Second)
			before := r.e.State().Frame
			c.do(r.e)
			time.Sleep(10 * time.Second)
			still, writes := o.state()
			time.Sleep(time.Hour)
			s := r.e.State()
			if c.frame == 0 && c.track == 0 {
				c.frame = before
			}
			if _, now := o.state(); !still || now != writes || s.Track != c.track || s.Frame != c.frame {
				t.Errorf("%s: still %v, written to %d times; at frame %d of track %d", name, still, now-writes, s.Frame, s.Track)
			}
			r.e.Pause(false)
			time.Sleep(300 * time.Millisecond)
			if s = r.e.State(); s.Frame <= c.frame || s.Track != c.track {
				t.Errorf("%s: goes on at frame %d of track %d", name, s.Frame, s.Track)
			}
			r.e.Stop()
			r.wait()
			if r.err != nil {
				t.Errorf("%s: %v", name, r.err)
			}
			clicks(t, r.c.all[0], 8000, 1)
		})
	}
}

// TestStopInAPause ends at once, and so does a wait for slices.
func TestStopInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &resting{card: &card{}}
		r := play(t, o.card, Config{Output: o, Paused: true}, newMem(8000, 1, 80_000, 8000, sine(8000)))
		time.Sleep(time.Minute)
		if still, _ := o.state(); !still {
			t.Error("begun in pause it does not stand still")
		}
		begin := time.Now()
		r.e.Stop()
		r.wait()
		if d := time.Since(begin); d > 100*time.Millisecond || r.err != nil {
			t.Errorf("after %v: %v", d, r.err)
		}
	})
}

// TestOutputLostInAPause: it is told when the sound is to go on.
func TestOutputLostInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &resting{card: &card{}, lost: errGone}
		r := play(t, o.card, Config{Output: o}, newMem(8000, 1, 80_000, 8000, sine(8000)))
		time.Sleep(time.Second)
		r.e.Pause(true)
		time.Sleep(time.Minute)
		r.e.Pause(false)
		r.wait()
		if !errors.Is(r.err, errGone) {
			t.Error(r.err)
		}
	})
}

// TestPauseOfOutputsThatCannot: they never run dry, and are not written to more
// often than they have to be.
func TestPauseOfOutputsThatCannot(t *testing.T) {
	for name, of := range map[string]func(*card) Output{
		"no method": func(c *card) Output { return c },
		"refuses":   func(c *card) Output { return &resting{card: c, cannot: true} },
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &card{}
			r := play(t, c, Config{Output: of(c)}, newMem(8000, 1, 80_000, 8000, sine(8000)))
			time.Sleep(time.Second)
			r.e.Pause(true)
			time.Sleep(20 * time.Second)
			for range 10 { // it goes on as soon as ever
				begin, at := time.Now(), r.e.State().Frame
				r.e.Pause(false)
				for r.e.State().Frame == at {
					time.Sleep(time.Millisecond)
				}
				if d := time.Since(begin); d > cardTime+quantum {
					t.Errorf("%s: sound after %v", name, d)
				}
				r.e.Pause(true)
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
			}
			r.e.Pause(false)
			r.wait()
			if r.err != nil || c.gaps > 0 {
				t.Errorf("%s: %v, %d gaps", name, r.err, c.gaps)
			}
			clicks(t, c.all[0], 8000, 1)
		})
	}
}
