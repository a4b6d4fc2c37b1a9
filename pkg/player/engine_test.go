package player

import (
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

func TestEngineGapless(t *testing.T) {
	for _, unpaced := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := newMem(44100, 2, 150_001, 44100, count(0))
			b := newMem(44100, 2, 882, 44100, count(1)) // 20 ms
			c := newMem(44100, 2, 60_000, 44100, count(2))
			begin := time.Now()
			r := play(t, &card{unpaced: unpaced}, Config{}, a, b, c)
			r.wait()
			if r.err != nil {
				t.Fatal(r.err)
			}
			if len(r.c.opens) != 1 || r.c.gaps > 0 || r.c.flushes > 0 {
				t.Errorf("opens %d, gaps %d, flushes %d", len(r.c.opens), r.c.gaps, r.c.flushes)
			}
			got := r.c.all[0]
			if len(got) != 2*(150_001+882+60_000) {
				t.Fatalf("%d samples", len(got))
			}
			exact(t, got[:2*150_001], 2, 0, count(0))
			exact(t, got[2*150_001:2*150_883], 2, 0, count(1))
			exact(t, got[2*150_883:], 2, 0, count(2))
			took := time.Since(begin)
			if want := audio.Frames(210_883).Duration(44100); !unpaced && (took < want || took > want+200*time.Millisecond) {
				t.Errorf("took %v, want %v", took, want)
			}
			for k, n := range map[EventKind]int{TrackChange: 3, TrackEnded: 3, Ended: 1, Buffering: 0, Slice: len(a.spans) + len(b.spans) + len(c.spans)} {
				if r.count(k) != n {
					t.Errorf("%d events %q, want %d", r.count(k), k, n)
				}
			}
		})
	}
}

func TestEngineOtherShape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := play(t, &card{}, Config{},
			newMem(44100, 2, 50_000, 20_000, count(0)),
			newMem(48000, 1, 50_000, 20_000, count(1)),
			newMem(44100, 2, 50_000, 20_000, count(2)))
		r.wait()
		if r.err != nil || len(r.c.opens) != 3 || r.c.gaps > 0 {
			t.Fatalf("%v, opens %v, gaps %d", r.err, r.c.opens, r.c.gaps)
		}
		for i, got := range r.c.all {
			ch := r.c.opens[i].Channels
			if len(got) != 50_000*ch {
				t.Errorf("track %d: %d samples", i, len(got))
			}
			exact(t, got, ch, 0, count(i))
		}
	})
}

func TestEngineNoClicks(t *testing.T) {
	for _, rate := range []int{8000, 44100} {
		synctest.Test(t, func(t *testing.T) {
			src := newMem(rate, 2, audio.Frames(20*rate), audio.Frames(2*rate), sine(rate))
			r := play(t, &card{}, Config{}, src)
			at := func(d time.Duration, do func()) { time.Sleep(d); do() }
			at(1037*time.Millisecond, func() { r.e.Pause(true) })
			at(500*time.Millisecond, func() {
				if s := r.e.State(); !s.Paused || s.Position < 900*time.Millisecond || s.Position > 1200*time.Millisecond {
					t.Errorf("paused at %+v", s)
				}
			})
			at(0, r.e.Toggle)
			at(411*time.Millisecond, func() { r.e.Seek(7003 * time.Millisecond) })
			at(0, func() {
				if p := r.e.State().Position; p != 7003*time.Millisecond {
					t.Errorf("position right after the seek: %v", p)
				}
			})
			at(400*time.Millisecond, func() {
				if p := r.e.State().Position; p < 7100*time.Millisecond || p > 7400*time.Millisecond {
					t.Errorf("position after the seek: %v", p)
				}
				r.e.SetVolume(0.3)
			})
			at(3*time.Millisecond, func() { r.e.SetVolume(1) })
			at(300*time.Millisecond, func() { r.e.SetVolume(0.5) })
			at(300*time.Millisecond, func() { r.e.Mute(true) })
			at(300*time.Millisecond, func() { r.e.Mute(false) })
			at(300*time.Millisecond, func() { r.e.SeekBy(-2 * time.Second) })
			at(time.Millisecond, func() { r.e.SeekBy(-2 * time.Second) })
			at(300*time.Millisecond, func() { r.e.Pause(true) })
			at(300*time.Millisecond, func() { r.e.Seek(3 * time.Second) })
			at(300*time.Millisecond, func() {
				if s := r.e.State(); s.Position != 3*time.Second || s.Buffering {
					t.Errorf("seek in pause: %+v", s)
				}
				r.e.Pause(false)
			})
			at(300*time.Millisecond, r.e.Next)
			r.wait()
			if r.err != nil || r.c.gaps > 0 {
				t.Errorf("%v, gaps %d", r.err, r.c.gaps)
			}
			clicks(t, r.c.all[0], rate, 2)
			if m := step(r.c.all[0], 2); m == 0 {
				t.Error("nothing was heard")
			}
			if r.count(Pause) != 2 || r.count(Play) != 3 || r.count(Seek) < 2 {
				t.Errorf("events: %d paused, %d unpaused, %d seeked", r.count(Pause), r.count(Play), r.count(Seek))
			}
		})
	}
}

func TestEngineUnderrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 44100
		src := newMem(rate, 1, 5*rate, rate, sine(rate))
		src.delay = map[int]time.Duration{0: 3 * time.Second, 2: 9 * time.Second}
		r := play(t, &card{}, Config{}, src)
		time.Sleep(time.Second)
		if s := r.e.State(); !s.Buffering || s.Position != 0 {
			t.Errorf("at the start: %+v", s)
		}
		r.wait()
		if r.err != nil || r.count(Buffering) != 2 || r.count(Buffered) != 2 || r.e.State().Underruns != 1 || r.c.gaps > 0 {
			t.Errorf("%v, %d buffering, %d resumed, gaps %d", r.err, r.count(Buffering), r.count(Buffered), r.c.gaps)
		}
		clicks(t, r.c.all[0], rate, 1)
		// All frames were heard, silence between them.
		if n := len(r.c.all[0]); n < 11*rate || n > 12*rate {
			t.Errorf("%d frames", n)
		}
	})
}

func TestEngineStartAndJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracks := []*memSource{newMem(44100, 1, 441_000, 44100, count(0)), newMem(44100, 1, 441_000, 44100, count(1)), newMem(44100, 1, 441_000, 44100, count(2))}
		r := play(t, &card{}, Config{First: 1, Start: 5 * time.Second}, tracks...)
		time.Sleep(time.Second)
		if s := r.e.State(); s.Track != 1 || s.Position < 5500*time.Millisecond || s.Position > 6*time.Second || s.Duration != 10*time.Second {
			t.Errorf("start: %+v", s)
		}
		r.e.Prev()
		time.Sleep(time.Second)
		if s := r.e.State(); s.Track != 1 || s.Position > time.Second {
			t.Errorf("first prev: track %d at %v", s.Track, s.Position)
		}
		r.e.Prev()
		time.Sleep(time.Second)
		if s := r.e.State(); s.Track != 0 || s.Position > time.Second {
			t.Errorf("second prev: track %d at %v", s.Track, s.Position)
		}
		r.e.Next()
		r.e.Next()
		r.e.SeekBy(4 * time.Second)
		r.e.SeekBy(4 * time.Second)
		time.Sleep(500 * time.Millisecond)
		if s := r.e.State(); s.Track != 2 || s.Position < 8200*time.Millisecond || s.Position > 8600*time.Millisecond {
			t.Errorf("next, next and seeks: track %d at %v", s.Track, s.Position)
		}
		r.e.Jump(17)
		r.e.Jump(1)
		time.Sleep(300 * time.Millisecond)
		if s := r.e.State(); s.Track != 1 {
			t.Errorf("jump: track %d", s.Track)
		}
		r.e.Stop()
		r.wait()
		if r.err != nil {
			t.Error(r.err)
		}
	})
}

func TestEngineStartIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := play(t, &card{unpaced: true}, Config{Start: time.Second + 1},
			newMem(44100, 2, 150_000, 44100, count(0)))
		r.e.Pause(true) // does nothing
		r.wait()
		if r.err != nil || len(r.c.all[0]) != 2*(150_000-44100) || r.c.drains != 1 {
			t.Fatalf("%v, %d samples, %d drains", r.err, len(r.c.all[0]), r.c.drains)
		}
		exact(t, r.c.all[0], 2, 44100, count(0))
	})
}
