package mp3

import (
	"encoding/binary"
	"fmt"

	"secstream/pkg/audio"
)

// Headers to build streams from: 128 kbit/s stereo at 44.1 kHz and the like.
const (
	head44  header = 0xFFFB9000 // MPEG-1, 417 or 418 bytes
	head24  header = 0xFFF38400 // MPEG-2, 24 kHz, 64 kbit/s
	head8   header = 0xFFE318C0 // MPEG-2.5, 8 kHz, 8 kbit/s, mono
	headL2  header = 0xFFFD9000 // layer II
	headL1  header = 0xFFFF9000 // layer I
	headOdd header = 0xFFFB9400 // as head44, but 48 kHz
)

// silence is n frames under header h; byte 40 of each tells them apart.
func silence(h header, n int) []byte {
	var b []byte
	for i := range n {
		at := len(b)
		b = appendFrame(b, h, h.length())
		b[at+40] = byte(i)
		if h.crc() {
			binary.BigEndian.PutUint16(b[at+headerBytes:], frameCRC(b[at:], h))
		}
	}
	return b
}

// junk is n bytes without a sync word.
func junk(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + i%100)
	}
	return b
}

// xing is a frame under h with an Info tag and, if encoder is set, LAME's
// extension.
func xing(h header, frames int, encoder string, delay, padding int) []byte {
	b := appendFrame(nil, h, h.length())
	p := headerBytes + h.sideBytes()
	copy(b[p:], "Info\x00\x00\x00\x01")
	binary.BigEndian.PutUint32(b[p+8:], uint32(frames))
	if encoder != "" {
		copy(b[p+12:], encoder)
		x := b[p+12+lameTrims:]
		x[0], x[1], x[2] = byte(delay>>4), byte(delay<<4)|byte(padding>>8), byte(padding)
	}
	return b
}

// ending is b with the last bytes replaced by end.
func ending(b, end []byte) []byte {
	return append(b[:len(b)-len(end):len(b)-len(end)], end...)
}

func cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func id3v2(body int) []byte {
	b := append([]byte{'I', 'D', '3', 4, 0, 0, 0, 0, byte(body >> 7), byte(body & 127)}, make([]byte, body)...)
	return b
}

func id3v2Footer(body int) []byte {
	b := id3v2(body)
	b[5] = 0x10
	foot := append([]byte("3DI"), b[3:10]...)
	return append(b, foot...)
}

func id3v1() []byte {
	b := make([]byte, 128)
	copy(b, "TAGold title")
	return b
}

func ape(headerToo bool) []byte {
	item := "\x05\x00\x00\x00\x00\x00\x00\x00Title\x00apple"
	mark := func(flags uint32) []byte {
		b := append([]byte("APETAGEX"), make([]byte, 24)...)
		binary.LittleEndian.PutUint32(b[8:], 2000)
		binary.LittleEndian.PutUint32(b[12:], uint32(len(item)+32))
		binary.LittleEndian.PutUint32(b[16:], 1)
		binary.LittleEndian.PutUint32(b[20:], flags)
		return b
	}
	if !headerToo {
		return cat([]byte(item), mark(0))
	}
	return cat(mark(1<<31|1<<29), []byte(item), mark(1<<31))
}

func lyrics2() []byte {
	body := "LYRICSBEGININD0000200LYR00010[00:00]lala"
	return fmt.Appendf(nil, "%s%06dLYRICS200", body, len(body))
}

func lyrics1() []byte { return []byte("LYRICSBEGINla la la la LYRICSEND") }

// tagsBehind are the tags that may stand behind the audio.
func tagsBehind() map[string][]byte {
	return map[string][]byte{
		"ID3v1": id3v1(), "APE": ape(false), "APE with header": ape(true), "ID3v2": id3v2Footer(9),
		"Lyrics3 v1": lyrics1(), "Lyrics3 v2": lyrics2(), "APE and ID3v1": cat(ape(true), id3v1()),
	}
}

func lengthOf(n int, h header) audio.Frames { return audio.Frames(n) * h.samples() }
