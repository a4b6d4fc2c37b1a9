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
	s.kind, s.text = kind, text
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

// view is the text in at most the given number of lines, each at most w cells
// wide: an error names its cause at its end.
func (s status) view(st styles, w, lines int) []string {
	sign, style := "!", st.warn
	switch s.kind {
	case statusFailure:
		sign, style = signFailed, st.fail
	case statusNote:
		sign, style = signGood, st.accent
	}
	text := strings.Split(ansi.Wrap(s.text, w-2, ""), "\n")
	if len(text) > lines {
		text[lines-1] = cut(strings.Join(text[lines-1:], " "), w-2)
		text = text[:lines]
	}
	for i := range text {
		text[i] = style.Render(sign + " " + cut(text[i], w-2))
		sign = " "
	}
	return text
}
