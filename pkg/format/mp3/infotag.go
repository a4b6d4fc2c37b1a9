package mp3

import (
	"bytes"
	"encoding/binary"
	"strings"

	"secstream/pkg/format/tag"
)

// infoTag is what the first frame of many files holds in place of audio: the
// counts a player cannot know without reading everything, and from LAME on
// the samples to drop at both ends.
type infoTag struct {
	kind    string // "Xing", "Info" or "VBRI"
	frames  int64  // audio frames, the tag's own frame not counted (but in VBRI it is); 0 if not given
	bytes   int64  // 0 if not given
	encoder string
	method  int  // LAME's rate control: 1 CBR, 2 ABR, 3 to 6 VBR, 8 and 9 two-pass CBR and ABR
	trims   bool // delay and padding are given
	delay   int  // samples the encoder put in front, 0 to 4095
	padding int  // samples the encoder put behind, 0 to 4095
}

// Layout of the tag: "Xing" or "Info", a word of flags that says which of the
// next fields are there, then the LAME extension of 36 bytes.
const (
	hasFrames  = 1
	hasBytes   = 2
	hasTable   = 4 // 100 bytes of seek points
	hasQuality = 8

	lameBytes     = 36
	lameMethod    = 9  // low four bits
	lameTrims     = 21 // 12 bits of delay, 12 of padding
	lameLength    = 28
	lameTagCRC    = 34
	vbriOff       = 36 // from the start of the frame, whatever its side information
	vbriBytes     = 18
	lameEncoder   = 9 // bytes of the encoder's name
	xingTableSize = 100
)

// parseInfoTag looks for a tag in b, a whole frame with header h. LAME puts it
// where the side information of a frame without CRC ends even if the frame
// has a CRC; other encoders count the CRC.
func parseInfoTag(b []byte, h header) (infoTag, bool) {
	off := headerBytes + h.sideBytes()
	if t, ok := parseXing(b, off); ok {
		return t, true
	}
	if h.crc() {
		if t, ok := parseXing(b, off+2); ok {
			return t, true
		}
	}
	if len(b) >= vbriOff+vbriBytes && string(b[vbriOff:vbriOff+4]) == "VBRI" {
		v := b[vbriOff:]
		return infoTag{kind: "VBRI", bytes: be32(v[10:]), frames: be32(v[14:])}, true
	}
	return infoTag{}, false
}

func parseXing(b []byte, off int) (infoTag, bool) {
	if len(b) < off+8 {
		return infoTag{}, false
	}
	t := infoTag{kind: string(b[off : off+4])}
	if t.kind != "Xing" && t.kind != "Info" {
		return infoTag{}, false
	}
	flags, p := be32(b[off+4:]), off+8
	for _, f := range []struct {
		flag int64
		size int
		to   *int64
	}{{hasFrames, 4, &t.frames}, {hasBytes, 4, &t.bytes}, {hasTable, xingTableSize, nil}, {hasQuality, 4, nil}} {
		if flags&f.flag == 0 {
			continue
		}
		if len(b) < p+f.size {
			return t, true
		}
		if f.to != nil {
			*f.to = be32(b[p:])
		}
		p += f.size
	}
	t.parseLAME(b[p:])
	return t, true
}

// parseLAME reads the extension. Its delay and padding count only under the
// names of encoders known to fill them in, as in other players.
func (t *infoTag) parseLAME(b []byte) {
	if len(b) < lameTrims+3 || b[0] == 0 {
		return
	}
	name, _, _ := bytes.Cut(b[:lameEncoder], []byte{0})
	t.encoder = tag.Clean(string(name))
	t.method = int(b[lameMethod] & 15)
	for _, known := range []string{"LAME", "L3.9", "Lavf", "Lavc"} {
		if strings.HasPrefix(t.encoder, known) {
			t.trims = true
		}
	}
	if t.trims {
		t.delay = int(b[lameTrims])<<4 | int(b[lameTrims+1])>>4
		t.padding = int(b[lameTrims+1]&15)<<8 | int(b[lameTrims+2])
	}
}

func be32(b []byte) int64 { return int64(binary.BigEndian.Uint32(b)) }

// sliceEncoder is what a slice's tag gives as its encoder. ffmpeg trims only
// under a name that begins with LAME, Lavf or Lavc, Firefox under LAME or
// Lavc; mpg123 and lame ask for no name. So the first four letters are
// borrowed, and the rest says who wrote it.
const sliceEncoder = "Lavcsecst"

// tagFrameBytes is the least length of a frame that holds the tag of a slice.
func tagFrameBytes(h header) int {
	return headerBytes + h.sideBytes() + 16 + lameBytes
}

// writeInfoTag fills b, a zeroed frame whose header h is written already, with
// the tag of a slice: how many frames follow, how long the whole slice is in
// bytes and how many samples a player drops at both ends.
func writeInfoTag(b []byte, h header, frames, size, delay, padding int) {
	p := headerBytes + h.sideBytes()
	copy(b[p:], "Xing") // "Info" would promise one bit rate throughout
	binary.BigEndian.PutUint32(b[p+4:], hasFrames|hasBytes)
	binary.BigEndian.PutUint32(b[p+8:], uint32(frames))
	binary.BigEndian.PutUint32(b[p+12:], uint32(size))
	x := b[p+16:]
	copy(x, sliceEncoder)
	x[lameTrims] = byte(delay >> 4)
	x[lameTrims+1] = byte(delay<<4) | byte(padding>>8)
	x[lameTrims+2] = byte(padding)
	binary.BigEndian.PutUint32(x[lameLength:], uint32(size))
	binary.BigEndian.PutUint16(x[lameTagCRC:], crc16(b[:p+16+lameTagCRC]))
}

// crc16 is the tag's checksum: polynomial 0x8005, bits reversed, from zero.
func crc16(b []byte) uint16 {
	crc := uint16(0)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low != 0 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}
