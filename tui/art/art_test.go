package art

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
)

// wheel is a picture with every hue, a bright top and a dark bottom.
func wheel(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(255 - x*255/w), 255})
		}
	}
	return img
}

func TestRenderFillsExactlyTheCells(t *testing.T) {
	cell := image.Pt(9, 19)
	for _, mode := range []Mode{None, Blocks, Kitty, KittyTmux, Sixel} {
		for _, profile := range []termenv.Profile{termenv.TrueColor, termenv.ANSI256, termenv.ANSI, termenv.Ascii} {
			for _, size := range []image.Point{{1, 1}, {300, 300}, {900, 100}, {7, 500}} {
				p := Terminal{Mode: mode, Profile: profile, Cell: cell}.Render(wheel(size.X, size.Y), 24, 11)
				if len(p.Lines) != 11 {
					t.Fatalf("%v %v: %d lines", mode, profile, len(p.Lines))
				}
				for i, l := range p.Lines {
					if w := ansi.StringWidth(l); w != 24 {
						t.Fatalf("%v %v %v: line %d is %d cells wide: %q", mode, profile, size, i, w, l)
					}
					if strings.Contains(l, "\n") {
						t.Fatalf("%v: line %d has a line end", mode, i)
					}
				}
				if sends := mode == Kitty || mode == KittyTmux; (p.Setup != "") != sends || (p.Remove != "") != sends {
					t.Fatalf("%v: setup %q remove %q", mode, p.Setup, p.Remove)
				}
			}
		}
	}
}
