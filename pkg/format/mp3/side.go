package mp3

import "encoding/binary"

// What a frame's header and side information alone say against it. The frame
// keeps its place and its bytes, and a slice carries it as it is: a decoder
// plays it silent, cut off or, if only the CRC is wrong, as it stands, as
// mpg123, ffmpeg and lame do.
const (
	badCRC  = "the CRC of a frame does not match"
	badSide = "a frame has impossible side information"
	missing = "a frame's main data begins before the stream"
	long    = "a frame is longer than its main data"
)

// sideCheck judges frame after frame of a walk from the start of the audio.
type sideCheck struct {
	have  int               // main data bytes so far, as many as can be reached back to
	begun bool              // a frame with codes had all its main data
	side  [maxSide + 8]byte // a frame's, padded for loads
}

const (
	// checkBytes is what a judgement needs of a frame: header, CRC and the
	// longest side information.
	checkBytes = headerBytes + 2 + maxSide
	maxSide    = 32
	maxPairs   = 576 / 2
)

// judge returns what is wrong with the frame that b starts, which has n bytes
// of main data, "" if nothing is. A file cut out of a longer one commonly
// begins with frames whose main data lies before it. Decoders leave them
// silent and so does ours, but they are no damage of this file; when a frame
// with codes was whole, such a frame is, since main data never overlaps.
func (c *sideCheck) judge(b []byte, h header, n int) string {
	begin, size, ok := c.parse(b, h)
	have, begun := c.have, c.begun
	c.have = min(have+n, maxReservoir)
	c.begun = begun || ok && begin <= have && size > 0
	switch {
	case h.crc() && frameCRC(b, h) != binary.BigEndian.Uint16(b[headerBytes:]):
		return badCRC
	case !ok:
		return badSide
	case begun && begin > have:
		return missing
	case size > 8*(begin+n):
		return long
	}
	return ""
}

// parse reads main_data_begin, in bytes, and the sum of all part2_3_length, in
// bits (ISO 11172-3 §2.4.1.7, ISO 13818-3 §2.4.1.7). It says false if a granule
// codes more lines than there are or switches to block type 0, which §2.4.2.7
// forbids. What it wants of a granule fits one load of 64 bits.
func (c *sideCheck) parse(b []byte, h header) (begin, size int, ok bool) {
	raw := b[headerBytes+h.crcBytes():]
	if len(raw) < len(c.side) { // near the end of what is held
		clear(c.side[copy(c.side[:], raw):])
		raw = c.side[:]
	}
	ch := h.channels()
	begin = int(raw[0])<<1 | int(raw[1])>>7
	granules, at, step, flag := 2*ch, 16+2*ch, 59, 33
	if h.lsf() {
		begin = int(raw[0])
		granules, at, step, flag = ch, 8+ch, 63, 38
	}
	ok = true
	for range granules {
		v := binary.BigEndian.Uint64(raw[at>>3:]) << (at & 7)
		size += int(v >> 52)
		// big_values; window_switching_flag and block_type
		if v>>43&511 > maxPairs || v>>(61-flag)&7 == 4 {
			ok = false
		}
		at += step
	}
	return begin, size, ok
}

// frameCRC is what a protected frame's CRC should be (§2.4.3.1): polynomial
// 0x8005 from all ones, over the second half of the header and the side
// information.
func frameCRC(b []byte, h header) uint16 {
	crc := crcByte(crcByte(0xFFFF, b[2]), b[3])
	p := headerBytes + 2
	for _, v := range b[p:min(p+h.sideBytes(), len(b))] {
		crc = crcByte(crc, v)
	}
	return crc
}

func crcByte(crc uint16, v byte) uint16 { return crc<<8 ^ crcTable[byte(crc>>8)^v] }

var crcTable = makeCRC()

func makeCRC() (t [256]uint16) {
	for i := range t {
		crc := uint16(i) << 8
		for range 8 {
			top := crc >> 15
			crc = crc<<1 ^ top*0x8005
		}
		t[i] = crc
	}
	return t
}
