package tui

import (
	"strings"

	"secstream/tui/keys"
)

// help is the table of keys, over the view.
type help struct {
	open bool
	top  int // first line shown, where they do not all fit
	over int // lines below those shown
}

func (h *help) toggle() { *h = help{open: !h.open} }

func (h *help) scroll(n int) { h.top = max(h.top+min(n, h.over), 0) }

// entry is one line of the table, or the heading of a part.
type entry struct{ keys, does string }

// entries are all lines: with whole phrases and a blank line between parts, or
// short ones.
func entries(m keys.Map, whole bool) []entry {
	var list []entry
	for w := keys.Anywhere; w <= keys.Filter; w++ {
		if w != keys.Anywhere && whole {
			list = append(list, entry{})
		}
		list = append(list, entry{does: w.Title()})
		for _, b := range m.In(w) {
			names, does := b.Names(), b.Does
			if !whole {
				names, does = names[:min(len(names), 2)], b.Short
				if width(strings.Join(names, " ")) >= shortKeys {
					names = names[:1]
				}
			}
			list = append(list, entry{strings.Join(names, " "), does})
		}
		if w == keys.Anywhere {
			list = append(list, entry{"0–9", "place, in %"})
		}
	}
	return list
}

// How wide a column of the table is: the keys, and what they do.
const (
	wholeKeys, wholeWidth = 16, 16 + 36
	shortKeys, shortWidth = 12, 12 + 14
)

// fits is in how many columns n lines fit h lines of w cells, 0 when they do
// not.
func fits(n, w, h, least int) int {
	for columns := 1; columns <= w/least; columns++ {
		if (n+columns-1)/columns <= h {
			return columns
		}
	}
	return 0
}

// view is the table in height lines, each at most w cells wide: the whole of it with
// whole phrases, or with short ones, or else a part of the former.
func (h *help) view(m keys.Map, s styles, w, height int) []string {
	list, names := entries(m, true), wholeKeys
	columns := fits(len(list), w, height, wholeWidth)
	if short := entries(m, false); columns == 0 {
		if columns = fits(len(short), w, height, shortWidth); columns > 0 {
			list, names = short, shortKeys
		}
	}
	columns = max(columns, w/wholeWidth, 1)
	each := (len(list) + columns - 1) / columns
	column := w / columns
	lines := make([]string, each)
	for i, e := range list {
		y := i % each
		lines[y] += blank((i/each)*column-width(lines[y])) + e.view(s, names, column-1)
	}
	top := min(h.top, max(len(lines)-height, 0))
	return fill(lines[top:min(top+height, len(lines))], height)
}

func (e entry) view(s styles, names, w int) string {
	if e.keys == "" {
		return s.heading.Render(cut(e.does, w))
	}
	names = min(names, w/2)
	return s.accent.Render(fit(e.keys, names-1)) + " " + s.dim.Render(cut(e.does, w-names))
}

// overflow is how many lines of the table do not fit.
func overflow(m keys.Map, w, h int) int {
	if fits(len(entries(m, true)), w, h, wholeWidth) > 0 || fits(len(entries(m, false)), w, h, shortWidth) > 0 {
		return 0
	}
	columns := max(w/wholeWidth, 1)
	return max((len(entries(m, true))+columns-1)/columns-h, 0)
}

// hints is the line of what can be pressed here, w cells wide: what matters
// least is left out until the rest fits.
func (m *model) hints(w int) string {
	s := m.styles
	if m.number.typing {
		return s.accent.Render(cut(m.number.text(), w))
	}
	var list []keys.Action
	switch {
	case m.arrival.waiting:
		list = []keys.Action{keys.Quit}
	case m.help.open:
		list = []keys.Action{keys.Close}
		if l := m.layout(); overflow(m.keys, l.inner, l.rows) > 0 {
			list = append(list, keys.Down, keys.Up)
		}
	case m.library.typing:
		list = []keys.Action{keys.Accept, keys.Abandon, keys.LineDown, keys.LineUp}
	default:
		list = append(list, viewHints[m.view]...)
	}
	for len(list) > 0 && hintWidth(m.keys, list) > w {
		list = list[:len(list)-1]
	}
	var b strings.Builder
	for i, a := range m.hintOrder(list) {
		if i > 0 {
			b.WriteString(helpGap)
		}
		line := m.keys.Of(a)
		b.WriteString(s.accent.Render(line.Key()) + " " + s.dim.Render(line.Short))
	}
	return b.String()
}

// viewHints are what can be done in each view, what matters most first.
var viewHints = [views][]keys.Action{
	viewLibrary:    {keys.Toggle, keys.Help, keys.Quit, keys.Play, keys.Search, keys.Add, keys.PlayNext, keys.Group, keys.Sort, keys.NextView, keys.Next},
	viewQueue:      {keys.Toggle, keys.Help, keys.Quit, keys.Play, keys.Remove, keys.MoveDown, keys.MoveUp, keys.Clear, keys.Shuffle, keys.Repeat, keys.NextView},
	viewNow:        {keys.Toggle, keys.Help, keys.Quit, keys.Next, keys.Ahead, keys.Spectrum, keys.Cover, keys.Theme, keys.Shuffle, keys.Repeat},
	viewLyrics:     {keys.Toggle, keys.Help, keys.Quit, keys.Earlier, keys.Later, keys.Next, keys.Ahead, keys.NextView},
	viewProtection: {keys.Toggle, keys.Help, keys.Quit, keys.Next, keys.Ahead, keys.NextView},
}

// hintOrder puts help and the end at the end, where they always stand.
func (m *model) hintOrder(list []keys.Action) []keys.Action {
	var first, last []keys.Action
	for _, a := range list {
		if m.keys.Of(a).Key() == "" {
			continue
		}
		if a == keys.Help || a == keys.Quit {
			last = append(last, a)
		} else {
			first = append(first, a)
		}
	}
	return append(first, last...)
}

// helpGap stands between two keys in the line of hints.
const helpGap = "   "

// hintWidth is how many cells the line of hints takes.
func hintWidth(m keys.Map, list []keys.Action) int {
	n := -len(helpGap)
	for _, a := range list {
		b := m.Of(a)
		if b.Key() != "" {
			n += width(b.Key()) + 1 + width(b.Short) + len(helpGap)
		}
	}
	return n
}
