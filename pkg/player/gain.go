package player

// Taper maps a volume control's position (0 to 1) to the amplitude SetVolume
// takes: its cube. Half way is then -18 dB, which most ears call half as loud
// and a bit, and the lowest tenth still goes down to -60 dB.
func Taper(position float64) float64 {
	position = min(max(position, 0), 1)
	return position * position * position
}

// ramp is a gain that moves without clicks: each change is spread over a
// number of frames along a smooth curve (3x²-2x³, flat at both ends).
type ramp struct {
	now, from, to float64
	i, n          int // frames done and frames in all of the change under way
}

// set changes the gain at once.
func (r *ramp) set(gain float64) { *r = ramp{now: gain, to: gain} }

// aim moves the gain over n frames, from where it is. A change towards the
// same gain that is under way goes on as it is.
func (r *ramp) aim(gain float64, n int) {
	if gain != r.to {
		r.force(gain, n)
	}
}

// force is aim, but replaces a change that is under way in any case.
func (r *ramp) force(gain float64, n int) {
	if n <= 0 {
		r.set(gain)
		return
	}
	r.from, r.to, r.i, r.n = r.now, gain, 0, n
}

// still says that no change is under way.
func (r *ramp) still() bool { return r.i >= r.n }

// apply scales the interleaved frames of p in place. At a steady gain of
// exactly 1 it does not touch them.
func (r *ramp) apply(p []float64, channels int) {
	for !r.still() && len(p) >= channels {
		r.i++
		x := float64(r.i) / float64(r.n)
		r.now = r.from + (r.to-r.from)*x*x*(3-2*x)
		if r.still() {
			r.now = r.to
		}
		for c := range channels {
			p[c] *= r.now
		}
		p = p[channels:]
	}
	switch r.now {
	case 1:
	case 0:
		clear(p)
	default:
		for i := range p {
			p[i] *= r.now
		}
	}
}
