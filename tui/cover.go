package tui

import (
	"image"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/colorprofile"
	"github.com/muesli/termenv"

	"secstream/tui/art"
)

// cover is the picture of one track, as it was laid out last.
type cover struct {
	mode   art.Mode
	off    bool // the listener wants none
	track  int  // whose, -1 for nobody's
	image  image.Image
	cell   image.Point // size of a cell in pixels, zero where nobody knows
	w, h   int         // cells that lines are for
	lines  []string
	setup  string // what the terminal is still to be told
	remove string // what makes it forget
}

// decode makes a picture of the bytes of a track's cover. It may take a while.
func decode(track int) func(picture []byte, err error) tea.Msg {
	return func(picture []byte, err error) tea.Msg {
		if err != nil || len(picture) == 0 {
			return picturedMsg{track, nil}
		}
		img, err := art.Decode(picture)
		if err != nil {
			return picturedMsg{track, nil} // a cover that cannot be read is none
		}
		return picturedMsg{track, img}
	}
}

// take keeps the picture of the track that is asked for.
func (c *cover) take(msg picturedMsg) {
	if msg.track == c.track {
		c.image, c.w, c.h, c.lines = msg.image, 0, 0, nil
	}
}

// shown says whether there is something to see.
func (c *cover) shown() bool { return !c.off && c.mode != art.None && c.image != nil }

// layOut draws the picture for w×h cells, unless it is there already.
func (c *cover) layOut(p colorprofile.Profile, w, h int) {
	if !c.shown() || c.w == w && c.h == h {
		return
	}
	profile, colour := profiles[p]
	if !colour {
		profile = termenv.Ascii
	}
	got := art.Terminal{Mode: c.mode, Profile: profile, Cell: c.cell}.Render(c.image, w, h)
	c.w, c.h, c.lines = w, h, got.Lines
	c.setup += c.remove + got.Setup
	c.remove = got.Remove
}

// tell is what the terminal is to be told before the lines are shown.
func (c *cover) tell() string {
	text := c.setup
	c.setup = ""
	return text
}
