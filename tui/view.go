package tui

import (
	"strings"
	"time"
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
			if t != "" && at+i < len(lines) {
				lines[at+i] = " " + t
			}
		}
	}
	put(0, m.header(l))
	if l.rule > 0 {
		put(l.rule, m.rule(l))
	}
	if l.filter >= 0 {
		put(l.filter, m.library.filterLine(m.styles, l.inner))
	}
	put(l.list, m.content(l)...)
	if l.panel >= 0 {
		put(l.panel, m.styles.rule.Render(strings.Repeat("─", l.inner)))
		put(l.panel+1, m.panel(l)...)
		put(l.bar, m.bar(l))
	}
	foot := m.foot(l)
	put(l.h-len(foot), foot...)
	return strings.Join(lines, "\n")
}

// content is what the view shows, in l.rows lines.
func (m *model) content(l layout) []string {
	s, w, h := m.styles, l.inner, l.rows
	switch {
	case m.help.open:
		return m.help.view(m.keys, s, w, h)
	case m.arrival.waiting:
		return m.arrival.view(s, w, h, m.where, m.hold.Waiting)
	}
	switch m.view {
	case viewQueue:
		return m.queue.view(s, w, m.now.sign(), m.library.failed)
	case viewNow:
		return m.nowView(l)
	case viewLyrics:
		return m.words.view(s, w, h, m.now.state.Position, m.config.Lyrics != nil)
	case viewProtection:
		return m.safe.view(s, w, h, time.Now())
	}
	return m.library.view(s, w, m.playing(), m.now.sign())
}

// playing is the track to mark in the list.
func (m *model) playing() int {
	if m.now.state.Done {
		return -1
	}
	return m.now.state.Track
}

// note is what stands at the end of the rule above the view.
func (m *model) note() string {
	switch {
	case m.help.open || m.arrival.waiting:
		return ""
	case m.view == viewLibrary:
		return m.library.note()
	case m.view == viewQueue:
		return m.queue.note(m.now.left())
	case m.view == viewLyrics:
		return m.words.note()
	case m.view == viewProtection && len(m.safe.Slices) > 0:
		return count(len(m.safe.Slices), "slice")
	}
	return ""
}

// rule is the line below the header: heavy below the view that is shown, with
// a note at its end.
func (m *model) rule(l layout) string {
	at := span{}
	for _, t := range m.tabs(l) {
		if t.view == m.view {
			at = span{t.x - 1, t.w}
		}
	}
	note := m.note()
	room := l.inner - at.x - at.w - 4
	if note != "" && width(note) <= room {
		note = " " + note + " "
	} else {
		note = ""
	}
	line := func(n int) string { return m.styles.rule.Render(strings.Repeat("─", max(n, 0))) }
	end := 0
	if note != "" {
		end = 2
	}
	return line(at.x) + m.styles.accent.Render(strings.Repeat("━", at.w)) +
		line(l.inner-at.x-at.w-width(note)-end) + m.styles.dim.Render(note) + line(end)
}

// panel is what plays, without the bar.
func (m *model) panel(l layout) []string {
	s := m.styles
	switch {
	case m.arrival.waiting:
		return nil
	case l.brief && m.view == viewNow && !m.help.open:
		return []string{m.modesLine(l.inner)}
	case l.brief:
		return []string{m.now.brief(s, l.inner)}
	}
	place := m.queue.place()
	facts := join(" · ", m.now.facts(), m.now.gain())
	if strip := m.safe.strip(); strip != "" && width(facts)+width(strip)+6 <= l.inner {
		facts = facts + blank(l.inner-2-width(facts)-width(strip)) + strip
	}
	volume := cut(m.now.track().by(), l.inner-2-volumeWidth-2)
	return []string{
		m.now.title(s, l.inner, join(" · ", m.queue.modes(), place)),
		"  " + s.dim.Render(volume) + blank(l.inner-2-width(volume)-volumeWidth) + m.now.meter(s),
		"  " + s.dim.Render(cut(facts, l.inner-2)),
	}
}

// modesLine says what goes on, where the title stands above it.
func (m *model) modesLine(w int) string {
	s, n := m.styles, m.now
	word := n.word()
	if word == "" {
		word = "playing"
	}
	text := join(" · ", word, m.queue.modes(), m.queue.place())
	sign := s.accent
	if n.word() != "" {
		sign = s.warn
	}
	if w < 2+width(text)+2+volumeWidth {
		return sign.Render(n.sign()) + " " + s.dim.Render(cut(text, w-2))
	}
	return sign.Render(n.sign()) + " " + s.dim.Render(text) + blank(w-2-width(text)-volumeWidth) + n.meter(s)
}

// bar is the seek bar, on small screens with the volume.
func (m *model) bar(l layout) string {
	if m.arrival.waiting {
		return ""
	}
	line := m.seek.view(m.styles, l.barLine(), m.now.state.Position, m.now.total(), m.safe.Slices, m.safe.SliceStarts)
	if !l.level {
		return line
	}
	style := m.styles.dim
	if m.now.state.Muted {
		style = m.styles.warn
	}
	return line + style.Render(fitRight(m.now.level(), briefVolume))
}

// foot is a status while there is one, then what is wrong with the selected
// track, else what can be pressed. A status may also take the blank line above.
func (m *model) foot(l layout) []string {
	lines := 1
	if l.bar >= 0 && l.foot-l.bar > 1 {
		lines = 2
	}
	if m.status.text != "" {
		return m.status.view(m.styles, l.inner, lines)
	}
	if m.hold.text != "" && !m.library.typing && !m.help.open && !m.number.typing {
		return status{kind: statusWarning, text: m.hold.line((l.inner - 2) * lines)}.view(m.styles, l.inner, lines)
	}
	why, bad := m.library.failed[m.library.selected()]
	if bad && !m.library.typing && m.view == viewLibrary && !m.help.open {
		return status{kind: statusFailure, text: why, then: m.again()}.view(m.styles, l.inner, lines)
	}
	return []string{m.hints(l.inner)}
}

// tiny is all that a very small terminal gets: what plays, and where it is.
func (m *model) tiny(w int) string {
	if m.arrival.waiting {
		return cut("connecting to "+m.where, w)
	}
	if m.hold.text != "" {
		return cut(m.hold.line(w), w)
	}
	at := clock(m.now.state.Position) + "/" + length(m.now.total())
	return cut(m.now.sign()+" "+at+" "+m.now.track().name(), w)
}
