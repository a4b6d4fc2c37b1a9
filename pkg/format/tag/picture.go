package tag

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"secstream/pkg/audio"
)

// kinds are the picture types of ID3v2 APIC frames, which FLAC took over
// (RFC 9639 §8.8, table 13).
var kinds = [...]string{
	"other", "file icon", "other file icon", "front cover", "back cover", "leaflet page", "media",
	"lead artist", "artist", "conductor", "band", "composer", "lyricist", "recording location",
	"during recording", "during performance", "screen capture", "bright coloured fish", "illustration",
	"band logo", "publisher logo",
}

func kindName(n uint32) string {
	if n < uint32(len(kinds)) {
		return kinds[n]
	}
	return kinds[0]
}

// newPicture describes an image. The image's own bytes decide on the MIME type
// and the size in pixels where they can: tags often say otherwise, and what a
// file claims is later claimed to browsers.
func newPicture(mime, kind string, data []byte) audio.Picture {
	p := audio.Picture{MIME: safeMIME(mime), Kind: kind, Size: len(data), Data: data}
	var config func(io.Reader) (image.Config, error)
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xD8\xFF")):
		p.MIME, config = "image/jpeg", jpeg.DecodeConfig
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		p.MIME, config = "image/png", png.DecodeConfig
	case bytes.HasPrefix(data, []byte("GIF8")):
		p.MIME, config = "image/gif", gif.DecodeConfig
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		p.MIME = "image/webp"
	case bytes.HasPrefix(data, []byte("BM")):
		p.MIME = "image/bmp"
	}
	if config == nil {
		return p
	}
	if c, err := config(bytes.NewReader(data)); err == nil {
		p.Width, p.Height = c.Width, c.Height
	}
	return p
}

// safeMIME is a claimed type if it names a plain image, and otherwise one that
// no browser runs.
func safeMIME(s string) string {
	s = strings.ToLower(Clean(s))
	switch s {
	case "jpg", "image/jpg", "jpeg":
		return "image/jpeg"
	case "png":
		return "image/png"
	case "image/avif", "image/heic", "image/jxl", "image/tiff", "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp":
		return s
	}
	return "application/octet-stream"
}

// FLACPicture reads the body of a FLAC PICTURE block (RFC 9639 §8.8). The
// image is copied. It returns an *audio.Error: audio.ErrCorrupt if the lengths
// do not add up, audio.ErrUnsupported if the picture is only a link or larger
// than 16 MiB.
func FLACPicture(b []byte) (audio.Picture, error) {
	const kind = "flac picture"
	be := binary.BigEndian
	if len(b) < 4 {
		return audio.Picture{}, fault(kind, -1, "%d bytes are too short", len(b))
	}
	what, rest := be.Uint32(b), b[4:]
	mime, rest, ok := field32(rest, be)
	if ok {
		_, rest, ok = field32(rest, be) // a description, shown nowhere
	}
	if !ok || len(rest) < 20 {
		return audio.Picture{}, fault(kind, -1, "text longer than the block")
	}
	width, height := be.Uint32(rest), be.Uint32(rest[4:])
	data, _, ok := field32(rest[16:], be)
	if !ok {
		return audio.Picture{}, fault(kind, -1, "image longer than the block")
	}
	if string(mime) == "-->" || len(data) > maxPicture {
		return audio.Picture{}, &audio.Error{Format: kind, Off: -1, Err: unsupportedPicture(len(data))}
	}
	p := newPicture(string(mime), kindName(what), bytes.Clone(data))
	if p.Width == 0 && width < 1<<20 && height < 1<<20 {
		p.Width, p.Height = int(width), int(height)
	}
	return p, nil
}

// field32 takes a 32-bit length and that many bytes off b.
func field32(b []byte, order binary.ByteOrder) (value, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := order.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

func unsupportedPicture(size int) error {
	if size > maxPicture {
		return fmt.Errorf("a picture of %d bytes is %w", size, audio.ErrUnsupported)
	}
	return fmt.Errorf("a picture elsewhere is %w", audio.ErrUnsupported)
}
