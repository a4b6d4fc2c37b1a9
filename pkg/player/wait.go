package player

import (
	"context"
	"time"

	"secstream/pkg/caught"
)

// quitTime is how long a sound may take to end softly, beyond what the output
// holds of it, before the output is interrupted.
const quitTime = time.Second

// watch sees to it that Run ends once it was told to, whatever the output waits
// for. It lasts until the function that it returns is called.
func (e *Engine) watch(ctx context.Context) (end func()) {
	o, ok := e.cfg.Output.(Interrupter)
	if !ok {
		return func() {}
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-e.quit:
		case <-ctx.Done():
		case <-over:
			return
		}
		// A panic in the output shows in what it is asked by Run, too.
		_ = caught.Do(e.cfg.Logger, func() error { e.hurry(o, over); return nil })
	}()
	return func() {
		close(over)
		<-done
	}
}

// hurry interrupts o unless all is over by the time that it should be.
func (e *Engine) hurry(o Interrupter, over <-chan struct{}) {
	limit := quitTime
	if rate := int(e.scope.rate.Load()); rate > 0 {
		limit += max(0, e.cfg.Output.Buffered().Duration(rate))
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-t.C:
		o.Interrupt()
	case <-over:
	}
}

// stopped is what Run returns where it took an interrupt to stop: the same as
// without one.
func (e *Engine) stopped(ctx context.Context) error {
	if ctx.Err() == nil && !e.cfg.Output.Paced() {
		return ErrStopped
	}
	return ctx.Err()
}

// linger is the wait for sound, in which an open output is fed silence.
func (f *feeder) linger(ctx context.Context) error {
	left := tellAfter - time.Since(f.since)
	if f.paced && !f.waiting && left <= 0 {
		f.waiting = true
		f.e.tell(Event{Kind: Buffering})
	}
	if f.waiting || !f.paced {
		left = 0
	}
	switch {
	case f.open && f.paused:
		return f.rest(ctx, left)
	case f.open && f.paced:
		return f.silence()
	}
	f.nap(ctx, left)
	return nil
}

// ready says that waiting for sound is over. An unpaced output takes sound as
// it comes.
func (f *feeder) ready() bool {
	if f.paced {
		return f.q.ready()
	}
	return f.q.peek() != nil
}

// wait returns when a block was put, an order was given or ctx is cancelled, and
// true when limit fires before that.
func (f *feeder) wait(ctx context.Context, limit <-chan time.Time) bool {
	select {
	case <-f.q.put:
	case <-f.e.wake:
	case <-ctx.Done():
	case <-limit:
		return true
	}
	return false
}

// nap is a wait for no longer than most, unless that is 0, and says whether it
// was that long.
func (f *feeder) nap(ctx context.Context, most time.Duration) bool {
	if most <= 0 {
		return f.wait(ctx, nil)
	}
	f.timer.Reset(most)
	defer f.timer.Stop()
	return f.wait(ctx, f.timer.C)
}

// starve begins to wait for sound that should be there.
func (f *feeder) starve() {
	f.await()
	if f.paced {
		f.e.mu.Lock()
		f.e.underruns++
		f.e.mu.Unlock()
		f.waiting = true
		f.e.tell(Event{Kind: Buffering})
	}
}

// await begins to wait for sound.
func (f *feeder) await() {
	f.hold, f.fading, f.through, f.waiting = true, false, false, false
	f.since = time.Now()
	f.setBuffering(true)
}

// resume ends a wait.
func (f *feeder) resume() {
	if !f.hold {
		return
	}
	f.hold = false
	f.setBuffering(false)
	if f.waiting {
		f.waiting = false
		f.e.tell(Event{Kind: Buffered})
	}
	if f.open && !f.gap {
		f.gain.aim(f.wanted(), f.fadeFrames())
	}
}

func (f *feeder) setBuffering(on bool) {
	f.e.mu.Lock()
	f.e.buffering = on
	f.e.mu.Unlock()
}

// worthWaiting waits for another block for as long as the output holds sound
// enough, and says whether to look again.
func (f *feeder) worthWaiting(ctx context.Context) bool {
	spare := f.out.Buffered().Duration(f.spec.SampleRate) - patience
	if spare <= 0 {
		return false
	}
	f.nap(ctx, spare)
	return true
}
