package player

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

func TestEngineFaults(t *testing.T) {
	lost := errors.New("lost")
	bad := func(rate int) *memSource {
		s := newMem(rate, 1, audio.Frames(3*rate), audio.Frames(rate), sine(rate))
		s.fail = map[int]error{1: lost}
		return s
	}
	good := func(rate int) *memSource {
		return newMem(rate, 1, audio.Frames(3*rate), audio.Frames(rate), sine(rate))
	}
	for _, c := range []struct {
		name    string
		card    *card
		cfg     Config
		tracks  []*memSource
		err     error
		started int
		failed  int
	}{
		{"bad one among good ones", &card{}, Config{}, []*memSource{good(8000), bad(8000), good(8000)}, nil, 3, 1},
		{"last", &card{}, Config{}, []*memSource{good(8000), bad(8000)}, lost, 2, 1},
		{"only one", &card{}, Config{}, []*memSource{bad(8000)}, lost, 1, 1},
		{"fatal", &card{}, Config{Fatal: func(err error) bool { return errors.Is(err, lost) }}, []*memSource{bad(8000), good(8000)}, lost, 1, 1},
		{"file", &card{unpaced: true}, Config{}, []*memSource{good(8000), bad(8000), good(8000)}, lost, 2, 1},
		{"rate refused", &card{refuse: 11025}, Config{}, []*memSource{good(8000), good(11025), good(8000)}, nil, 2, 1},
		{"last rate refused", &card{refuse: 11025}, Config{}, []*memSource{good(8000), good(11025)}, audio.ErrUnsupported, 1, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := play(t, c.card, c.cfg, c.tracks...)
			r.wait()
			if !errors.Is(r.err, c.err) || r.count(TrackChange) != c.started || r.count(Error) != c.failed {
				t.Errorf("%s: %v, %d started, %d failed", c.name, r.err, r.count(TrackChange), r.count(Error))
			}
			if (r.err == nil) != (r.count(Ended) == 1) || (r.err == nil) != (c.card.aborted == 0) {
				t.Errorf("%s: %d finished, %d aborted", c.name, r.count(Ended), c.card.aborted)
			}
			if !c.card.unpaced {
				for _, p := range c.card.all {
					clicks(t, p, 8000, 1)
				}
			}
		})
	}
}

func TestEngineOpenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none := errors.New("none")
		r := play(t, &card{}, Config{Open: func(_ context.Context, i int) (Source, error) { return nil, none }},
			newMem(8000, 1, 8000, 8000, sine(8000)), newMem(8000, 1, 8000, 8000, sine(8000)))
		r.wait()
		if !errors.Is(r.err, none) || r.count(Error) != 2 {
			t.Errorf("%v, %d failed", r.err, r.count(Error))
		}
	})
}

func TestEngineCancel(t *testing.T) {
	for _, unpaced := range []bool{false, true} {
		for _, d := range []time.Duration{0, time.Millisecond, 700 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				src := newMem(44100, 1, 441_000, 44100, sine(44100))
				src.delay = map[int]time.Duration{1: time.Hour}
				c := &card{unpaced: unpaced}
				e, err := New(Config{Output: c, Tracks: 1, Open: func(context.Context, int) (Source, error) {
					src.opened++
					return src, nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(d, cancel)
				begin := time.Now()
				if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("Run: %v", err)
				}
				if took := time.Since(begin); took > d+time.Second {
					t.Errorf("took %v", took)
				}
				if err := src.check(); err != nil {
					t.Error(err)
				}
				for _, p := range c.all {
					clicks(t, p, 44100, 1)
				}
				if err := e.Run(ctx); err == nil {
					t.Error("ran twice")
				}
				e.Seek(1)
				e.State()
			})
		}
	}
}

func TestEngineStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := play(t, &card{}, Config{Stay: true}, newMem(8000, 1, 8000, 8000, sine(8000)))
		time.Sleep(time.Minute)
		if s := r.e.State(); s.Done || s.Buffering || s.Position != time.Second {
			t.Errorf("stays at %+v", s)
		}
		r.e.Seek(0)
		time.Sleep(time.Minute)
		r.e.Stop()
		r.wait()
		if r.err != nil || r.count(Ended) != 2 || len(r.c.all) != 2 {
			t.Errorf("%v, %d finished, %d plays", r.err, r.count(Ended), len(r.c.all))
		}
	})
}

func TestEngineStopFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMem(8000, 1, 80_000, 8000, sine(8000))
		src.delay = map[int]time.Duration{3: time.Hour}
		r := play(t, &card{unpaced: true}, Config{}, src)
		time.Sleep(time.Second)
		r.e.Stop()
		r.wait()
		if !errors.Is(r.err, ErrStopped) || r.c.aborted != 1 {
			t.Errorf("%v, aborted %d", r.err, r.c.aborted)
		}
	})
}

// TestEngineUnread plays with nobody listening to events, and many seeks.
func TestEngineUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newMem(8000, 1, 800_000, 800, sine(8000))
		c := &card{}
		e, err := New(Config{Output: c, Tracks: 1, Open: func(context.Context, int) (Source, error) { src.opened++; return src, nil }})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- e.Run(context.Background()) }()
		for i := range 400 {
			time.Sleep(time.Duration(i%70) * time.Millisecond)
			e.Seek(time.Duration(i%90) * time.Second)
			e.Pause(i%5 == 0)
		}
		e.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := src.check(); err != nil {
			t.Error(err)
		}
		clicks(t, c.all[0], 8000, 1)
		if n := len(e.Events()); n != eventRoom {
			t.Errorf("%d events wait", n)
		}
	})
}

func TestNewChecks(t *testing.T) {
	open := func(context.Context, int) (Source, error) { return nil, nil }
	for _, c := range []Config{
		{}, {Output: &card{}}, {Output: &card{}, Open: open}, {Output: &card{}, Open: open, Tracks: 1, First: 1},
		{Output: &card{}, Open: open, Tracks: 1, Start: -1}, {Output: &card{}, Open: open, Tracks: 1, Volume: 2},
		{Output: &card{}, Open: open, Tracks: 1, Volume: math.NaN()},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("New(%+v) worked", c)
		}
	}
}

// still is an output without pace, room or memory.
type still struct{}

func (still) Open(Spec) error        { return nil }
func (still) Write([]float64) error  { return nil }
func (still) Buffered() audio.Frames { return 0 }
func (still) Flush()                 {}
func (still) Drain() error           { return nil }
func (still) Close() error           { return nil }
func (still) Paced() bool            { return true }

func TestFeedAllocatesNothing(t *testing.T) {
	e, err := New(Config{Output: still{}, Tracks: 1, Open: func(context.Context, int) (Source, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	q := newPipe()
	tr := &track{spec: Spec{SampleRate: 44100, Channels: 2}}
	f := &feeder{e: e, out: still{}, q: q, paced: true, timer: time.NewTimer(time.Hour), playing: tr}
	f.norm.set(1)
	if err := f.reopen(tr.spec); err != nil {
		t.Fatal(err)
	}
	f.gain.set(1)
	f.norm.set(0.9)
	f.sounding = true // time is told
	e.Scope(nil)
	e.take()
	ctx, n := context.Background(), 0
	put := func() {
		b, err := q.reserve(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if b.buf == nil {
			b.buf = make([]float64, 2*2205)
		}
		b.track, b.n, b.first = tr, 2205, n%100 == 0
		n++
		q.commit(0, b)
	}
	for range pipeBlocks {
		put()
	}
	if n := testing.AllocsPerRun(500, func() {
		f.obey(e.take())
		if err := f.feed(ctx); err != nil {
			t.Fatal(err)
		}
		if q.n < pipeBlocks {
			put()
		}
	}); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
	e.SetVolume(0.5)
	e.Pause(true)
	if n := testing.AllocsPerRun(100, func() {
		f.obey(e.take())
		if err := f.feed(ctx); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a step in pause", n)
	}
}
