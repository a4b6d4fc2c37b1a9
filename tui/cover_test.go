package tui

import (
	"context"
	"errors"
	"image"
	"image/color"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/colorprofile"

	"secstream/pkg/player"
	"secstream/tui/art"
)

// drawn runs what draws the cover, and the model gets what it drew.
func (s *screen) drawn() {
	s.t.Helper()
	found := false
	for _, msg := range msgs(s.last) {
		if d, ok := msg.(drawnMsg); ok {
			found = true
			s.send(d)
		}
	}
	if !found {
		s.t.Fatal("nothing is drawn")
	}
}

// seen is a large picture that counts how often anybody looks at it.
type seen struct {
	image.Image
	looks atomic.Int64
}

func newSeen() *seen { return &seen{Image: image.NewGray(image.Rect(0, 0, 1024, 1024))} }

func (p *seen) Bounds() image.Rectangle { p.looks.Add(1); return p.Image.Bounds() }
func (p *seen) At(x, y int) color.Color { p.looks.Add(1); return p.Image.At(x, y) }
func (p *seen) ColorModel() color.Model { p.looks.Add(1); return p.Image.ColorModel() }

// hung is the view of what plays, with a cover of that way to show it.
func hung(t *testing.T, mode art.Mode, picture image.Image) *screen {
	t.Helper()
	s := configured(t, Config{Tracks: shelf(), Art: func(context.Context, int) ([]byte, error) { return nil, nil }}, 80, 24, looks{dark: true, profile: colorprofile.TrueColor})
	m := s.model()
	m.cover.mode, m.cover.cell = mode, image.Pt(8, 16)
	s.Model = m
	close(s.e.events)
	s.keys("N")
	s.send(picturedMsg{track: 1, image: picture})
	return s
}

// No message has Update or View look at a picture: commands draw.
func TestUpdateDrawsNoPictures(t *testing.T) {
	for _, mode := range []art.Mode{art.Blocks, art.Kitty, art.KittyTmux, art.Sixel} {
		t.Run(mode.String(), func(t *testing.T) {
			picture := newSeen()
			s := hung(t, mode, picture)
			draw := s.last
			for _, msg := range []tea.Msg{
				tea.WindowSizeMsg{Width: 120, Height: 40}, tea.WindowSizeMsg{Width: 40, Height: 10}, tea.WindowSizeMsg{Width: 100, Height: 30},
				tickMsg{s.model().generation}, groundMsg{false}, eventMsg{Kind: player.Seek, Track: 1}, eventMsg{Kind: player.TrackChange, Track: 1},
				eventMsg{Kind: player.Error, Track: 1, Err: errors.New("gone")}, eventMsg{Kind: player.Warning}, expiredMsg{}, countedMsg{}, toldMsg{},
				lyricsMsg{track: 1}, picturedMsg{track: 2, image: picture}, picturedMsg{track: 1, image: picture}, drawnMsg{}, tea.ResumeMsg{},
				tea.MouseMsg{X: 5, Y: 5, Action: tea.MouseActionPress, Button: tea.MouseButtonLeft},
				tea.MouseMsg{X: 5, Y: 5, Action: tea.MouseActionPress, Button: tea.MouseButtonWheelDown},
				keyMsg("ctrl+l"), keyMsg("i"), keyMsg("i"), keyMsg("x"), keyMsg("T"), keyMsg("?"), keyMsg("?"), keyMsg("P"), keyMsg("N"), keyMsg("n"), keyMsg("p"),
			} {
				s.send(msg)
				if n := picture.looks.Load(); n > 0 {
					t.Fatalf("after %T%+v the picture was looked at %d times", msg, msg, n)
				}
			}
			for range msgs(draw) { // what was to be drawn at first
			}
			if picture.looks.Load() == 0 {
				t.Fatal("no command draws")
			}
		})
	}
}

// drawings are what a command drew.
func drawings(cmd tea.Cmd) []drawnMsg {
	var list []drawnMsg
	for _, msg := range msgs(cmd) {
		if d, ok := msg.(drawnMsg); ok {
			list = append(list, d)
		}
	}
	return list
}

// Of the sizes that come while a picture is drawn only the last is drawn, and
// what is of another size or track is dropped.
func TestOutdatedDrawings(t *testing.T) {
	s := hung(t, art.Blocks, image.NewGray(image.Rect(0, 0, 8, 8)))
	first := drawings(s.last)
	if len(first) != 1 {
		t.Fatalf("%d pictures are drawn", len(first))
	}
	for _, w := range []int{90, 100, 110, 120} {
		s.send(tea.WindowSizeMsg{Width: w, Height: 24 + w - 80})
		if more := drawings(s.last); len(more) > 0 {
			t.Errorf("at %d cells a second one is drawn at the same time", w)
		}
	}
	s.send(first[0])
	s.wantNoText("▀")
	s.drawn()
	s.wantText("▀▀▀▀")
	s.send(tea.WindowSizeMsg{Width: 120, Height: 64})
	s.keys("Q N i i ?")
	s.keys("?")
	if again := drawings(s.last); len(again) > 0 {
		t.Error("it is drawn anew for the same size")
	}
	s.wantText("▀▀▀▀")

	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	late := drawings(s.last)
	s.e.turnTo(2)
	s.send(tickMsg{})
	s.send(late[0])
	s.wantNoText("▀")
	s.send(picturedMsg{track: 2, image: image.NewGray(image.Rect(0, 0, 8, 8))})
	s.drawn()
	s.wantText("▀▀▀▀")
}

// A terminal that was cleared is told its picture again, and it is not drawn again.
func TestPictureIsToldAgain(t *testing.T) {
	picture := newSeen()
	s := hung(t, art.Kitty, picture)
	s.drawn()
	m := s.model()
	if told := m.out.told(); !strings.Contains(told, "\x1b_Ga=T") {
		t.Fatalf("told %.40q", told)
	}
	looks := picture.looks.Load()
	s.keys("ctrl+l")
	if again := m.out.told(); !strings.HasPrefix(again, "\x1b_Ga=T") || picture.looks.Load() != looks {
		t.Errorf("told %.40q, looked at %d times more", again, picture.looks.Load()-looks)
	}
}

// A terminal that takes nothing keeps nobody from telling it more.
func TestTellWaitsForNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o, written := &output{file: w}, make(chan error)
	go func() {
		_, err := o.Write(make([]byte, 4<<20)) // more than a pipe holds
		written <- err
	}()
	if _, err := r.Read(make([]byte, 1)); err != nil { // it is being written
		t.Fatal(err)
	}
	told := make(chan struct{})
	go func() {
		o.tell("picture")
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Error("it waits")
	}
	r.Close()
	if err := <-written; err == nil {
		t.Error("nothing was held up")
	}
	if got := o.told(); got != "picture" {
		t.Errorf("told %q", got)
	}
}
