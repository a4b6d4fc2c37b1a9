package layer3

// Version is the generation of the standard a frame belongs to. The two low
// sampling rate generations share one syntax ("LSF").
type Version uint8

// The versions of Layer III.
const (
	MPEG1  Version = iota // ISO 11172-3: 32, 44.1 and 48 kHz
	MPEG2                 // ISO 13818-3: half of these
	MPEG25                // no standard, but common: a quarter of these
)

// Mode is how a frame stores its channels (ISO 11172-3 2.4.2.3).
type Mode uint8

// The channel modes.
const (
	Stereo Mode = iota
	JointStereo
	DualChannel
	Mono
)

// Bits of Header.ModeExt, which count in JointStereo only.
const (
	intensity = 1
	midSide   = 2
)

// Header is the first four bytes of a frame (ISO 11172-3 2.4.1.3).
type Header struct {
	Version    Version
	SampleRate int  // Hz
	BitRate    int  // bits a second, never 0
	Padding    bool // the frame is one byte longer
	Protected  bool // two bytes of CRC follow the header
	Mode       Mode
	ModeExt    uint8 // 0 to 3: bit 0 intensity, bit 1 mid/side
	Channels   int   // 1 or 2
	rate       int   // row of rates and bands
}

// HeaderSize is the number of bytes ParseHeader needs.
const HeaderSize = 4

var rates = [9]int{44100, 48000, 32000, 22050, 24000, 16000, 11025, 12000, 8000}

// bitRates are in units of 8 kbit/s, for MPEG-1 and for the others. Index 0,
// free format, is not supported; 15 is forbidden.
var bitRates = [2][16]uint8{
	{0, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 0},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 0},
}

// ParseHeader reads the header at the start of b. It says false if b does not
// start a Layer III frame, is shorter than HeaderSize, or is of free format.
func ParseHeader(b []byte) (Header, bool) {
	if len(b) < HeaderSize || b[0] != 0xff || b[1]&0xe6 != 0xe2 { // sync and layer
		return Header{}, false
	}
	var h Header
	switch b[1] >> 3 & 3 {
	case 0:
		h.Version = MPEG25
	case 1:
		return Header{}, false
	case 2:
		h.Version = MPEG2
	}
	h.BitRate = 8000 * int(bitRates[min(h.Version, 1)][b[2]>>4])
	rate := int(b[2] >> 2 & 3)
	if h.BitRate == 0 || rate == 3 {
		return Header{}, false
	}
	h.rate = 3*int(h.Version) + rate
	h.SampleRate = rates[h.rate]
	h.Protected = b[1]&1 == 0
	h.Padding = b[2]&2 != 0
	h.Mode = Mode(b[3] >> 6)
	h.ModeExt = b[3] >> 4 & 3
	h.Channels = 2
	if h.Mode == Mono {
		h.Channels = 1
	}
	return h, true
}

// lsf says whether the low sampling rate syntax holds (ISO 13818-3 2.4).
func (h Header) lsf() bool { return h.Version != MPEG1 }

func (h Header) granules() int {
	if h.lsf() {
		return 1
	}
	return 2
}

// Samples is the number of PCM frames the frame holds: 1152 or 576.
func (h Header) Samples() int { return granuleLines * h.granules() }

// Size is the whole length of the frame in bytes, 24 to maxFrame; 0 for
// the zero Header.
func (h Header) Size() int {
	if h.SampleRate == 0 {
		return 0
	}
	n := h.Samples() / 8 * h.BitRate / h.SampleRate
	if h.Padding {
		n++
	}
	return n
}

// SideInfo is the length of the side information in bytes. It follows the
// header and, in a protected frame, the CRC.
func (h Header) SideInfo() int {
	switch {
	case h.lsf() && h.Channels == 1:
		return 9
	case h.lsf() != (h.Channels == 1): // one of the two
		return 17
	}
	return 32
}

// mainData is where the main data begins in the frame.
func (h Header) mainData() int {
	n := HeaderSize + h.SideInfo()
	if h.Protected {
		n += 2
	}
	return n
}

// joint says whether the frame uses the joint stereo tool bit.
func (h Header) joint(bit uint8) bool { return h.Mode == JointStereo && h.ModeExt&bit != 0 }
