package output

import (
	"fmt"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

var _ player.Output = (*speaker)(nil)

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

// device is a sound output of one or two channels. All methods but buffered
// are called from one goroutine. open ends what was open before; flush drops
// what was not heard; a closed device is not opened again.
type device interface {
	// open prepares for sound; bits16 says that 16-bit integers hold it exactly.
	open(rate, channels int, bits16 bool) error
	write(p []float64) error
	buffered() audio.Frames
	flush()
	drain() error
	close() error
	String() string
}

// speaker is the default device, with sound of more channels folded to two.
type speaker struct {
	dev     device
	mix     []share // nil when the device takes the channels as they are
	buf     []float64
	warning string
}

func newSpeaker(app string) (*speaker, error) {
	dev, err := findDevice(app)
	if err != nil {
		return nil, err
	}
	return &speaker{dev: dev}, nil
}

// Open starts the device with this shape. A rate it cannot play gives an error
// that wraps audio.ErrUnsupported.
func (o *speaker) Open(spec player.Spec) error {
	if spec.SampleRate < minRate || spec.SampleRate > maxRate {
		return fmt.Errorf("%w: speakers play %d to %d Hz, not %d", audio.ErrUnsupported, minRate, maxRate, spec.SampleRate)
	}
	ch := spec.Channels
	o.mix, o.warning = nil, ""
	if ch > 2 {
		ch, o.mix = 2, stereo(spec.Channels)
		o.warning = fmt.Sprintf("%d channels are folded to stereo", spec.Channels)
		if spec.Channels > 8 {
			o.warning = fmt.Sprintf("only the first two of %d channels are played", spec.Channels)
		}
	}
	whole := spec.Sample != audio.F32 && spec.Sample != audio.F64
	bits16 := whole && spec.BitDepth > 0 && spec.BitDepth <= 16 && o.mix == nil
	return o.dev.open(spec.SampleRate, ch, bits16)
}

// Warning says what is not as the source has it, "" if nothing.
func (o *speaker) Warning() string { return o.warning }

// String names what plays: "PulseAudio", "ALSA".
func (o *speaker) String() string { return o.dev.String() }

// Write plays p.
func (o *speaker) Write(p []float64) error {
	if o.mix != nil {
		o.buf = fold(o.buf[:0], p, o.mix)
		p = o.buf
	}
	return o.dev.write(p)
}

// Buffered is an estimate, right to some milliseconds.
func (o *speaker) Buffered() audio.Frames { return o.dev.buffered() }

// Flush drops what was not heard.
func (o *speaker) Flush() { o.dev.flush() }

// Drain waits until all was heard.
func (o *speaker) Drain() error { return o.dev.drain() }

// Close lets the device go at once; Drain first to hear the end.
func (o *speaker) Close() error { return o.dev.close() }

// Paced says that it keeps real time.
func (o *speaker) Paced() bool { return true }
