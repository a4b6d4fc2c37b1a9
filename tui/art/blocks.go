package art

import (
	"image"
	"image/color"
	"image/draw"
	"strconv"
	"strings"

	"github.com/muesli/termenv"
)

// reset ends the colours of a line.
const reset = "\x1b[0m"

// blockRows draws a picture as upper half blocks: the upper pixel of a cell is
// the colour of its sign, the lower that of its ground.
func blockRows(img image.Image, cols, rows int, profile termenv.Profile) []string {
	small := scale(img, cols, 2*rows)
	pen := trueColour(small)
	switch profile {
	case termenv.ANSI256:
		pen = paletteColour(small, xterm[16:], func(i int, ground bool) string { return extended(ground) + "5;" + strconv.Itoa(i+16) })
	case termenv.ANSI:
		pen = paletteColour(small, xterm[:16], sixteen)
	}
	lines := make([]string, rows)
	var b strings.Builder
	for y := range rows {
		b.Reset()
		lastSign, lastGround := "", ""
		for x := range cols {
			sign, ground := pen(x, 2*y, false), pen(x, 2*y+1, true)
			switch {
			case sign != lastSign && ground != lastGround:
				b.WriteString("\x1b[" + sign + ";" + ground + "m")
			case sign != lastSign:
				b.WriteString("\x1b[" + sign + "m")
			case ground != lastGround:
				b.WriteString("\x1b[" + ground + "m")
			}
			lastSign, lastGround = sign, ground
			b.WriteString("▀")
		}
		b.WriteString(reset)
		lines[y] = b.String()
	}
	return lines
}

// pen is the parameters that choose a pixel's colour, as that of signs or of
// the ground.
type pen func(x, y int, ground bool) string

func extended(ground bool) string {
	if ground {
		return "48;"
	}
	return "38;"
}

func trueColour(img *image.RGBA) pen {
	return func(x, y int, ground bool) string {
		c := img.RGBAAt(x, y)
		return extended(ground) + "2;" + strconv.Itoa(int(c.R)) + ";" + strconv.Itoa(int(c.G)) + ";" + strconv.Itoa(int(c.B))
	}
}

// paletteColour spreads what each pixel's colour is off by over its
// neighbours, so that few colours look like many.
func paletteColour(img *image.RGBA, colours color.Palette, name func(i int, ground bool) string) pen {
	p := image.NewPaletted(img.Bounds(), colours)
	draw.FloydSteinberg.Draw(p, p.Bounds(), img, image.Point{})
	return func(x, y int, ground bool) string { return name(int(p.ColorIndexAt(x, y)), ground) }
}

// sixteen is the parameter of one of the 16 colours.
func sixteen(i int, ground bool) string {
	n := 30 + i
	if i >= 8 {
		n = 90 + i - 8
	}
	if ground {
		n += 10
	}
	return strconv.Itoa(n)
}

// xterm is the 256 colours as xterm has them by default. The first 16 differ
// from terminal to terminal.
var xterm = func() color.Palette {
	basic := []uint32{
		0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
		0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
	}
	p := make(color.Palette, 0, 256)
	for _, c := range basic {
		p = append(p, color.RGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 255})
	}
	steps := []uint8{0, 95, 135, 175, 215, 255}
	for i := range 216 {
		p = append(p, color.RGBA{steps[i/36], steps[i/6%6], steps[i%6], 255})
	}
	for i := range 24 {
		grey := uint8(8 + 10*i)
		p = append(p, color.RGBA{grey, grey, grey, 255})
	}
	return p
}()
