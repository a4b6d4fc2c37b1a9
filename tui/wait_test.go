package tui

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
)

// A server that is waited for is named, with the try that is under way, why the
// last one failed, and what can be pressed.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := Waiting{Server: "music.example:8080"}
		s := configured(t, Config{Tracks: shelf(), Waiting: func() Waiting { return w }}, 80, 24, plainLooks)
		pass := func(d time.Duration) {
			time.Sleep(d)
			s.send(tickMsg{s.model().generation})
		}
		pass(0)
		s.wantNoText("waiting")
		s.e.state.Buffering = true
		pass(0)
		s.wantNoText("waiting for") // it may be a moment
		pass(time.Second)
		s.wantText("waiting for music.example:8080; q quits")
		w.Tries, w.Why = 2, "connection \x1b[31mrefused"
		pass(0)
		s.wantText("waiting for music.example:8080, try 3: connection refused; q quits")
		s.golden("waiting-80x24")
		s.send(tea.WindowSizeMsg{Width: 40, Height: 10})
		s.golden("waiting-40x10")
		s.send(tea.WindowSizeMsg{Width: 60, Height: 5})
		s.wantText("music.example:8080, try 3: connection refused")
		s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
		s.keys("?")
		s.wantNoText("waiting for")
		s.keys("?")
		s.e.state.Buffering = false
		pass(0)
		s.wantText("music.example:8080, try 3: connection refused; what is here plays on")
		w.Again = 11*time.Second + 1
		pass(0)
		s.wantText("music.example:8080: busy, tries again in 12 s; what is here plays on")
		w = Waiting{Server: w.Server}
		pass(0)
		s.wantNoText("music.example")
		s.e.state.Buffering = true
		pass(0)
		s.wantNoText("waiting for") // the second wait has just begun
	})
}

// While it connects, too.
func TestWaitingForTheFirstAnswer(t *testing.T) {
	m, err := newModel(Config{
		Where: "http://music.example:8080", Connect: nil,
		Waiting: func() Waiting { return Waiting{Server: "music.example:8080", Tries: 1, Why: "no answer in time"} },
	}, plainLooks)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, Model: m}
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	s.wantText("connecting", "music.example:8080, try 2: no answer in time", "q quit")
}

// What was given up is tried again by the key that says so, in every view.
func TestEnterTriesAgain(t *testing.T) {
	for _, view := range []string{"N", "Y", "P", "L", "Q"} {
		s := configured(t, Config{Tracks: shelf(), Waiting: func() Waiting { return Waiting{Server: "music.example", Tries: 8, Why: "connection refused"} }}, 80, 24, plainLooks)
		s.e.state.Buffering = true
		s.send(eventMsg{Kind: player.Error, Track: 1, Err: errors.New("gone")}, expiredMsg{1})
		s.keys(view)
		s.wantText("music.example does not serve, 8 tries: connection refused; enter tries again")
		s.e.orders = nil
		s.keys("enter")
		switch view {
		case "L":
			s.want("jump 1", "pause false")
		default:
			s.want("jumpto 2", "pause false")
		}
	}
}

// Of a long error what can be pressed is still seen, where there is room for both.
func TestStatusEndsWithWhatToPress(t *testing.T) {
	s := status{kind: statusFailure, text: strings.Repeat("why ", 50) + "at last", then: "; enter tries again"}
	for _, c := range []struct {
		w, lines int
		then     bool
	}{{80, 2, true}, {60, 1, true}, {40, 1, false}, {300, 1, true}} {
		lines := s.view(styles{}, c.w, c.lines)
		if all := strings.Join(lines, "\n"); len(lines) > c.lines || strings.Contains(all, s.then) != c.then || strings.Contains(all, "…") == (c.w == 300) {
			t.Errorf("%d cells: %q", c.w, lines)
		}
		for _, l := range lines {
			if width(l) > c.w {
				t.Errorf("%d cells: %q", c.w, l)
			}
		}
	}
}

// What could not be played because the server was away is as good as any when it
// is back; what is broken stays so.
func TestTracksComeBackWithTheServer(t *testing.T) {
	w := Waiting{Server: "music.example"}
	s := configured(t, Config{Tracks: shelf(), Waiting: func() Waiting { return w }}, 80, 24, plainLooks)
	s.send(eventMsg{Kind: player.Error, Track: 4, Err: errors.New("damaged")})
	w.Tries = 3
	s.send(eventMsg{Kind: player.Error, Track: 2, Err: errors.New("gone")}, eventMsg{Kind: player.Error, Track: 3, Err: errors.New("gone")}, expiredMsg{3})
	s.wantText("✗ Tha", "✗ Pulsewidth", "✗ Jóga")
	w.Tries = 0
	s.send(tickMsg{})
	s.wantText("✗ Jóga")
	s.wantNoText("✗ Tha")
	s.wantNoText("✗ Pulsewidth")
}
