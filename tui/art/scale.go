package art

import (
	"image"
	"image/draw"
)

// scale makes a picture w×h pixels by averaging what each pixel covers, on
// black where it is transparent. It reads a few rows of the source at a time,
// so that a large one is never copied whole.
func scale(src image.Image, w, h int) *image.RGBA {
	b := src.Bounds()
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	cols := covers(b.Dx(), w)
	rows := covers(b.Dy(), h)
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1))
	sum := make([]float32, 3*w)
	held := -1
	for y, r := range rows {
		clear(sum)
		for k := r.from; k <= r.to; k++ {
			if k != held { // a row may be part of two pixels, or of many
				draw.Draw(strip, strip.Bounds(), src, image.Pt(b.Min.X, b.Min.Y+k), draw.Src)
				held = k
			}
			addRow(sum, strip.Pix, cols, r.weight(k))
		}
		out := dst.Pix[y*dst.Stride:]
		for x := range w {
			for c := range 3 {
				out[4*x+c] = uint8(min(max(sum[3*x+c]+0.5, 0), 255))
			}
			out[4*x+3] = 255
		}
	}
	return dst
}

// addRow adds a row of the source to the sums of a row of pixels.
func addRow(sum []float32, pix []uint8, cols []span, share float32) {
	for x, c := range cols {
		for k := c.from; k <= c.to; k++ {
			weight, p := share*c.weight(k), pix[4*k:4*k+3:4*k+3]
			sum[3*x] += weight * float32(p[0])
			sum[3*x+1] += weight * float32(p[1])
			sum[3*x+2] += weight * float32(p[2])
		}
	}
}

// span is what a pixel covers along one side: from and to in part, what lies
// between as a whole. The weights add up to 1.
type span struct {
	from, to          int
	first, last, each float32
}

func (s span) weight(k int) float32 {
	switch k {
	case s.from:
		return s.first
	case s.to:
		return s.last
	}
	return s.each
}

// covers spreads from pixels over to pixels.
func covers(from, to int) []span {
	spans := make([]span, to)
	ratio := float64(from) / float64(to)
	for i := range spans {
		a, b := float64(i)*ratio, float64(i+1)*ratio
		s := span{from: int(a), each: float32(1 / ratio)}
		s.from = min(s.from, from-1)
		s.to = min(int(b), from-1)
		if s.from == s.to {
			s.first = 1
		} else {
			s.first = float32((float64(s.from+1) - a) / ratio)
			s.last = float32((b - float64(s.to)) / ratio)
		}
		spans[i] = s
	}
	return spans
}
