package tui

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

// fakeEngine notes its orders and does the obvious with its state.
type fakeEngine struct {
	state  player.State
	events chan player.Event
	orders []string
}

func (f *fakeEngine) note(format string, args ...any) {
	f.orders = append(f.orders, fmt.Sprintf(format, args...))
}

func (f *fakeEngine) Events() <-chan player.Event { return f.events }
func (f *fakeEngine) State() player.State         { return f.state }
func (f *fakeEngine) Toggle()                     { f.note("toggle"); f.state.Paused = !f.state.Paused }
func (f *fakeEngine) Pause(on bool)               { f.note("pause %v", on); f.state.Paused = on }
func (f *fakeEngine) Next()                       { f.note("next"); f.state.Track++ }
func (f *fakeEngine) Prev()                       { f.note("prev"); f.state.Track-- }
func (f *fakeEngine) Jump(i int)                  { f.note("jump %d", i); f.state.Track = i }
func (f *fakeEngine) Seek(to time.Duration)       { f.note("seek %v", to); f.state.Position = to }
func (f *fakeEngine) SeekBy(d time.Duration)      { f.note("seekby %v", d); f.state.Position += d }
func (f *fakeEngine) SetVolume(a float64)         { f.note("volume %.4f", a); f.state.Volume = a }
func (f *fakeEngine) Mute(on bool)                { f.note("mute %v", on); f.state.Muted = on }

// screen is a model under test with its engine.
type screen struct {
	t *testing.T
	tea.Model
	e    *fakeEngine
	last tea.Cmd
}

var flac = audio.Info{Container: audio.FLAC, Codec: audio.Flac, SampleRate: 44100, Channels: 2, BitDepth: 16}

// newScreen plays track 1 of the tracks, plain text, at w × h.
func newScreen(t *testing.T, tracks []Track, w, h int) *screen {
	t.Helper()
	return styledScreen(t, tracks, w, h, termenv.Ascii)
}

func styledScreen(t *testing.T, tracks []Track, w, h int, p termenv.Profile) *screen {
	t.Helper()
	e := &fakeEngine{events: make(chan player.Event, 8)}
	e.state = player.State{Track: 1, Position: 83 * time.Second, Volume: 0.512, Info: flac}
	if len(tracks) > 1 {
		e.state.Duration = tracks[1].Duration
	}
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(p)
	r.SetHasDarkBackground(true)
	m := newModel(e, Config{Tracks: tracks, Where: "http://127.0.0.1:8420", Volume: 0.8}, newStyles(r), make(chan struct{}))
	s := &screen{t: t, Model: m, e: e}
	if w > 0 {
		s.send(tea.WindowSizeMsg{Width: w, Height: h})
	}
	return s
}

// send updates the model and checks what must always hold.
func (s *screen) send(msgs ...tea.Msg) {
	s.t.Helper()
	for _, msg := range msgs {
		s.Model, s.last = s.Update(msg)
		s.check()
	}
}

// check asserts that the screen fits the terminal.
func (s *screen) check() {
	s.t.Helper()
	m := s.model()
	lines := strings.Split(s.View(), "\n")
	if m.h > 0 && len(lines) > m.h {
		s.t.Fatalf("%d lines on %d × %d", len(lines), m.w, m.h)
	}
	for i, l := range lines {
		if n := width(l); n > m.w {
			s.t.Fatalf("line %d is %d cells wide on %d × %d: %q", i, n, m.w, m.h, l)
		}
	}
}

func (s *screen) model() model { return s.Model.(model) }

// selected is the track under the cursor.
func (s *screen) selected() int {
	m := s.model()
	return m.browse.selected()
}

// keys types keys by their names, separated by spaces.
func (s *screen) keys(names string) {
	s.t.Helper()
	for _, n := range strings.Fields(names) {
		s.send(keyMsg(n))
	}
}

