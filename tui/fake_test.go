package tui

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

// fakeEngine notes its orders and does the obvious with its state.
type fakeEngine struct {
	state  player.State
	queue  player.Queue
	lastID uint64
	events chan player.Event
	orders []string
	sound  []float64
}

func (f *fakeEngine) note(format string, args ...any) {
	f.orders = append(f.orders, fmt.Sprintf(format, args...))
}

// enqueue puts tracks into the queue at i.
func (f *fakeEngine) enqueue(i int, tracks ...int) {
	var items []player.Item
	for _, t := range tracks {
		f.lastID++
		items = append(items, player.Item{ID: f.lastID, Track: t})
	}
	f.queue.Items = slices.Insert(slices.Clone(f.queue.Items), i, items...)
	f.queue.Version++
}

// turnTo makes an entry the current one.
func (f *fakeEngine) turnTo(i int) {
	f.queue.Current = i
	f.queue.Version++
	f.state.Ended = false
	if i >= 0 && i < len(f.queue.Items) {
		f.state.Track, f.state.Item = f.queue.Items[i].Track, f.queue.Items[i].ID
	}
}

func (f *fakeEngine) at(id uint64) int {
	return slices.IndexFunc(f.queue.Items, func(i player.Item) bool { return i.ID == id })
}

func (f *fakeEngine) Events() <-chan player.Event { return f.events }
func (f *fakeEngine) State() player.State         { return f.state }
func (f *fakeEngine) Toggle()                     { f.note("toggle"); f.state.Paused = !f.state.Paused }
func (f *fakeEngine) Pause(on bool)               { f.note("pause %v", on); f.state.Paused = on }
func (f *fakeEngine) Next()                       { f.note("next"); f.turnTo(f.queue.Current + 1) }
func (f *fakeEngine) Prev()                       { f.note("prev"); f.turnTo(f.queue.Current - 1) }
func (f *fakeEngine) Seek(to time.Duration)       { f.note("seek %v", to); f.state.Position = to }
func (f *fakeEngine) SeekBy(d time.Duration)      { f.note("seekby %v", d); f.state.Position += d }
func (f *fakeEngine) SetVolume(a float64)         { f.note("volume %.4f", a); f.state.Volume = a }
func (f *fakeEngine) Mute(on bool)                { f.note("mute %v", on); f.state.Muted = on }
func (f *fakeEngine) Queue() player.Queue         { return f.queue }
func (f *fakeEngine) QueueVersion() uint64        { return f.queue.Version }
func (f *fakeEngine) Jump(track int) {
	f.note("jump %d", track)
	f.turnTo(slices.IndexFunc(f.queue.Items, func(i player.Item) bool { return i.Track == track }))
}
func (f *fakeEngine) JumpTo(id uint64) { f.note("jumpto %d", id); f.turnTo(f.at(id)) }
func (f *fakeEngine) Add(tracks ...int) {
	f.note("add %v", tracks)
	f.enqueue(len(f.queue.Items), tracks...)
}
func (f *fakeEngine) PlayNext(tracks ...int) {
	f.note("playnext %v", tracks)
	f.enqueue(f.queue.Current+1, tracks...)
}
func (f *fakeEngine) Remove(id uint64) {
	f.note("remove %d", id)
	f.queue.Items = slices.DeleteFunc(slices.Clone(f.queue.Items), func(i player.Item) bool { return i.ID == id })
	f.queue.Version++
}
func (f *fakeEngine) Move(id uint64, by int) {
	f.note("move %d %d", id, by)
	i := f.at(id)
	item := f.queue.Items[i]
	rest := slices.Delete(slices.Clone(f.queue.Items), i, i+1)
	f.queue.Items = slices.Insert(rest, min(max(i+by, 0), len(rest)), item)
	f.queue.Version++
}
func (f *fakeEngine) Clear() {
	f.note("clear")
	f.queue.Items = slices.Clone(f.queue.Items[:f.queue.Current+1])
	f.queue.Version++
}
func (f *fakeEngine) SetRepeat(r player.Repeat) {
	f.note("repeat %v", r)
	f.queue.Repeat = r
	f.queue.Version++
}
func (f *fakeEngine) SetShuffle(on bool) {
	f.note("shuffle %v", on)
	f.queue.Shuffle = on
	f.queue.Version++
}
func (f *fakeEngine) Scope(dst []float64) (n, rate int) { return copy(dst, f.sound), 44100 }

// screen is a model under test with its engine.
type screen struct {
	t *testing.T
	tea.Model
	e    *fakeEngine
	last tea.Cmd
}

var flac = audio.Info{Container: audio.FLAC, Codec: audio.Flac, SampleRate: 44100, Channels: 2, BitDepth: 16}

// newScreen plays track 1 of the tracks, all of which are queued, without
// colour, at w × h.
func newScreen(t *testing.T, tracks []Track, w, h int) *screen {
	t.Helper()
	return configured(t, Config{Tracks: tracks}, w, h, looks{dark: true, profile: colorprofile.ASCII})
}

