package output

import "fmt"

// findDevice takes the first that answers: a sound server by its own protocol
// (PulseAudio, or PipeWire's stand-in for it), else plain ALSA.
func findDevice(app string) (device, error) {
	p, perr := newPulse(app)
	if perr == nil {
		return p, nil
	}
	a, aerr := newALSA()
	if aerr == nil {
		return a, nil
	}
	return nil, fmt.Errorf("%w: PulseAudio or PipeWire: %w; ALSA: %w",
		ErrNoDevice, perr, aerr)
}
