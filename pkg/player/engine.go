package player

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
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
	// First is the track to begin with, Start the position in it.
	First int
	Start time.Duration
	// Volume is the amplitude to begin with, 0 to 1; 0 means 1 (to begin in
	// silence set Muted).
	Volume float64
	Muted  bool
	// Paused begins in pause.
	Paused bool
	// Stay keeps Run waiting after the last track, for Jump, Seek, Prev or
	// Stop. Unpaced outputs never stay.
	Stay bool
	// Fatal, when set, says which errors of a track end Run. After others the
	// next track is played, on a paced output.
	Fatal func(error) bool
}

// Engine plays a list of tracks. Its methods may be called from any goroutine
// and never block; they take effect at the next 20 ms of sound.
type Engine struct {
	cfg    Config
	wake   chan struct{} // holds a token when an order was given
	events chan Event
	ran    atomic.Bool

	mu        sync.Mutex // guards what follows; never held over I/O
	paused    bool
	muted     bool
	stop      bool
	volume    float64
	move      bool // to is where to go next
	to        target
	time      timeline
	bad       []bool // tracks that failed
	buffering bool
	over      bool
}

// ErrStopped is what Run returns when Stop cut a file short.
var ErrStopped = errors.New("stopped before the end")

// restartAfter is how far into a track Prev returns to its start.
const restartAfter = 3 * time.Second

// New makes an engine. It says which field of c is missing or out of range.
func New(c Config) (*Engine, error) {
	switch {
	case c.Output == nil:
		return nil, errors.New("player: no output")
	case c.Open == nil:
		return nil, errors.New("player: no way to open tracks")
	case c.Tracks < 1:
		return nil, errors.New("player: no tracks")
	case c.First < 0 || c.First >= c.Tracks:
		return nil, fmt.Errorf("player: first track %d of %d", c.First, c.Tracks)
	case c.Start < 0:
		return nil, fmt.Errorf("player: start %v is negative", c.Start)
	case !(c.Volume >= 0 && c.Volume <= 1):
		return nil, fmt.Errorf("player: volume %v is not from 0 to 1", c.Volume)
	}
	if c.Volume == 0 {
		c.Volume = 1
	}
	e := &Engine{
		cfg: c, wake: make(chan struct{}, 1), events: make(chan Event, eventRoom),
		paused: c.Paused, muted: c.Muted, volume: c.Volume, bad: make([]bool, c.Tracks),
		move: true, to: target{c.First, c.Start},
	}
	return e, nil
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
	q := newQueue()
	f := &feeder{
		e: e, out: e.cfg.Output, q: q, r: newReader(e.cfg.Tracks, e.cfg.Open, q),
		paced: e.cfg.Output.Paced(), timer: time.NewTimer(time.Hour), cancel: func() {}, playing: -1,
	}
	err := f.loop(all)
	cancel()
	f.timer.Stop()
	f.cancel()
	f.r.close()
	q.wipe()
	err = closeOutput(e.cfg.Output, err)
	e.mu.Lock()
	e.over, e.buffering = true, false
	e.mu.Unlock()
	if err == nil && f.finished && !f.told {
		e.emit(Event{Kind: Finished, Track: max(f.playing, 0)})
	}
	return err
}

// closeOutput closes out and returns err, or else the error of closing.
func closeOutput(out Output, err error) error {
	if a, ok := out.(interface{ Abort() error }); ok && err != nil {
		_ = a.Abort() // err says what went wrong first
		return err
	}
	if cerr := out.Close(); err == nil && cerr != nil {
		return cerr
	}
	return err
}

// Events tells what happens, to one listener. The channel is bounded: a
// listener that lags far behind misses slice events first, then the oldest.
// It is closed when Run returns.
func (e *Engine) Events() <-chan Event { return e.events }

// State says what is heard now.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := State{Paused: e.paused, Buffering: e.buffering, Muted: e.muted, Volume: e.volume, Done: e.over}
	sp, at := e.heard()
	s.Track, s.Position = sp.i, sp.pos
	if sp.track != nil {
		s.Info, s.Duration = sp.track.info, sp.track.info.Duration()
		s.Frame, s.Position = at, at.Duration(sp.track.spec.SampleRate)
	}
	if e.move {
		if e.to.track != s.Track {
			s = State{Paused: s.Paused, Buffering: true, Muted: s.Muted, Volume: s.Volume, Done: s.Done}
		}
		s.Track, s.Position = e.to.track, e.to.at
		s.Frame = 0
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
