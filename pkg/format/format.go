// Package format opens audio files: it looks at what is inside, never at the
// name, and hands the file to the parser for it.
//
// In comes a file, out comes an audio.Stream, or an *Error that names what the
// file is. It imports audio and the parsers below it; they do not import it.
package format

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"secstream/pkg/audio"
	"secstream/pkg/format/flac"
	"secstream/pkg/format/mp3"
	"secstream/pkg/format/ogg"
	"secstream/pkg/format/tag"
	"secstream/pkg/format/wav"
)

// Error is a fault found in a file.
type Error = audio.Error

// reads is what to tell people whose file is refused.
const reads = "secstream reads WAV, MP3, FLAC and Ogg"

// headBytes is how much of a file is looked at: the mark of a tracker module
// lies 1080 bytes in.
const headBytes = 1536

// maxTags is how many ID3v2 tags in a row are stepped over. Some taggers put
// theirs in front of another's.
const maxTags = 16

// parser is one format: how to know it by its first bytes, and how to open it.
// MP3 has no mark of its own and is tried last.
type parser struct {
	is   func(head []byte) bool
	open func(r io.ReaderAt, size int64) (audio.Stream, error)
}

var parsers = [...]parser{
	{isWAV, as(wav.Open)},
	{mark(0, "fLaC"), as(flac.Open)},
	{mark(0, "OggS"), as(ogg.Open)},
}

// Open reads the headers of an audio file of size bytes. An ID3v2 tag may hide
// any format. Every error but a read error, which comes as it came, is an
// *Error wrapping audio.ErrNotAudio (text, pictures, nothing at all),
// audio.ErrUnsupported (audio that secstream does not read; Format names it)
// or audio.ErrCorrupt. r is borrowed for the call.
func Open(r io.ReaderAt, size int64) (audio.Stream, error) {
	if size <= 0 {
		return nil, &Error{Format: "audio", Off: -1, Err: fmt.Errorf("the file is empty: %w", audio.ErrNotAudio)}
	}
	head, off, err := content(r, size)
	if err != nil {
		return nil, err
	}
	for _, p := range parsers {
		if p.is(head) {
			return p.open(r, size)
		}
	}
	if name, what := refused(r, head, off, size); name != "" {
		return nil, &Error{Format: name, Off: -1, Err: fmt.Errorf("%s is %w; %s", what, audio.ErrUnsupported, reads)}
	}
	tagged := off > 0
	if !tagged && notAudio(head) {
		return nil, &Error{Format: "audio", Off: -1, Err: audio.ErrNotAudio}
	}
	s, err := mp3.Open(r, size)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, audio.ErrNotAudio) && !tagged:
		return nil, &Error{Format: "audio", Off: -1, Err: audio.ErrNotAudio}
	}
	return nil, err
}

// content reads the first bytes behind any ID3v2 tags, and says where they
// lie.
func content(r io.ReaderAt, size int64) (head []byte, off int64, err error) {
	buf := make([]byte, headBytes)
	for range maxTags {
		head = buf[:min(headBytes, size-off)]
		if n, err := r.ReadAt(head, off); n < len(head) {
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, 0, err
			}
			return nil, 0, &Error{Format: "audio", Off: off + int64(n), Err: fmt.Errorf("the file ends early: %w", audio.ErrCorrupt)}
		}
		n := tag.ID3v2Size(head)
		if n == 0 || n >= size-off {
			break
		}
		off += n
	}
	return head, off, nil
}

// as turns a parser's Open into one for the table. It keeps a nil *Stream from
// becoming a Stream that is not nil.
func as[S audio.Stream](open func(io.ReaderAt, int64) (S, error)) func(io.ReaderAt, int64) (audio.Stream, error) {
	return func(r io.ReaderAt, size int64) (audio.Stream, error) {
		s, err := open(r, size)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

// mark recognises a format by letters at a fixed place.
func mark(at int, letters string) func([]byte) bool {
	return func(head []byte) bool { return has(head, at, letters) }
}

func has(head []byte, at int, letters string) bool {
	return len(head) >= at+len(letters) && string(head[at:at+len(letters)]) == letters
}

func isWAV(head []byte) bool {
	switch {
	case has(head, 0, "riff\x2E\x91\xCF\x11"): // Sony Wave64
		return has(head, 24, "wave")
	case has(head, 0, "RIFF"), has(head, 0, "RF64"), has(head, 0, "BW64"), has(head, 0, "RIFX"):
		return has(head, 8, "WAVE")
	}
	return false
}

// notAudio spots what fills folders besides music, so that no sound is looked
// for in it.
func notAudio(head []byte) bool {
	for _, magic := range []string{
		"\xFF\xD8\xFF", "\x89PNG\r\n", "GIF8", "RIFF", "%PDF", "PK\x03\x04", "\x7FELF", "\x1F\x8B", "Rar!", "7z\xBC\xAF",
	} {
		if has(head, 0, magic) {
			return true
		}
	}
	return text(head)
}

// text says whether head begins a text. Its end may cut a character in two.
func text(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && n == 1:
			return len(head) < utf8.UTFMax
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f':
			return false
		}
		head = head[n:]
	}
	return true
}
