package tui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
)

// How far the seek keys go.
const (
	nearSeek = 5 * time.Second
	farSeek  = time.Minute
)

// typed takes what one read of the keyboard gave.
func (m *model) typed(msg tea.KeyMsg) tea.Cmd {
	var cmds []tea.Cmd
	for _, k := range single(msg) {
		cmds = append(cmds, m.key(k))
	}
	return tea.Batch(cmds...)
}

// key takes one key.
func (m *model) key(msg tea.KeyMsg) tea.Cmd {
	k := &m.keys
	switch {
	case msg.Type == tea.KeyCtrlC:
		return tea.Quit
	case key.Matches(msg, k.suspend):
		return tea.Suspend
	case m.browse.typing:
		m.typeFilter(msg)
	case msg.Paste: // text, never commands
	case key.Matches(msg, k.quit):
		return tea.Quit
	case key.Matches(msg, k.help):
		m.toggleHelp()
	case key.Matches(msg, k.clear):
		m.escape()
	default:
		if !m.transportKey(msg) {
			m.listKey(msg)
		}
	}
	return nil
}

// transportKey takes the keys that steer the engine.
func (m *model) transportKey(msg tea.KeyMsg) bool {
	k := &m.keys
	switch {
	case key.Matches(msg, k.toggle):
		m.toggle()
	case key.Matches(msg, k.next):
		m.engine.Next()
	case key.Matches(msg, k.prev):
		m.engine.Prev()
	case key.Matches(msg, k.back):
		m.engine.SeekBy(-nearSeek)
	case key.Matches(msg, k.ahead):
		m.engine.SeekBy(nearSeek)
	case key.Matches(msg, k.farBack):
		m.engine.SeekBy(-farSeek)
	case key.Matches(msg, k.farAhead):
		m.engine.SeekBy(farSeek)
	case key.Matches(msg, k.part):
		if total := m.now.total(); total > 0 {
			m.engine.Seek(total / 10 * time.Duration(msg.Runes[0]-'0'))
		}
	case key.Matches(msg, k.louder):
		m.turnVolume(volumeStep)
	case key.Matches(msg, k.softer):
		m.turnVolume(-volumeStep)
	case key.Matches(msg, k.mute):
		m.engine.Mute(!m.engine.State().Muted)
	default:
		return false
	}
	return true
}

// listKey takes the keys that move in the list.
func (m *model) listKey(msg tea.KeyMsg) {
	k := &m.keys
	switch {
	case key.Matches(msg, k.play):
		m.play(m.browse.selected())
	case key.Matches(msg, k.up):
		m.browse.step(-1)
	case key.Matches(msg, k.down):
		m.browse.step(1)
	case key.Matches(msg, k.pageUp):
		m.browse.page(-1)
	case key.Matches(msg, k.pageDown):
		m.browse.page(1)
	case key.Matches(msg, k.first):
		m.browse.ends(false)
	case key.Matches(msg, k.last):
		m.browse.ends(true)
	case key.Matches(msg, k.filter):
		if !m.layout().tiny {
			m.closeHelp()
			m.browse.typing = true
		}
	}
}

// toggle plays or pauses. After the end it plays what is selected.
func (m *model) toggle() {
	if m.now.ended {
		track := m.browse.selected()
		if track < 0 {
			track = 0
		}
		m.play(track)
		return
	}
	m.engine.Toggle()
}

// play begins a track, also out of a pause.
func (m *model) play(track int) {
	if track < 0 {
		return
	}
	m.engine.Jump(track)
	m.engine.Pause(false)
}

// turnVolume moves the volume control by d. Up also ends a mute: who asks for
// more wants to hear something.
func (m *model) turnVolume(d float64) {
	steps := float64(int((m.now.volume+d)/volumeStep + 0.5)) // whole steps, so that no dust gathers
	m.now.volume = min(max(steps*volumeStep, 0), 1)
	m.engine.SetVolume(player.Percent(100 * m.now.volume))
	if d > 0 {
		m.engine.Mute(false)
	}
}

// escape closes what is open, the topmost first.
func (m *model) escape() {
	if m.help.ShowAll {
		m.closeHelp()
		return
	}
	m.browse.typing = false
	m.browse.setQuery("")
}

func (m *model) toggleHelp() {
	m.help.ShowAll = !m.help.ShowAll
	m.browse.resize(m.layout().rows)
}

func (m *model) closeHelp() {
	if m.help.ShowAll {
		m.toggleHelp()
	}
}

// typeFilter takes a key while the filter is typed.
func (m *model) typeFilter(msg tea.KeyMsg) {
	k, b := &m.keys, &m.browse
	switch {
	case msg.Paste:
		b.addQuery(string(msg.Runes))
	case key.Matches(msg, k.accept):
		b.typing = false
		m.play(b.selected())
	case key.Matches(msg, k.clear):
		m.escape()
	case key.Matches(msg, k.erase):
		b.eraseQuery()
	case key.Matches(msg, k.eraseWord):
		b.eraseQueryWord()
	case key.Matches(msg, k.empty):
		b.setQuery("")
	case key.Matches(msg, k.lineUp):
		b.step(-1)
	case key.Matches(msg, k.lineDown):
		b.step(1)
	case msg.Type == tea.KeyPgUp:
		b.page(-1)
	case msg.Type == tea.KeyPgDown:
		b.page(1)
	case (msg.Type == tea.KeyRunes || msg.Type == tea.KeySpace) && !msg.Alt:
		b.addQuery(string(msg.Runes))
	}
}
