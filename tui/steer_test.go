package tui

import (
	"math"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
	"secstream/tui/keys"
)

func TestTransportKeys(t *testing.T) {
	for _, c := range []struct {
		keys string
		want []string
	}{
		{"space", []string{"toggle"}},
		{"n", []string{"next"}},
		{">", []string{"next"}},
		{"p", []string{"prev"}},
		{"b", []string{"prev"}},
		{"<", []string{"prev"}},
		{"h", []string{"seekby -5s"}},
		{"left", []string{"seekby -5s"}},
		{"l", []string{"seekby 5s"}},
		{"right", []string{"seekby 5s"}},
		{"shift+left", []string{"seekby -1m0s"}},
		{"shift+right", []string{"seekby 1m0s"}},
		{"[", []string{"seekby -1m0s"}},
		{"]", []string{"seekby 1m0s"}},
		{"0", []string{"seek 0s"}},
		{"m m", []string{"mute true", "mute false"}},
		{"s s", []string{"shuffle true", "shuffle false"}},
		{"r r r", []string{"repeat all", "repeat one", "repeat off"}},
		{"j enter", []string{"jump 2", "pause false"}},
		{"G enter", []string{"jump 0", "pause false"}}, // tracks of the top stand below its folders
		{"3 n", []string{"next", "next", "next"}},
		{"2 p", []string{"prev", "prev"}},
		{"4 l", []string{"seekby 20s"}},
		{"1 2 h", []string{"seekby -1m0s"}},
		{"4 m", []string{"mute true"}}, // a count that means nothing
		{"4 esc n", []string{"next"}},
		{"5 enter", []string{"seek 2m27s"}},
		{"? esc", nil},
		{"X é", nil},
	} {
		s := newScreen(t, shelf(), 80, 24)
		s.keys(c.keys)
		if len(s.e.orders) != len(c.want) {
			t.Errorf("%q: orders %q, want %q", c.keys, s.e.orders, c.want)
		}
		s.want(c.want...)
	}
}

// A number that no key follows is a place in the track.
func TestNumberAlone(t *testing.T) {
	for keys, want := range map[string]string{"5": "seek 2m27s", "9": "seek 4m24.6s", "2 5": "seek 1m13.5s", "1 0 0": "seek 4m54s"} {
		s := newScreen(t, shelf(), 80, 24)
		s.keys(keys)
		s.want()
		s.send(countedMsg{s.model().number.id - 1}) // of the digit before
		s.want()
		s.send(countedMsg{s.model().number.id})
		s.want(want)
		s.send(countedMsg{s.model().number.id})
		s.want()
	}
	s := newScreen(t, shelf(), 80, 24)
	s.keys("7 7 7 7 7 7 7")
	s.send(countedMsg{s.model().number.id}) // no place
	s.want()
	s.keys("2")
	s.wantText("20 % of the track, or a count")
	s.keys("j")
	s.send(countedMsg{s.model().number.id}) // it was a count
	s.want()
}

func TestCountsMove(t *testing.T) {
	s := newScreen(t, pile(200), 80, 24)
	s.keys("g 5 j")
	before := s.model().library.cursor
	s.keys("1 2 j 3 k")
	if got := s.model().library.cursor; got != before+9 {
		t.Errorf("12 down and 3 up from %d is %d", before, got)
	}
	s.keys("2 0 G")
	if got := s.model().library.cursor; got != 19 {
		t.Errorf("20G is line %d", got+1)
	}
}

func TestVolumeKeys(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("+")
	s.want("volume 0.6310", "mute false")
	s.wantText("-4 dB")
	s.keys("-")
	s.want("volume 0.5012")
	s.keys("3 -")
	s.want("volume 0.2512")
	s.wantText("-12 dB")
	for range 30 {
		s.keys("=")
	}
	s.wantText("  0 dB")
	if v := s.e.state.Volume; v != 1 {
		t.Errorf("full volume is %v", v)
	}
	s.keys("m")
	s.wantText("muted")
	for range 30 {
		s.keys("-")
	}
	s.wantText("muted") // softer does not end a mute
	if v := s.e.state.Volume; v != 0 || s.model().now.volume != silence {
		t.Errorf("no volume is %v, %v dB", v, s.model().now.volume)
	}
	s.keys("m")
	s.wantText("silent")
	s.keys("+")
	s.wantText("-58 dB")
}

