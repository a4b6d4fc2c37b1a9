package output

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

var (
	_ player.Output = (*null)(nil)
	_ player.Pauser = (*null)(nil)
)

// nullTime is how much sound the null output holds, about what a sound card
// does.
const nullTime = 200 * time.Millisecond

// null plays to nobody, by the clock.
type null struct {
	mu      sync.Mutex // guards what follows
	spec    player.Spec
	begin   time.Time // when the sound that plays began
	written audio.Frames
	paused  bool // the clock stands still
}

func newNull() *null { return &null{} }

// Open starts anew with nothing buffered.
func (o *null) Open(spec player.Spec) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spec, o.written, o.paused = spec, 0, false
	return nil
}

// Fits says that sound of this shape may follow what is open by Write alone.
func (o *null) Fits(spec player.Spec) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return spec.SampleRate == o.spec.SampleRate && spec.Channels == o.spec.Channels
}

// Write takes samples as there is room for them.
func (o *null) Write(p []float64) error {
	o.mu.Lock()
	rate, ch := o.spec.SampleRate, o.spec.Channels
	o.mu.Unlock()
	room := max(1, audio.FramesIn(nullTime, rate))
	for left := audio.Frames(len(p) / ch); left > 0; {
		n := min(left, room)
		// Wait until n frames fit: the time that the excess takes to play.
		if over := o.Buffered() + n - room; over > 0 {
			time.Sleep(over.Duration(rate) + time.Microsecond)
		}
		o.mu.Lock()
		if o.held() == 0 {
			o.begin, o.written = time.Now(), 0
		}
		o.written += n
		o.mu.Unlock()
		left -= n
	}
	return nil
}

// held is what was written less what the clock has played. Called with mu held.
func (o *null) held() audio.Frames {
	if o.written == 0 || o.paused {
		return o.written
	}
	return max(0, o.written-audio.FramesIn(time.Since(o.begin), o.spec.SampleRate))
}

// Buffered is how many frames the clock has yet to play.
func (o *null) Buffered() audio.Frames {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.held()
}

// Pause stops the clock, or has it go on.
func (o *null) Pause(on bool) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if on != o.paused {
		o.written, o.begin, o.paused = o.held(), time.Now(), on
	}
	return on, nil
}

// Flush drops what was not played.
func (o *null) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written = 0
}

// Drain waits until all was played.
func (o *null) Drain() error {
	o.mu.Lock()
	d := o.held().Duration(max(o.spec.SampleRate, 1))
	o.mu.Unlock()
	time.Sleep(d)
	return nil
}

// Close ends it; nothing is kept.
func (o *null) Close() error { return nil }

// Paced says that it keeps real time.
func (o *null) Paced() bool { return true }

var _ player.Output = (*Counter)(nil)

// Counter takes sound as fast as it comes, counts it, and forgets it. Frames
// may be called from any goroutine.
type Counter struct {
	channels int
	frames   atomic.Int64
}

// Open takes any shape; the count goes on.
func (o *Counter) Open(spec player.Spec) error {
	o.channels = max(spec.Channels, 1)
	return nil
}

// Write counts p.
func (o *Counter) Write(p []float64) error {
	if o.channels == 0 {
		return errors.New("the output is not open")
	}
	o.frames.Add(int64(len(p) / o.channels))
	return nil
}

// Frames is how many were written since the beginning.
func (o *Counter) Frames() audio.Frames { return audio.Frames(o.frames.Load()) }

// Buffered is 0: what is counted counts as heard.
func (o *Counter) Buffered() audio.Frames { return 0 }

// Flush does nothing: nothing is kept.
func (o *Counter) Flush() {}

// Drain returns at once.
func (o *Counter) Drain() error { return nil }

// Close ends it; the count stays.
func (o *Counter) Close() error { return nil }

// Paced says no: it does not wait for anything.
func (o *Counter) Paced() bool { return false }
