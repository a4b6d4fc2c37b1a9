package art

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"runtime"
	"testing"
)

// encoded is wheel in each format; the WebP files are that of 40×30 pixels,
// written by cwebp's library, lossy and lossless.
func encoded(t testing.TB, w, h int) map[string][]byte {
	t.Helper()
	img := wheel(w, h)
	all := map[string][]byte{}
	var b bytes.Buffer
	keep := func(name string, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all[name] = bytes.Clone(b.Bytes())
		b.Reset()
	}
	keep("png", png.Encode(&b, img))
	keep("jpeg", jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}))
	p := image.NewPaletted(img.Bounds(), palette.Plan9)
	draw.FloydSteinberg.Draw(p, p.Bounds(), img, image.Point{})
	keep("gif", gif.Encode(&b, p, nil))
	if w == 40 && h == 30 {
		for _, name := range []string{"lossy.webp", "lossless.webp"} {
			data, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = data
		}
	}
	return all
}

func TestDecodeEachFormat(t *testing.T) {
	all := encoded(t, 40, 30)
	if len(all) != 5 {
		t.Fatalf("%d formats", len(all))
	}
	for name, data := range all {
		img, err := Decode(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if off := apart(t, scale(img, 10, 8), scale(wheel(40, 30), 10, 8)); off > 4 {
			t.Errorf("%s: off by %.1f", name, off)
		}
		for _, n := range []int{0, 1, 12, len(data) / 2} {
			if img, err := Decode(data[:n]); err == nil {
				t.Errorf("%s: the first %d bytes are a picture of %v", name, n, img.Bounds())
			}
		}
	}
}

func TestDecodeMakesLargePicturesSmall(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, wheel(1400, 700), nil); err != nil {
		t.Fatal(err)
	}
	img, err := Decode(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); got != image.Pt(1024, 512) {
		t.Errorf("1400×700 is decoded to %v", got)
	}
	if off := apart(t, img, wheel(1024, 512)); off > 3 {
		t.Errorf("off by %.1f", off)
	}
}

// bomb is a PNG head that promises a picture of w×h pixels.
func bomb(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), w), h)
	head = append(head, 16, 6, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(head)-4))
	b = append(b, head...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head))
}

func TestDecodeLooksAtTheSizeFirst(t *testing.T) {
	for _, size := range [][2]uint32{{60000, 60000}, {8193, 1}, {1, 8193}, {8000, 8000}, {4097, 3073}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(bomb(size[0], size[1]))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v: %v", size, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%v: %d bytes were allocated for a head", size, took)
		}
	}
	webp := encoded(t, 40, 30)["lossy.webp"]
	for _, off := range []int{4, 16} { // the lengths of the file and of its chunk
		lying := bytes.Clone(webp)
		binary.LittleEndian.PutUint32(lying[off:], 0x7ffffff0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(lying)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 1<<20 {
			t.Errorf("a WebP of 226 bytes that says 2 GB: %d bytes were allocated, error %v", took, err)
		}
	}
	if _, err := Decode(make([]byte, maxBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("17 MiB: %v", err)
	}
}

// scans is a progressive JPEG of w×h pixels: each component once, then the
// first refined so often that all of them are n scans. A scan of the same size
// is in about 35 bytes: an end of band runs over 2^15 blocks.
func scans(w, h, components, n int) []byte {
	b := []byte{0xFF, 0xD8}
	seg := func(marker byte, p ...byte) {
		b = append(binary.BigEndian.AppendUint16(append(b, 0xFF, marker), uint16(len(p)+2)), p...)
	}
	seg(0xEE, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0)
	seg(0xDB, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(components)}
	for c := range components {
		frame = append(frame, byte(c+1), 0x11, 0)
	}
	seg(0xC2, frame...)
	seg(0xC4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0xE0)...) // the code 0: an end of band, 14 bits follow
	for i := range n {
		if i < components {
			seg(0xDA, 1, byte(i+1), 0, 1, 63, 0)
		} else {
			seg(0xDA, 1, 1, 0, 1, 63, 0x10)
		}
		b = append(b, make([]byte, 2*(w*h/64>>14+1)+2)...)
	}
	return append(b, 0xFF, 0xD9)
}

// TestDecodeCountsScans: a scan costs a file next to nothing and its decoder a
// walk over the whole picture.
func TestDecodeCountsScans(t *testing.T) {
	filled := scans(64, 64, 1, 101)
	for i := len(filled) - 4; i > 0; i-- { // bytes that fill may come before each marker
		if filled[i] == 0xFF && filled[i+1] == 0xDA {
			filled = append(filled[:i:i], append([]byte{0xFF, 0xFF}, filled[i:]...)...)
		}
	}
	for name, c := range map[string]struct {
		b     []byte
		large bool
	}{
		"a small picture of 100 scans":  {scans(64, 64, 1, 100), false},
		"and one of 101":                {scans(64, 64, 1, 101), true},
		"with bytes that fill":          {filled, true},
		"three components, ten scans":   {scans(640, 480, 3, 10), false},
		"a large picture of 16 scans":   {scans(4096, 3072, 1, 16), true},
		"a large one in four colors":    {scans(4096, 3072, 4, 4), true},
		"a smaller one in four colors":  {scans(640, 480, 4, 18), false},
		"markers in what is no segment": {append(scans(64, 64, 1, 3), bytes.Repeat([]byte{0xFF, 0xDA, 0, 3, 9}, 1000)...), false},
	} {
		_, err := Decode(c.b)
		if c.large && !errors.Is(err, ErrTooLarge) || !c.large && err != nil {
			t.Errorf("%s, %d bytes: %v", name, len(c.b), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, data := range encoded(f, 40, 30) {
		f.Add(data)
	}
	f.Add(bomb(60000, 60000))
	f.Add(bomb(3, 3))
	f.Add(scans(64, 64, 4, 8))
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := Decode(data)
		if (img == nil) == (err == nil) {
			t.Fatalf("picture %v, error %v", img, err)
		}
		if err != nil {
			return
		}
		if size := img.Bounds().Size(); size.X < 1 || size.Y < 1 || size.X > kept || size.Y > kept {
			t.Fatalf("a picture of %v", size)
		}
		for _, mode := range []Mode{Blocks, Kitty, Sixel} {
			p := Terminal{Mode: mode, Cell: image.Pt(5, 11)}.Render(img, 7, 3)
			if len(p.Lines) != 3 {
				t.Fatalf("%v: %d lines", mode, len(p.Lines))
			}
		}
	})
}
