package tui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// keyMap holds every key of the screen. A binding's help is what the help
// lines show.
type keyMap struct {
	toggle, play, next, prev        key.Binding
	back, ahead, farBack, farAhead  key.Binding
	part, skip, seek                key.Binding
	louder, softer, mute            key.Binding
	up, down, pageUp, pageDown      key.Binding
	first, last                     key.Binding
	filter, clear                   key.Binding
	help, quit, suspend             key.Binding
	accept, erase, eraseWord, empty key.Binding // while a filter is typed
	lineUp, lineDown                key.Binding
}

func newKeyMap() keyMap {
	bind := func(name, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(name, does))
	}
	return keyMap{
		toggle:    bind("space", "play/pause", " ", "p"),
		play:      bind("enter", "play", "enter"),
		next:      bind("n", "next", "n", ">"),
		prev:      bind("b", "previous", "b", "<"),
		back:      bind("←/→", "5 s", "left"),
		ahead:     bind("→", "5 s ahead", "right"),
		farBack:   bind("[ ]", "1 min", "[", "shift+left"),
		farAhead:  bind("]", "1 min ahead", "]", "shift+right"),
		skip:      bind("n/b", "skip", "n", "b"),        // for the short help
		seek:      bind("←/→", "seek", "left", "right"), // likewise
		part:      bind("0-9", "0-90 %", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
		louder:    bind("+/-", "volume", "+", "="),
		softer:    bind("-", "softer", "-", "_"),
		mute:      bind("m", "mute", "m"),
		up:        bind("↑/↓", "move", "up", "k"),
		down:      bind("↓", "down", "down", "j"),
		pageUp:    bind("pgup/dn", "page", "pgup", "ctrl+b"),
		pageDown:  bind("pgdn", "page down", "pgdown", "ctrl+f"),
		first:     bind("g/G", "first/last", "g", "home"),
		last:      bind("G", "last", "G", "end"),
		filter:    bind("/", "filter", "/"),
		clear:     bind("esc", "clear", "esc"),
		help:      bind("?", "help", "?"),
		quit:      bind("q", "quit", "q", "ctrl+c"),
		suspend:   bind("ctrl+z", "suspend", "ctrl+z"),
		accept:    bind("enter", "play", "enter"),
		erase:     bind("backspace", "erase", "backspace", "ctrl+h"),
		eraseWord: bind("ctrl+w", "erase word", "ctrl+w", "alt+backspace"),
		empty:     bind("ctrl+u", "empty", "ctrl+u"),
		lineUp:    bind("↑/↓", "move", "up", "ctrl+p"),
		lineDown:  bind("↓", "down", "down", "ctrl+n"),
	}
}

// short is the one line of help, w cells wide: what matters least is left out
// until the rest fits.
func (k keyMap) short(w int, typing bool) []key.Binding {
	if typing {
		return []key.Binding{k.accept, k.lineUp, k.clear}
	}
	list := []key.Binding{k.toggle, k.play, k.skip, k.seek, k.filter, k.help, k.quit}
	for _, least := range []int{3, 2, 2, 1, 2} { // seek, skip, filter, play, quit
		if shortWidth(list) <= w {
			break
		}
		list = slices.Delete(list, least, least+1)
	}
	return list
}

// shortWidth is how many cells the line of help takes.
func shortWidth(list []key.Binding) int {
	n := -len(helpGap)
	for _, b := range list {
		n += width(b.Help().Key) + 1 + width(b.Help().Desc) + len(helpGap)
	}
	return n
}

// helpGap stands between two keys in the line of help.
const helpGap = "  "

// full is all help in the given number of columns, 1 to 3.
func (k keyMap) full(columns int) [][]key.Binding {
	list := []key.Binding{
		k.toggle, k.play, k.next, k.prev, k.louder, k.mute,
		k.back, k.farBack, k.part, k.up, k.pageUp, k.first,
		k.filter, k.clear, k.help, k.quit,
	}
	size := (len(list) + columns - 1) / columns
	var groups [][]key.Binding
	for ; len(list) > size; list = list[size:] {
		groups = append(groups, list[:size])
	}
	return append(groups, list)
}

// single splits keys that arrived in one read, as fast repeats do, into one
// message each. A paste stays whole: it is text and never a row of commands.
func single(msg tea.KeyMsg) []tea.KeyMsg {
	if msg.Type != tea.KeyRunes || msg.Paste || len(msg.Runes) < 2 {
		return []tea.KeyMsg{msg}
	}
	keys := make([]tea.KeyMsg, len(msg.Runes))
	for i, r := range msg.Runes {
		keys[i] = tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}
	}
	return keys
}
