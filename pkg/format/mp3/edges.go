package mp3

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"secstream/pkg/audio"
	"secstream/pkg/format/tag"
)

// Tags stand before and after the audio, sometimes several in a row.
const (
	maxLeading  = 64
	maxTrailing = 16

	id3v1Bytes     = 128
	id3v1PlusBytes = 227 // "TAG+", in front of an ID3v1 tag
	id3v2Head      = 10
	apeHead        = 32
	lyricsV1Max    = 5100 + 11 // Lyrics3 v1: text and "LYRICSBEGIN"
	lyricsMost     = 1 << 20   // of a Lyrics3 tag that is read: its size has six digits
)

// edges finds the audio between the tags at both ends of a file.
type edges struct {
	r    io.ReaderAt
	size int64
	info *audio.Info
	id3  tag.File
	tags tag.Found
	old  tag.Found // from ID3v1, whose fields are cut at 30 letters: asked last
}

// trim returns where the audio begins and ends.
func (e *edges) trim() (from, to int64) {
	for range maxLeading {
		n := e.leading(from)
		if n == 0 {
			break
		}
		from += n
	}
	to = e.size
	for range maxTrailing {
		if e.framed(from, to) {
			break
		}
		n := e.trailing(from, to)
		if n == 0 {
			break
		}
		to -= n
	}
	e.tags.Merge(e.old)
	return from, to
}

// framed reports whether frames end at end: two in a row, or the only one
// there is. What looks like a tag there is then the last frame's main data, as
// ffmpeg, mpg123 and lame take it, which ask for tags between frames alone.
func (e *edges) framed(from, end int64) bool {
	at := max(from, end-2*maxFrame)
	b := e.read(at, int(end-at))
	for i := range b {
		h, next := hop(b, i)
		switch {
		case h == 0:
			continue
		case next == len(b) && at+int64(i) == from:
			return true
		}
		if g, last := hop(b, next); g != 0 && last == len(b) && g.follows(h) {
			return true
		}
	}
	return false
}

// hop returns the header of Layer III at b[i] and where its frame ends, which
// may be past b; the header is 0 if there is none.
func hop(b []byte, i int) (header, int) {
	if i+headerBytes > len(b) || b[i] != 0xFF {
		return 0, 0
	}
	h := header(binary.BigEndian.Uint32(b[i:]))
	if !h.valid() || h.free() || h.layer() != 3 {
		return 0, 0
	}
	return h, i + h.length()
}

// read returns n bytes at off, nil if they are not there. Errors are left to
// the walk, which meets them again.
func (e *edges) read(off int64, n int) []byte {
	if off < 0 || off+int64(n) > e.size {
		return nil
	}
	b := make([]byte, n)
	if k, _ := e.r.ReadAt(b, off); k < n {
		return nil
	}
	return b
}

func (e *edges) note(name string, n int64) {
	e.info.Details = append(e.info.Details, audio.Field{Name: name, Value: fmt.Sprintf("%d bytes", n)})
}

// add merges what a tag parser found and notes the tag.
func (e *edges) add(name string, off, n int64, f tag.Found, err error) int64 {
	if err != nil {
		e.info.AddDamage(off, "%s tag: %v", name, err)
	}
	e.tags.Merge(f)
	e.note(name+" tag", n)
	return n
}

// leading is the length of the tag that starts at off, 0 if none does.
func (e *edges) leading(off int64) int64 {
	b := e.read(off, id3v2Head)
	if b == nil {
		return 0
	}
	if n := tag.ID3v2Size(b); n > 0 && n <= e.size-off {
		f, err := e.id3.ID3v2(e.r, off, e.size)
		return e.add("ID3v2", off, n, f, err)
	}
	if b = e.read(off, apeHead); b == nil || string(b[:8]) != "APETAGEX" {
		return 0
	}
	n := apeHead + int64(binary.LittleEndian.Uint32(b[12:]))
	if n > e.size-off {
		return 0
	}
	f, _, err := e.id3.APE(e.r, off+n)
	return e.add("APE", off, n, f, err)
}

// trailing is the length of the tag that ends at end, 0 if none does.
func (e *edges) trailing(from, end int64) int64 {
	if b := e.read(max(end-id3v1Bytes, from), id3v1Bytes); b != nil && end-id3v1Bytes >= from {
		if f, ok := tag.ID3v1(b); ok {
			e.old.Merge(f)
			e.note("ID3v1 tag", id3v1Bytes)
			if p := end - id3v1Bytes - id3v1PlusBytes; p >= from && string(e.read(p, 4)) == "TAG+" {
				return id3v1Bytes + id3v1PlusBytes
			}
			return id3v1Bytes
		}
	}
	if f, n, err := e.id3.APE(e.r, end); n > 0 && n <= end-from {
		return e.add("APE", end-n, n, f, err)
	}
	if n := e.lyrics3(from, end); n > 0 {
		e.note("Lyrics3 tag", n)
		if n <= lyricsMost {
			e.tags.Merge(e.id3.Lyrics3(e.read(end-n, int(n))))
		}
		return n
	}
	return e.appendedID3v2(from, end)
}

// lyrics3 is the length of the Lyrics3 tag that ends at end. Version 2 gives
// its size in six digits before the end mark; version 1 has to be looked for.
func (e *edges) lyrics3(from, end int64) int64 {
	const digits, mark = 6, 9
	b := e.read(end-digits-mark, digits+mark)
	if b == nil || end-digits-mark < from {
		return 0
	}
	switch string(b[digits:]) {
	case "LYRICS200":
		body, err := strconv.ParseUint(string(b[:digits]), 10, 32)
		n := int64(body) + digits + mark
		if err != nil || n > end-from || string(e.read(end-n, 11)) != "LYRICSBEGIN" {
			return 0
		}
		return n
	case "LYRICSEND":
		n := min(end-from, lyricsV1Max+mark)
		text := e.read(end-n, int(n))
		for i := range text {
			if string(text[i:min(i+11, len(text))]) == "LYRICSBEGIN" {
				return n - int64(i)
			}
		}
	}
	return 0
}

// appendedID3v2 is the length of the ID3v2.4 tag whose footer ends at end.
func (e *edges) appendedID3v2(from, end int64) int64 {
	b := e.read(end-id3v2Head, id3v2Head)
	if b == nil || string(b[:3]) != "3DI" {
		return 0
	}
	body := int64(b[6]&127)<<21 | int64(b[7]&127)<<14 | int64(b[8]&127)<<7 | int64(b[9]&127)
	off := end - body - 2*id3v2Head
	if off < from {
		return 0
	}
	head := e.read(off, id3v2Head)
	if n := tag.ID3v2Size(head); head == nil || n != end-off {
		return 0
	}
	f, err := e.id3.ID3v2(e.r, off, e.size)
	return e.add("appended ID3v2", off, end-off, f, err)
}
