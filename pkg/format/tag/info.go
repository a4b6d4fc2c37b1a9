package tag

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// Info reads the body of a RIFF LIST chunk of type INFO, after the "INFO"
// (Multimedia Programming Interface and Data Specifications 1.0, chapter 2).
// Text is taken as UTF-8 if it is that, and as Latin-1 otherwise.
func Info(b []byte) (Found, error) {
	var f Found
	for n := 0; len(b) >= 8 && n < maxItems; n++ {
		id := string(b[:4])
		size := binary.LittleEndian.Uint32(b[4:])
		if b = b[8:]; uint64(size) > uint64(len(b)) {
			return f, fault("riff info", -1, "entry %q says %d bytes, %d are there", Clean(id), size, len(b))
		}
		f.info(id, b[:size])
		b = b[min(uint64(len(b)), uint64(size)+uint64(size&1)):]
	}
	return f, nil
}

// info takes one entry.
func (f *Found) info(id string, value []byte) {
	names := map[string]string{
		"INAM": "TITLE", "IART": "ARTIST", "IPRD": "ALBUM", "IAAR": "ALBUMARTIST", "ICRD": "DATE",
		"IGNR": "GENRE", "ICMT": "COMMENT", "ITRK": "TRACK", "IPRT": "TRACK", "ISFT": "ENCODER",
	}
	if name, ok := names[id]; ok {
		value, _, _ = bytes.Cut(value, []byte{0})
		f.set(name, eightBit(value))
	}
}

// eightBit reads text in an unnamed 8-bit code.
func eightBit(b []byte) string { return eightBitAll(b[:min(len(b), 4*maxText)]) }

// eightBitAll is eightBit for texts of any length.
func eightBitAll(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return latin1(b)
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}
