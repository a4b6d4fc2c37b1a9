package tui

import (
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
	"secstream/tui/keys"
)

// How far the seek keys go.
const (
	nearSeek = 5 * time.Second
	farSeek  = time.Minute
)

// number is what was typed of a number: a count for the key that follows, or,
// when none does, a place in the track.
type number struct {
	typing bool
	n      int
	id     int // so that an old one's end does not end a new one
}

const (
	numberTime = 500 * time.Millisecond // without a key after it a number is a place
	maxNumber  = 9999
)

// text is what the number may become.
func (n number) text() string {
	if p, ok := n.percent(); ok {
		return fmt.Sprintf("%d …  %d %% of the track, or a count for the next key", n.n, p)
	}
	return fmt.Sprintf("%d …  a count for the next key", n.n)
}

// percent is the place that the number is: 5 is 50 %, 25 is 25 %.
func (n number) percent() (int, bool) {
	if n.n < 10 {
		return n.n * 10, true
	}
	return n.n, n.n <= 100
}

// read takes what one read of the keyboard gave: a paste, which is text and no
// command, or one key, or several that were typed fast.
func (m *model) read(msg tea.KeyMsg) tea.Cmd {
	switch {
	case msg.Paste:
		m.paste(string(msg.Runes))
		return nil
	case msg.Type != tea.KeyRunes:
		name, text := named(msg)
		return m.typed(name, text)
	}
	cmds := make([]tea.Cmd, len(msg.Runes))
	for i, r := range msg.Runes {
		name, text := named(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt})
		cmds[i] = m.typed(name, text)
		m.know() // the next key means what it does after this one
	}
	return tea.Batch(cmds...)
}

// named is a key's name in the table, and the text it makes.
func named(key tea.KeyMsg) (name, text string) {
	name = key.String()
	if key.Type == tea.KeySpace || key.Type == tea.KeyRunes && string(key.Runes) == " " {
		name, text = strings.TrimSuffix(name, " ")+"space", " "
	}
	if key.Type == tea.KeyRunes {
		text = string(key.Runes)
	}
	if key.Alt {
		text = ""
	}
	return name, text
}

// typed takes one key: its name, and the text it makes.
func (m *model) typed(key, text string) tea.Cmd {
	if key == "ctrl+c" {
		return tea.Quit
	}
	if m.library.typing && !m.help.open {
		m.typeFilter(key, text)
		return nil
	}
	if len(key) == 1 && key[0] >= '0' && key[0] <= '9' && !m.arrival.waiting {
		return m.digit(int(key[0] - '0'))
	}
	typed := m.number
	m.number = number{id: typed.id}
	action := m.keys.Find(key, m.parts()...)
	play := m.keys.Find(key, keys.Lists) == keys.Play
	if play && !typed.typing && m.now.failed && !m.help.open && (action == "" || m.view == viewLyrics) {
		m.retry() // where no list has that key
		return nil
	}
	times := 1
	if typed.typing && m.keys.Counts(action) {
		times = max(typed.n, 1)
	}
	switch {
	case typed.typing && (action == keys.Play || play):
		m.place(typed)
		return nil
	case typed.typing && action == keys.Close:
		return nil
	case typed.typing && (action == keys.First || action == keys.Last):
		m.window().to(typed.n - 1)
		return nil
	}
	return m.do(action, times)
}

// parts are those of the table that count now.
func (m *model) parts() []keys.Where {
	switch {
	case m.arrival.waiting:
		return []keys.Where{keys.Anywhere}
	case m.help.open:
		return []keys.Where{keys.Lists, keys.Anywhere}
	case m.view == viewLibrary:
		return []keys.Where{keys.Library, keys.Lists, keys.Anywhere}
	case m.view == viewQueue:
		return []keys.Where{keys.Queue, keys.Lists, keys.Anywhere}
	case m.view == viewLyrics:
		return []keys.Where{keys.Lyrics, keys.Lists, keys.Anywhere}
	}
	return []keys.Where{keys.Anywhere}
}

// digit takes a digit of a number. 0 alone is the start of the track.
func (m *model) digit(d int) tea.Cmd {
	if d == 0 && !m.number.typing {
		m.place(number{})
		return nil
	}
	m.number = number{true, min(m.number.n*10+d, maxNumber), m.number.id + 1}
	return wait(numberTime, m.number.id)
}

// counted ends the number with that id, as a place.
func (m *model) counted(id int) {
	if m.number.typing && m.number.id == id {
		n := m.number
		m.number = number{id: id}
		m.place(n)
	}
}

