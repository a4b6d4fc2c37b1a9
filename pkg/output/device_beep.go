//go:build darwin || windows

package output

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gopxl/beep/v2"
	beepspeaker "github.com/gopxl/beep/v2/speaker"

	"secstream/pkg/audio"
	"secstream/pkg/mix"
)

// driverTime is what beep and the driver hold of deviceTime, half of it; the
// ring holds the rest.
const driverTime = deviceTime / 2

// beepDevice plays through beep's speaker (CoreAudio, WASAPI). That opens once
// in a process, in stereo, at one rate, with 16 bits.
type beepDevice struct {
	buf []float64
	at  atomic.Pointer[ring] // nil before it is opened
}

// fixed is the rate the speaker was opened with, 0 before; sounds is what it
// plays. A process has one speaker, and one goroutine that opens it.
var (
	fixed  int
	sounds *ring
)

func checkKind(kind string) error {
	return fmt.Errorf("output %q: it is of Linux only; here is the default of the system, speaker", kind)
}

func (p place) find() (device, error) { return &beepDevice{}, nil }

// Devices lists the one that there is.
func Devices() []Group {
	kind := "CoreAudio"
	if runtime.GOOS == "windows" {
		kind = "WASAPI"
	}
	return []Group{{Kind: kind, Devices: []Device{{Name: "speaker", Text: "the system's default output", Default: true, Channels: 2}}}}
}

func (d *beepDevice) open(want shape) (shape, error) {
	if fixed == 0 {
		if err := begin(want.rate); err != nil {
			return shape{}, err
		}
	}
	sounds.cut.Store(false)
	d.at.Store(sounds)
	return shape{rate: fixed, channels: 2, bits: 16}, nil
}

// begin opens the speaker at the rate of the first sound, if cards have it.
func begin(rate int) error {
	if rate < 32000 || rate > 192000 {
		rate = 48000
	}
	sr := beep.SampleRate(rate)
	if err := beepspeaker.Init(sr, sr.N(driverTime)); err != nil {
		return fmt.Errorf("%w: %w; choose --output null or --output wav:FILE", ErrNoDevice, err)
	}
	// A missing device shows only in the error that resuming returns.
	if err := beepspeaker.Resume(); err != nil {
		return fmt.Errorf("%w: %w; choose --output null or --output wav:FILE", ErrNoDevice, err)
	}
	r := newRing(sr.N(deviceTime - driverTime))
	fixed, sounds = rate, r
	beepspeaker.Play(beep.StreamerFunc(func(p [][2]float64) (int, bool) {
		r.pull(p)
		return len(p), true
	}))
	return nil
}

func (d *beepDevice) write(p []float64) error {
	r := d.at.Load()
	if r == nil {
		return errNotOpen
	}
	b := room(&d.buf, len(p))
	for _, v := range p {
		b = append(b, mix.Truncated(v))
	}
	ok := r.push(b, stallTime)
	clear(b)
	if !ok {
		return stalled()
	}
	return nil
}

// stalled is why the driver has stopped pulling.
func stalled() error {
	if err := beepspeaker.Resume(); err != nil {
		return err
	}
	return fmt.Errorf("the sound card took nothing for %v", stallTime)
}

func (d *beepDevice) buffered() audio.Frames {
	r := d.at.Load()
	if r == nil {
		return 0
	}
	held := r.held()
	if held > 0 {
		held += len(r.buf) // what beep and the driver hold
	}
	return audio.Frames(held)
}

func (d *beepDevice) flush() {
	if r := d.at.Load(); r != nil {
		r.drop()
	}
}

func (d *beepDevice) drain() error {
	r := d.at.Load()
	if r == nil {
		return nil
	}
	if !r.wait(stallTime) {
		return stalled()
	}
	time.Sleep(driverTime) // what beep and the driver still hold
	return nil
}

// close ends the sound. The speaker itself stays, silent, for the process may
// have no other.
func (d *beepDevice) close() error {
	if r := d.at.Swap(nil); r != nil {
		beepspeaker.Lock() // it does not pull
		r.wipe()
		beepspeaker.Unlock()
	}
	clear(d.buf[:cap(d.buf)])
	return nil
}

// interrupt ends the wait for the driver.
func (d *beepDevice) interrupt() {
	if r := d.at.Load(); r != nil {
		r.cut.Store(true)
	}
}

func (d *beepDevice) String() string { return "speaker" }
