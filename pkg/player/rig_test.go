package player

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"secstream/pkg/audio"
)

// card is a sound card in memory: it plays by the clock, 150 ms of buffer,
// and keeps all that it played. With paced false it is a file.
type card struct {
	unpaced bool
	mu      sync.Mutex
	spec    Spec
	opens   []Spec
	pending []float64
	heard   []float64 // what came out since the last Open
	all     [][]float64
	last    time.Time
	playing bool
	frozen  bool // Pause(true), of a resting card
	writes  int
	gaps    int // times it ran dry while it played
	flushes int
	drains  int
	closed  int
	aborted int
	refuse  int // a sample rate it does not take
	wrong   error
}

const cardTime = 150 * time.Millisecond

// pass plays what is due. Called with mu held.
func (c *card) pass() {
	now := time.Now()
	n := int(audio.FramesIn(now.Sub(c.last), max(c.spec.SampleRate, 1))) * c.spec.Channels
	c.last = c.last.Add(audio.Frames(n / max(c.spec.Channels, 1)).Duration(max(c.spec.SampleRate, 1)))
	if c.unpaced {
		n = len(c.pending)
	}
	if !c.playing || c.frozen {
		c.last = now
		return
	}
	if n > len(c.pending) {
		c.gaps++
		n = len(c.pending)
		c.playing = false
	}
	c.heard = append(c.heard, c.pending[:n]...)
	c.pending = c.pending[n:]
}

func (c *card) Open(s Spec) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.SampleRate == c.refuse {
		return audio.ErrUnsupported
	}
	if len(c.pending) > 0 {
		c.wrong = errors.New("opened without Drain")
	}
	if c.heard != nil {
		c.all = append(c.all, c.heard)
	}
	c.spec, c.heard, c.playing, c.frozen = s, nil, false, false
	c.opens = append(c.opens, s)
	return nil
}

func (c *card) Write(p []float64) error {
	if len(p)%c.spec.Channels != 0 {
		c.wrong = errors.New("part of a frame")
	}
	if c.writes++; c.frozen {
		c.wrong = errors.New("written to while it stands still")
	}
	for {
		c.mu.Lock()
		c.pass()
		room := int(audio.FramesIn(cardTime, c.spec.SampleRate))*c.spec.Channels - len(c.pending)
		if c.unpaced || room >= len(p) {
			c.pending = append(c.pending, p...)
			if !c.playing {
				c.playing, c.last = true, time.Now()
			}
			if c.unpaced {
				c.pass()
			}
			c.mu.Unlock()
			return nil
		}
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

func (c *card) Buffered() audio.Frames {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spec.Channels == 0 {
		return 0
	}
	c.pass()
	return audio.Frames(len(c.pending) / c.spec.Channels)
}

func (c *card) Flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass()
	c.flushes++
	c.pending = c.pending[:0]
}

func (c *card) Drain() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass()
	c.drains++
	if len(c.pending) > 0 {
		d := audio.Frames(len(c.pending) / c.spec.Channels).Duration(c.spec.SampleRate)
		c.heard, c.pending = append(c.heard, c.pending...), nil
		time.Sleep(d)
	}
	c.playing = false
	return nil
}

func (c *card) Close() error {
	c.closed++
	if c.heard != nil {
		c.all = append(c.all, c.heard)
		c.heard = nil
	}
	return nil
}

func (c *card) Abort() error { c.aborted++; return nil }
func (c *card) Paced() bool  { return !c.unpaced }

// rig is an engine at work on memory tracks.
type rig struct {
	t      *testing.T
	e      *Engine
	c      *card
	tracks []*memSource
	events []Event
	err    error
	over   chan struct{}
}

// play starts an engine inside a synctest bubble.
func play(t *testing.T, c *card, cfg Config, tracks ...*memSource) *rig {
	t.Helper()
	r := &rig{t: t, c: c, tracks: tracks, over: make(chan struct{})}
	cfg.Tracks = len(tracks)
	if cfg.Output == nil {
		cfg.Output = c
	}
	if cfg.Open == nil {
		cfg.Open = func(_ context.Context, i int) (Source, error) {
			tracks[i].mu.Lock()
			tracks[i].opened++
			tracks[i].mu.Unlock()
			return tracks[i], nil
		}
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.e = e
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev := range e.Events() {
			r.events = append(r.events, ev)
		}
	}()
	go func() {
		r.err = e.Run(context.Background())
		<-done
		close(r.over)
	}()
	return r
}

// wait lets the engine end and checks that all was put back.
func (r *rig) wait() {
	r.t.Helper()
	<-r.over
	for i, s := range r.tracks {
		if err := s.check(); err != nil {
			r.t.Errorf("track %d: %v", i, err)
		}
	}
	if r.c.wrong != nil {
		r.t.Error(r.c.wrong)
	}
	if r.c.closed+r.c.aborted != 1 {
		r.t.Errorf("output closed %d times, aborted %d times", r.c.closed, r.c.aborted)
	}
}

// count is how many events of a kind there were.
func (r *rig) count(k EventKind) int {
	n := 0
	for _, ev := range r.events {
		if ev.Kind == k {
			n++
		}
	}
	return n
}

// step is the largest jump from one frame to the next in channel 0.
func step(p []float64, channels int) float64 {
	m := 0.0
	for i := channels; i < len(p); i += channels {
		m = max(m, math.Abs(p[i]-p[i-channels]))
	}
	return m
}

// clicks fails when heard sound steps further than its sine does.
func clicks(t *testing.T, p []float64, rate, channels int) {
	t.Helper()
	own := 0.8 * 2 * math.Pi * 437 / float64(rate)
	if m := step(p, channels); m > 1.1*own {
		t.Errorf("largest step %.4f, the sine's own is %.4f", m, own)
	}
}

// exact fails when got is not frames [from, from+len) of at.
func exact(t *testing.T, got []float64, channels, from int, at func(i, c int) float64) {
	t.Helper()
	for i, v := range got {
		if want := at(from+i/channels, i%channels); v != want {
			t.Fatalf("sample %d is %v, want %v", i, v, want)
		}
	}
}

// heardAll is all that came out, over all shapes.
func (c *card) heardAll() (out []float64) {
	for _, p := range c.all {
		out = append(out, p...)
	}
	return out
}
