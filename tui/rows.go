package tui

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// signs is the room for the cursor and the state before a title.
const signs = 4

// gap is the space between two columns, indent that of a level of the tree.
const (
	gap    = 2
	indent = 2
)

// view is the window of the library: height lines, each at most w cells wide.
// playing is the track that plays and sign its state.
func (l *library) view(s styles, w, playing int, sign string) []string {
	lines := make([]string, 0, l.height)
	for i := l.offset; i < len(l.rows) && len(lines) < l.height; i++ {
		r := l.rows[i]
		if r.group != nil {
			lines = append(lines, heading(s, r, w, i == l.cursor, l.in == byDate))
			continue
		}
		p := parts{mark: " ", sign: s.plain, time: l.tracks[r.track].time(), times: l.times, name: s.plain, cursor: s.selected}
		if _, bad := l.failed[r.track]; bad {
			p.mark, p.sign, p.name = signFailed, s.fail, s.dim
		} else if r.track == playing {
			p.mark, p.sign, p.name, p.cursor = sign, s.accent, s.current, s.selectedCurrent
		}
		p.depth = min(r.depth*indent, w/4)
		if l.in == byDate { // the year, too
			p.time, p.times = fit(year(l.tracks[r.track].Date), 4)+blank(gap)+fitRight(p.time, p.times), 4+gap+p.times
		}
		p.cells = columns(l.tracks[r.track], l.says(), w-signs-p.depth-gap-p.times-1)
		lines = append(lines, p.line(s, w, i == l.cursor))
	}
	if len(l.rows) == 0 && l.height > 0 {
		lines = append(lines, s.dim.Render(cut(blank(signs)+l.nothing(), w)))
	}
	return fill(lines, l.height)
}

// fill adds empty lines up to n.
func fill(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	return lines
}

// says is what of a track the groups above it do not say.
func (l *library) says() columnSet {
	if l.query != "" {
		return columnSet{true, true}
	}
	return [groupings]columnSet{byFolder: {true, true}, byArtist: {}, byAlbum: {artist: true}, ungrouped: {true, true}}[l.by]
}

// nothing says why the list is empty.
func (l *library) nothing() string {
	if l.query != "" {
		return "nothing matches “" + l.query + "”; esc ends the filter"
	}
	return "no tracks"
}

// timeWidth is how wide the column of durations is. It counts all tracks, not
// those in sight, so that columns stay where they are while the list moves.
func timeWidth(tracks []Track) int {
	n := len("0:00")
	for _, t := range tracks {
		n = max(n, len(t.time()))
	}
	return n
}

// time is the duration, "" when unknown.
func (t Track) time() string {
	if t.Duration <= 0 {
		return ""
	}
	return clock(t.Duration)
}

// heading is the line of a group, with dates with that of its first track.
func heading(s styles, r row, w int, selected, dates bool) string {
	sign := signOpen
	if r.group.closed {
		sign = signClosed
	}
	depth := min(r.depth*indent, w/4)
	tally := thousands(r.group.all)
	if r.group.sum > 0 {
		tally += " · " + clock(r.group.sum)
	}
	if width(tally) > w/3 {
		tally = ""
	}
	room := w - 2 - depth - 2 - 2 - width(tally) - 1
	title := cut(r.group.name, room)
	sub, note := "", r.group.note
	if dates && len(r.group.tracks) > 0 {
		note = join(" · ", note, year(r.group.date))
	}
	if left := room - width(title) - 3; note != "" && left >= 4 {
		sub = " · " + cut(note, left)
	}
	space := blank(room - width(title) - width(sub) + 2)
	if selected {
		return s.selected.Render(fit(signSelected+" "+blank(depth)+sign+" "+title+sub+space+tally, w))
	}
	return blank(2+depth) + s.accent.Render(sign) + " " + s.heading.Render(title) + s.dim.Render(sub) + space + s.dim.Render(tally)
}

// columnSet is which columns stand beside a title.
type columnSet struct{ artist, album bool }

// columns are title, artist and album, as far as they fit and are wanted, side
// by side in w cells.
func columns(t Track, want columnSet, w int) []string {
	album := want.album && w >= 76
	switch {
	case w < 44 && want.artist:
		return []string{fit(join(" · ", t.name(), t.Artist), w)}
	case want.artist && album:
		first := (w - 2*gap) * 2 / 5
		second := (w - 2*gap - first) / 2
		return []string{fit(t.name(), first), fit(t.Artist, second), fit(t.Album, w-2*gap-first-second)}
	case want.artist || album:
		other := t.Artist
		if !want.artist {
			other = t.Album
		}
		first := (w - gap) * 3 / 5
		return []string{fit(t.name(), first), fit(other, w-gap-first)}
	}
	return []string{fit(t.name(), w)}
}

// parts make the line of a track.
type parts struct {
	mark   string         // its state, one cell
	sign   lipgloss.Style // of mark
	name   lipgloss.Style // of the title
	cursor lipgloss.Style // of all, when selected
	depth  int            // cells it is moved in by
	cells  []string
	time   string
	times  int // width of the column of times
}

// line is w cells wide. A selected one is drawn in one style, so that its
// background has no holes.
func (p parts) line(s styles, w int, selected bool) string {
	time := fitRight(p.time, p.times)
	rest := strings.Join(append([]string{""}, p.cells[1:]...), blank(gap)) + blank(gap)
	if selected {
		return p.cursor.Render(fit(signSelected+" "+blank(p.depth)+p.mark+" "+p.cells[0]+rest+time, w))
	}
	return blank(2+p.depth) + p.sign.Render(p.mark) + " " + p.name.Render(p.cells[0]) + s.dim.Render(rest+time) + " "
}
