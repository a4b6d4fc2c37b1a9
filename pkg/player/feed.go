package player

import (
	"context"
	"fmt"
	"time"

	"secstream/pkg/audio"
)

const (
	// quantum is how much is written at a time, and so how fast orders work.
	quantum = 20 * time.Millisecond
	// fadeTime is how long the gain takes to change.
	fadeTime = 10 * time.Millisecond
	// patience is how little sound the output may hold before an empty queue
	// makes the feeder fade out instead of waiting on.
	patience = 60 * time.Millisecond
)

// feeder takes blocks from the queue and writes them to the output. It is the
// only user of the output and lives on Run's goroutine.
type feeder struct {
	e     *Engine
	out   Output
	q     *queue
	r     *reader
	paced bool
	timer *time.Timer

	gen    int
	cancel context.CancelFunc // ends the reader's work for this generation

	spec    Spec // of the open output
	open    bool
	step    int // frames of one quantum
	fade    int // frames of one change of gain
	zeros   []float64
	gain    ramp
	level   float64 // what the gain is when nothing else matters
	off     int     // frames of the oldest block already written
	quiet   int64   // frames of silence since the last sound
	playing int     // the track of the last sound, -1 at first
	bad     int     // damaged units heard of it and not told of yet
	badAt   time.Duration

	paused   bool
	hold     bool // waiting until enough is in the queue
	moved    bool // ... after going elsewhere
	fading   bool // the gain goes down because there is no more sound
	idle     bool // all played, staying
	finished bool // all played
	told     bool // the last Finished event was raised
	fail     error
}

// loop obeys and feeds until the end.
func (f *feeder) loop(ctx context.Context) error {
	for {
		o := f.e.take()
		switch {
		case ctx.Err() != nil:
			if err := f.leave(); err != nil {
				return err
			}
			return ctx.Err()
		case o.stop && !f.paced && !f.finished:
			return ErrStopped
		case o.stop:
			return f.leave()
		case o.move:
			if err := f.move(ctx, o.to); err != nil {
				return err
			}
		}
		f.obey(o)
		if err := f.feed(ctx); err != nil || f.finished && !f.idle {
			return err
		}
	}
}

// obey turns towards the volume and pause asked for.
func (f *feeder) obey(o orders) {
	f.level = o.level
	if f.paced && o.paused != f.paused {
		f.paused = o.paused
		kind := Unpaused
		if f.paused {
			kind = Paused
		}
		st := f.e.State()
		f.e.emit(Event{Kind: kind, Track: st.Track, At: st.Position})
	}
	if f.open && !f.fading && !f.hold {
		f.gain.aim(f.wanted(), f.fadeFrames())
	}
}

// wanted is the gain that pause and volume ask for.
func (f *feeder) wanted() float64 {
	if f.paused {
		return 0
	}
	return f.level
}

// fadeFrames is 0 on an unpaced output: nobody listens to the change.
func (f *feeder) fadeFrames() int {
	if !f.paced {
		return 0
	}
	return f.fade
}

// feed does the next thing: waits, writes up to a quantum, or follows a mark.
func (f *feeder) feed(ctx context.Context) error {
	if f.idle {
		f.wait(ctx, nil)
		return nil
	}
	if f.hold && !f.ready() {
		if f.open && f.paced {
			return f.silence()
		}
		f.wait(ctx, nil)
		return nil
	}
	f.resume()
	if f.paused && f.open && f.gain.still() && f.gain.now == 0 {
		return f.silence()
	}
	b := f.q.peek()
	if b == nil {
		f.starve()
		return nil
	}
	switch b.kind {
	case sound:
		return f.sound(ctx, b)
	case started:
		return f.begin(ctx, b)
	case ended:
		f.warn()
		f.e.emit(Event{Kind: TrackEnded, Track: b.track.i, At: b.at.Duration(b.track.spec.SampleRate)})
		f.q.pop()
		return nil
	case failed:
		err := f.failed(b.track.i, b.err)
		f.q.pop()
		return err
	default:
		return f.finish()
	}
}

