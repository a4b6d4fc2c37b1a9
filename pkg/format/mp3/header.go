package mp3

import "secstream/pkg/audio"

// header is the 32-bit frame header, first byte highest (ISO 11172-3 §2.4.1.3,
// ISO 13818-3 §2.4.1.3; MPEG-2.5 is the unofficial third version).
type header uint32

const (
	headerBytes = 4
	// sameStream are the bits all frames of one stream share: sync, version,
	// layer and sampling rate. The channel count is compared apart, since two
	// of the mode bits may change from frame to frame.
	sameStream = 0xFFFE0C00
	// maxFrame is the longest Layer III frame: 320 kbit/s at 32 kHz, padded.
	maxFrame = 1441
	// synthesisDelay is what every decoder adds to the encoder's delay: the
	// hybrid filter bank's 528 samples and one more by convention.
	synthesisDelay = 529
)

// Version field of the header.
const (
	mpeg25 = 0
	mpeg2  = 2
	mpeg1  = 3
)

// Bit rates in kbit/s by index; 0 is free format, 15 is forbidden.
var (
	rates1L1 = [16]int{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448}
	rates1L2 = [16]int{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384}
	rates1L3 = [16]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	rates2L1 = [16]int{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256}
	rates2   = [16]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
	hz1      = [3]int{44100, 48000, 32000}
)

// valid reports whether h is a header of any layer that the standards allow,
// free format included.
func (h header) valid() bool {
	return h>>21 == 0x7FF && h>>19&3 != 1 && h.layer() != 4 && h.rateIndex() != 15 && h>>10&3 != 3
}

func (h header) version() int   { return int(h >> 19 & 3) }
func (h header) lsf() bool      { return h.version() != mpeg1 } // low sampling frequencies: MPEG-2 and 2.5
func (h header) layer() int     { return 4 - int(h>>17&3) }     // 1 to 3, 4 is reserved
func (h header) crc() bool      { return h>>16&1 == 0 }         // two bytes of CRC follow the header
func (h header) rateIndex() int { return int(h >> 12 & 15) }
func (h header) padding() int   { return int(h >> 9 & 1) }
func (h header) mono() bool     { return h>>6&3 == 3 }
func (h header) free() bool     { return h.rateIndex() == 0 }

// sampleRate is in Hz. h must be valid.
func (h header) sampleRate() int {
	hz := hz1[h>>10&3]
	switch h.version() {
	case mpeg2:
		return hz / 2
	case mpeg25:
		return hz / 4
	}
	return hz
}

// withRate is h with bit rate index i and no padding.
func (h header) withRate(i int) header { return h&^0xF200 | header(i)<<12 }

func (h header) kbps() int {
	switch {
	case h.layer() == 1 && h.lsf():
		return rates2L1[h.rateIndex()]
	case h.layer() == 1:
		return rates1L1[h.rateIndex()]
	case h.lsf():
		return rates2[h.rateIndex()]
	case h.layer() == 2:
		return rates1L2[h.rateIndex()]
	}
	return rates1L3[h.rateIndex()]
}

// length of the frame in bytes, header included; 0 for free format.
func (h header) length() int {
	if h.free() {
		return 0
	}
	bps, hz := h.kbps()*1000, h.sampleRate()
	switch {
	case h.layer() == 1:
		return (12*bps/hz + h.padding()) * 4
	case h.layer() == 3 && h.lsf():
		return 72*bps/hz + h.padding()
	}
	return 144*bps/hz + h.padding()
}

// follows reports whether h and g can be frames of one stream.
func (h header) follows(g header) bool {
	return (h^g)&sameStream == 0 && h.mono() == g.mono() && h.rateIndex() != 15
}

// sideBytes is the length of the Layer III side information (§2.4.1.7).
func (h header) sideBytes() int {
	switch {
	case h.lsf() && h.mono():
		return 9
	case h.lsf() || h.mono():
		return 17
	}
	return 32
}

// crcBytes is the length of the CRC after the header.
func (h header) crcBytes() int {
	if h.crc() {
		return 2
	}
	return 0
}

// samples a Layer III frame decodes to.
func (h header) samples() audio.Frames {
	if h.lsf() {
		return 576
	}
	return 1152
}

// reservoir is how many bytes of earlier frames main_data_begin can reach:
// it has 9 bits in MPEG-1 and 8 in MPEG-2 and 2.5.
func (h header) reservoir() int {
	if h.lsf() {
		return 255
	}
	return 511
}

// warmUp is how many frames before the wanted one a decoder must have decoded
// correctly: one for the overlap of the transform and the 480 samples the
// synthesis filter remembers; two where a frame is only one granule long.
func (h header) warmUp() int {
	if h.lsf() {
		return 2
	}
	return 1
}

func (h header) channels() int {
	if h.mono() {
		return 1
	}
	return 2
}

func (h header) versionName() string {
	switch h.version() {
	case mpeg1:
		return "MPEG-1"
	case mpeg2:
		return "MPEG-2"
	}
	return "MPEG-2.5"
}

func (h header) modeName() string {
	return [4]string{"stereo", "joint stereo", "dual channel", "mono"}[h>>6&3]
}
