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
// these bounds can do, as a progressive JPEG, is to take 15 bytes a pixel for
// the moment of decoding: 190 MB.
const (
	maxBytes  = 16 << 20
	maxSide   = 8192
	maxPixels = 12 << 20
)

// kept is the longer side of a decoded picture, in pixels: what is shown on a
// terminal is smaller.
const kept = 1024

// ErrTooLarge means that a picture is not decoded because of its size.
var ErrTooLarge = errors.New("picture is too large")

// Decode reads a JPEG, PNG, GIF (its first frame) or WebP picture. Its size is
// looked at before it is decoded: beyond 16 MiB, 8192 pixels a side or 12.5
// million pixels it is ErrTooLarge. A large picture comes back made smaller, no
// side longer than 1024 pixels. b is borrowed.
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
