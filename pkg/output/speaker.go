package output

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/mix"
	"secstream/pkg/player"
)

var (
	_ player.Output      = (*speaker)(nil)
	_ player.Pauser      = (*speaker)(nil)
	_ player.Teller      = (*speaker)(nil)
	_ player.Interrupter = (*speaker)(nil)
)

const (
	// deviceTime is how much sound a device holds. On a machine four times
	// overloaded 150 ms still dropped out now and then, 200 ms hardly ever;
	// above that, controls feel slow.
	deviceTime = 200 * time.Millisecond
	// stallTime is how long a device may take nothing before it counts as gone.
	stallTime = 5 * time.Second
	// minRate and maxRate (Hz) are what sound servers take at most; they also
	// bound buffers, whatever a file claims.
	minRate, maxRate = 1000, 768000
)

// device is a sound output. All methods but buffered are called from one
// goroutine. open ends what was open before, and says what the device takes
// instead of what it was asked for: any rate, one or two channels or those that
// were asked for, any bits; what is written has that shape. flush drops what was not
// heard; a closed device is not opened again. What a device keeps of the sound
// it overwrites once it has been passed on.
type device interface {
	open(want shape) (shape, error)
	write(p []float64) error
	buffered() audio.Frames // of the device's rate
	flush()
	drain() error
	close() error
	String() string
}

// interrupter is a device that may wait for long. interrupt ends that, and the
// device with it: what is under way returns soon, and so does all that follows.
// Any goroutine may call it, more than once, also after close.
type interrupter interface{ interrupt() }

// speaker is a device, with sound fitted to what it takes. One that goes away
// is replaced (lost.go).
type speaker struct {
	place    place
	dev      device            // changed by use alone
	mu       sync.Mutex        // held to change dev, and by Interrupt
	halt     chan struct{}     // closed by Interrupt
	tell     func(text string) // nil for nobody
	spec     player.Spec
	got      shape
	opened   bool  // once
	gone     error // why there is no device any more
	warning  string
	patience time.Duration

	fold  []mix.Share // nil when channels go as they are
	twice bool        // mono goes to two channels
	rate  *mix.Resampler
	quant *mix.Quantizer
	bufs  [3][]float64 // between the steps

	now atomic.Pointer[sounding] // nil before Open
}

// sounding is what Buffered needs, in one piece.
type sounding struct {
	dev      device
	from, to int // Hz: of the sound, of the device
}

func newSpeaker(p place) (*speaker, error) {
	dev, err := p.find()
	if err != nil {
		return nil, err
	}
	return &speaker{place: p, dev: dev, patience: patience, halt: make(chan struct{})}, nil
}

// Open starts the device with this shape. A rate it cannot play gives an error
// that wraps audio.ErrUnsupported.
func (o *speaker) Open(spec player.Spec) error {
	if spec.SampleRate < minRate || spec.SampleRate > maxRate {
		return fmt.Errorf("%w: speakers play %d to %d Hz, not %d", audio.ErrUnsupported, minRate, maxRate, spec.SampleRate)
	}
	if spec.Channels < 1 {
		return fmt.Errorf("%w: %d channels", audio.ErrUnsupported, spec.Channels)
	}
	o.spec, o.warning, o.gone = spec, "", nil
	err := o.start()
	if err != nil && o.opened && !errors.Is(err, audio.ErrUnsupported) {
		err = o.again(err)
	}
	o.opened = o.opened || err == nil
	return o.why(err)
}

// Fits says that sound of this shape may follow what is open by Write alone,
// without a gap: Open would change nothing.
func (o *speaker) Fits(spec player.Spec) bool {
	return o.opened && o.gone == nil && wanted(spec) == wanted(o.spec)
}

// start opens the device for o.spec and sets up the steps to what it takes.
func (o *speaker) start() error {
	want := wanted(o.spec)
	got, err := o.dev.open(want)
	if err != nil {
		return err
	}
	o.wipe()
	o.got, o.fold, o.quant = got, nil, nil
	o.twice = want.channels == 1 && got.channels == 2
	if got.channels == 2 && !want.plain() && (want.channels > 2 || got.speakers != want.speakers) {
		o.fold = mix.Stereo(want.speakers, want.channels)
		o.say(foldWarning(want))
	}
	if got.rate == want.rate {
		o.rate = nil
	} else if ratio := float64(got.rate) / float64(want.rate); ratio > 64 || ratio < 1.0/64 {
		return fmt.Errorf("%w: %d Hz on a device of %d Hz", audio.ErrUnsupported, want.rate, got.rate)
	} else {
		o.rate = mix.NewResampler(want.rate, got.rate, got.channels)
	}
	if got.bits > 0 && got.bits < 32 {
		o.quant = mix.NewQuantizer(got.bits)
	}
	o.now.Store(&sounding{o.dev, want.rate, got.rate})
	return nil
}