func TestOddVolumes(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -300, 7} {
		s := newScreen(t, shelf(), 80, 24)
		m := s.model()
		m.adopt(s.e, Config{Volume: v})
		if !(m.now.volume >= silence && m.now.volume <= 0) || m.View() == "" {
			t.Errorf("volume %v gives %v", v, m.now.volume)
		}
	}
}

func TestPasteIsNoCommand(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.send(pasted("nqn"))
	s.want()
	s.keys("/")
	s.send(pasted("メリー\n\x1b[31m"))
	s.wantText("1 of 11", "戦場")
}

// Keys typed faster than they are read come as one message.
func TestKeysInOneRead(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("nnm")})
	s.want("next", "next", "mute true")
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("/メリー")}, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q"), Alt: true})
	s.wantText("1 of 11", "戦場")
	s.send(tea.KeyMsg{Type: tea.KeyEsc})
	before := len(s.e.queue.Items)
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("rrssQdd")})
	if q := s.e.queue; q.Repeat != player.RepeatOne || q.Shuffle || len(q.Items) != before-2 {
		t.Errorf("repeat %v, shuffle %t, %d of %d entries", q.Repeat, q.Shuffle, len(q.Items), before)
	}
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jq")})
	if !says[tea.QuitMsg](s.last) {
		t.Error("q behind another key does not quit")
	}
}

func TestNamesOfKeys(t *testing.T) {
	for want, key := range map[string]tea.KeyMsg{
		"space": {Type: tea.KeySpace, Runes: []rune{' '}}, "alt+space": {Type: tea.KeySpace, Runes: []rune{' '}, Alt: true},
		"alt+x": {Type: tea.KeyRunes, Runes: []rune{'x'}, Alt: true}, "N": {Type: tea.KeyRunes, Runes: []rune{'N'}},
		"shift+left": {Type: tea.KeyShiftLeft}, "pgdown": {Type: tea.KeyPgDown}, "ctrl+u": {Type: tea.KeyCtrlU},
		"esc": {Type: tea.KeyEsc}, "backspace": {Type: tea.KeyBackspace}, "delete": {Type: tea.KeyDelete},
		"insert": {Type: tea.KeyInsert}, "f12": {Type: tea.KeyF12}, "enter": {Type: tea.KeyEnter}, "home": {Type: tea.KeyHome},
	} {
		if got, _ := named(key); got != want {
			t.Errorf("%v is called %q, want %q", key, got, want)
		}
		if err := CheckKeys(map[string][]string{"next": {want}}); err != nil {
			t.Error(err)
		}
	}
}

