package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// click is the last one in a list.
type click struct {
	view view
	line int
	at   time.Time
}

const (
	doubleClick = 400 * time.Millisecond
	wheelRows   = 3
)

// mouse takes one event of the mouse. The bar seeks when it is let go, so a
// drag does not fetch everything it passes.
func (m *model) mouse(e tea.MouseEvent) {
	l := m.layout()
	switch {
	case l.tiny || m.arrival.waiting:
	case m.seek.dragging && e.Action == tea.MouseActionRelease:
		m.seek.dragging = false
		m.engine.Seek(m.seek.to)
	case m.seek.dragging && e.Action == tea.MouseActionMotion:
		m.drag(l, e.X)
	case e.Action != tea.MouseActionPress:
	case e.IsWheel():
		m.wheel(l, e)
	case e.Button == tea.MouseButtonLeft:
		m.press(l, e)
	}
}

// wheel scrolls what lies below it; over what plays it turns the volume.
func (m *model) wheel(l layout, e tea.MouseEvent) {
	way := 1
	switch e.Button {
	case tea.MouseButtonWheelUp:
		way = -1
	case tea.MouseButtonWheelDown:
	default:
		return
	}
	switch {
	case l.panel >= 0 && e.Y >= l.panel:
		m.turnVolume(float64(-way) * volumeStep)
	case m.help.open:
		m.help.over = overflow(m.keys, l.inner, l.rows)
		m.help.top = min(max(m.help.top+way*wheelRows, 0), m.help.over)
	case m.view == viewLyrics:
		m.words.scroll(way * wheelRows)
	case m.view == viewQueue || m.view == viewLibrary:
		m.window().scroll(way * wheelRows)
	}
}

// press takes a click on the bar, on a tab, on a list, or on the sign of what
// plays.
func (m *model) press(l layout, e tea.MouseEvent) {
	switch {
	case e.Y == l.bar && m.now.total() > 0 && m.barSpan(l).has(e.X):
		m.seek.dragging, m.seek.track = true, m.now.state.Track
		m.drag(l, e.X)
	case l.panel >= 0 && e.Y == l.panel+1 && e.X <= 2:
		m.toggle()
	case e.Y == 0:
		for _, t := range m.tabs(l) {
			if e.X >= t.x-1 && e.X <= t.x+t.w {
				m.view, m.help, m.library.typing = t.view, help{}, false
				m.resize(m.w, m.h)
				return
			}
		}
	case !m.help.open && (m.view == viewLibrary || m.view == viewQueue):
		m.pick(m.window().at(e.Y - l.list))
	}
}

// pick selects a line, and at the second click does what enter does.
func (m *model) pick(line int) {
	if line < 0 {
		return
	}
	now := time.Now()
	again := m.view == m.click.view && line == m.click.line && now.Sub(m.click.at) < doubleClick
	m.click = click{m.view, line, now}
	m.window().to(line)
	if !again {
		return
	}
	m.click = click{}
	if m.view == viewQueue {
		m.jump(m.queue.selected())
	} else if !m.library.toggle() {
		m.play(m.library.selected())
	}
}

func (m *model) drag(l layout, x int) { m.seek.to = m.barSpan(l).at(x, m.now.total()) }
