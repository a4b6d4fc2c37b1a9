//go:build darwin || windows

package output

import (
	"fmt"
	"sync"
	"time"

	"github.com/gopxl/beep/v2"
	beepspeaker "github.com/gopxl/beep/v2/speaker"

	"secstream/pkg/audio"
)

// beepDevice plays through beep's speaker (CoreAudio, WASAPI). That opens once
// in a process, in stereo, at one rate; sound of another rate is resampled.
type beepDevice struct {
	mono   bool
	change *resampler // nil when the sound has the speaker's rate
	wide   []float64
	buf    []float64

	mu    sync.Mutex // guards what follows, which only open changes
	ring  *ring
	fixed int // the rate the speaker was opened with, 0 before
	rate  int // of the sound
}

func findDevice(string) (device, error) { return &beepDevice{}, nil }

func (d *beepDevice) open(rate, channels int, _ bool) error {
	if d.fixed == 0 {
		if err := d.init(rate); err != nil {
			return err
		}
	}
	d.mono, d.change = channels == 1, nil
	d.mu.Lock()
	d.rate = rate
	d.mu.Unlock()
	if rate != d.fixed {
		if rate < d.fixed/64 || rate > d.fixed*64 {
			return fmt.Errorf("%w: %d Hz", audio.ErrUnsupported, rate)
		}
		d.change = newResampler(rate, d.fixed)
	}
	return nil
}

// init opens the speaker at the rate of the first sound, if cards have it.
func (d *beepDevice) init(rate int) error {
	if rate < 32000 || rate > 192000 {
		rate = 48000
	}
	sr := beep.SampleRate(rate)
	// Half the buffer is beep's and the driver's, half is the ring.
	if err := beepspeaker.Init(sr, sr.N(deviceTime/2)); err != nil {
		return fmt.Errorf("%w: %w; choose --output null or --output wav:FILE", ErrNoDevice, err)
	}
	// A missing device shows only in the error that resuming returns.
	if err := beepspeaker.Resume(); err != nil {
		return fmt.Errorf("%w: %w; choose --output null or --output wav:FILE", ErrNoDevice, err)
	}
	r := newRing(sr.N(deviceTime / 2))
	d.mu.Lock()
	d.fixed, d.ring = rate, r
	d.mu.Unlock()
	beepspeaker.Play(beep.StreamerFunc(func(p [][2]float64) (int, bool) {
		r.pull(p)
		return len(p), true
	}))
	return nil
}

func (d *beepDevice) write(p []float64) error {
	if d.mono {
		d.wide = d.wide[:0]
		for _, v := range p {
			d.wide = append(d.wide, v, v)
		}
		p = d.wide
	}
	if d.change != nil {
		d.buf = d.change.process(d.buf[:0], p)
		p = d.buf
	}
	return d.push(p)
}

// push fails when the driver has stopped pulling.
func (d *beepDevice) push(p []float64) error {
	stall := time.AfterFunc(stallTime, d.ring.close)
	d.ring.push(p)
	if !stall.Stop() {
		if err := beepspeaker.Resume(); err != nil {
			return err
		}
		return fmt.Errorf("the sound card took nothing for %v", stallTime)
	}
	return nil
}

// buffered is in frames of the sound's own rate.
func (d *beepDevice) buffered() audio.Frames {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ring == nil {
		return 0
	}
	held := d.ring.held()
	if held > 0 {
		held += beep.SampleRate(d.fixed).N(deviceTime / 2)
	}
	return audio.Frames(int64(held) * int64(d.rate) / int64(d.fixed))
}

func (d *beepDevice) flush() {
	d.ring.drop()
	if d.change != nil {
		d.change.reset()
	}
}

func (d *beepDevice) drain() error {
	if d.ring == nil {
		return nil
	}
	if d.change != nil {
		if err := d.push(d.change.end(nil)); err != nil {
			return err
		}
		d.change.reset()
	}
	stall := time.AfterFunc(stallTime, d.ring.close)
	defer stall.Stop()
	d.ring.wait()
	time.Sleep(deviceTime / 2) // what beep and the driver still hold
	return nil
}

func (d *beepDevice) close() error {
	if d.ring != nil {
		d.ring.close()
		beepspeaker.Close()
	}
	return nil
}

func (d *beepDevice) String() string { return "speaker" }
