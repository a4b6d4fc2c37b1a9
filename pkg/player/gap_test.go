package player

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

// TestSkippedSlices: silence of exactly a refused slice's length stands in its
// place, what comes after is where it would have been, and an event tells.
func TestSkippedSlices(t *testing.T) {
	const rate = 8000
	skip := func(err error) bool { return errors.Is(err, errForged) }
	for _, c := range []struct {
		name    string
		fail    map[int]error
		cut     int // slice whose second half is missing, -1 for none
		cfg     Config
		unpaced bool
		skipped []int // slices
		ends    bool  // the track breaks off
	}{
		{"one", map[int]error{2: errForged}, -1, Config{Skip: skip}, false, []int{2}, false},
		{"the first", map[int]error{0: errForged}, -1, Config{Skip: skip}, false, []int{0}, false},
		{"the last", map[int]error{11: errForged}, -1, Config{Skip: skip}, false, []int{11}, false},
		{"five in a row", map[int]error{3: errForged, 4: errForged, 5: errForged, 6: errForged, 7: errForged}, -1, Config{Skip: skip}, false, []int{3, 4, 5, 6, 7}, false},
		{"six in a row", map[int]error{3: errForged, 4: errForged, 5: errForged, 6: errForged, 7: errForged, 8: errForged}, -1, Config{Skip: skip}, false, []int{3, 4, 5, 6, 7}, true},
		{"ten, not in a row", map[int]error{0: errForged, 1: errForged, 2: errForged, 3: errForged, 4: errForged, 6: errForged, 7: errForged, 8: errForged, 9: errForged, 10: errForged}, -1, Config{Skip: skip}, false, []int{0, 1, 2, 3, 4, 6, 7, 8, 9, 10}, false},
		{"damaged in the middle", nil, 4, Config{Skip: func(err error) bool { return errors.Is(err, audio.ErrCorrupt) }}, false, []int{4}, false},
		{"not to be skipped", map[int]error{2: errGone}, -1, Config{Skip: skip}, false, nil, true},
		{"without the hook", map[int]error{2: errForged}, -1, Config{}, false, nil, true},
		{"a file", map[int]error{2: errForged}, -1, Config{Skip: skip}, true, nil, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			src := equal(rate, 12, sine(rate))
			if src.fail = c.fail; c.cut >= 0 {
				src.data[c.cut] = src.data[c.cut][:len(src.data[c.cut])-rate/2*8]
			}
			r := play(t, &card{unpaced: c.unpaced}, c.cfg, src)
			r.wait()
			var skipped []int
			for _, ev := range r.events {
				if ev.Kind == Error && ev.Skipped {
					if begin := time.Duration(ev.Slice) * time.Second; ev.At < begin || ev.At > begin+time.Second || ev.At > begin && c.cut < 0 || !strings.Contains(ev.Err.Error(), "slice ") {
						t.Errorf("%s: slice %d at %v: %v", c.name, ev.Slice, ev.At, ev.Err)
					}
					skipped = append(skipped, ev.Slice)
				}
			}
			if len(skipped) != len(c.skipped) || (r.err != nil) != c.ends || r.c.gaps > 0 {
				t.Errorf("%s: skipped %v, want %v; %v, gaps %d", c.name, skipped, c.skipped, r.err, r.c.gaps)
			}
			if c.ends {
				return
			}
			checkGaps(t, c.name, r, c.skipped, c.cut, rate)
		})
	}
}

// checkGaps holds what was heard of twelve slices of a second against a sine.
func checkGaps(t *testing.T, name string, r *rig, skipped []int, cut, rate int) {
	t.Helper()
	p := r.c.all[0]
	if len(p) != 12*rate {
		t.Fatalf("%s: %d frames", name, len(p))
	}
	missing := map[int]bool{}
	for _, i := range skipped {
		missing[i] = true
	}
	fade, silent := rate/100, 0
	for i := range 12 {
		from, to := i*rate, (i+1)*rate
		if missing[i] {
			if i == cut {
				from += rate / 2
			}
			silent += to - from
			for k, v := range p[from:to] {
				if v != 0 {
					t.Fatalf("%s: frame %d is %v, not silent", name, from+k, v)
				}
			}
			if to, from = from, i*rate; from == to {
				continue
			}
		}
		if i > 0 && missing[i-1] {
			from += fade
		}
		if i < 11 && missing[i+1] || i == cut {
			to -= fade
		}
		exact(t, p[from:to], 1, from, sine(rate))
	}
	clicks(t, p, rate, 1)
	if s := r.e.State(); s.Silence != audio.Frames(silent).Duration(rate) || s.Underruns != 0 {
		t.Errorf("%s: silence %v for %d frames, %d underruns", name, s.Silence, silent, s.Underruns)
	}
}

// equal is a track of n slices of a second.
func equal(rate, n int, at func(i, c int) float64) *memSource {
	s := &memSource{rate: rate, channels: 1, frames: audio.Frames(n * rate), held: map[int]bool{}}
	for i := range n {
		whole := newMem(rate, 1, audio.Frames(rate), audio.Frames(2*rate), func(k, c int) float64 { return at(i*rate+k, c) })
		sp := whole.spans[0]
		sp.Start = audio.Frames(i * rate)
		s.spans, s.data = append(s.spans, sp), append(s.data, whole.data[0])
	}
	return s
}