// ready says that waiting for sound is over. An unpaced output takes sound as
// it comes.
func (f *feeder) ready() bool {
	if f.paced {
		return f.q.ready()
	}
	return f.q.peek() != nil
}

// wait returns when a block was put, an order was given, ctx is cancelled, or
// limit fires.
func (f *feeder) wait(ctx context.Context, limit <-chan time.Time) {
	select {
	case <-f.q.put:
	case <-f.e.wake:
	case <-ctx.Done():
	case <-limit:
	}
}

// starve begins to wait for sound.
func (f *feeder) starve() {
	f.hold, f.fading = true, false
	f.setBuffering(true)
	if f.paced {
		f.tell(Buffering)
	}
}

// resume ends a wait.
func (f *feeder) resume() {
	if !f.hold {
		return
	}
	f.hold = false
	f.setBuffering(false)
	if f.paced && f.open && !f.moved {
		f.tell(Resumed)
	}
	if f.open {
		f.gain.aim(f.wanted(), f.fadeFrames())
	}
}

func (f *feeder) setBuffering(on bool) {
	f.e.mu.Lock()
	f.e.buffering = on
	f.e.mu.Unlock()
}

// tell raises an event that has no more to say than where.
func (f *feeder) tell(kind EventKind) {
	st := f.e.State()
	f.e.emit(Event{Kind: kind, Track: st.Track, At: st.Position})
}

// sound writes up to a quantum of b. Before sound runs out it fades, so that
// an underrun or a broken track does not click; a track's proper end is left
// as it is.
func (f *feeder) sound(ctx context.Context, b *block) error {
	n := min(b.n-f.off, f.step)
	if f.paced && !f.fading {
		ahead, end := f.q.ahead()
		ahead -= f.off
		if end == sound || end == failed {
			switch room := ahead - f.fade; {
			case room > 0:
				n = min(n, room)
			case end == sound && f.worthWaiting(ctx):
				return nil
			default:
				f.fading = true
				f.gain.force(0, ahead)
			}
		}
	}
	if err := f.write(b, n); err != nil {
		return err
	}
	if f.fading && f.gain.still() {
		f.fading = false
		if _, end := f.q.ahead(); end != failed {
			f.starve()
		}
	}
	return nil
}

// worthWaiting waits for another block for as long as the output holds sound
// enough, and says whether to look again.
func (f *feeder) worthWaiting(ctx context.Context) bool {
	spare := f.out.Buffered().Duration(f.spec.SampleRate) - patience
	if spare <= 0 {
		return false
	}
	f.timer.Reset(spare)
	f.wait(ctx, f.timer.C)
	f.timer.Stop()
	return true
}

// write gives n frames of b to the output.
func (f *feeder) write(b *block, n int) error {
	if f.off == 0 && b.first {
		f.e.emit(Event{Kind: SliceStarted, Track: b.track.i, Slice: b.slice, At: b.at.Duration(f.spec.SampleRate)})
	}
	if f.off == 0 && b.bad > 0 {
		f.heard(b)
	}
	ch := f.spec.Channels
	p := b.buf[f.off*ch : (f.off+n)*ch]
	f.gain.apply(p, ch)
	if err := f.out.Write(p); err != nil {
		return fmt.Errorf("write sound: %w", err)
	}
	f.e.mu.Lock()
	f.e.time.sound(b.track, b.at+audio.Frames(f.off), n)
	f.e.mu.Unlock()
	f.quiet = 0
	if f.off += n; f.off == b.n {
		f.off = 0
		f.q.pop()
	}
	return nil
}

// silence writes a quantum of nothing, which keeps a sound card going.
func (f *feeder) silence() error {
	if err := f.out.Write(f.zeros); err != nil {
		return fmt.Errorf("write silence: %w", err)
	}
	f.quiet += int64(f.step)
	f.e.mu.Lock()
	f.e.time.silence(f.step)
	f.e.mu.Unlock()
	return nil
}
