package player

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"secstream/pkg/audio"
	"secstream/pkg/caught"
	"secstream/pkg/decode"
)

// touchy is a source that panics where it is told to.
type touchy struct {
	*memSource
	at string
}

func (s touchy) trip(what string) {
	if s.at == what {
		panic("a bug in " + what)
	}
}

func (s touchy) Info() audio.Info      { s.trip("Info"); return s.memSource.Info() }
func (s touchy) Params() decode.Params { s.trip("Params"); return s.memSource.Params() }
func (s touchy) Len() int              { s.trip("Len"); return s.memSource.Len() }
func (s touchy) Span(i int) audio.Span { s.trip("Span"); return s.memSource.Span(i) }
func (s touchy) Release(i int)         { s.memSource.Release(i); s.trip("Release") }
func (s touchy) Close() error          { err := s.memSource.Close(); s.trip("Close"); return err }

func (s touchy) Slice(ctx context.Context, i int) ([]byte, error) {
	if i == 1 {
		s.trip("Slice")
	}
	return s.memSource.Slice(ctx, i)
}

// TestPanicsOfASource: a track that is a bug of ours is passed over like one that
// breaks off, and all that was begun ends.
func TestPanicsOfASource(t *testing.T) {
	for at, failed := range map[string]int{
		"Open": 1, "Info": 1, "Params": 1, "Len": 1, "Span": 1, "Slice": 1, "Release": 1, "Close": 0, "nowhere": 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			tracks := []*memSource{newMem(8000, 1, 24_000, 8000, sine(8000)), newMem(8000, 1, 24_000, 8000, sine(8000)), newMem(8000, 1, 24_000, 8000, sine(8000))}
			r := play(t, &card{}, Config{Open: func(_ context.Context, i int) (Source, error) {
				if at == "Open" && i == 1 {
					panic("a bug in Open")
				}
				tracks[i].mu.Lock()
				tracks[i].opened++
				tracks[i].mu.Unlock()
				if i == 1 {
					return touchy{tracks[i], at}, nil
				}
				return tracks[i], nil
			}}, tracks...)
			r.wait()
			if r.err != nil || r.count(Error) != failed || r.count(TrackEnded) != 3-failed || r.count(Ended) != 1 {
				t.Errorf("%s: %v, %d errors, %d tracks to their end", at, r.err, r.count(Error), r.count(TrackEnded))
			}
			for _, ev := range r.events {
				if p := new(caught.Panic); ev.Kind == Error && (!errors.As(ev.Err, &p) || ev.Track != 1 || !strings.Contains(ev.Err.Error(), "a bug in "+at)) {
					t.Errorf("%s: track %d: %v", at, ev.Track, ev.Err)
				}
			}
			for _, p := range r.c.all {
				clicks(t, p, 8000, 1)
			}
		})
	}
}

// wild decodes some frames of silence and panics.
type wild struct{ good int }

func (d *wild) Read(p []float64) (audio.Frames, error) {
	if d.good--; d.good < 0 {
		panic("a bug in a decoder")
	}
	clear(p[:100])
	return 100, nil
}

// TestPanicOfADecoder: what it had decoded is played, and its slice is wiped.
func TestPanicOfADecoder(t *testing.T) {
	src := newMem(8000, 1, 8000, 8000, sine(8000))
	r := &reader{e: &Engine{}}
	j := NewJoiner(src, 0)
	b := &block{buf: make([]float64, 400)}
	if n, err := r.fill(t.Context(), j, b, 1); n != 400 || err != nil {
		t.Fatal(n, err)
	}
	j.dec = &wild{good: 2}
	n, err := r.fill(t.Context(), j, b, 1)
	if p := new(caught.Panic); n != 200 || !errors.As(err, &p) || !strings.Contains(p.Where, "panic_test.go") {
		t.Errorf("%d frames, %v", n, err)
	}
	if err := r.leave(j); err != nil {
		t.Error(err)
	}
	if err := src.check(); err != nil {
		t.Error(err)
	}
}

// faulty is a card that panics where it is told to.
type faulty struct {
	*card
	at string
	n  int
}

func (o *faulty) trip(what string) {
	if o.at == what {
		panic("a bug in " + what)
	}
}

func (o *faulty) Open(s Spec) error { o.trip("Open"); return o.card.Open(s) }
func (o *faulty) Drain() error      { o.trip("Drain"); return o.card.Drain() }
func (o *faulty) Close() error      { _ = o.card.Close(); o.trip("Close"); return nil }
func (o *faulty) Abort() error      { _ = o.card.Abort(); o.trip("Abort"); return nil }

func (o *faulty) Write(p []float64) error {
	if o.n++; o.n > 50 || o.at == "Abort" {
		o.trip("Write")
		if o.at == "Abort" {
			return errGone
		}
	}
	return o.card.Write(p)
}

// TestPanicsOfAnOutput: Run returns, and leaves nothing behind.
func TestPanicsOfAnOutput(t *testing.T) {
	for _, at := range []string{"Open", "Write", "Drain", "Close", "Abort"} {
		synctest.Test(t, func(t *testing.T) {
			src := newMem(8000, 1, 24_000, 8000, sine(8000))
			out := &faulty{card: &card{}, at: at}
			e, err := New(Config{Output: out, Tracks: 2, Open: func(context.Context, int) (Source, error) {
				src.mu.Lock()
				defer src.mu.Unlock()
				src.opened++
				return src, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			err = e.Run(t.Context())
			if p := new(caught.Panic); at != "Abort" && !errors.As(err, &p) || at == "Abort" && !errors.Is(err, errGone) {
				t.Errorf("%s: %v", at, err)
			}
			for range e.Events() { // which ends
			}
			if err := src.check(); err != nil || out.closed+out.aborted != 1 {
				t.Errorf("%s: %v, closed %d times, aborted %d times", at, err, out.closed, out.aborted)
			}
		})
	}
}
