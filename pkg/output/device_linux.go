package output

import (
	"fmt"
)

func checkKind(string) error { return nil }

// find opens the way to the device. Where no kind is asked for it takes the
// first that answers: a sound server by its own protocol (PulseAudio, or
// PipeWire's stand-in for it), else plain ALSA.
func (p place) find() (device, error) {
	var perr, aerr error
	if p.kind != "alsa" {
		var d *pulse
		if d, perr = newPulse(p.app, p.name); perr == nil {
			return d, nil
		}
	}
	if p.kind == "pulse" {
		return nil, noDevice(serverKind, perr)
	}
	var d *alsa
	if d, aerr = newALSA(p.name); aerr == nil {
		return d, nil
	}
	if p.kind == "alsa" {
		return nil, noDevice("ALSA", aerr)
	}
	return nil, noDevice(serverKind, fmt.Errorf("%w; ALSA: %w", perr, aerr))
}

// serverKind is what speaks the protocol of PulseAudio.
const serverKind = "PulseAudio or PipeWire"

// Devices lists the sound outputs that can be chosen now, by kind.
func Devices() []Group { return []Group{pulseDevices(), alsaDevices()} }
