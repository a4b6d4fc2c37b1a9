package art

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // a format of covers
	_ "image/jpeg" // another
	_ "image/png"  // another
	"io"

	_ "golang.org/x/image/webp" // and another
)

// What is decoded. A cover of 3000×3000 is large; the worst a picture within
// these bounds can do for the moment of decoding, as a progressive JPEG, is to
// take 19 bytes a pixel when it has three components, 24 when it has four: 240
// and 200 MB.
const (
	maxBytes  = 16 << 20
	maxSide   = 8192
	maxPixels = 12 << 20
	maxInks   = 8 << 20 // pixels of a progressive JPEG of four components
)

// A JPEG picture may come in scans, each of which takes its decoder through all
// pixels and may itself be of 35 bytes. Usual ones have up to 18.
const (
	maxScans   = 100
	maxScanned = 200e6 // pixels in all scans together, which take a second or two
)

// kept is the longer side of a decoded picture, in pixels: what is shown on a
// terminal is smaller.
const kept = 1024

// ErrTooLarge means that a picture is not decoded because of its size.
var ErrTooLarge = errors.New("picture is too large")

// Decode reads a JPEG, PNG, GIF (its first frame) or WebP picture. Its size is
// looked at before it is decoded: beyond 16 MiB, 8192 pixels a side or 12.5
// million pixels it is ErrTooLarge, and so is a JPEG of too many scans. A large
// picture comes back made smaller, no side longer than 1024 pixels. b is
// borrowed.
func Decode(b []byte) (img image.Image, err error) {
	if len(b) > maxBytes {
		return nil, ErrTooLarge
	}
	defer func() { // the decoders are not ours, and b is anybody's
		if p := recover(); p != nil {
			img, err = nil, fmt.Errorf("decode picture: %v", p)
		}
	}()
	if len(b) >= 12 && string(b[:4]) == "RIFF" && int64(binary.LittleEndian.Uint32(b[4:])) > int64(len(b)-8) {
		return nil, fmt.Errorf("decode picture: %w", io.ErrUnexpectedEOF) // its decoder would make room for what the length says
	}
	head, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("read head of picture: %w", err)
	}
	if head.Width <= 0 || head.Height <= 0 {
		return nil, errors.New("decode picture: it is empty")
	}
	if head.Width > maxSide || head.Height > maxSide || head.Width*head.Height > maxPixels {
		return nil, fmt.Errorf("%d×%d pixels: %w", head.Width, head.Height, ErrTooLarge)
	}
	if format == "jpeg" && costly(b, head.Width*head.Height) {
		return nil, fmt.Errorf("%d×%d pixels in so many scans or colors: %w", head.Width, head.Height, ErrTooLarge)
	}
	full, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("decode picture: %w", err)
	}
	w, h := full.Bounds().Dx(), full.Bounds().Dy()
	if w <= 0 || h <= 0 || w > maxSide || h > maxSide || w*h > maxPixels {
		return nil, ErrTooLarge // another size than the head's
	}
	if format == "webp" {
		widen(full)
	}
	if long := max(w, h); long > kept {
		w, h = max(w*kept/long, 1), max(h*kept/long, 1)
	}
	return scale(full, w, h), nil
}

// costly says whether a JPEG of so many pixels takes more time or memory than
// one may. Every place counts that a decoder could take for the head of a scan
// (ITU-T T.81 section B.2.3): in the data of a scan there is none, in that of
// a thumbnail there are a few.
func costly(b []byte, pixels int) bool {
	if pixels > maxInks && bytes.Contains(b, []byte{0xFF, 0xC2, 0, 8 + 3*4}) {
		return true
	}
	scans := 0
	for mark := []byte{0xFF, 0xDA, 0}; ; {
		i := bytes.Index(b, mark)
		if i < 0 || len(b)-i < 5 {
			break
		}
		b = b[i+len(mark):]
		if n := b[1]; n >= 1 && n <= 4 && b[0] == 6+2*n {
			scans++
		}
	}
	return scans > maxScans || scans*pixels > maxScanned
}

// widen makes the levels of a lossy WebP picture those of JPEG, in place. VP8
// has luma from 16 to 235 and chroma from 16 to 240, and the decoder hands them
// out as if they went from 0 to 255 (golang/go#40173), which is dull.
func widen(img image.Image) {
	p, ok := img.(*image.YCbCr)
	if a, alpha := img.(*image.NYCbCrA); alpha {
		p, ok = &a.YCbCr, true
	}
	if !ok {
		return
	}
	var luma, chroma [256]uint8
	for i := range 256 {
		luma[i] = uint8(min(max(((i-16)*255+109)/219, 0), 255))
		chroma[i] = uint8(min(max(128+((i-128)*255)/224, 0), 255))
	}
	for i, v := range p.Y {
		p.Y[i] = luma[v]
	}
	for _, plane := range [][]uint8{p.Cb, p.Cr} {
		for i, v := range plane {
			plane[i] = chroma[v]
		}
	}
}
