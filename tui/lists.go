package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/tui/keys"
)

// window is the list that the keys move in.
func (m *model) window() *window {
	if m.view == viewQueue {
		return &m.queue.window
	}
	return &m.library.window
}

// listed does what a key means in the view that is shown.
func (m *model) listed(a keys.Action, times int) tea.Cmd {
	switch a {
	case keys.Spectrum:
		m.bars.kind = (m.bars.kind + 1) % pictures
		return m.status.show(statusNote, m.bars.kind.String())
	case keys.Cover:
		m.cover.off = !m.cover.off
		return nil
	case keys.Earlier:
		m.words.move(shiftStep * time.Duration(times))
		return nil
	case keys.Later:
		m.words.move(-shiftStep * time.Duration(times))
		return nil
	}
	switch {
	case m.help.open:
		m.help.over = overflow(m.keys, m.layout().inner, m.layout().rows)
		m.help.scroll(lines(a, times, m.layout().rows))
		m.help.top = min(m.help.top, m.help.over)
		return nil
	case m.view == viewLyrics:
		m.words.scroll(lines(a, times, m.words.rows))
		return nil
	}
	m.move(a, times)
	if m.view == viewQueue {
		return m.queueKey(a, times)
	}
	return m.libraryKey(a)
}

// lines is by how many lines a key scrolls what has no cursor.
func lines(a keys.Action, times, page int) int {
	switch a {
	case keys.Up:
		return -times
	case keys.Down:
		return times
	case keys.PageUp:
		return -times * max(page-1, 1)
	case keys.PageDown:
		return times * max(page-1, 1)
	case keys.First:
		return -1 << 20
	case keys.Last:
		return 1 << 20
	}
	return 0
}

// move does what the keys of both lists do to the cursor.
func (m *model) move(a keys.Action, times int) {
	w := m.window()
	switch a {
	case keys.Up:
		w.to(w.cursor - times)
	case keys.Down:
		w.to(w.cursor + times)
	case keys.PageUp:
		w.page(-times)
	case keys.PageDown:
		w.page(times)
	case keys.First:
		w.to(0)
	case keys.Last:
		w.to(w.total - 1)
	}
}

// libraryKey does what a key means in the library.
func (m *model) libraryKey(a keys.Action) tea.Cmd {
	l := &m.library
	switch a {
	case keys.Play:
		if !l.toggle() {
			m.play(l.selected())
		}
	case keys.Current:
		l.reach(m.now.state.Track)
		l.centre()
	case keys.Group:
		l.by = (l.by + 1) % groupings
		l.plant()
		l.centre()
	case keys.Sort:
		l.in = (l.in + 1) % orders
		l.plant()
		l.centre()
	case keys.Fold:
		l.foldAll()
	case keys.Add:
		return m.queued(m.engine.Add, "added", "")
	case keys.PlayNext:
		return m.queued(m.engine.PlayNext, "", "next")
	}
	return nil
}

// queued gives the selected tracks to the queue, and says so.
func (m *model) queued(put func(...int), before, after string) tea.Cmd {
	tracks := m.library.chosen()
	if len(tracks) == 0 {
		return nil
	}
	put(tracks...)
	what := count(len(tracks), "track")
	if len(tracks) == 1 {
		what = m.now.tracks[tracks[0]].name()
	}
	if r, _ := m.library.current(); r.group == nil {
		m.library.to(m.library.cursor + 1) // so that pressing again adds the next
	}
	if before != "" {
		return m.status.show(statusNote, before+" "+what)
	}
	return m.status.show(statusNote, after+": "+what)
}

// queueKey does what a key means in the queue.
func (m *model) queueKey(a keys.Action, times int) tea.Cmd {
	q := &m.queue
	id := q.selected()
	switch a {
	case keys.Play:
		if id != 0 {
			m.jump(id)
		}
	case keys.Current:
		q.to(max(q.Current, 0))
		q.centre()
	case keys.Remove:
		for i := q.cursor; i >= 0 && i < min(q.cursor+times, len(q.Items)); i++ {
			m.engine.Remove(q.Items[i].ID)
		}
	case keys.MoveUp:
		m.shift(id, -times)
	case keys.MoveDown:
		m.shift(id, times)
	case keys.Clear:
		n, _ := q.ahead()
		m.engine.Clear()
		return m.status.show(statusNote, "took out "+count(n, "track"))
	}
	return nil
}

func (m *model) shift(id uint64, by int) {
	if id != 0 {
		m.engine.Move(id, by)
	}
}

// typeFilter takes a key while the filter is typed.
func (m *model) typeFilter(key, text string) {
	l := &m.library
	switch m.keys.Find(key, keys.Filter) {
	case keys.Accept:
		l.typing = false
		m.play(l.selected())
		m.resize(m.w, m.h)
	case keys.Abandon:
		m.escape()
	case keys.Erase:
		l.eraseQuery()
		m.resize(m.w, m.h)
	case keys.EraseWord:
		l.eraseQueryWord()
	case keys.Empty:
		l.setQuery("")
	case keys.LineUp:
		l.to(l.cursor - 1)
	case keys.LineDown:
		l.to(l.cursor + 1)
	default:
		switch {
		case key == "pgup":
			l.page(-1)
		case key == "pgdown":
			l.page(1)
		case text != "":
			l.addQuery(text)
		}
	}
}

// paste is text for the filter, and never a row of commands.
func (m *model) paste(text string) {
	if m.library.typing && !m.help.open {
		m.library.addQuery(text)
	}
}
