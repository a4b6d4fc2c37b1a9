// Package art shows a cover picture in a terminal. The bytes of a picture go
// in; lines of text that take their place among other lines, and what has to be
// sent to the terminal before them, come out. It writes nothing itself and asks
// the terminal nothing: what a terminal can do is told by the environment.
package art

import (
	"fmt"
	"image"
	"strings"

	"github.com/muesli/termenv"
)

// Mode is a way to show pictures.
type Mode uint8

// The ways. None shows nothing. Blocks are half blocks in two colours each and
// work wherever there is colour. Kitty is the graphics protocol of that
// terminal with Unicode placeholders, where the picture is told to the terminal
// once and then lies in cells as text does; KittyTmux is the same through tmux.
// Sixel draws pixels row by row of cells.
const (
	None Mode = iota
	Blocks
	Kitty
	KittyTmux
	Sixel
)

var modeNames = [...]string{None: "none", Blocks: "blocks", Kitty: "kitty", KittyTmux: "kitty", Sixel: "sixel"}

func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("art.Mode(%d)", uint8(m))
}

// Detect says how a terminal shows pictures best, from its environment alone:
// Kitty where its name is that of one that has placeholders, else Blocks, None
// without colour. It never says Sixel, as no variable tells of it.
func Detect(getenv func(string) string) Mode {
	term := strings.ToLower(getenv("TERM"))
	if getenv("NO_COLOR") != "" || term == "" || term == "dumb" || term == "linux" {
		return plainMode(getenv, term)
	}
	multiplexed := getenv("TMUX") != "" || getenv("STY") != "" || getenv("ZELLIJ") != "" ||
		strings.HasPrefix(term, "tmux") || strings.HasPrefix(term, "screen")
	switch {
	case getenv("STY") != "" || getenv("ZELLIJ") != "":
		return Blocks // screen and Zellij hold pictures back
	case !placeholders(getenv, term):
		return Blocks
	case multiplexed:
		return KittyTmux
	}
	return Kitty
}

// plainMode is Detect for terminals without colour or of few glyphs.
func plainMode(getenv func(string) string, term string) Mode {
	if getenv("NO_COLOR") == "" && term == "linux" {
		return Blocks
	}
	return None
}

// placeholders says whether the terminal has Unicode placeholders: kitty since
// 0.28 and Ghostty. Others, as WezTerm and Konsole, have the protocol without
// them. Variables of the outer terminal reach into tmux.
func placeholders(getenv func(string) string, term string) bool {
	program := strings.ToLower(getenv("TERM_PROGRAM"))
	return term == "xterm-kitty" || term == "xterm-ghostty" || program == "ghostty" ||
		getenv("KITTY_WINDOW_ID") != "" || getenv("GHOSTTY_RESOURCES_DIR") != ""
}

// Choose turns the name of a way into one: auto (or nothing) is what Detect
// says, kitty goes through tmux where that is there.
func Choose(name string, getenv func(string) string) (Mode, error) {
	switch strings.ToLower(name) {
	case "", "auto":
		return Detect(getenv), nil
	case "kitty":
		if getenv("TMUX") != "" {
			return KittyTmux, nil
		}
		return Kitty, nil
	case "sixel":
		return Sixel, nil
	case "blocks":
		return Blocks, nil
	case "none":
		return None, nil
	}
	return None, fmt.Errorf("no way to show covers is called %q: auto, kitty, sixel, blocks and none are", name)
}

// Picture is a picture laid out for a terminal.
type Picture struct {
	// Lines are h lines of exactly w cells each, as ansi.StringWidth counts.
	// Each ends with its colours reset.
	Lines []string
	// Setup is to be written to the terminal once, before the lines are; it
	// moves no cursor and may come at any time between frames, also again, as
	// after a terminal was reset. Empty where nothing is to be sent.
	Setup string
	// Remove makes the terminal forget what Setup told it. Empty where Setup is.
	Remove string
}

// Terminal is what Render needs to know of one.
type Terminal struct {
	Mode    Mode
	Profile termenv.Profile // of colours; with Ascii nothing is shown in blocks
	Cell    image.Point     // size of a cell in pixels, zero where nobody knows
}

// Render lays img out over w×h cells of a terminal whose cells' size is not
// known.
func Render(img image.Image, mode Mode, w, h int, profile termenv.Profile) Picture {
	return Terminal{Mode: mode, Profile: profile}.Render(img, w, h)
}

// Bounds of what is drawn. maxCells is a side of a picture, in cells: kitty has
// no more diacritics. maxCell is a side of a cell, in pixels. maxDrawn is a side
// of what is drawn in pixels.
const (
	maxCells = 256
	maxCell  = 128
	maxDrawn = 2048
)

// Render lays img out over w×h cells: as large as fits without changing its
// shape, in the middle, blanks around. It takes some milliseconds to draw a
// large picture, so keep what it returns. Where a picture cannot be shown the
// lines are blank. Sixel needs the size of a cell and is drawn in blocks
// without.
func (t Terminal) Render(img image.Image, w, h int) Picture {
	if w <= 0 || h <= 0 {
		return Picture{}
	}
	if img == nil || img.Bounds().Empty() || t.Mode == None {
		return framed(nil, 0, w, h)
	}
	cell, known := t.Cell, t.Cell.X > 0 && t.Cell.Y > 0 && t.Cell.X <= maxCell && t.Cell.Y <= maxCell
	if !known {
		cell = image.Pt(10, 20) // as most fonts are: twice as high as wide
	}
	cols, rows := fit(img.Bounds().Size(), cell, min(w, maxCells, maxDrawn/cell.X), min(h, maxCells, maxDrawn/cell.Y))
	var p Picture
	switch {
	case t.Mode == Kitty || t.Mode == KittyTmux:
		p = kittyPicture(img, cell, cols, rows, t)
	case t.Mode == Sixel && known:
		p = Picture{Lines: sixelRows(img, cell, cols, rows)}
	case t.Profile == termenv.Ascii:
		cols = 0
	default:
		p = Picture{Lines: blockRows(img, cols, rows, t.Profile)}
	}
	f := framed(p.Lines, cols, w, h)
	f.Setup, f.Remove = p.Setup, p.Remove
	return f
}

// fit is how many cells a picture takes, at most w×h, at least one.
func fit(size, cell image.Point, w, h int) (cols, rows int) {
	across, down := float64(w*cell.X)/float64(size.X), float64(h*cell.Y)/float64(size.Y)
	scale := min(across, down)
	cols = int(float64(size.X)*scale/float64(cell.X) + 0.5)
	rows = int(float64(size.Y)*scale/float64(cell.Y) + 0.5)
	return min(max(cols, 1), w), min(max(rows, 1), h)
}

// framed puts rows that are cols cells wide in the middle of w×h cells.
func framed(rows []string, cols, w, h int) Picture {
	lines := make([]string, h)
	top, left := (h-len(rows))/2, (w-cols)/2
	for i := range lines {
		if k := i - top; k >= 0 && k < len(rows) {
			lines[i] = strings.Repeat(" ", left) + rows[k] + strings.Repeat(" ", w-cols-left)
		} else {
			lines[i] = strings.Repeat(" ", w)
		}
	}
	return Picture{Lines: lines}
}
