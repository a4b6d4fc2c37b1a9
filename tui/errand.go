package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// errand is how the fetching of something goes that belongs to the track that
// plays: its lyrics, its cover. Trouble is not the end of it, "there is none" is.
type errand struct {
	track int // whose, -1 for nobody's
	state errandState
	tries int // that failed in a row
}

type errandState uint8

const (
	errandDue  errandState = iota // to be done when somebody looks
	errandOut                     // on its way
	errandRest                    // it failed, and rests before the next try
	errandDone                    // it came, or there is none
)

// Rests between two tries: each is twice as long as the one before.
const (
	firstRest = 2 * time.Second
	lastRest  = time.Minute
)

// begin says whether the errand for a track is to be begun now, which counts as
// done, and whether it is for another track than before.
func (e *errand) begin(track int) (now, other bool) {
	other = e.track != track
	if !other && e.state != errandDue {
		return false, false
	}
	tries := e.tries
	if other {
		tries = 0
	}
	*e = errand{track: track, state: errandOut, tries: tries}
	return true, other
}

// ended takes how the errand for a track went. It says whether that counts, and
// what ends the rest.
func (e *errand) ended(track int, err error, over tea.Msg) (counts bool, rest tea.Cmd) {
	if track != e.track || err != nil && e.state == errandDone {
		return false, nil
	}
	if err == nil {
		e.state, e.tries = errandDone, 0
		return true, nil
	}
	e.state = errandRest
	e.tries++
	after := min(firstRest<<min(e.tries-1, 10), lastRest)
	return true, tea.Tick(after, func(time.Time) tea.Msg { return over })
}

// rested ends the rest of a track's errand after so many tries.
func (e *errand) rested(track, tries int) {
	if track == e.track && tries == e.tries {
		e.hurry()
	}
}

// hurry ends a rest: somebody asks for it.
func (e *errand) hurry() {
	if e.state == errandRest {
		e.state = errandDue
	}
}
