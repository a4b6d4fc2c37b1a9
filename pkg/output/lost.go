package output

import (
	"errors"
	"fmt"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/caught"
	"secstream/pkg/player"
)

const (
	// patience is how long a device that went away is looked for: a sound
	// server that is restarted is there again in one second or two.
	patience = 5 * time.Second
	// lookAgain is the pause between two looks.
	lookAgain = 100 * time.Millisecond
	// maxLost is how many devices may fail one write. One that opens and takes
	// nothing would be found again and again.
	maxLost = 3
)

// errNotOpen is a write to a device that was closed, or never opened.
var errNotOpen = errors.New("the sound output is not open")

// place is where a device is to be found.
type place struct {
	kind string // auto, pulse or alsa
	name string // "" for the default of its kind
	app  string // what a sound server is to show
}

// after lists where to look for the device that was at p and went away. At
// first others are given no chance: a card is free while its sound server
// restarts, and taken from it for good by whoever opens it then.
func (p place) after(dev string, late bool) []place {
	list := []place{p}
	if p.kind == "auto" && dev == "PulseAudio" {
		list[0].kind = "pulse"
	}
	if p.name != "" {
		list = append(list, place{kind: p.kind, app: p.app})
	}
	if late {
		list = append(list, place{kind: "auto", app: p.app})
	}
	return list
}

// Tell sets what is called when a device is looked for, which may take a while.
func (o *speaker) Tell(tell func(text string)) { o.tell = tell }

// Interrupt ends what is under way, be it a search or a server that hangs. No
// sound comes any more.
func (o *speaker) Interrupt() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.halted() {
		close(o.halt)
	}
	cut(o.dev)
}

func (o *speaker) halted() bool {
	select {
	case <-o.halt:
		return true
	default:
		return false
	}
}

// why is err, or player.ErrInterrupted where that is behind it.
func (o *speaker) why(err error) error {
	if err != nil && o.halted() {
		return player.ErrInterrupted
	}
	return err
}

// cut ends dev, without a word to others that it may wait for.
func cut(dev device) {
	if d, ok := dev.(interrupter); ok {
		d.interrupt()
	}
}

// use makes dev the one that plays, and returns the one before.
func (o *speaker) use(dev device) (old device) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old, o.dev = o.dev, dev
	if o.halted() {
		cut(dev)
	}
	return old
}

// again takes another device in place of the one that is lost, in the same
// shape. What that one had not played yet is gone.
func (o *speaker) again(lost error) error {
	if o.tell != nil && !o.halted() {
		o.tell(fmt.Sprintf("%v; an output is looked for", lost))
	}
	name, begin := o.dev.String(), time.Now()
	cut(o.dev) // nobody is there to say goodbye to
	_ = o.dev.close()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-o.halt:
		}
		if o.halted() {
			o.gone = player.ErrInterrupted
			return o.gone
		}
		for _, p := range o.place.after(name, time.Since(begin) > o.patience/2) {
			err := o.take(p)
			if errors.Is(err, audio.ErrUnsupported) {
				return err
			}
			if err == nil {
				o.say(fmt.Sprintf("%v; it goes on with %s", lost, p.describe(o.dev)))
				return nil
			}
		}
		if time.Since(begin) >= o.patience {
			o.gone = fmt.Errorf("%w: %w, and none came back within %v", ErrNoDevice, lost, o.patience)
			return o.gone
		}
		pause.Reset(lookAgain)
	}
}

// take makes the device at p the one that plays, if it can play.
func (o *speaker) take(p place) error {
	dev, err := o.find(p)
	if err != nil {
		return err
	}
	old := o.use(dev)
	if err := o.start(); err != nil {
		cut(dev)
		_ = dev.close() // the other error tells more
		o.use(old)
		return err
	}
	return nil
}

// find is p.find until Interrupt: what is found later is let go.
func (o *speaker) find(p place) (device, error) {
	var dev device
	found := make(chan error, 1)
	go func() {
		found <- caught.Do(nil, func() (err error) {
			dev, err = p.find()
			return err
		})
	}()
	select {
	case err := <-found:
		return dev, err
	case <-o.halt:
		go func() {
			if err := <-found; err == nil {
				_ = dev.close()
			}
		}()
		return nil, player.ErrInterrupted
	}
}

// noDevice marks err, of devices of that kind, as that of a missing output,
// unless it says that only the name is wrong.
func noDevice(kind string, err error) error {
	if errors.Is(err, ErrUnknown) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrNoDevice, kind, err)
}

// describe says in a few words which device dev, found at p, is.
func (p place) describe(dev device) string {
	if p.name != "" {
		return p.name
	}
	return "the default output of " + dev.String()
}