func TestQuitKeys(t *testing.T) {
	for _, keys := range []string{"q", "ctrl+c", "/ ctrl+c", "? q"} {
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
	s.keys("esc ctrl+z")
	if !says[tea.SuspendMsg](s.last) {
		t.Error("ctrl+z does not suspend")
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

func TestViewKeys(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	for key, want := range map[string]view{"Q": viewQueue, "N": viewNow, "Y": viewLyrics, "P": viewProtection, "L": viewLibrary} {
		s.keys(key)
		if got := s.model().view; got != want {
			t.Errorf("%s shows %s", key, viewNames[got])
		}
	}
	s.keys("L tab tab tab")
	if got := s.model().view; got != viewLyrics {
		t.Errorf("three tabs from the library show %s", viewNames[got])
	}
	s.keys("tab tab shift+tab")
	if got := s.model().view; got != viewProtection {
		t.Errorf("back from the library is %s", viewNames[got])
	}
	s.keys("/ q q") // the filter is the library's
	s.wantText("nothing matches", "0 of 11")
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
	s.keys("down down up")
	at(3)
	s.keys("G")
	at(199)
	s.keys("j pgdown")
	at(199)
	s.keys("g")
	s.wantText("a0", "b0", "Track 0")
	s.keys("pgdown pgup j j")
	at(0)
	s.keys("G .")
	at(1) // what plays
}

func TestGroups(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("g enter") // the folder closes
	s.want()
	s.wantText("▸ Aphex Twin")
	s.wantNoText("Tha")
	s.keys("enter")
	s.wantText("Tha")
	s.keys("z")
	s.wantNoText("Jóga")
	s.keys(".")
	s.wantText("Xtal") // opened to show what plays
	s.wantNoText("Jóga")
	s.keys("z z")
	s.wantText("Jóga", "Tha")
	s.keys("t")
	s.wantText("artists", "▾ Homogenic")
	s.keys("t")
	s.wantText("albums", "One · various artists")
	s.keys("t o o o")
	s.wantText("tracks · by length")
	s.keys("g enter")
	s.want("jump 6", "pause false") // the one of unknown length
}

func TestHelpStaysOpenAndCloses(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	const sign = "While a filter is typed"
	s.keys("?")
	s.wantText(sign)
	s.keys("n")
	s.want("next")
	s.wantText(sign)
	s.keys("esc")
	s.wantNoText(sign)
	s.keys("? ?")
	s.wantNoText(sign)
	s.keys("? /")
	s.wantNoText(sign) // the filter needs the list
	s.keys("esc")
	s.send(tea.WindowSizeMsg{Width: 40, Height: 10})
	s.keys("? G")
	s.wantText("end the filter") // the last line of the table
	s.keys("g")
	s.wantText("play or pause")
}

func TestQueueKeys(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("Q j d")
	s.want("remove 3")
	s.wantNoText("Tha")
	s.keys("J K 2 J")
	s.want("move 4 1", "move 4 -1", "move 4 2")
	q := s.model().queue
	if got := q.selected(); got != 4 {
		t.Errorf("selected %d: the cursor does not go with what is moved", got)
	}
	s.keys("2 d")
	s.want("remove 4", "remove 7")
	s.keys("g enter")
	s.want("jumpto 1", "pause false")
	s.keys("c")
	s.want("clear")
	s.wantText("took out 7 tracks", "0 to come")
	s.keys("L g 3 j a A")
	s.want("add [2]", "playnext [3]")
	s.wantText("next: Pulsewidth")
	s.keys("g a")
	s.want("add [1 2 3]") // a folder
	s.wantText("added 3 tracks")
	s.keys("Q")
	s.wantText("5 to come", "+5")
}

func TestCursorFollowsTheMusic(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.e.turnTo(2)
	s.send(tickMsg{})
	if got := s.selected(); got != 2 {
		t.Errorf("selected %d, but 2 plays and the cursor was on the last one", got)
	}
	if got := s.model().queue.cursor; got != 2 {
		t.Errorf("in the queue %d is selected", got)
	}
	s.keys("g")
	s.e.turnTo(3)
	s.send(tickMsg{})
	if got := s.selected(); got != -1 {
		t.Errorf("selected %d: the cursor was taken from where the user put it", got)
	}
}

func TestAfterTheEnd(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.e.state.Ended = true
	s.send(eventMsg{Kind: player.Ended})
	s.wantText("finished")
	s.keys("j space")
	s.want("jump 2", "pause false") // space plays what is selected
	s.wantNoText("finished")
	s.keys("space")
	s.want("toggle")
}

func TestSeekWithoutALength(t *testing.T) {
	s := newScreen(t, []Track{{Title: "a"}, {Title: "b"}}, 80, 24)
	s.keys("5")
	s.send(countedMsg{s.model().number.id})
	s.want()
	s.wantText("-:--")
}

func TestOtherKeys(t *testing.T) {
	s := configured(t, Config{Tracks: shelf(), Keys: map[string][]string{"next": {"X"}, "toggle": {}}}, 80, 24, plainLooks)
	s.keys("X n space")
	s.want("next")
	s.wantNoText("play/pause")
	if _, err := newModel(Config{Keys: map[string][]string{"fly": {"f"}}}, plainLooks); err == nil {
		t.Error("an action that there is not is taken")
	}
}

// Every line of the table does something, or closes what is not open.
func TestEveryActionIsKnown(t *testing.T) {
	k, err := keys.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []keys.Where{keys.Anywhere, keys.Lists, keys.Library, keys.Queue, keys.Lyrics} {
		for _, b := range k.In(w) {
			s := configured(t, Config{Tracks: shelf(), Lyrics: noLyrics}, 80, 24, plainLooks)
			switch w {
			case keys.Queue:
				s.keys("Q j j")
			case keys.Lyrics:
				s.keys("Y")
				s.send(lyricsMsg{track: 1, text: song})
			case keys.Lists:
				s.keys("j j")
			}
			if b.Action == keys.Close {
				s.keys("?")
			}
			if b.Action == keys.ShowLibrary {
				s.keys("Q")
			}
			if b.Action == keys.Cover { // shows only with one
				continue
			}
			before := s.text()
			s.keys(b.Keys[0])
			acts := (b.Action == keys.Quit || b.Action == keys.Suspend || b.Action == keys.Redraw) && s.last != nil
			if s.text() == before && len(s.e.orders) == 0 && !acts {
				t.Errorf("%s (%s) does nothing", b.Action, b.Keys[0])
			}
		}
	}
}
