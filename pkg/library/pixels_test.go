package library

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
)

// drawn is a picture of 301 by 207 pixels in all formats: as Go writes it, or
// only its header.
func drawn(t testing.TB) map[string][]byte {
	t.Helper()
	gray := image.NewGray(image.Rect(0, 0, 301, 207))
	all := map[string][]byte{
		"vp8":  []byte("RIFF....WEBPVP8 ....\x00\x00\x00\x9d\x01\x2a\x2d\x41\xcf\x80...."), // with scales, which are not pixels
		"vp8l": []byte("RIFF....WEBPVP8L....\x2f\x2c\x81\x33\x10........."),
		"vp8x": []byte("RIFF....WEBPVP8X....\x00\x00\x00\x00\x2c\x01\x00\xce\x00\x00...."),
		"bmp":  []byte("BM....\x00\x00\x00\x00....\x28\x00\x00\x00\x2d\x01\x00\x00\x31\xff\xff\xff"), // upside down
	}
	for name, encode := range map[string]func(*bytes.Buffer) error{
		"png": func(b *bytes.Buffer) error { return png.Encode(b, gray) },
		"jpg": func(b *bytes.Buffer) error { return jpeg.Encode(b, gray, nil) },
		"gif": func(b *bytes.Buffer) error { return gif.Encode(b, gray, nil) },
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		all[name] = b.Bytes()
	}
	// Behind a segment with a small picture of its own, fill bytes and a marker without a length.
	exif := []byte("\xff\xd8\xff\xe1\x00\x0d\xff\xc0\x00\x08\x08\xff\xff\xff\xff\x01\x01\xff\xff\xff\xd0")
	all["exif"] = append(exif, all["jpg"][2:]...)
	return all
}

func TestPixels(t *testing.T) {
	for name, b := range drawn(t) {
		if got := pixels(b); got != 301*207 {
			t.Errorf("%s: %d pixels", name, got)
		}
		for n := range min(len(b), 100) {
			pixels(b[:n]) // ends, and panics nowhere
		}
	}
	for _, text := range []string{"", "\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF89a", "RIFF....WEBP", "<svg>"} {
		if got := pixels([]byte(text)); got != 0 {
			t.Errorf("%q: %d pixels", text, got)
		}
	}
}

// TestCoversWithTooManyPixels: of 16,000 by 16,000 in a few bytes, in a file or
// beside it, there is no cover; the next best picture comes in its place.
func TestCoversWithTooManyPixels(t *testing.T) {
	small := drawn(t)["png"]
	huge := bytes.Clone(small)
	binary.BigEndian.PutUint32(huge[16:], 16000)
	binary.BigEndian.PutUint32(huge[20:], 16000)
	if p := frontCover([]audio.Picture{{Kind: "front cover", Data: huge}, {Kind: "other", Data: small}}); p == nil || p.Kind != "other" {
		t.Errorf("%v", p)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"huge.png": huge, "small.png": small} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at, err := newRoot(dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer at.dir.Close() //nolint:errcheck // only read from
	if data, _ := at.picture("huge.png"); data != nil {
		t.Error("it was taken")
	}
	if data, mime := at.picture("small.png"); !bytes.Equal(data, small) || mime != "image/png" {
		t.Errorf("%d bytes of %s", len(data), mime)
	}
}

// FuzzPixels: any bytes have a number of pixels, that no header multiplies
// beyond what it holds.
func FuzzPixels(f *testing.F) {
	for _, b := range drawn(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := pixels(b); n < 0 || n > 0 && imageType(b) == "" {
			t.Fatalf("%d pixels of %q", n, imageType(b))
		}
	})
}
