package player

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/caught"
)

// Config says what an Engine plays and where to.
type Config struct {
	// Output takes the sound. Run closes it.
	Output Output
	// Tracks is the number of tracks; Open opens track i of them, 0 ≤ i <
	// Tracks. It is called from other goroutines than Run's, for the next
	// track some time before it is needed, and possibly while another call is
	// still under way. The engine closes the sources.
	Tracks int
	Open   func(ctx context.Context, i int) (Source, error)
	// Queue is what is queued at the start: numbers of tracks; nil for all in
	// order. First is the index in it to begin with, Start the position there.
	Queue []int
	First int
	Start time.Duration
	// Repeat and Shuffle are how the queue is played. Seed makes the order of
	// Shuffle; 0 takes one by chance. Nothing is repeated to an unpaced output,
	// which would never end.
	Repeat  Repeat
	Shuffle bool
	Seed    uint64
	// Volume is the amplitude to begin with, 0 to 1; 0 means 1 (to begin in
	// silence set Muted).
	Volume float64
	Muted  bool
	// ReplayGain is off, by track or by album; Preamp is added to it, in dB.
	// A track without such tags is played as it is.
	ReplayGain ReplayGain
	Preamp     float64
	// Paused begins in pause.
	Paused bool
	// Stay keeps Run waiting after the last track, for Jump, Seek, Prev or
	// Stop. Unpaced outputs never stay.
	Stay bool
	// Fatal, when set, says which errors of a track end Run. After others the
	// next track is played, on a paced output.
	Fatal func(error) bool
	// Skip, when set, says which errors of a slice leave out that slice alone:
	// silence of its length is played, and then the next one, unless five were
	// left out just before. An unpaced output is never given a hole. It is
	// called from another goroutine than Run's.
	Skip func(error) bool
	// Stale, when set, says which errors of a source mean that it is of no more
	// use and the track, opened anew, may be. It is closed, and the other one
	// plays on from the same frame. It is called as Skip is.
	Stale func(error) bool
	// Logger is told, at level debug, of the stacks of panics that were caught:
	// one in a source or a decoder is the error of its track, one in the output
	// that of Run. Each is a *caught.Panic. Default: nobody.
	Logger *slog.Logger
}

// Engine plays a queue of tracks. Its methods may be called from any goroutine
// and never block; they take effect at the next 20 ms of sound.
type Engine struct {
	cfg    Config
	wake   chan struct{} // holds a token when an order was given
	quit   chan struct{} // closed by Stop
	events chan Event
	scope  *scope
	ran    atomic.Bool

	mu        sync.Mutex // guards what follows; never held over I/O
	paused    bool
	muted     bool
	stop      bool
	volume    float64
	replay    ReplayGain
	loudness  int  // counts changes of volume, mute and ReplayGain
	move      bool // to is where to go next
	to        target
	list      list
	edited    bool // what follows may be another than was chosen
	plan      plan
	time      timeline
	bad       []bool // tracks that failed
	buffering bool
	ended     bool
	over      bool
	underruns int
	silence   time.Duration
}

// ErrStopped is what Run returns when Stop cut a file short.
var ErrStopped = errors.New("stopped before the end")

// restartAfter is how far into a track Prev returns to its start.
const restartAfter = 3 * time.Second

// New makes an engine. It says which field of c is missing or out of range.
func New(c Config) (*Engine, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Volume == 0 {
		c.Volume = 1
	}
	tracks := c.Queue
	if tracks == nil {
		tracks = make([]int, c.Tracks)
		for i := range tracks {
			tracks[i] = i
		}
	}
	e := &Engine{
		cfg: c, wake: make(chan struct{}, 1), quit: make(chan struct{}), events: make(chan Event, eventRoom), scope: new(scope),
		paused: c.Paused, muted: c.Muted, volume: c.Volume, replay: c.ReplayGain, bad: make([]bool, c.Tracks),
		list: newList(tracks, c.First, c.Seed),
	}
	if c.Output.Paced() {
		e.list.repeat = c.Repeat
	}
	e.list.setShuffle(c.Shuffle)
	e.list.version, e.list.edits = 1, 0 // so far there is nobody to be told
	e.move, e.to = true, target{e.list.current(), c.Start}
	return e, nil
}

