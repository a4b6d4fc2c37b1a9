package wav

import (
	"encoding/binary"
	"math"
	"strings"
)

// Wave64 uses GUIDs where RIFF has four letters; those of the RIFF chunks all
// begin with the letters. riff64 and lists end in one way, the others in
// another.
var riff64 = [16]byte{'r', 'i', 'f', 'f', 0x2E, 0x91, 0xCF, 0x11, 0xA5, 0xD6, 0x28, 0xDB, 0x04, 0xC1, 0, 0}

func id64(name string) [16]byte {
	return [16]byte{name[0], name[1], name[2], name[3], 0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A}
}

// head64 is a GUID and a 64-bit size that counts the header too.
const head64 = 24

// chunk64At is chunkAt for Wave64.
func (s *scan) chunk64At(pos int64) (c chunk, ok bool, err error) {
	var b [head64]byte
	n, err := s.peek(b[:], pos)
	if err != nil || n < len(b) {
		return c, false, err
	}
	size := binary.LittleEndian.Uint64(b[16:])
	c = chunk{id: "GUID", off: pos + head64}
	switch guid := [16]byte(b[:]); {
	case guid == id64(string(b[:4])):
		c.id = string(b[:4])
	case [12]byte(guid[4:]) == [12]byte(riff64[4:]):
		c.id = strings.ToUpper(string(b[:4]))
	}
	switch {
	case size >= math.MaxInt64:
		c.size = math.MaxInt64
	case size >= head64:
		c.size = int64(size) - head64
	case c.id != "data":
		return c, false, nil // a chunk smaller than its header leads nowhere
	}
	return c, true, nil
}

// align8 is the next multiple of 8, where the next Wave64 chunk begins.
func align8(n int64) int64 { return n + -n&7 }
