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
	// patience is how little sound the output may hold before an empty pipe
	// makes the feeder fade out instead of waiting on.
	patience = 60 * time.Millisecond
	// tellAfter is how long a wait after a start or a seek goes unmentioned.
	tellAfter = 250 * time.Millisecond
)

// feeder takes blocks from the pipe and writes them to the output. It is the
// only user of the output and lives on Run's goroutine.
type feeder struct {
	e     *Engine
	out   Output
	q     *pipe
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
	gain    ramp    // of volume, pause and fades
	norm    ramp    // of ReplayGain
	level   float64 // what gain is when nothing else matters
	replay  ReplayGain
	off     int    // frames of the oldest block already written
	quiet   int64  // frames of silence since the last sound, allQuiet or more where there was none
	playing *track // that of the last sound, nil at first
	bad     int    // damaged units heard of it and not told of yet
	badAt   audio.Frames

	paused   bool
	still    bool // the output stands still
	sounding bool // Play was told, and no end of it
	hold     bool // waiting until enough is in the pipe
	since    time.Time
	waiting  bool   // Buffering was told, and no end of it
	moved    bool   // hold after going elsewhere
	fading   bool   // the gain goes down because there is no more sound
	gap      bool   // in the silence in place of a slice
	through  bool   // CanPlayThrough was told
	idle     bool   // all played, staying
	finished bool   // all played
	warned   string // what the output warned of last
	passed   int    // tracks in a row that the output cannot play
	told     bool   // the last Ended event was raised
	fail     error

	edits    uint64 // of the queue, as told
	loudness int    // as told
	timed    time.Time
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
		case o.edited && !f.idle:
			f.replan(ctx)
		}
		f.obey(o)
		if err := f.feed(ctx); err != nil || f.finished && !f.idle {
			return err
		}
	}
}

// obey turns towards the volume and pause asked for, and tells of orders.
func (f *feeder) obey(o orders) {
	f.level = o.level
	if f.paced && o.paused != f.paused {
		f.paused = o.paused
		switch {
		case f.paused:
			f.sounding = false
			f.e.tell(Event{Kind: Pause})
		case f.open && !f.moved && !f.idle:
			f.sounds()
		}
	}
	if f.open && !f.fading && !f.hold && !f.gap {
		f.gain.aim(f.wanted(), f.fadeFrames())
	}
	if o.replay != f.replay {
		f.replay = o.replay
		if f.open && f.playing != nil {
			f.norm.aim(f.factor(f.playing), f.fadeFrames())
		}
	}
	if o.edits != f.edits {
		f.edits = o.edits
		f.e.tell(Event{Kind: QueueChange})
	}
	if o.loudness != f.loudness {
		f.loudness = o.loudness
		f.e.tell(Event{Kind: VolumeChange})
	}
}

// sounds tells that sound begins or goes on, once.
func (f *feeder) sounds() {
	if !f.sounding && !f.paused {
		f.sounding, f.timed = true, time.Now()
		f.e.tell(Event{Kind: Play})
	}
}

// factor is what ReplayGain makes of the samples of tr.
func (f *feeder) factor(tr *track) float64 { return f.replay.factor(tr.info.Tags, f.e.cfg.Preamp) }

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
		return f.linger(ctx)
	}
	f.resume()
	f.clock()
	if f.paused && f.open && f.gain.still() && f.gain.now == 0 {
		return f.rest(ctx, 0)
	}
	b := f.q.peek()
	if b == nil {
		if !f.paced || !f.open || !f.worthWaiting(ctx) {
			f.starve()
		}
		return nil
	}
	switch b.kind {
	case sound:
		return f.sound(ctx, b)
	case started:
		return f.begin(ctx, b)
	case ended:
		f.warn()
		f.e.tellAt(b.track, b.at, Event{Kind: TrackEnded})
		f.q.pop()
		return nil
	case failed:
		err := f.failed(b.track, b.err)
		f.q.pop()
		return err
	default:
		return f.finish(b.track.visit)
	}
}

// clock tells that time passes, and once that there is sound enough.
func (f *feeder) clock() {
	if !f.through && !f.moved && f.q.full() {
		f.through = true
		f.e.tell(Event{Kind: CanPlayThrough})
	}
	if f.sounding && time.Since(f.timed) >= timeEvery {
		f.timed = time.Now()
		f.e.tell(Event{Kind: TimeUpdate})
	}
}

// sound writes up to a quantum of b. Before sound runs out or gives way to a
// gap it fades, so that an underrun or a broken track does not click; a track's
// proper end is left as it is.
func (f *feeder) sound(ctx context.Context, b *block) error {
	n := min(b.n-f.off, f.step)
	if b.gap != f.gap {
		f.cross(b.gap)
	}
	if f.paced && !f.fading && !b.gap {
		ahead, end := f.q.ahead()
		ahead -= f.off
		if end == sound || end == failed || end == gapped {
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
	if f.paused && !f.gain.still() {
		n = min(n, f.gain.n-f.gain.i) // what comes after is for when it goes on
	}
	if err := f.write(b, n); err != nil {
		return err
	}
	if f.fading && f.gain.still() {
		f.fading = false
		if _, end := f.q.ahead(); end != failed && end != gapped {
			f.starve()
		}
	}
	return nil
}

// cross goes into a gap, or out of it: softly, unless a track begins.
func (f *feeder) cross(gap bool) {
	f.gap, f.fading = gap, false
	f.gain.set(0)
	if !gap {
		f.gain.aim(f.wanted(), f.fadeFrames())
	}
}

// write gives n frames of b to the output.
func (f *feeder) write(b *block, n int) error {
	if f.off == 0 {
		f.front(b)
	}
	ch := f.spec.Channels
	p := b.buf[f.off*ch : (f.off+n)*ch]
	f.norm.apply(p, ch)
	f.gain.apply(p, ch)
	if err := f.put(p); err != nil {
		return fmt.Errorf("write sound: %w", err)
	}
	f.heed()
	if f.paced {
		f.e.scope.put(p, ch)
	}
	f.e.mu.Lock()
	f.e.time.sound(b.track, b.at+audio.Frames(f.off), n)
	if b.gap {
		f.e.silence += audio.Frames(n).Duration(f.spec.SampleRate)
	}
	f.e.mu.Unlock()
	f.quiet, f.passed = 0, 0
	if f.off += n; f.off == b.n {
		f.off = 0
		f.q.pop()
	}
	return nil
}

// front tells what there is to tell of a block before it is played.
func (f *feeder) front(b *block) {
	if b.first {
		f.e.tellAt(b.track, b.at, Event{Kind: Slice, Slice: b.slice})
	}
	if b.err != nil {
		f.e.tellAt(b.track, b.at, Event{Kind: Error, Slice: b.slice, Skipped: true, Err: b.err})
	}
	if b.bad > 0 {
		f.heard(b)
	}
}

// silence writes a quantum of nothing, which keeps a sound card going.
func (f *feeder) silence() error {
	if err := f.put(f.zeros); err != nil {
		return fmt.Errorf("write silence: %w", err)
	}
	f.heed()
	f.e.scope.put(f.zeros, f.spec.Channels)
	f.quiet += int64(f.step)
	f.e.mu.Lock()
	f.e.time.silence(f.step)
	if f.hold && !f.moved && !f.paused {
		f.e.silence += audio.Frames(f.step).Duration(f.spec.SampleRate)
	}
	f.e.mu.Unlock()
	return nil
}
