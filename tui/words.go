package tui

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/tui/lyrics"
)

// words are the lyrics of one track.
type words struct {
	errand
	failed string // why there are none yet
	lyrics.Lyrics
	shift time.Duration // how much earlier the listener wants the lines
	top   int           // the first line shown, of lyrics without times
	rows  int
}

// shiftStep is what one press of a key moves the lines by.
const shiftStep = 100 * time.Millisecond

// maxShift bounds what they are moved by.
const maxShift = time.Minute

// take keeps what was found for the track that is asked for, or tries again
// after a while.
func (l *words) take(msg lyricsMsg) tea.Cmd {
	counts, rest := l.ended(msg.track, msg.err, restedMsg{of: forWords, track: msg.track, tries: l.tries + 1})
	if !counts {
		return nil
	}
	l.Lyrics, l.failed, l.top = lyrics.Parse(msg.text), "", 0
	if msg.err != nil {
		l.failed = clean(msg.err.Error())
	}
	return rest
}

// move shifts the lines, to earlier if d is positive.
func (l *words) move(d time.Duration) { l.shift = min(max(l.shift+d, -maxShift), maxShift) }

// scroll moves lyrics without times by n lines.
func (l *words) scroll(n int) { l.top = max(min(l.top+n, len(l.Lines)-l.rows), 0) }

// moving says whether the lines follow the sound.
func (l *words) moving() bool { return l.Synced() }

// note is what kind of lyrics there are, for the rule above them.
func (l *words) note() string {
	switch {
	case len(l.Lines) == 0:
		return ""
	case !l.Synced():
		return "not timed"
	case l.shift == 0:
		return "timed"
	}
	ahead := "earlier"
	if l.shift < 0 {
		ahead = "later"
	}
	return "timed · " + fmt.Sprintf("%.1f s", l.shift.Abs().Seconds()) + " " + ahead
}

// maxLine is how long a line may be, in cells, before it is broken.
const maxLine = 72

// longest is how long the longest line is.
func (l *words) longest() int {
	n := 0
	for _, line := range l.Lines {
		n = max(n, width(line.Text))
	}
	return n
}

// view is h lines at a position in the track.
func (l *words) view(s styles, w, h int, at time.Duration, can bool) []string {
	l.rows = h
	if len(l.Lines) == 0 {
		text := "no lyrics"
		switch {
		case !can:
			text = "no lyrics come from here"
		case l.failed != "":
			text = "no lyrics yet, they are asked for again: " + l.failed
		case l.state != errandDone:
			text = "looking for lyrics…"
		}
		return fill([]string{"", s.dim.Render(cut("  "+text, w))}, h)[:h]
	}
	line := l.top
	if l.Synced() {
		line = l.Line(at + l.shift)
	}
	inner := min(w-4, maxLine, max(l.longest(), 1))
	rows, from, to := l.View(line, inner, h)
	left := blank((w - inner) / 2)
	for i, r := range rows {
		switch {
		case !l.Synced():
			rows[i] = left + s.plain.Render(r)
		case i >= from && i < to:
			rows[i] = left + s.current.Render(r)
		default:
			rows[i] = left + s.dim.Render(r)
		}
	}
	if l.Synced() && from < to { // a sign as well, for those without colours
		rows[from] = blank((w-inner)/2-2) + s.accent.Render(signSelected) + " " + rows[from][len(left):]
	}
	return rows
}
