package flac

import "math/bits"

// maxHeader is the longest frame header: 4 fixed bytes, 7 of the coded
// number, 2 of the block size, 2 of the sample rate, 1 of the CRC-8.
const maxHeader = 16

// header is a frame header (RFC 9639 §9.1).
type header struct {
	variable bool // the coded number counts samples, not frames
	block    int  // samples of each channel, 1 to 65535
	rate     int  // Hz, 0: as in STREAMINFO
	channels int  // 1 to 8
	side     int  // which channel is the difference and has one bit more, -1: none
	bits     int  // of a sample, 0: as in STREAMINFO
	num      int64
	numLen   int // bytes of the coded number
	size     int // bytes of the whole header
}

// Block sizes, sample rates and sample sizes by their code in the header.
// 0 stands for reserved codes, negative for bytes that follow the number.
var (
	blockCodes = [16]int{0, 192, 576, 1152, 2304, 4608, -1, -2, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768}
	rateCodes  = [16]int{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, -1, -2, -2, 0}
	bitCodes   = [8]int{0, 8, 12, 0, 16, 20, 24, 32}
)

// parse reads the frame header at the start of b and reports whether it is a
// valid one: sync code, no reserved value, CRC-8. b needs to hold maxHeader
// bytes unless the audio ends sooner.
func (h *header) parse(b []byte) bool {
	if len(b) < 6 || b[0] != 0xff || b[1]&0xfe != 0xf8 {
		return false
	}
	blockCode, rateCode := b[2]>>4, b[2]&15
	chanCode, bitCode := b[3]>>4, b[3]>>1&7
	if blockCode == 0 || rateCode == 15 || chanCode > 10 || bitCode == 3 || b[3]&1 != 0 {
		return false
	}
	h.variable = b[1]&1 != 0
	h.channels, h.side = int(chanCode)+1, -1
	if chanCode > 7 {
		// 8 is left and side, 9 side and right, 10 mid and side.
		h.channels, h.side = 2, 1
		if chanCode == 9 {
			h.side = 0
		}
	}
	h.bits = bitCodes[bitCode]
	if h.num, h.numLen = codedNumber(b[4:]); h.numLen == 0 || h.numLen == 7 && !h.variable {
		return false
	}
	return h.parseTail(b, int(blockCode), int(rateCode))
}

// parseTail reads what follows the coded number: block size and sample rate
// where their codes send there, and the CRC-8.
func (h *header) parseTail(b []byte, blockCode, rateCode int) bool {
	h.block, h.rate = blockCodes[blockCode], rateCodes[rateCode]
	h.size = 4 + h.numLen + 1
	if h.block < 0 {
		h.size -= h.block
	}
	if h.rate < 0 {
		h.size -= h.rate
	}
	if len(b) < h.size || crc8(b[:h.size-1]) != b[h.size-1] {
		return false
	}
	tail := b[4+h.numLen:]
	switch h.block {
	case -1:
		h.block, tail = int(tail[0])+1, tail[1:]
	case -2:
		h.block, tail = int(tail[0])<<8+int(tail[1])+1, tail[2:]
	}
	switch rateCode {
	case 12:
		h.rate = int(tail[0]) * 1000
	case 13:
		h.rate = int(tail[0])<<8 + int(tail[1])
	case 14:
		h.rate = (int(tail[0])<<8 + int(tail[1])) * 10
	}
	return h.block <= 65535 && (h.rate > 0 || rateCode == 0)
}

// codedNumber reads a number of up to 36 bits in the form of UTF-8, stretched
// to 7 bytes (RFC 9639 §9.1.5), and the bytes it takes, 0 if it is none.
func codedNumber(b []byte) (int64, int) {
	n := bits.LeadingZeros8(^b[0])
	switch {
	case n == 0:
		return int64(b[0]), 1
	case n == 1 || n == 8 || len(b) < n:
		return 0, 0
	}
	v := int64(b[0] & (0x7f >> n))
	for _, c := range b[1:n] {
		if c&0xc0 != 0x80 {
			return 0, 0
		}
		v = v<<6 | int64(c&0x3f)
	}
	return v, n
}

// appendNumber writes v, 0 to 2^36-1, in the fewest bytes.
func appendNumber(dst []byte, v int64) []byte {
	if v < 0x80 {
		return append(dst, byte(v))
	}
	// n bytes hold 7-n bits in the first and 6 in each other.
	n := 2
	for v >= 1<<(5*n+1) {
		n++
	}
	dst = append(dst, byte(0xff<<(8-n))|byte(v>>(6*(n-1))))
	for n -= 2; n >= 0; n-- {
		dst = append(dst, 0x80|byte(v>>(6*n))&0x3f)
	}
	return dst
}

// follows reports whether n may be the header after h, going by the numbers:
// the next frame, or the next sample. Old encoders count samples in streams
// of fixed block size too, so both count everywhere.
func (h *header) follows(n *header) bool {
	return n.num == h.num+1 || n.num == h.num+int64(h.block)
}

// fits reports whether the frame is of the kind STREAMINFO announced.
func (h *header) fits(si *streamInfo) bool {
	return h.channels == si.channels && (h.bits == 0 || h.bits == si.bits) && (h.rate == 0 || h.rate == si.rate)
}

// maxFrame is the most bytes a frame with this header may take: twice the
// uncompressed samples, and then some. No encoder comes near it, since storing
// samples verbatim is always open to it. At most 4.4 MB.
func (h *header) maxFrame(si *streamInfo) int {
	return 2*(h.block*h.channels*(si.bits+1)/8) + 4096
}
