package tag

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
)

// take reads the frame at pos if it is one that players show.
func (t *id3) take(f frame) error {
	most := int64(maxValue)
	switch f.name {
	case "APIC", "PIC":
		room := min(t.room(), maxAllPictures-t.file.pictured)
		if most = int64(room) + 1024; room == 0 || f.size > most+16 {
			return nil
		}
	case "USLT", "SYLT":
		if !t.file.wordy(f.size) {
			return nil
		}
		most = maxWords
	case "TIT2", "TPE1", "TPE2", "TALB", "TRCK", "TPOS", "TDRC", "TDRL", "TYER", "TDAT", "TCON", "TSSE", "TXXX", "COMM":
	default:
		return nil
	}
	b, err := t.content(f, most)
	if err != nil || len(b) == 0 {
		return err
	}
	switch f.name {
	case "APIC", "PIC":
		t.picture(f, b)
	case "USLT":
		t.unsynced(b)
	case "SYLT":
		t.synced(b)
	case "TXXX":
		name, value := described(b[0], b[1:])
		if isLyrics(name) {
			_, text := cutText(b[0], b[1:])
			if !t.file.wordy(int64(len(text))) {
				return nil
			}
			t.lyrics(decodeAll(b[0], text))
			return nil
		}
		t.set(name, value)
	case "COMM":
		t.comment(b)
	default:
		if t.text[f.name] == "" {
			t.text[f.name] = texts(b[0], b[1:], f.name == "TCON")
		}
	}
	return nil
}

// content reads up to most bytes of a frame into memory of its own and undoes
// what its flags say was done to it. Frames nobody can read come back empty.
func (t *id3) content(f frame, most int64) ([]byte, error) {
	if f.flags&frameEncrypted != 0 || int64(f.extra) > f.size {
		return nil, nil
	}
	b := make([]byte, min(f.size, most+16))
	if err := readFull(t.r, b, t.pos); err != nil {
		return nil, err
	}
	if b = b[f.extra:]; f.flags&frameUnsync != 0 {
		b = resync(b)
	}
	if f.flags&frameCompressed == 0 {
		return b, nil
	}
	return t.file.expand(b, most), nil
}

// expand returns what b, a zlib stream, holds, up to most bytes and up to what
// the file has left: a frame of zeros expands a thousandfold. Sizes that the
// file states are not asked. What does not expand is left out and the tag read
// on.
func (file *File) expand(b []byte, most int64) []byte {
	if most = min(most, int64(maxExpanded-file.expanded)); most <= 0 {
		return nil
	}
	src := bytes.NewReader(b)
	var err error
	if file.zlib == nil {
		file.zlib, err = zlib.NewReader(src)
	} else {
		err = file.zlib.(zlib.Resetter).Reset(src, nil)
	}
	if err != nil {
		return nil
	}
	b, _ = io.ReadAll(io.LimitReader(file.zlib, most))
	file.expanded += len(b)
	return b
}

func (t *id3) picture(f frame, b []byte) {
	mime, kind, rest, ok := cutPicture(f, b)
	if !ok {
		return
	}
	_, image := cutText(b[0], rest)
	if p := newPicture(mime, kindName(kind), image); p.Size <= maxAllPictures-t.file.pictured && t.addPicture(p) {
		t.file.pictured += p.Size
	}
}

// cutPicture takes the head off an attached picture (ID3v2.3 §4.15): encoding,
// MIME type, kind. Description and image follow. In 2.2 the type is three
// letters. ok is false for a link.
func cutPicture(f frame, b []byte) (mime string, kind uint32, rest []byte, ok bool) {
	if len(b) < 5 {
		return "", 0, nil, false
	}
	what, rest := b[1:4], b[4:]
	if f.name == "APIC" {
		if what, rest, ok = bytes.Cut(b[1:], []byte{0}); !ok || len(rest) == 0 {
			return "", 0, nil, false
		}
	}
	return string(what), uint32(rest[0]), rest[1:], string(what) != "-->"
}

// comment reads a comment (ID3v2.3 §4.11): encoding, language, description,
// text. Players keep figures for themselves under descriptions of their own;
// one without is meant for people.
func (t *id3) comment(b []byte) {
	if len(b) < 4 {
		return
	}
	if what, value := described(b[0], b[4:]); strings.Trim(what, "\x00 ") == "" {
		first(&t.Tags.Comment, value)
	}
}

// finish turns the text frames into tags.
func (t *id3) finish() {
	tags, s := &t.Tags, t.text
	first(&tags.Title, s["TIT2"])
	first(&tags.Artist, s["TPE1"])
	first(&tags.AlbumArtist, s["TPE2"])
	first(&tags.Album, s["TALB"])
	pair(&tags.Track, &tags.TrackTotal, s["TRCK"])
	pair(&tags.Disc, &tags.DiscTotal, s["TPOS"])
	first(&tags.Genre, s["TCON"])
	first(&tags.Date, s["TDRC"])
	if day := s["TDAT"]; tags.Date == "" && len(s["TYER"]) == 4 && len(day) == 4 {
		tags.Date = Clean(s["TYER"] + "-" + day[2:] + "-" + day[:2])
	}
	first(&tags.Date, s["TYER"])
	first(&tags.Date, s["TDRL"])
	first(&t.Encoder, s["TSSE"])
}

// texts reads the values of a text frame and joins them.
func texts(enc byte, b []byte, genres bool) string {
	var all string
	for len(b) > 0 && len(all) < maxText {
		var value []byte
		value, b = cutText(enc, b)
		s := decode(enc, value)
		if genres {
			s = genre(s)
		}
		join(&all, s)
	}
	return all
}

// described reads a description and the text after it.
func described(enc byte, b []byte) (what, value string) {
	first, rest := cutText(enc, b)
	second, _ := cutText(enc, rest)
	return decode(enc, first), decode(enc, second)
}

// The text encodings (ID3v2.4 structure §4).
const (
	encUTF16   = 1 // with a byte order mark
	encUTF16BE = 2
	encUTF8    = 3
)

// cutText splits b after the zero that ends its first string.
func cutText(enc byte, b []byte) (text, rest []byte) {
	if enc != encUTF16 && enc != encUTF16BE {
		text, rest, _ = bytes.Cut(b, []byte{0})
		return text, rest
	}
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return b[:i], b[i+2:]
		}
	}
	return b, nil
}

func decode(enc byte, b []byte) string { return decodeAll(enc, b[:min(len(b), 4*maxText)]) }

// decodeAll is decode for texts of any length.
func decodeAll(enc byte, b []byte) string {
	switch enc {
	case encUTF16, encUTF16BE:
		return wide(b, enc == encUTF16BE)
	case encUTF8:
		return string(b)
	}
	return latin1(b)
}

// wide reads UTF-16. A byte order mark wins over big; text that should have a
// mark and has none is little-endian, as Windows writes it.
func wide(b []byte, big bool) string {
	var order binary.ByteOrder = binary.LittleEndian
	if len(b) >= 2 && b[0] == 0xFE && b[1] == 0xFF {
		big, b = true, b[2:]
	} else if len(b) >= 2 && b[0] == 0xFF && b[1] == 0xFE {
		big, b = false, b[2:]
	}
	if big {
		order = binary.BigEndian
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