// say adds to what Warning tells.
func (o *speaker) say(text string) {
	if o.warning != "" {
		text = o.warning + "; " + text
	}
	o.warning = text
}

// Warning says what is not as the source has it, or as it was asked for, "" if
// nothing. It may change with each call of Open and Write.
func (o *speaker) Warning() string { return o.warning }

// String names what plays: "PulseAudio", "ALSA".
func (o *speaker) String() string { return o.dev.String() }

// Write plays p. Where the device goes away meanwhile it looks for another one,
// for some seconds.
func (o *speaker) Write(p []float64) error {
	if o.gone != nil {
		return o.gone
	}
	err := o.dev.write(o.fit(p))
	for i := 0; err != nil && o.opened && i < maxLost; i++ {
		if err = o.again(err); err != nil {
			break
		}
		err = o.dev.write(o.fit(p))
	}
	o.wipe()
	return o.why(err)
}

// fit brings p to the shape of the device. The answer is good until the next
// call, or wipe.
func (o *speaker) fit(p []float64) []float64 {
	if o.fold != nil {
		p = mix.Fold(room(&o.bufs[0], len(p)/len(o.fold)*2), p, o.fold)
	} else if o.twice {
		p = mix.Twice(room(&o.bufs[0], 2*len(p)), p)
	}
	if o.rate != nil {
		p = o.rate.Process(room(&o.bufs[1], o.rate.Most(len(p)/o.got.channels)*o.got.channels), p)
	}
	return o.round(p)
}

// round is the last step, for devices of few bits.
func (o *speaker) round(p []float64) []float64 {
	if o.quant == nil {
		return p
	}
	return o.quant.Process(room(&o.bufs[2], len(p)), p)
}

// room makes *b hold n samples and returns it empty. What it held is overwritten
// by then, so that nothing of it is left where it moves from.
func room(b *[]float64, n int) []float64 {
	if cap(*b) < n {
		*b = make([]float64, n+n/2)
	}
	return (*b)[:0]
}

// wipe overwrites what the steps left behind.
func (o *speaker) wipe() {
	for _, b := range o.bufs {
		clear(b[:cap(b)])
	}
}

// Buffered is an estimate, right to some milliseconds.
func (o *speaker) Buffered() audio.Frames {
	now := o.now.Load()
	if now == nil {
		return 0
	}
	n := int64(now.dev.buffered())
	return audio.Frames(n * int64(now.from) / int64(now.to))
}

// pauser is a device that can stand still, with what it holds.
type pauser interface{ pause(on bool) error }

// Pause has the device stand still, if it can, or go on. Where the device went
// away meanwhile another one is looked for, as Write does, and that one plays.
func (o *speaker) Pause(on bool) (bool, error) {
	if o.gone != nil {
		return false, o.gone
	}
	dev, ok := o.dev.(pauser)
	if !ok {
		return false, nil
	}
	err := dev.pause(on)
	if err != nil && o.opened {
		return false, o.again(err)
	}
	return on && err == nil, err
}

// Flush drops what was not heard.
func (o *speaker) Flush() {
	o.dev.flush()
	if o.rate != nil {
		o.rate.Reset()
	}
}

// Drain waits until all was heard. If the device goes away meanwhile there is
// nothing more to hear, and another one is got ready for what follows.
func (o *speaker) Drain() error {
	if o.gone != nil {
		return o.gone
	}
	err := o.end()
	if err != nil && o.opened {
		err = o.again(err)
	}
	return err
}

// end passes on what the steps hold, and drains the device.
func (o *speaker) end() error {
	if o.rate != nil && o.rate.Held() > 0 {
		n := o.rate.Most(2*o.rate.Held()) * o.got.channels
		err := o.dev.write(o.round(o.rate.End(room(&o.bufs[1], n))))
		o.wipe()
		if err != nil {
			return err
		}
	}
	return o.dev.drain()
}

// Close lets the device go at once; Drain first to hear the end.
func (o *speaker) Close() error {
	o.opened = false
	o.wipe()
	if o.rate != nil {
		o.rate.Reset()
	}
	return o.dev.close()
}

// Paced says that it keeps real time.
func (o *speaker) Paced() bool { return true }
