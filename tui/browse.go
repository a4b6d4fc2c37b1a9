package tui

import (
	"strings"
	"unicode/utf8"
)

// browse is the list: what is shown of it, the cursor, the window that is
// seen. It draws only the rows in the window, however long the list.
type browse struct {
	tracks   []Track
	folded   []string // per track, what the filter looks in
	sections []section
	times    int            // width of the column of durations
	failed   map[int]string // track → why it did not play

	rows   []row // what the filter leaves, with headings
	found  int   // tracks among rows
	cursor int   // index in rows of the selected track, -1 when there is none
	offset int   // index in rows of the first one seen
	height int   // rows seen

	typing bool   // keys go to the filter
	query  string // the filter, "" for none
}

// row is one line: a track, or the heading of a section.
type row struct {
	track   int // -1 for a heading
	section int
}

// newBrowse takes clean tracks.
func newBrowse(tracks []Track) browse {
	b := browse{
		tracks: tracks, folded: make([]string, len(tracks)), sections: sectionsOf(tracks),
		times: timeWidth(tracks), failed: map[int]string{},
	}
	for i, t := range tracks {
		b.folded[i] = fold(strings.Join([]string{t.Title, t.Artist, t.Album, t.Folder}, "\n"))
	}
	b.filter()
	return b
}

// filter makes the rows anew. Every word of the query must occur in a track;
// the cursor stays on its track, or goes to the first that is left.
func (b *browse) filter() {
	keep := b.selected()
	words := strings.Fields(fold(b.query))
	b.rows, b.found = make([]row, 0, len(b.tracks)+len(b.sections)), 0
	for i, s := range b.sections {
		open := s.title == ""
		for t := s.from; t < s.to; t++ {
			if !matches(b.folded[t], words) {
				continue
			}
			if !open {
				b.rows = append(b.rows, row{-1, i})
				open = true
			}
			b.rows = append(b.rows, row{t, i})
			b.found++
		}
	}
	b.cursor, b.offset = -1, 0
	if !b.selectTrack(keep) {
		b.step(0)
	}
}

func matches(folded string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(folded, w) {
			return false
		}
	}
	return true
}

// setQuery changes the filter.
func (b *browse) setQuery(q string) {
	if q != b.query {
		b.query = q
		b.filter()
	}
}

// maxQuery bounds what may be typed, in bytes.
const maxQuery = 200

// addQuery puts text at the end of the filter. Spaces inside are kept as they
// are typed.
func (b *browse) addQuery(text string) {
	if text != " " {
		text = clean(text)
	}
	if len(b.query)+len(text) <= maxQuery {
		b.setQuery(b.query + text)
	}
}

// eraseQuery takes one letter back; with none left it ends the typing.
func (b *browse) eraseQuery() {
	if b.query == "" {
		b.typing = false
		return
	}
	b.setQuery(chop(b.query))
}

func (b *browse) eraseQueryWord() {
	q := strings.TrimRight(b.query, " ")
	b.setQuery(q[:strings.LastIndex(q, " ")+1])
}

// filterLine shows the filter and how many tracks it leaves; w cells wide.
func (b *browse) filterLine(s styles, w int) string {
	tally := thousands(b.found) + " of " + thousands(len(b.tracks))
	room := w - 2 - 1 - 2 - width(tally)
	q, cursor := b.query, " "
	for width(q) > room { // the end is what is being typed
		_, n := utf8.DecodeRuneInString(q)
		q = q[n:]
	}
	if b.typing {
		cursor = "▏"
	}
	fill := blank(room - width(q) + 2)
	return s.brand.Render("/") + " " + s.bold.Render(q) + s.accent.Render(cursor) + fill + s.dim.Render(tally)
}

// selected is the track under the cursor, -1 when there is none.
func (b *browse) selected() int {
	if b.cursor < 0 || b.cursor >= len(b.rows) {
		return -1
	}
	return b.rows[b.cursor].track
}

