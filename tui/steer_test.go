package tui

import (
	"math"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
)

func TestTransportKeys(t *testing.T) {
	for _, c := range []struct {
		keys string
		want []string
	}{
		{"space", []string{"toggle"}},
		{"p", []string{"toggle"}},
		{"n", []string{"next"}},
		{">", []string{"next"}},
		{"b", []string{"prev"}},
		{"<", []string{"prev"}},
		{"left", []string{"seekby -5s"}},
		{"right", []string{"seekby 5s"}},
		{"shift+left", []string{"seekby -1m0s"}},
		{"shift+right", []string{"seekby 1m0s"}},
		{"[", []string{"seekby -1m0s"}},
		{"]", []string{"seekby 1m0s"}},
		{"0", []string{"seek 0s"}},
		{"5", []string{"seek 2m27s"}},
		{"9", []string{"seek 4m24.6s"}},
		{"m m", []string{"mute true", "mute false"}},
		{"down enter", []string{"jump 2", "pause false"}},
		{"G enter", []string{"jump 10", "pause false"}},
		{"up up up enter", []string{"jump 0", "pause false"}},
		{"end home enter", []string{"jump 0", "pause false"}},
		{"? esc", nil},
		{"x y Z é", nil},
	} {
		s := newScreen(t, shelf(), 80, 24)
		s.keys(c.keys)
		s.want(c.want...)
	}
}

func TestVolumeKeys(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("+")
	s.want("volume 0.6141", "mute false")
	s.wantText("85 %")
	s.keys("-")
	s.want("volume 0.5120")
	for range 30 {
		s.keys("=")
	}
	s.wantText("100 %")
	if v := s.e.state.Volume; v != 1 {
		t.Errorf("full volume is %v", v)
	}
	s.keys("m")
	s.wantText("muted")
	for range 30 {
		s.keys("-")
	}
	s.wantText("muted") // softer does not end a mute
	if v := s.e.state.Volume; v != 0 || s.model().now.volume != 0 {
		t.Errorf("no volume is %v, control %v", v, s.model().now.volume)
	}
	s.keys("+")
	s.wantText("  5 %")
	s.wantNoText("muted")
}

func TestOddVolumes(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -3, 7} {
		s := newScreen(t, shelf(), 80, 24)
		m := newModel(s.e, Config{Volume: v}, s.model().styles, nil)
		if m.w, m.h = 80, 24; !(m.now.volume >= 0 && m.now.volume <= 1) || m.View() == "" {
			t.Errorf("volume %v gives %v", v, m.now.volume)
		}
	}
}

func TestFastKeysInOneRead(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jjn")})
	s.want("next")
	if got := s.selected(); got != 3 {
		t.Errorf("two steps down from 1 select %d", got)
	}
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("nqn"), Paste: true})
	s.want() // a paste is no row of commands
}

func TestQuitKeys(t *testing.T) {
	for _, keys := range []string{"q", "ctrl+c", "/ ctrl+c"} {
		s := newScreen(t, shelf(), 80, 24)
		s.keys(keys)
		if !says[tea.QuitMsg](s.last) {
			t.Errorf("%q does not quit", keys)
		}
	}
	s := newScreen(t, shelf(), 80, 24)
	s.keys("/ q")
	if says[tea.QuitMsg](s.last) {
		t.Error("q in a filter quits")
	}
	s.keys("ctrl+z")
	if !says[tea.SuspendMsg](s.last) {
		t.Error("ctrl+z does not suspend")
	}
	s.send(tea.ResumeMsg{})
	if s.last == nil {
		t.Error("the mouse is not asked for again after a suspend")
	}
}

// says whether cmd, or one that it holds, gives a T at once.
func says[T tea.Msg](cmd tea.Cmd) bool {
	found := make(chan bool, 8)
	var try func(tea.Cmd)
	try = func(c tea.Cmd) {
		if c == nil {
			return
		}
		switch msg := c().(type) {
		case T:
			found <- true
		case tea.BatchMsg:
			for _, c := range msg {
				go try(c)
			}
		}
	}
	go try(cmd)
	select {
	case <-found:
		return true
	case <-time.After(50 * time.Millisecond):
		return false
	}
}