// TestSeekCancelsWork: what a seek makes needless is not waited for.
func TestSeekCancelsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 8000
		src := equal(rate, 30, sine(rate))
		src.delay = map[int]time.Duration{10: time.Hour, 20: time.Hour}
		r := play(t, &card{}, Config{}, src)
		for range 2 {
			r.e.Seek(10 * time.Second)
			time.Sleep(time.Second)
			r.e.Seek(20 * time.Second)
			time.Sleep(time.Second)
		}
		r.e.Seek(25 * time.Second)
		time.Sleep(time.Second)
		if s := r.e.State(); s.Buffering || s.Position < 25500*time.Millisecond {
			t.Errorf("%+v", s)
		}
		r.e.Stop()
		r.wait()
	})
}

// TestBufferingIsTold: short waits after a seek go unmentioned, long ones do
// not, and each is told of once.
func TestBufferingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := equal(8000, 30, sine(8000))
		src.delay = map[int]time.Duration{10: 200 * time.Millisecond, 20: 5 * time.Second}
		r := play(t, &card{}, Config{}, src)
		time.Sleep(time.Second)
		r.e.Seek(10 * time.Second)
		time.Sleep(time.Second)
		r.e.Seek(20 * time.Second)
		time.Sleep(10 * time.Second)
		r.e.Stop()
		r.wait()
		if r.count(Buffering) != 1 || r.count(Buffered) != 1 || r.count(Seek) != 2 || r.count(CanPlayThrough) != 3 || r.e.State().Underruns != 0 {
			t.Errorf("%d buffering, %d buffered, %d seek, %d canplaythrough", r.count(Buffering), r.count(Buffered), r.count(Seek), r.count(CanPlayThrough))
		}
		if n := r.count(TimeUpdate); n < 20 || n > 32 { // some seven seconds of sound
			t.Errorf("%d timeupdate", n)
		}
	})
}

// TestEventState: what events say of the state is so.
func TestEventState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := play(t, &card{}, Config{}, shelf(3)...)
		time.Sleep(300 * time.Millisecond)
		r.e.Pause(true)
		time.Sleep(time.Second)
		r.e.Pause(false)
		r.wait()
		last := Event{}
		for _, ev := range r.events {
			if ev.State.Track != ev.Track || ev.State.Item != ev.Item || ev.State.Position != ev.At {
				t.Errorf("%s: track %d, item %d, at %v; state %+v", ev.Kind, ev.Track, ev.Item, ev.At, ev.State)
			}
			if ev.Kind != TimeUpdate && (ev.State.Paused != (ev.Kind == Pause) || ev.State.Ended != (ev.Kind == Ended)) {
				t.Errorf("%s: %+v", ev.Kind, ev.State)
			}
			if ev.Kind == TrackChange && (ev.State.Duration == 0 || ev.State.Info.SampleRate != 8000) {
				t.Errorf("trackchange: %+v", ev.State)
			}
			last = ev
		}
		if last.Kind != Ended || r.events[0].Kind != TrackChange || r.events[1].Kind != Play {
			t.Errorf("first %s, %s, last %s", r.events[0].Kind, r.events[1].Kind, last.Kind)
		}
	})
}

// TestStateWhileTheSourceHangs: nothing that the screen asks for waits.
func TestStateWhileTheSourceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := func(ctx context.Context, _ int) (Source, error) { <-ctx.Done(); return nil, ctx.Err() }
		r := play(t, &card{}, Config{Open: hung}, shelf(2)...)
		time.Sleep(time.Second)
		begin := time.Now()
		s, q, v := r.e.State(), r.e.Queue(), r.e.QueueVersion()
		n, rate := r.e.Scope(make([]float64, 100))
		if !s.Buffering || s.Item != 1 || len(q.Items) != 2 || q.Current != 0 || q.Version != v || n != 0 || rate != 0 || time.Since(begin) > 0 {
			t.Errorf("%+v, %+v, %d, %d samples at %d Hz", s, q, v, n, rate)
		}
		r.e.Next()
		if s := r.e.State(); s.Track != 1 || s.Item != 2 {
			t.Errorf("%+v", s)
		}
		r.e.Stop()
		r.wait()
	})
}

// TestReadyWithAGap: silence in place of a slice is no end: it is not begun
// with before there is enough, and a short rest of a track is enough.
func TestReadyWithAGap(t *testing.T) {
	q := newPipe()
	put := func(b block) {
		free, err := q.reserve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.buf = free.buf
		*free = b
		q.commit(0, free)
	}
	tr := &track{visit: 1}
	put(block{kind: started, track: tr})
	put(block{track: tr, gap: true, n: 10})
	if q.ready() {
		t.Error("ready with a single block")
	}
	put(block{kind: ended, track: tr})
	if !q.ready() {
		t.Error("not ready with a whole track")
	}
}