// selectTrack moves the cursor to a track and says whether it is shown.
func (b *browse) selectTrack(track int) bool {
	if track < 0 {
		return false
	}
	for i, r := range b.rows {
		if r.track == track {
			b.cursor = i
			b.reveal()
			return true
		}
	}
	return false
}

// step moves the cursor by n rows, on to the nearest track.
func (b *browse) step(n int) {
	if b.found == 0 {
		b.cursor = -1
		return
	}
	way := 1
	if n < 0 {
		way = -1
	}
	i := min(max(b.cursor+n, 0), len(b.rows)-1)
	for i >= 0 && i < len(b.rows) && b.rows[i].track < 0 {
		i += way
	}
	if i < 0 { // only the first heading was above
		for i = 0; b.rows[i].track < 0; {
			i++
		}
	}
	b.cursor = i
	b.reveal()
}

// page moves the cursor by n windows.
func (b *browse) page(n int) { b.step(n * max(b.height-1, 1)) }

// ends moves the cursor to the first or last track.
func (b *browse) ends(last bool) {
	if last {
		b.step(len(b.rows))
	} else {
		b.step(-len(b.rows))
	}
}

// scroll moves the window by n rows and keeps the cursor inside.
func (b *browse) scroll(n int) {
	b.offset = b.clampOffset(b.offset + n)
	if b.found == 0 {
		return
	}
	at, way := b.cursor, 0
	if at < b.offset {
		at, way = b.offset, 1
	} else if at >= b.offset+b.height {
		at, way = b.offset+b.height-1, -1
	}
	for at > 0 && at < len(b.rows) && b.rows[at].track < 0 && way != 0 {
		at += way
	}
	if at >= 0 && at < len(b.rows) && b.rows[at].track >= 0 {
		b.cursor = at
	}
}

func (b *browse) clampOffset(o int) int { return max(min(o, len(b.rows)-b.height), 0) }

// resize sets the number of rows seen.
func (b *browse) resize(height int) {
	b.height = max(height, 0)
	b.reveal()
}

// reveal moves the window as little as needed to show the cursor, and the
// heading right above it.
func (b *browse) reveal() {
	if b.cursor >= 0 {
		top := b.cursor
		if top > 0 && b.height > 1 && b.rows[top-1].track < 0 {
			top--
		}
		b.offset = max(min(b.offset, top), b.cursor-b.height+1)
	}
	b.offset = b.clampOffset(b.offset)
}

// centre puts the cursor in the middle of the window.
func (b *browse) centre() {
	b.offset = b.clampOffset(b.cursor - b.height/2)
	b.reveal()
}

// trackAt is the track in line y of the window, -1 for none.
func (b *browse) trackAt(y int) int {
	if i := b.offset + y; y >= 0 && y < b.height && i < len(b.rows) {
		return b.rows[i].track
	}
	return -1
}

// section is a run of neighbours in one folder, under one heading.
type section struct {
	from, to              int    // tracks
	title                 string // "" shows no heading
	sub                   string // the artist, beside an album
	showArtist, showAlbum bool   // the heading does not say it for all
}

// sectionsOf cuts the list where the folder changes. A folder that holds one
// album is headed by it.
func sectionsOf(tracks []Track) []section {
	var list []section
	for from := 0; from < len(tracks); {
		to := from + 1
		for to < len(tracks) && tracks[to].Folder == tracks[from].Folder {
			to++
		}
		list = append(list, newSection(tracks, from, to))
		from = to
	}
	if len(list) > 1 {
		for i := range list {
			if list[i].title == "" {
				list[i].title = "top folder"
			}
		}
	}
	return list
}

func newSection(tracks []Track, from, to int) section {
	first := tracks[from]
	s := section{from: from, to: to, title: first.Folder}
	oneArtist := true
	for _, t := range tracks[from:to] {
		oneArtist = oneArtist && t.Artist == first.Artist
		s.showArtist = s.showArtist || t.Artist != ""
		s.showAlbum = s.showAlbum || t.Album != first.Album
	}
	if !s.showAlbum && first.Album != "" {
		s.title = first.Album
		if oneArtist {
			s.sub, s.showArtist = first.Artist, false
		}
	}
	return s
}
