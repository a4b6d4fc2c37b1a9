package layer3

// Fault is what is wrong with a frame that was decoded all the same: sound
// came out, and not the sound that was encoded.
type Fault uint8

// The faults. The first three show in the side information alone, before any
// code is read.
const (
	Sound   Fault = iota
	BadSide       // side information no encoder may write: silent, or with no more lines than there are
	Missing       // the main data begins before there was any: silent
	Long          // the granules are longer than the main data there is: cut off
	Garbled       // Huffman codes run past the end of their granule: cut off
)

// Plain says that the side information alone shows the fault.
func (f Fault) Plain() bool { return f >= BadSide && f <= Long }

// String says what is wrong, in lower case and without a full stop.
func (f Fault) String() string {
	switch f {
	case BadSide:
		return "impossible side information"
	case Missing:
		return "main data that begins before the stream"
	case Long:
		return "granules longer than the main data"
	case Garbled:
		return "codes that run past their granule"
	}
	return "sound"
}

// Fault is what was wrong with the last frame. A frame at the start of a
// stream whose main data begins in frames before it is not at fault, silent as
// it is: a stream cut out of a longer one begins so. Once a frame was decoded
// that holds codes, such a frame is: main data never overlaps.
func (d *Decoder) Fault() Fault { return d.fault }

// judge notes what the side information says against the frame, whose main
// data ends at byte end of d.main, and whether it must be silent.
func (d *Decoder) judge(h Header, end int) (mute bool) {
	s, sum := &d.side, 0
	for gr := range h.granules() {
		for ch := range h.Channels {
			sum += s.gr[gr][ch].bits
		}
	}
	d.fault = Sound
	switch {
	case s.bad:
		d.fault, mute = BadSide, true
	case s.begin > d.have:
		if mute = true; d.begun {
			d.fault = Missing
		}
	case s.big:
		d.fault = BadSide
	case 8*(d.have-s.begin)+sum > 8*end:
		d.fault = Long
	}
	d.begun = d.begun || !mute && sum > 0
	return mute
}
