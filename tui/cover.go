package tui

import (
	"image"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/colorprofile"
	"github.com/muesli/termenv"

	"secstream/tui/art"
)

// cover is the picture of one track, as it was drawn last.
type cover struct {
	errand
	mode   art.Mode
	off    bool // the listener wants none
	image  image.Image
	cell   image.Point // size of a cell in pixels, zero where nobody knows
	want   drawing     // what is to be seen
	have   drawing     // what lines are of
	busy   bool        // it is being drawn, by one command at a time
	lines  []string
	setup  string // what the terminal was told for them
	remove string // what makes it forget
}

// drawing is one way to draw one picture.
type drawing struct {
	picture int // which, counted from 1; 0 for none
	w, h    int // cells
}

// decode makes a picture of the bytes of a track's cover. It may take a while.
func decode(track int) func(picture []byte, err error) tea.Msg {
	return func(picture []byte, err error) tea.Msg {
		if err != nil || len(picture) == 0 {
			return picturedMsg{track: track, err: err}
		}
		img, err := art.Decode(picture)
		if err != nil {
			return picturedMsg{track: track} // a cover that cannot be read is none
		}
		return picturedMsg{track: track, image: img}
	}
}

// take keeps the picture of the track that is asked for, or tries again after a
// while.
func (c *cover) take(msg picturedMsg) tea.Cmd {
	counts, rest := c.ended(msg.track, msg.err, restedMsg{of: forCover, track: msg.track, tries: c.tries + 1})
	if counts {
		c.image = msg.image
		c.renew()
	}
	return rest
}

// renew says that what was drawn is of another picture.
func (c *cover) renew() { c.want = drawing{picture: c.want.picture + 1} }

// shown says whether there is something to see.
func (c *cover) shown() bool { return !c.off && c.mode != art.None && c.image != nil }

// draw draws the picture for w×h cells, unless that is done already or is being
// done. It takes up to a quarter of a second, so a command does it, and the
// next one only after it: of the sizes a window is dragged through few are drawn.
func (c *cover) draw(p colorprofile.Profile, w, h int) tea.Cmd {
	c.want.w, c.want.h = w, h
	if c.busy || c.have == c.want {
		return nil
	}
	profile, colour := profiles[p]
	if !colour {
		profile = termenv.Ascii
	}
	c.busy = true
	what, img, terminal := c.want, c.image, art.Terminal{Mode: c.mode, Profile: profile, Cell: c.cell}
	return func() tea.Msg { return drawnMsg{what, terminal.Render(img, what.w, what.h)} }
}

// hang takes what was drawn, if it is still what is wanted, and returns what the
// terminal is to be told before the lines are shown.
func (c *cover) hang(msg drawnMsg) string {
	c.busy = false
	if msg.what != c.want {
		return ""
	}
	told := c.remove + msg.picture.Setup
	c.have, c.lines, c.setup, c.remove = msg.what, msg.picture.Lines, msg.picture.Setup, msg.picture.Remove
	return told
}

// in are the lines for w×h cells, none while others are drawn.
func (c *cover) in(w, h int) []string {
	if c.have != c.want || c.have.w != w || c.have.h != h {
		return nil
	}
	return c.lines
}