func (c Config) check() error {
	queued := len(c.Queue)
	if c.Queue == nil {
		queued = c.Tracks
	}
	switch {
	case c.Output == nil:
		return errors.New("player: no output")
	case c.Open == nil:
		return errors.New("player: no way to open tracks")
	case c.Tracks < 1:
		return errors.New("player: no tracks")
	case queued < 1:
		return errors.New("player: nothing is queued")
	case c.First < 0 || c.First >= queued:
		return fmt.Errorf("player: first track %d of %d", c.First, queued)
	case c.Start < 0:
		return fmt.Errorf("player: start %v is negative", c.Start)
	case !(c.Volume >= 0 && c.Volume <= 1):
		return fmt.Errorf("player: volume %v is not from 0 to 1", c.Volume)
	case c.Repeat > RepeatOne || c.ReplayGain > GainAlbum:
		return fmt.Errorf("player: repeat %d and replay gain %d are not known both", c.Repeat, c.ReplayGain)
	case math.IsNaN(c.Preamp) || math.Abs(c.Preamp) > mostGain:
		return fmt.Errorf("player: preamp %v is not from %d to %d dB", c.Preamp, -mostGain, mostGain)
	}
	for _, t := range c.Queue {
		if t < 0 || t >= c.Tracks {
			return fmt.Errorf("player: track %d of %d is queued", t, c.Tracks)
		}
	}
	return nil
}

// Run plays until the last track is over, Stop is called or ctx is cancelled,
// and returns when all goroutines have ended. It may be called once.
//
// It returns nil at the end of the last track and after Stop; the error of
// the last track when that failed; the error of any track on an unpaced
// output (whose file would have a hole) or when Config.Fatal says so; the
// output's error; ctx's error; and ErrStopped when Stop cut a file short. It
// closes the output; one that has a method Abort() error is aborted instead
// when Run returns an error, so that no half file stays.
func (e *Engine) Run(ctx context.Context) error {
	if e.ran.Swap(true) {
		return errors.New("player: engine ran before")
	}
	defer close(e.events)
	all, cancel := context.WithCancel(ctx)
	q := newPipe()
	f := &feeder{
		e: e, out: e.cfg.Output, q: q, r: newReader(e, q),
		paced: e.cfg.Output.Paced(), replay: e.cfg.ReplayGain, timer: time.NewTimer(time.Hour), cancel: func() {},
	}
	f.norm.set(1)
	f.gain.set(0)
	if o, ok := e.cfg.Output.(Teller); ok {
		o.Tell(func(text string) { e.tell(Event{Kind: Warning, Text: text}) })
	}
	unwatch := e.watch(ctx)
	err := caught.Do(e.cfg.Logger, func() error { return f.loop(all) })
	cancel()
	f.timer.Stop()
	f.cancel()
	f.r.close()
	q.wipe()
	cut := errors.Is(err, ErrInterrupted)
	if cut {
		err = e.stopped(ctx)
	}
	err = e.closeOutput(err)
	unwatch()
	e.scope.wipe()
	e.mu.Lock()
	e.over, e.buffering = true, false
	stopped := e.stop || ctx.Err() != nil
	e.mu.Unlock()
	switch {
	case err == nil && f.finished && !f.told && !cut:
		e.tell(Event{Kind: Ended})
	case stopped:
		e.tell(Event{Kind: Stop})
	}
	return err
}

// closeOutput closes the output and returns err, or else the error of closing.
func (e *Engine) closeOutput(err error) error {
	return cmp.Or(err, caught.Do(e.cfg.Logger, func() error {
		if a, ok := e.cfg.Output.(interface{ Abort() error }); ok && err != nil {
			return a.Abort() // err says what went wrong first
		}
		return e.cfg.Output.Close()
	}))
}

// Events tells what happens, to one listener. The channel is bounded: a
// listener that lags far behind misses timeupdate first, then slice, then the
// oldest. It is closed when Run returns.
func (e *Engine) Events() <-chan Event { return e.events }

// State says what is heard now.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := State{
		Paused: e.paused, Buffering: e.buffering, Muted: e.muted, Volume: e.volume, Ended: e.ended, Done: e.over,
		Underruns: e.underruns, Silence: e.silence, Repeat: e.list.repeat, Shuffle: e.list.shuffle,
	}
	sp, at := e.heard()
	if e.move && e.to.item.ID != 0 && e.to.item != sp.item {
		sp = span{item: e.to.item}
		s.Buffering = true
	}
	s.Track, s.Item, s.Position = sp.item.Track, sp.item.ID, sp.pos
	if sp.track != nil {
		s.show(sp.track, at, e.gainIn(sp.track))
	}
	if e.move && e.to.item.ID != 0 {
		s.Position, s.Frame = e.to.at, 0
		if s.Duration > 0 {
			s.Position = min(s.Position, s.Duration)
			s.Frame = audio.FramesIn(s.Position, s.Info.SampleRate)
		}
	}
	return s
}

// heard is where the sound is now. Called with mu held; Buffered does not block.
func (e *Engine) heard() (span, audio.Frames) {
	if e.over {
		return e.time.heard(0)
	}
	return e.time.heard(e.cfg.Output.Buffered())
}

// gainOf is what ReplayGain does to a track, in dB.
func (e *Engine) gainOf(tr *track) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gainIn(tr)
}

// gainIn is gainOf with mu held.
func (e *Engine) gainIn(tr *track) float64 {
	if f := e.replay.factor(tr.info.Tags, e.cfg.Preamp); f != 1 {
		return 20 * math.Log10(f)
	}
	return 0
}