func configured(t *testing.T, c Config, w, h int, l looks) *screen {
	t.Helper()
	e := &fakeEngine{events: make(chan player.Event, 8), queue: player.Queue{Current: -1}}
	e.state = player.State{Track: 1, Position: 83 * time.Second, Volume: player.Decibels(-6), Info: flac}
	all := make([]int, len(c.Tracks))
	for i := range all {
		all[i] = i
	}
	e.enqueue(0, all...)
	if len(c.Tracks) > 1 {
		e.turnTo(1)
		e.state.Duration = c.Tracks[1].Duration
	}
	c.Where, c.Volume = "http://127.0.0.1:8420", -6
	m := adopted(e, c, l)
	s := &screen{t: t, Model: m, e: e}
	if w > 0 {
		s.send(tea.WindowSizeMsg{Width: w, Height: h})
		m := s.model()
		m.library.centre()
		m.queue.centre()
		s.Model = m
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
	lines := strings.Split(s.text(), "\n")
	if m.h > 0 && len(lines) > m.h {
		s.t.Fatalf("%d lines on %d × %d", len(lines), m.w, m.h)
	}
	for i, l := range lines {
		if n := width(l); n > m.w {
			s.t.Fatalf("line %d is %d cells wide on %d × %d: %q", i, n, m.w, m.h, l)
		}
	}
}

// text is the screen without colours.
func (s *screen) text() string { return ansi.Strip(s.raw()) }

func (s *screen) raw() string { return s.View() }

func (s *screen) model() model { return s.Model.(model) }

// selected is the track under the cursor.
func (s *screen) selected() int {
	m := s.model()
	return m.library.selected()
}

// keys types keys by their names, separated by spaces.
func (s *screen) keys(names string) {
	s.t.Helper()
	for _, n := range strings.Fields(names) {
		s.send(keyMsg(n))
	}
}

var namedKeys = map[string]tea.KeyType{
	"space": tea.KeySpace, "enter": tea.KeyEnter, "esc": tea.KeyEsc,
	"left": tea.KeyLeft, "right": tea.KeyRight, "up": tea.KeyUp, "down": tea.KeyDown,
	"shift+left": tea.KeyShiftLeft, "shift+right": tea.KeyShiftRight,
	"tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "delete": tea.KeyDelete,
	"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
	"backspace": tea.KeyBackspace,
}

func keyMsg(name string) tea.KeyMsg {
	if k, ok := namedKeys[name]; ok {
		msg := tea.KeyMsg{Type: k}
		if k == tea.KeySpace {
			msg.Runes = []rune{' '}
		}
		return msg
	}
	if letter, ctrl := strings.CutPrefix(name, "ctrl+"); ctrl {
		return tea.KeyMsg{Type: tea.KeyCtrlA + tea.KeyType(letter[0]-'a')}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// pasted is text from the clipboard.
func pasted(text string) tea.KeyMsg {
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text), Paste: true}
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
		if !strings.Contains(s.text(), p) {
			s.t.Errorf("%q is not on the screen:\n%s", p, s.text())
		}
	}
}

func (s *screen) wantNoText(p string) {
	s.t.Helper()
	if strings.Contains(s.text(), p) {
		s.t.Errorf("%q is on the screen:\n%s", p, s.text())
	}
}

// msgs runs a command, and those it holds, and returns what they say.
func msgs(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	msg := cmd()
	batch, ok := msg.(tea.BatchMsg)
	if !ok && msg != nil {
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
		{Title: "Xtal", Date: "1992-11-09", Artist: aphex, Album: selected, Folder: "Aphex Twin/SAW", Format: "flac", Duration: minutes(4.9)},
		{Title: "Tha", Date: "1992", Artist: aphex, Album: selected, Folder: "Aphex Twin/SAW", Format: "flac", Duration: minutes(9.1)},
		{Title: "Pulsewidth", Date: "1991-12", Artist: aphex, Album: selected, Folder: "Aphex Twin/SAW", Format: "flac", Duration: minutes(3.8)},
		{Title: "Jóga", Date: "1997", Artist: "Björk", Album: "Homogenic", Folder: "Mixed", Format: "ogg", Duration: minutes(5.1)},
		{Title: "A title that goes on and on until nobody can read it on an ordinary screen", Artist: "Someone with a long name too", Album: "Another", Folder: "Mixed", Format: "mp3", Duration: minutes(72)},
		{Title: "", Folder: "Mixed", Format: "mp3"},
		{Title: "戦場のメリークリスマス", Date: "May 1983", Artist: "坂本龍一", Album: "Merry Christmas Mr. Lawrence", Folder: "坂本龍一", Format: "mp3", Duration: minutes(4.7)},
		{Title: "千のナイフ", Date: "1978-10-25", Artist: "坂本龍一", Album: "千のナイフ", Folder: "坂本龍一", Format: "mp3", Duration: minutes(9.6)},
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

// adopted is a model that shows any engine.
func adopted(e transport, c Config, l looks) model {
	k := c.Keys
	m, err := newModel(Config{Keys: k, Connect: func(context.Context) (Config, error) { return Config{}, nil }}, l)
	if err != nil {
		panic(err)
	}
	m.adopt(e, c)
	return m
}
