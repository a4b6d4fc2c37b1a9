package tui

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"secstream/tui/art"
)

func TestLyricsAreFetchedWhenTheyAreLookedAt(t *testing.T) {
	asked := 0
	lyrics := func(context.Context, int) (string, error) { asked++; return "Plain\nand simple", nil }
	s := configured(t, Config{Tracks: shelf(), Lyrics: lyrics}, 80, 24, plainLooks)
	close(s.e.events)
	s.send(tickMsg{})
	run(s.last)
	if asked != 0 {
		t.Error("asked for what nobody looks at")
	}
	s.keys("Y")
	s.wantText("looking for lyrics")
	for _, msg := range msgs(s.last) {
		if l, ok := msg.(lyricsMsg); ok {
			s.send(l)
		}
	}
	s.wantText("and simple", "not timed")
	s.send(lyricsMsg{track: 4, text: "of another track"})
	s.wantText("and simple")
	s.e.turnTo(2)
	s.send(tickMsg{})
	s.send(lyricsMsg{track: 2, err: errors.New("gone")})
	s.wantText("no lyrics yet, they are asked for again: gone")
	if s = newScreen(t, shelf(), 80, 24); s != nil {
		s.keys("Y")
		s.wantText("no lyrics come from here")
	}
}

func TestCover(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	pictures := func(context.Context, int) ([]byte, error) { return b.Bytes(), nil }
	s := configured(t, Config{Tracks: shelf(), Art: pictures}, 80, 24, looks{dark: true, profile: colorprofile.TrueColor})
	m := s.model()
	m.cover.mode = art.Blocks
	s.Model = m
	close(s.e.events)
	s.keys("N")
	for _, msg := range msgs(s.last) {
		if p, ok := msg.(picturedMsg); ok {
			s.send(p)
		}
	}
	s.wantNoText("▀")
	s.drawn()
	s.wantText("▀▀▀▀")
	x, _ := s.find("Xtal")
	s.keys("i")
	s.wantNoText("▀")
	if closer, _ := s.find("Xtal"); closer >= x {
		t.Error("without the cover its room stays")
	}
	s.keys("i Q N")
	s.wantText("▀▀▀▀")
	s.send(decode(1)([]byte("no picture"), nil))
	s.wantNoText("▀")
}

// A picture is told to the terminal before the first frame that has it, and
// forgotten at the end.
func TestPictureComesBeforeItsFrame(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		all <- string(b)
	}()
	s := configured(t, Config{Tracks: shelf(), Art: func(context.Context, int) ([]byte, error) { return nil, nil }}, 80, 24, looks{dark: true, profile: colorprofile.TrueColor})
	m := s.model()
	m.cover.mode, m.out.file = art.Kitty, w
	s.Model = m
	s.keys("N")
	s.send(picturedMsg{track: 1, image: image.NewGray(image.Rect(0, 0, 8, 8))})
	close(s.e.events)
	s.drawn()
	m.out.there = true
	m.out.show(frame{s.raw(), 80, 24})
	m.out.paint()
	m.out.forget(s.model().cover.remove)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text := <-all
	told, frame, gone := strings.Index(text, "\x1b_Ga=T"), strings.Index(text, "secstream"), strings.LastIndex(text, "\x1b_Ga=d")
	if told != 0 || frame < told || gone < strings.LastIndex(text, "\U0010eeee") || strings.Count(text, "\x1b_Ga=T") != 1 {
		t.Errorf("told at %d, frame at %d, forgotten at %d of %d bytes", told, frame, gone, len(text))
	}
}

// The terminal is asked for its ground once there is something to play, and its
// answer is heard.
func TestGroundIsAskedFor(t *testing.T) {
	ground := make(chan bool, 1)
	s := configured(t, Config{Tracks: shelf()}, 80, 24, looks{dark: true, profile: colorprofile.TrueColor})
	m := s.model()
	m.ground = ground
	s.Model = m
	close(s.e.events)
	ground <- false
	said := msgs(m.Init())
	if m.out.before != groundQuery || !slices.Contains(said, tea.Msg(groundMsg{dark: false})) {
		t.Errorf("told %q, heard %v", m.out.before, said)
	}
	dark := s.raw()
	s.send(groundMsg{dark: false})
	if s.raw() == dark || s.model().looks.dark {
		t.Error("a light terminal gets the dark colours")
	}
}

// Pixels stand in their lines, which no renderer cuts, and those lines alone.
func TestPixelsStandInTheirLines(t *testing.T) {
	s := configured(t, Config{Tracks: shelf(), Art: func(context.Context, int) ([]byte, error) { return nil, nil }}, 80, 24, looks{dark: true, profile: colorprofile.TrueColor})
	m := s.model()
	m.cover.mode, m.cover.cell = art.Sixel, image.Pt(8, 16)
	s.Model = m
	s.keys("N")
	s.send(picturedMsg{track: 1, image: image.NewGray(image.Rect(0, 0, 8, 8))})
	close(s.e.events)
	s.drawn()
	strips := 0
	for _, l := range strings.Split(s.raw(), "\n") {
		strips += strings.Count(l, "\x1bP")
		if ansi.Truncate(l, 80, "") != l || ansi.StringWidth(l) > 80 {
			t.Errorf("a line that is cut: %.80q", l)
		}
	}
	if strips < 4 {
		t.Errorf("%d strips of pixels", strips)
	}
	s.keys("Q")
	if strings.Contains(s.raw(), "\x1bP") {
		t.Error("pixels stay")
	}
}

func TestProfile(t *testing.T) {
	for environ, want := range map[string]colorprofile.Profile{
		"TERM=xterm":          colorprofile.ANSI,
		"TERM=xterm-256color": colorprofile.ANSI256,
		"TERM=xterm-256color COLORTERM=truecolor":             colorprofile.TrueColor,
		"TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1":  colorprofile.ASCII,
		"TERM=xterm-256color COLORTERM=truecolor NO_COLOR=no": colorprofile.ASCII, // whatever it is, it is there
		"TERM=tmux-256color":                                  colorprofile.ANSI256,
		"TERM=tmux-256color COLORTERM=truecolor":              colorprofile.TrueColor,
		"TERM=screen-256color COLORTERM=truecolor":            colorprofile.ANSI256,
	} {
		if got := profileOf(strings.Fields(environ)); got != want {
			t.Errorf("%s is %v, want %v", environ, got, want)
		}
	}
	for colours, dark := range map[string]bool{"": true, "15;0": true, "0;15": false, "0;default;7": false} {
		if darkGuess(colours) != dark {
			t.Errorf("COLORFGBG=%s is dark: %v", colours, !dark)
		}
	}
}
