package tui

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// View is the screen: h lines, none wider than w cells, without a line break
// at the end.
func (m model) View() string {
	if m.w <= 0 || m.h <= 0 {
		return ""
	}
	l := m.layout()
	if l.tiny {
		return m.tiny(l.w)
	}
	lines := make([]string, l.h)
	put := func(at int, texts ...string) {
		for i, t := range texts {
			if t != "" {
				lines[at+i] = " " + t
			}
		}
	}
	put(0, m.header(l.inner))
	rule := m.styles.rule.Render(strings.Repeat("─", l.inner))
	switch {
	case m.browse.typing || m.browse.query != "":
		put(l.filter, m.browse.filterLine(m.styles, l.inner))
	case l.filter > 0:
		put(l.filter, rule)
	}
	if l.rows > 0 {
		put(l.list, m.browse.view(m.styles, l.inner, m.playing(), m.now.sign())...)
	}
	if l.help >= 0 {
		put(l.help, m.helpLines()[:l.helps]...)
	}
	if l.panel >= 0 {
		put(l.panel, rule)
		put(l.panel+1, m.panel(l)...)
		put(l.bar, m.bar(l))
	}
	foot := m.foot(l)
	put(l.h-len(foot), foot...)
	return strings.Join(lines, "\n")
}

// playing is the track to mark in the list.
func (m *model) playing() int {
	if m.now.state.Done {
		return -1
	}
	return m.now.state.Track
}

// header names the program, where the tracks come from and how many.
func (m *model) header(w int) string {
	s, tally := m.styles, count(len(m.now.tracks), "track")
	const name = "secstream"
	where := cut(m.where, w-len(name)-2-2-width(tally))
	return s.brand.Render(name) + "  " + s.dim.Render(where) +
		blank(w-len(name)-2-width(where)-width(tally)) + s.dim.Render(tally)
}

// panel is what plays, without the bar.
func (m *model) panel(l layout) []string {
	if l.brief {
		return []string{m.now.brief(m.styles, l.inner)}
	}
	return []string{m.now.title(m.styles, l.inner), m.now.credits(m.styles, l.inner), m.now.about(m.styles, l.inner)}
}

// bar is the seek bar, on small screens with the volume.
func (m *model) bar(l layout) string {
	line := m.seek.view(m.styles, l.barLine(), m.now.state.Position, m.now.total())
	if !l.brief {
		return line
	}
	style := m.styles.dim
	if m.now.state.Muted {
		style = m.styles.warn
	}
	return line + style.Render(fitRight(m.now.level(), briefVolume))
}

// foot is a status while there is one, then what is wrong with the selected
// track, else help. A status may also take the blank line above.
func (m *model) foot(l layout) []string {
	lines := 1
	if l.bar >= 0 && l.foot-l.bar > 1 {
		lines = 2
	}
	if m.status.text != "" {
		return m.status.view(m.styles, l.inner, lines)
	}
	if why, bad := m.browse.failed[m.browse.selected()]; bad && !m.browse.typing {
		return status{kind: statusFailure, text: why}.view(m.styles, l.inner, lines)
	}
	return []string{m.help.ShortHelpView(m.keys.short(l.inner, m.browse.typing))}
}

// helpLines is the expanded help in as many columns as fit.
func (m *model) helpLines() []string {
	text := ""
	for columns := 3; columns >= 1; columns-- {
		text = m.help.FullHelpView(m.keys.full(columns))
		if lipgloss.Width(text) <= m.w-2 {
			break
		}
	}
	return strings.Split(text, "\n")
}

// tiny is all that a very small terminal gets: what plays, and where it is.
func (m *model) tiny(w int) string {
	at := clock(m.now.state.Position) + "/" + length(m.now.total())
	return cut(m.now.sign()+" "+at+" "+m.now.track().name(), w)
}

// Smallest screen that gets the list; a smaller one gets one line.
const (
	minWidth  = 40
	minHeight = 10
)

// minRows is how short the list may get before the expanded help covers it
// and all the rest.
const minRows = 4

// layout says which line of the screen holds what. Lines count from 0 at the
// top; a part that is not shown has line -1.
type layout struct {
	w, h  int
	inner int // cells between the margins, which are one cell wide

	tiny   bool // one line only
	brief  bool // what plays takes one line, and the volume stands beside the bar
	filter int  // the line below the header, or the header's own
	list   int  // first line of the list
	rows   int  // lines of the list
	help   int  // first line of the expanded help
	helps  int  // lines of it
	panel  int  // the rule above what plays
	bar    int  // the seek bar
	foot   int  // status, or the line of help
}

// newLayout divides a screen of w × h cells. help is how many lines the
// expanded help has, 0 when it is closed.
func newLayout(w, h, help int) layout {
	l := layout{w: w, h: h, inner: w - 2, foot: h - 1, help: -1}
	switch {
	case w < minWidth || h < minHeight:
		return layout{w: w, h: h, tiny: true, filter: -1, list: -1, help: -1, panel: -1, bar: -1, foot: -1}
	case h < 14:
		l.brief, l.list, l.bar, l.panel = true, 1, h-2, h-4
	case h < 18:
		l.filter, l.list, l.bar, l.panel = 1, 2, h-2, h-6
	default:
		l.filter, l.list, l.bar, l.panel = 1, 2, h-3, h-8
	}
	l.rows = l.panel - l.list
	switch {
	case help == 0:
	case l.rows-help-1 >= minRows:
		l.rows -= help + 1
		l.help, l.helps = l.panel-help, help
	default:
		l.help, l.helps = 1, min(help, h-2)
		l.rows, l.list, l.panel, l.bar = 0, -1, -1, -1
	}
	return l
}

// barSpan is where the seek bar's cells are, for a track this long.
func (l layout) barSpan(timesWidth int) span {
	return barCells(1, l.barLine(), timesWidth)
}

// barLine is the width of the line of the seek bar without the volume.
func (l layout) barLine() int {
	if l.brief {
		return l.inner - briefVolume
	}
	return l.inner
}
