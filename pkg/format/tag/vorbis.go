package tag

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// VorbisComment reads a Vorbis comment body, from the vendor length on
// (no "\x03vorbis", no framing bit; RFC 9639 §8.6, Vorbis I §5).
// METADATA_BLOCK_PICTURE is decoded, and the older COVERART. Opus gains
// (R128_…) become ReplayGain. Entries after the first 4096 are passed over.
func (file *File) VorbisComment(b []byte) (Found, error) {
	const kind = "vorbis comment"
	var f Found
	le := binary.LittleEndian
	vendor, b, ok := field32(b, le)
	if !ok || len(b) < 4 {
		return f, fault(kind, -1, "vendor string longer than the block")
	}
	first(&f.Encoder, head(vendor))
	n := le.Uint32(b)
	b = b[4:]
	for i := range min(n, maxItems) {
		var entry []byte
		if entry, b, ok = field32(b, le); !ok {
			return f, fault(kind, -1, "entry %d of %d is longer than the block", i+1, n)
		}
		file.comment(&f, entry)
	}
	return f, nil
}

// comment takes one NAME=value entry.
func (file *File) comment(f *Found, entry []byte) {
	// Names are short; a long entry without "=" must not be copied to find out.
	eq := strings.IndexByte(string(entry[:min(len(entry), 256)]), '=')
	if eq < 0 {
		return
	}
	name, value := strings.ToUpper(string(entry[:eq])), entry[eq+1:]
	switch name {
	case "METADATA_BLOCK_PICTURE":
		// What does not read as a picture costs the picture, not the tags.
		if p, err := FLACPicture(f.base64(value)); err == nil {
			f.addPicture(p)
		}
	case "COVERART":
		f.addPicture(newPicture("", kindName(3), f.base64(value)))
	default:
		if isLyrics(name) {
			if file.wordy(int64(len(value))) {
				f.lyrics(string(value))
			}
			return
		}
		f.set(name, head(value))
	}
}

// base64 decodes a picture if there is still room for it; the block around an
// image has 32 bytes and two short texts.
func (f *Found) base64(value []byte) []byte {
	enc := base64.StdEncoding
	if len(value)%4 != 0 {
		enc = base64.RawStdEncoding
	}
	if n := enc.DecodedLen(len(value)); n > f.room()+1024 {
		return nil
	}
	data, err := enc.AppendDecode(nil, value)
	if err != nil {
		return nil
	}
	return data
}

// head is the part of a text that is worth looking at.
func head(b []byte) string { return string(b[:min(len(b), 4*maxText)]) }
