package library

import (
	"bytes"
	"encoding/binary"
)

// MaxPixels bounds a picture that is handed out: who shows it takes 4 bytes of
// memory for each pixel, and a few kilobytes can say that there are billions.
const MaxPixels = 40_000_000

// pixels is how many a picture has, by its header, 0 where that does not say. A
// decoder reads no more of such a picture either.
func pixels(b []byte) int64 {
	le, be := binary.LittleEndian, binary.BigEndian
	switch imageType(b) {
	case "image/png": // IHDR is first (PNG section 11.2.1)
		if len(b) >= 24 && string(b[12:16]) == "IHDR" {
			return area(be.Uint32(b[16:]), be.Uint32(b[20:]))
		}
	case "image/gif":
		if len(b) >= 10 {
			return area(uint32(le.Uint16(b[6:])), uint32(le.Uint16(b[8:])))
		}
	case "image/bmp": // heights may be below 0: from top to bottom
		w, h := int32(le.Uint32(b[18:])), int32(le.Uint32(b[22:])) //nolint:gosec // bits as they are
		return area(uint32(max(w, -w)), uint32(max(h, -h)))        //nolint:gosec // and the least of all as 2^31
	case "image/webp":
		return webpPixels(b[12:])
	case "image/jpeg":
		return jpegPixels(b[2:])
	}
	return 0
}

func area(width, height uint32) int64 {
	return int64(min(width, 1<<31-1)) * int64(min(height, 1<<31-1))
}

// jpegPixels looks for the frame header behind other segments (ITU T.81 B.1.1).
// There may be several: the largest counts.
func jpegPixels(b []byte) (most int64) {
	for len(b) >= 4 {
		i := bytes.IndexByte(b, 0xff)
		if i < 0 || len(b) < i+4 {
			break
		}
		b = b[i:]
		marker := b[1]
		switch {
		case marker == 0xff: // fill
			b = b[1:]
			continue
		case marker <= 1, marker >= 0xd0 && marker <= 0xd9: // no segment
			b = b[2:]
			continue
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc && len(b) >= 9:
			most = max(most, area(uint32(binary.BigEndian.Uint16(b[7:])), uint32(binary.BigEndian.Uint16(b[5:]))))
		}
		n := 2 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			break
		}
		b = b[n:]
	}
	return most
}

// webpPixels reads the first chunk (RFC 9649 section 2.5 to 2.7).
func webpPixels(b []byte) int64 {
	le := binary.LittleEndian
	if len(b) < 18 {
		return 0
	}
	switch string(b[:4]) {
	case "VP8X":
		return area(le.Uint32(b[12:])&0xffffff+1, le.Uint32(b[14:])>>8+1)
	case "VP8L":
		bits := le.Uint32(b[9:])
		return area(bits&0x3fff+1, bits>>14&0x3fff+1)
	case "VP8 ":
		return area(uint32(le.Uint16(b[14:])&0x3fff), uint32(le.Uint16(b[16:])&0x3fff))
	}
	return 0
}
