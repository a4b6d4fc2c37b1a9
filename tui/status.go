package tui

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// status is the last warning or failure, shown for a while in the place of
// the line of help.
type status struct {
	kind statusKind
	text string // "" for none
	then string // what can be pressed about it; it stands at the end also of a text that is cut
	id   int    // so that an old one's end does not take a new one away
}

type statusKind int

const (
	statusWarning statusKind = iota
	statusFailure
	statusNote // what was just done
)

// How long a status stays: time to read a long line, or to see a short one.
const (
	statusTime = 6 * time.Second
	noteTime   = 2500 * time.Millisecond
)

func (s *status) show(kind statusKind, text string) tea.Cmd {
	s.kind, s.text, s.then = kind, text, ""
	s.id++
	if kind == statusNote {
		return expire(noteTime, s.id)
	}
	return expire(statusTime, s.id)
}

func (s *status) expire(id int) {
	if id == s.id {
		s.text = ""
	}
}

// leastCause is how many cells of a line the text keeps before what can be
// pressed: with less of an error nobody knows what to press for.
const leastCause = 30

// view is the text in at most the given number of lines, each at most w cells
// wide.
func (s status) view(st styles, w, lines int) []string {
	sign, style := "!", st.warn
	switch s.kind {
	case statusFailure:
		sign, style = signFailed, st.fail
	case statusNote:
		sign, style = signGood, st.accent
	}
	text := strings.Split(ansi.Wrap(s.text+s.then, w-2, ""), "\n")
	if len(text) > lines {
		text = strings.Split(ansi.Wrap(s.text, w-2, ""), "\n")
		at := min(lines, len(text)) - 1
		last, then, room := strings.Join(text[at:], " "), s.then, w-2-width(s.then)
		if room < leastCause {
			then, room = "", w-2
		}
		text = append(text[:at], cut(last, room)+then)
	}
	for i := range text {
		text[i] = style.Render(sign + " " + cut(text[i], w-2))
		sign = " "
	}
	return text
}