func TestListKeys(t *testing.T) {
	s := newScreen(t, pile(200), 80, 24)
	at := func(want int) {
		t.Helper()
		if got := s.selected(); got != want {
			t.Errorf("selected %d, want %d", got, want)
		}
	}
	at(1)
	s.keys("j")
	at(2)
	s.keys("k k k k k")
	at(0)
	s.keys("down down up")
	at(1)
	s.keys("G")
	at(199)
	s.keys("j pgdown")
	at(199)
	s.keys("g")
	at(0)
	s.wantText("Album 0 · Artist 0") // the heading above the first is in sight
	s.keys("pgdown")
	if got := s.selected(); got < 10 || got > 13 {
		t.Errorf("a page down is track %d", got)
	}
	s.keys("pgup")
	at(0)
}

func TestFilter(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("/ b j o r k")
	s.wantText("1 of 11", "Jóga")
	s.wantNoText("Tha")
	s.keys("enter")
	s.want("jump 4", "pause false")
	s.keys("n")
	s.want("next") // keys are commands again
	s.wantText("1 of 11")
	s.keys("esc")
	s.wantText("Xtal", "Pulsewidth")
	s.wantNoText(" of 11\n ─") // the rule is back

	s.keys("/ Z O E")
	s.wantText("1 of 11") // written with a combining accent
	s.keys("backspace backspace backspace")
	s.wantText("11 of 11")
	s.keys("backspace space")
	s.want("toggle") // erasing nothing ends the typing
	s.keys("/ s a w space p u l")
	s.wantText("1 of 11", "Pulsewidth") // words of folder and title
	s.keys("ctrl+w")
	s.wantText("3 of 11")
	s.keys("down ctrl+n up ctrl+p down enter")
	s.want("jump 2", "pause false")
	s.keys("/ ctrl+u")
	s.wantText("11 of 11")
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("メリー\n\x1b[31m"), Paste: true})
	s.wantText("1 of 11", "戦場")
	s.keys("esc")
	s.want()
}

func TestFilterKeepsTheSelectedTrack(t *testing.T) {
	s := newScreen(t, pile(300), 80, 24)
	s.keys("G / T r a c k space 2")
	if got := s.selected(); got != 299 {
		t.Errorf("selected %d while it still matches", got)
	}
	s.keys("5 1")
	if got := s.selected(); got != 251 {
		t.Errorf("selected %d of the one match", got)
	}
	s.keys("esc")
	if got := s.selected(); got != 251 {
		t.Errorf("selected %d after the filter was cleared", got)
	}
	s.wantText("› ", "Track 251")
}

func TestLongFilterShowsItsEnd(t *testing.T) {
	s := newScreen(t, shelf(), 40, 10)
	s.keys("/")
	for range 30 {
		s.keys("語 é")
	}
	s.keys("E N D")
	s.wantText("END▏")
}

func TestHelpStaysOpenAndCloses(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("?")
	s.wantText("first/last")
	s.keys("n")
	s.want("next")
	s.wantText("first/last")
	s.keys("esc")
	s.wantNoText("first/last")
	s.keys("? ?")
	s.wantNoText("first/last")
	s.keys("? /")
	s.wantNoText("first/last") // the filter needs the list
}

func TestCursorFollowsTheMusic(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.e.state.Track = 2
	s.send(tickMsg{})
	if got := s.selected(); got != 2 {
		t.Errorf("selected %d, but 2 plays and the cursor was on the last one", got)
	}
	s.keys("down down down")
	s.e.state.Track = 3
	s.send(tickMsg{})
	if got := s.selected(); got != 5 {
		t.Errorf("selected %d: the cursor was taken from where the user put it", got)
	}
}

func TestAfterTheEnd(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.send(eventMsg{Kind: player.Ended})
	s.wantText("finished")
	s.keys("down space")
	s.want("jump 2", "pause false") // space plays what is selected
	s.send(eventMsg{Kind: player.TrackChange, Track: 2})
	s.wantNoText("finished")
	s.keys("space")
	s.want("toggle")
}

func TestSeekWithoutALength(t *testing.T) {
	s := newScreen(t, []Track{{Title: "a"}, {Title: "b"}}, 80, 24)
	s.keys("5")
	s.want()
	s.wantText("-:--")
}