// place goes to where in the track the number says.
func (m *model) place(n number) {
	if p, ok := n.percent(); ok && m.now.total() > 0 {
		m.engine.Seek(m.now.total() / 100 * time.Duration(p))
	}
}

// do does what a key means, so many times.
func (m *model) do(a keys.Action, times int) tea.Cmd {
	switch a {
	case keys.Quit:
		return tea.Quit
	case keys.Suspend:
		return tea.Suspend
	case keys.Redraw:
		m.out.tell(m.cover.setup) // it may have been forgotten, too
		return tea.ClearScreen
	case keys.Help:
		m.help.toggle()
	case keys.Close:
		m.escape()
	case keys.Theme:
		m.looks.theme = (m.looks.theme + 1) % len(themes)
		m.styles = newStyles(m.looks)
		return m.status.show(statusNote, "theme "+themes[m.looks.theme].name)
	}
	if m.arrival.waiting {
		return nil
	}
	if m.steer(a, times) {
		return nil
	}
	if m.show(a) {
		m.resize(m.w, m.h)
		return nil
	}
	return m.listed(a, times)
}

// steer does what is for the engine and says whether it was that.
func (m *model) steer(a keys.Action, times int) bool {
	n := time.Duration(times)
	switch a {
	case keys.Toggle:
		m.toggle()
	case keys.Next:
		m.skip(times)
	case keys.Previous:
		m.skip(-times)
	case keys.Back:
		m.engine.SeekBy(-nearSeek * n)
	case keys.Ahead:
		m.engine.SeekBy(nearSeek * n)
	case keys.FarBack:
		m.engine.SeekBy(-farSeek * n)
	case keys.FarAhead:
		m.engine.SeekBy(farSeek * n)
	case keys.Louder:
		m.turnVolume(volumeStep * float64(times))
	case keys.Softer:
		m.turnVolume(-volumeStep * float64(times))
	case keys.Mute:
		m.engine.Mute(!m.engine.State().Muted)
	case keys.Shuffle:
		m.engine.SetShuffle(!m.queue.Shuffle)
	case keys.Repeat:
		m.engine.SetRepeat((m.queue.Repeat + 1) % (player.RepeatOne + 1))
	default:
		return false
	}
	return true
}

// maxSkip bounds what a count before next and previous does.
const maxSkip = 1000

// skip goes n tracks on, or back.
func (m *model) skip(n int) {
	for range min(n, maxSkip) {
		m.engine.Next()
	}
	for range min(-n, maxSkip) {
		m.engine.Prev()
	}
}

// show does what is about views and says whether it was that.
func (m *model) show(a keys.Action) bool {
	var to view
	switch a {
	case keys.ShowLibrary:
		to = viewLibrary
	case keys.ShowQueue:
		to = viewQueue
	case keys.ShowNow:
		to = viewNow
	case keys.ShowLyrics:
		to = viewLyrics
	case keys.ShowProtection:
		to = viewProtection
	case keys.NextView:
		to = (m.view + 1) % views
	case keys.PreviousView:
		to = (m.view + views - 1) % views
	case keys.Search:
		if m.layout().tiny {
			return false
		}
		to, m.library.typing = viewLibrary, true
	default:
		return false
	}
	m.view, m.help = to, help{}
	m.words.hurry() // whoever looks anew wants them now
	m.cover.hurry()
	return true
}

// toggle plays or pauses. After the end it plays what is selected.
func (m *model) toggle() {
	if !m.now.ended() {
		m.engine.Toggle()
		return
	}
	if id := m.queue.selected(); m.view == viewQueue && id != 0 {
		m.jump(id)
		return
	}
	m.play(max(m.library.selected(), 0))
}

// play begins a track, also out of a pause.
func (m *model) play(track int) {
	if track < 0 {
		return
	}
	m.engine.Jump(track)
	m.engine.Pause(false)
}

// jump begins an entry of the queue, also out of a pause.
func (m *model) jump(id uint64) {
	m.engine.JumpTo(id)
	m.engine.Pause(false)
}

// turnVolume changes the volume by d dB. Up also ends a mute: who asks for
// more wants to hear something.
func (m *model) turnVolume(d float64) {
	m.now.volume = decibels(m.now.volume + d)
	m.engine.SetVolume(player.Decibels(m.now.volume))
	if d > 0 {
		m.engine.Mute(false)
	}
}

// escape closes what is open, the topmost first.
func (m *model) escape() {
	if m.help.open {
		m.help = help{}
		return
	}
	if m.view != viewLibrary {
		return
	}
	m.library.typing = false
	m.library.setQuery("")
	m.resize(m.w, m.h)
	m.library.centre()
}
