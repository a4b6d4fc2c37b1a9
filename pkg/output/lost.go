package output

import (
	"errors"
	"fmt"
	"time"

	"secstream/pkg/audio"
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

// again takes another device in place of the one that is lost, in the same
// shape. What that one had not played yet is gone.
func (o *speaker) again(lost error) error {
	name, begin := o.dev.String(), time.Now()
	_ = o.dev.close() // it is gone
	for {
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
		time.Sleep(lookAgain)
	}
}

// take makes the device at p the one that plays, if it can play.
func (o *speaker) take(p place) error {
	dev, err := p.find()
	if err != nil {
		return err
	}
	old := o.dev
	o.dev = dev
	if err := o.start(); err != nil {
		_ = dev.close() // the other error tells more
		o.dev = old
		return err
	}
	return nil
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
