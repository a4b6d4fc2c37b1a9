package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// click is the last one in the list.
type click struct {
	track int
	at    time.Time
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
	case l.tiny:
	case m.seek.dragging && e.Action == tea.MouseActionRelease:
		m.seek.dragging = false
		m.engine.Seek(m.seek.to)
	case m.seek.dragging && e.Action == tea.MouseActionMotion:
		m.drag(l, e.X)
	case e.Action != tea.MouseActionPress:
	case e.Button == tea.MouseButtonWheelUp:
		m.browse.scroll(-wheelRows)
	case e.Button == tea.MouseButtonWheelDown:
		m.browse.scroll(wheelRows)
	case e.Button == tea.MouseButtonLeft:
		m.press(l, e)
	}
}

// press takes a click on the bar, on the list, or on the sign of what plays.
func (m *model) press(l layout, e tea.MouseEvent) {
	switch {
	case e.Y == l.bar && m.now.total() > 0 && l.barSpan(timesWidth(m.now.total())).has(e.X):
		m.seek.dragging, m.seek.track = true, m.now.state.Track
		m.drag(l, e.X)
	case l.panel >= 0 && e.Y == l.panel+1 && e.X <= 2:
		m.toggle()
	case e.Y >= l.list && e.Y < l.list+l.rows:
		track := m.browse.trackAt(e.Y - l.list)
		if track < 0 {
			return
		}
		now := time.Now()
		again := track == m.click.track && now.Sub(m.click.at) < doubleClick
		m.click = click{track, now}
		m.browse.selectTrack(track)
		if again {
			m.click = click{}
			m.play(track)
		}
	}
}

func (m *model) drag(l layout, x int) {
	total := m.now.total()
	m.seek.to = l.barSpan(timesWidth(total)).at(x, total)
}
