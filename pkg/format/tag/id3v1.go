package tag

import (
	"bytes"
)

// ID3v1Size is the length of an ID3v1 tag.
const ID3v1Size = 128

// ID3v1 reads the 128-byte tag b, version 1.0 or 1.1; ok is false if it is
// none.
func ID3v1(b []byte) (f Found, ok bool) {
	if len(b) != ID3v1Size || string(b[:3]) != "TAG" {
		return f, false
	}
	text := func(from, to int) string {
		value, _, _ := bytes.Cut(b[from:to], []byte{0})
		return Clean(eightBit(value))
	}
	t := &f.Tags
	t.Title, t.Artist, t.Album, t.Date, t.Comment = text(3, 33), text(33, 63), text(63, 93), text(93, 97), text(97, 127)
	if b[125] == 0 {
		t.Track = int(b[126]) // 1.1 took the end of the comment for it
	}
	t.Genre = genreName(int(b[127]))
	return f, true
}
