package tui

import (
	"image"

	"secstream/pkg/player"
	"secstream/tui/art"
)

// eventMsg is one event of the engine.
type eventMsg player.Event

// closedMsg tells that the engine raises no more events.
type closedMsg struct{}

// tickMsg asks for a fresh look at the engine. One of another generation than
// the model's is left over from before the pace changed.
type tickMsg struct{ generation int }

// expiredMsg tells that the status with this number was shown long enough.
type expiredMsg struct{ id int }

// countedMsg tells that nothing followed the number typed with this id.
type countedMsg struct{ id int }

// toldMsg is a word for the listener.
type toldMsg Word

// connectedMsg brings what was waited for.
type connectedMsg struct {
	config Config
	err    error
}

// groundMsg tells whether the terminal is dark.
type groundMsg struct{ dark bool }

// lyricsMsg brings the lyrics of a track.
type lyricsMsg struct {
	track int
	text  string
	err   error
}

// picturedMsg brings the cover of a track, decoded; nil for none.
type picturedMsg struct {
	track int
	image image.Image
	err   error
}

// restedMsg tells that an errand that failed may be tried again.
type restedMsg struct {
	of           errandOf
	track, tries int
}

// errandOf is what is fetched.
type errandOf uint8

const (
	forWords errandOf = iota
	forCover
)

// drawnMsg brings a cover that was drawn.
type drawnMsg struct {
	what    drawing
	picture art.Picture
}
