package tui

import (
	"strings"
	"unicode/utf8"
)

// viewNames are the views in the order of their tabs.
var viewNames = [views]string{"Library", "Queue", "Now", "Lyrics", "Protection"}

// tab is the name of a view in the header.
type tab struct {
	view view
	text string
	span // of cells, from the left of the screen
}

const brand = "secstream"

// tabs are the names of the views as far as there is room: all in full, or the
// first letters of those that are not shown.
func (m *model) tabs(l layout) []tab {
	gap, x := 2, 1
	if l.inner >= 64 {
		x = 1 + len(brand) + 3
	}
	short := l.inner < 44
	list := make([]tab, 0, views)
	for v, name := range viewNames {
		if short && view(v) != m.view {
			_, n := utf8.DecodeRuneInString(name)
			name = name[:n]
		}
		list = append(list, tab{view(v), name, span{x, width(name)}})
		x += width(name) + gap
	}
	return list
}

// header names the views and where the tracks come from.
func (m *model) header(l layout) string {
	s := m.styles
	var b strings.Builder
	at := 1
	if l.inner >= 64 {
		b.WriteString(s.brand.Render(brand))
		at += len(brand)
	}
	for _, t := range m.tabs(l) {
		b.WriteString(blank(t.x - at))
		if t.view == m.view {
			b.WriteString(s.current.Render(t.text))
		} else {
			b.WriteString(s.dim.Render(t.text))
		}
		at = t.x + t.w
	}
	room := l.inner + 1 - at - 3
	if room >= 12 || room >= width(m.where) {
		where := cut(m.where, room)
		b.WriteString(blank(l.inner+1-at-width(where)) + s.dim.Render(where))
	}
	return b.String()
}
