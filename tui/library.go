package tui

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// library is all tracks: as a tree of groups, or as what a filter finds.
type library struct {
	window
	tracks []Track
	folded []fields       // what the filter looks in
	times  int            // width of the column of durations
	failed map[int]string // track → why it did not play

	by   grouping
	in   order
	tree *node
	rows []row

	typing bool   // keys go to the filter
	query  string // the filter, "" for none
}

// newLibrary takes clean tracks.
func newLibrary(tracks []Track) library {
	l := library{tracks: tracks, folded: make([]fields, len(tracks)), times: timeWidth(tracks), failed: map[int]string{}}
	for i, t := range tracks {
		l.folded[i] = fieldsOf(t)
	}
	if !slices.ContainsFunc(tracks, func(t Track) bool { return t.Folder != "" }) {
		l.by = ungrouped
	}
	l.plant()
	return l
}

// plant makes the tree anew. The cursor stays on its track.
func (l *library) plant() {
	keep := l.selected()
	l.tree = newTree(l.tracks, l.by, l.in)
	l.grow()
	l.selectTrack(keep)
}

// grow makes the lines anew, from the filter or from what of the tree is open.
func (l *library) grow() {
	if l.query != "" {
		l.rows = l.rows[:0]
		for _, t := range search(l.folded, l.query) {
			l.rows = append(l.rows, row{nil, t, 0})
		}
	} else {
		l.rows = l.tree.rows(l.rows[:0], 0)
	}
	l.count(len(l.rows))
}

// current is the selected line.
func (l *library) current() (row, bool) {
	if l.cursor < 0 || l.cursor >= len(l.rows) {
		return row{track: -1}, false
	}
	return l.rows[l.cursor], true
}

// selected is the track under the cursor, -1 when there is none.
func (l *library) selected() int {
	r, _ := l.current()
	return r.track
}

// chosen are the tracks of the selected line.
func (l *library) chosen() []int {
	r, ok := l.current()
	switch {
	case !ok:
		return nil
	case r.group != nil:
		return r.group.under(nil)
	}
	return []int{r.track}
}

// selectTrack moves the cursor to a track, if it is shown, and says so.
func (l *library) selectTrack(track int) bool {
	i := slices.IndexFunc(l.rows, func(r row) bool { return track >= 0 && r.track == track })
	if i >= 0 {
		l.to(i)
	}
	return i >= 0
}

// reach is selectTrack that opens what hides the track.
func (l *library) reach(track int) {
	if l.selectTrack(track) || l.query != "" || !l.tree.open(track) {
		return
	}
	l.grow()
	l.selectTrack(track)
}

// toggle opens or closes the selected group and says whether there was one.
func (l *library) toggle() bool {
	r, _ := l.current()
	if r.group == nil {
		return false
	}
	r.group.closed = !r.group.closed
	l.grow()
	return true
}

// foldAll closes all groups, or opens them when none is open.
func (l *library) foldAll() {
	at := l.selected()
	open := slices.ContainsFunc(l.tree.groups, func(n *node) bool { return !n.closed })
	l.tree.fold(open)
	l.grow()
	if !l.selectTrack(at) {
		l.to(l.cursor)
	}
}

// setQuery changes the filter. The best hit is selected; without a filter it
// stays so.
func (l *library) setQuery(q string) {
	if q == l.query {
		return
	}
	keep := l.selected()
	l.query = q
	l.grow()
	if q != "" {
		l.offset = 0
		l.to(0)
		return
	}
	l.reach(keep)
	l.centre()
}

// maxQuery bounds what may be typed, in bytes.
const maxQuery = 200

// addQuery puts text at the end of the filter. Spaces inside are kept as they
// are typed.
func (l *library) addQuery(text string) {
	if text != " " {
		text = clean(text)
	}
	if len(l.query)+len(text) <= maxQuery {
		l.setQuery(l.query + text)
	}
}

// eraseQuery takes one letter back; with none left it ends the typing.
func (l *library) eraseQuery() {
	if l.query == "" {
		l.typing = false
		return
	}
	l.setQuery(chop(l.query))
}

func (l *library) eraseQueryWord() {
	q := strings.TrimRight(l.query, " ")
	l.setQuery(q[:strings.LastIndex(q, " ")+1])
}

// filterLine shows the filter and how many tracks it leaves; w cells wide.
func (l *library) filterLine(s styles, w int) string {
	tally := thousands(len(l.rows)) + " of " + thousands(len(l.tracks))
	if l.query == "" {
		tally = count(len(l.tracks), "track")
	}
	room := w - 2 - 1 - 2 - width(tally)
	q, cursor := l.query, " "
	for width(q) > room { // the end is what is being typed
		_, n := utf8.DecodeRuneInString(q)
		q = q[n:]
	}
	if l.typing {
		cursor = "▏"
	}
	fill := blank(room - width(q) + 2)
	return s.brand.Render("/") + " " + s.bold.Render(q) + s.accent.Render(cursor) + fill + s.dim.Render(tally)
}

// note is what the list shows, for the rule above it.
func (l *library) note() string {
	return count(len(l.tracks), "track") + " · " + l.by.String() + " · " + l.in.String()
}