var namedKeys = map[string]tea.KeyMsg{
	"space": {Type: tea.KeySpace, Runes: []rune{' '}}, "enter": {Type: tea.KeyEnter}, "esc": {Type: tea.KeyEsc},
	"left": {Type: tea.KeyLeft}, "right": {Type: tea.KeyRight}, "up": {Type: tea.KeyUp}, "down": {Type: tea.KeyDown},
	"shift+left": {Type: tea.KeyShiftLeft}, "shift+right": {Type: tea.KeyShiftRight},
	"pgup": {Type: tea.KeyPgUp}, "pgdown": {Type: tea.KeyPgDown}, "home": {Type: tea.KeyHome}, "end": {Type: tea.KeyEnd},
	"ctrl+c": {Type: tea.KeyCtrlC}, "ctrl+z": {Type: tea.KeyCtrlZ}, "ctrl+u": {Type: tea.KeyCtrlU}, "ctrl+w": {Type: tea.KeyCtrlW},
	"ctrl+p": {Type: tea.KeyCtrlP}, "ctrl+n": {Type: tea.KeyCtrlN}, "backspace": {Type: tea.KeyBackspace},
}

func keyMsg(name string) tea.KeyMsg {
	if k, ok := namedKeys[name]; ok {
		return k
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// want checks the orders given since the last call.
func (s *screen) want(orders ...string) {
	s.t.Helper()
	if !slices.Equal(s.e.orders, orders) {
		s.t.Errorf("orders %q, want %q", s.e.orders, orders)
	}
	s.e.orders = nil
}

func (s *screen) wantText(parts ...string) {
	s.t.Helper()
	for _, p := range parts {
		if !strings.Contains(s.View(), p) {
			s.t.Errorf("%q is not on the screen:\n%s", p, s.View())
		}
	}
}

func (s *screen) wantNoText(p string) {
	s.t.Helper()
	if strings.Contains(s.View(), p) {
		s.t.Errorf("%q is on the screen:\n%s", p, s.View())
	}
}

// msgs runs a command, and those it holds, and returns what they say.
func msgs(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	msg := cmd()
	batch, ok := msg.(tea.BatchMsg)
	if !ok {
		return []tea.Msg{msg}
	}
	var all []tea.Msg
	for _, c := range batch {
		all = append(all, msgs(c)...)
	}
	return all
}

func minutes(m float64) time.Duration { return time.Duration(math.Round(m*60)) * time.Second }

// shelf is a small library of every kind of section.
func shelf() []Track {
	const selected, aphex = "Selected Ambient Works 85–92", "Aphex Twin"
	return []Track{
		{Title: "top.wav", Format: "wav", Duration: minutes(0.5)},
		{Title: "Xtal", Artist: aphex, Album: selected, Folder: "Aphex Twin/SAW", Format: "flac", Duration: minutes(4.9)},
		{Title: "Tha", Artist: aphex, Album: selected, Folder: "Aphex Twin/SAW", Format: "flac", Duration: minutes(9.1)},
		{Title: "Pulsewidth", Artist: aphex, Album: selected, Folder: "Aphex Twin/SAW", Format: "flac", Duration: minutes(3.8)},
		{Title: "Jóga", Artist: "Björk", Album: "Homogenic", Folder: "Mixed", Format: "ogg", Duration: minutes(5.1)},
		{Title: "A title that goes on and on until nobody can read it on an ordinary screen", Artist: "Someone with a long name too", Album: "Another", Folder: "Mixed", Format: "mp3", Duration: minutes(72)},
		{Title: "", Folder: "Mixed", Format: "mp3"},
		{Title: "戦場のメリークリスマス", Artist: "坂本龍一", Album: "Merry Christmas Mr. Lawrence", Folder: "坂本龍一", Format: "mp3", Duration: minutes(4.7)},
		{Title: "千のナイフ", Artist: "坂本龍一", Album: "千のナイフ", Folder: "坂本龍一", Format: "mp3", Duration: minutes(9.6)},
		{Title: "Etude e\u0301trange", Artist: "Zoe\u0308", Album: "One", Folder: "Various", Format: "flac", Duration: minutes(2)},
		{Title: "Second", Artist: "Other", Album: "One", Folder: "Various", Format: "flac", Duration: minutes(2.5)},
	}
}

// pile is a library of n tracks in albums of ten.
func pile(n int) []Track {
	tracks := make([]Track, n)
	for i := range tracks {
		tracks[i] = Track{
			Title: fmt.Sprintf("Track %d", i), Artist: fmt.Sprintf("Artist %d", i/100), Album: fmt.Sprintf("Album %d", i/10),
			Folder: fmt.Sprintf("a%d/b%d", i/100, i/10), Format: "flac", Duration: time.Duration(100+i%200) * time.Second,
		}
	}
	return tracks
}
