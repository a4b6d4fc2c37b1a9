package tui

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

func press(x, y int) tea.Msg   { return left(x, y, tea.MouseActionPress) }
func release(x, y int) tea.Msg { return left(x, y, tea.MouseActionRelease) }
func drag(x, y int) tea.Msg    { return left(x, y, tea.MouseActionMotion) }

func left(x, y int, do tea.MouseAction) tea.Msg {
	return tea.MouseMsg{X: x, Y: y, Action: do, Button: tea.MouseButtonLeft}
}

// find is where text begins on the screen, in cells.
func (s *screen) find(text string) (x, y int) {
	s.t.Helper()
	for y, l := range strings.Split(s.text(), "\n") {
		if i := strings.Index(l, text); i >= 0 {
			return width(l[:i]), y
		}
	}
	s.t.Fatalf("%q is not on the screen:\n%s", text, s.text())
	return 0, 0
}

func TestMouseSeeks(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {40, 10}, {120, 40}, {80, 15}} {
		for _, view := range []string{"L", "N"} {
			s := newScreen(t, shelf(), size[0], size[1])
			s.keys(view)
			x, y := s.find("█")
			s.send(press(x, y))
			s.want() // not before it is let go
			s.send(release(x, y))
			s.want("seek 0s")
			s.send(press(x, y), drag(x+10, y))
			s.wantNoText(" 0:00 ") // the time under the mouse is shown
			s.send(drag(0, y+1), drag(500, 0), release(500, 0))
			if got := s.e.state.Position; got < 270*time.Second || got >= minutes(4.9) {
				t.Errorf("%v: dragged to the end: %v", size, got)
			}
			s.e.orders = nil
			s.send(press(0, y), release(0, y), press(x-1, y), release(x-1, y)) // beside the bar
			s.want()
		}
	}
}

func TestDragEndsWithTheTrack(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	x, y := s.find("█")
	s.send(press(x+9, y))
	s.e.turnTo(2)
	s.send(tickMsg{}, release(x+9, y))
	s.want()
}

func TestMouseInTheLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, shelf(), 80, 24)
		x, y := s.find("Pulsewidth")
		s.send(press(x, y), release(x, y))
		if got := s.selected(); got != 3 {
			t.Errorf("click selects %d", got)
		}
		time.Sleep(time.Second)
		s.send(press(x, y), release(x, y))
		s.want() // two clicks, not a double click
		time.Sleep(100 * time.Millisecond)
		s.send(press(x, y), release(x, y))
		s.want("jump 3", "pause false")
		x, y = s.find("▾ Aphex")
		s.send(press(x, y), press(x, y)) // a folder closes
		s.want()
		s.wantText("▸ Aphex Twin")
		s.send(press(2, 17), release(2, 17)) // the sign of what plays
		s.want("toggle")

		x, y = s.find("Queue")
		s.send(press(x, y), release(x, y))
		x, y = s.find("Jóga")
		s.send(press(x, y), press(x, y))
		s.want("jumpto 5", "pause false")
	})
}

func TestWheel(t *testing.T) {
	s := newScreen(t, pile(100), 80, 24)
	wheel := func(b tea.MouseButton, y, n int) {
		for range n {
			s.send(tea.MouseMsg{X: 5, Y: y, Button: b})
		}
	}
	s.keys("g")
	wheel(tea.MouseButtonWheelDown, 5, 4)
	if l := s.model().library; l.offset != 12 || l.cursor < 12 {
		t.Errorf("after 4 turns: offset %d, line %d", l.offset, l.cursor)
	}
	wheel(tea.MouseButtonWheelDown, 5, 100)
	s.wantText("Track 99")
	wheel(tea.MouseButtonWheelUp, 5, 100)
	s.wantText("Track 0", "b0")
	s.want()
	wheel(tea.MouseButtonWheelUp, 21, 1)
	s.want("volume 0.6310", "mute false")
	s.keys("?")
	wheel(tea.MouseButtonWheelDown, 5, 30)
	s.keys("esc")
	s.send(tea.WindowSizeMsg{Width: 20, Height: 5})
	wheel(tea.MouseButtonWheelDown, 3, 3)
	s.send(press(3, 3))
	s.want()
}

// TestTabWhileFiltering: who leaves the filter by the mouse types commands again.
func TestTabWhileFiltering(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("/ x")
	m := s.model()
	tab := m.tabs(m.layout())[viewQueue]
	s.send(press(tab.x+1, 0))
	s.keys("space")
	s.want("toggle")
}

// TestNumberEverywhere: a number and enter are a place in every view.
func TestNumberEverywhere(t *testing.T) {
	for _, view := range []string{"L", "Q", "N", "Y", "P"} {
		s := newScreen(t, shelf(), 80, 24)
		s.keys(view + " 5 enter")
		if n := len(s.e.orders); n == 0 || !strings.HasPrefix(s.e.orders[n-1], "seek ") {
			t.Errorf("view %s: %q", view, s.e.orders)
		}
	}
}
