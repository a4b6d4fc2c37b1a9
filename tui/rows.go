package tui

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// signs is the room for the cursor and the state before a title.
const signs = 4

// view is the window of the list: height lines, each w cells wide. playing is
// the track that plays and sign its state.
func (b *browse) view(s styles, w, playing int, sign string) []string {
	lines := make([]string, 0, b.height)
	for i := b.offset; i < len(b.rows) && len(lines) < b.height; i++ {
		r := b.rows[i]
		sec := b.sections[r.section]
		if r.track < 0 {
			lines = append(lines, heading(s, sec, w))
			continue
		}
		p := parts{mark: " ", sign: s.plain, time: b.tracks[r.track].time(), times: b.times, name: s.plain, cursor: s.selected}
		if _, bad := b.failed[r.track]; bad {
			p.mark, p.sign, p.name = signFailed, s.fail, s.dim
		} else if r.track == playing {
			p.mark, p.sign, p.name, p.cursor = sign, s.accent, s.current, s.selectedCurrent
		}
		p.cells = columns(b.tracks[r.track], sec, w-signs-gap-b.times-1)
		lines = append(lines, p.line(s, w, i == b.cursor))
	}
	if len(b.rows) == 0 && b.height > 0 {
		lines = append(lines, s.dim.Render(cut(blank(signs)+b.nothing(), w)))
	}
	for len(lines) < b.height {
		lines = append(lines, "")
	}
	return lines
}

// nothing says why the list is empty.
func (b *browse) nothing() string {
	if b.query != "" {
		return "nothing matches “" + b.query + "”"
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

func heading(s styles, sec section, w int) string {
	title := cut(sec.title, w-3)
	sub := ""
	if left := w - 3 - width(title) - 3; sec.sub != "" && left >= 4 {
		sub = " · " + cut(sec.sub, left)
	}
	return "  " + s.heading.Render(title) + s.dim.Render(sub)
}

// columns are title, artist and album, as far as they fit and the heading
// does not say them, side by side in w cells.
func columns(t Track, sec section, w int) []string {
	showAlbum := sec.showAlbum && w >= 76
	switch {
	case w < 44 && sec.showArtist:
		return []string{fit(join(" · ", t.name(), t.Artist), w)}
	case sec.showArtist && showAlbum:
		first := (w - 2*gap) * 2 / 5
		second := (w - 2*gap - first) / 2
		return []string{fit(t.name(), first), fit(t.Artist, second), fit(t.Album, w-2*gap-first-second)}
	case sec.showArtist || showAlbum:
		other := t.Artist
		if showAlbum {
			other = t.Album
		}
		first := (w - gap) * 3 / 5
		return []string{fit(t.name(), first), fit(other, w-gap-first)}
	}
	return []string{fit(t.name(), w)}
}

// gap is the space between two columns.
const gap = 2

// parts make the line of a track.
type parts struct {
	mark   string         // its state, one cell
	sign   lipgloss.Style // of mark
	name   lipgloss.Style // of the title
	cursor lipgloss.Style // of all, when selected
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
		return p.cursor.Render(fit(signSelected+" "+p.mark+" "+p.cells[0]+rest+time, w))
	}
	return "  " + p.sign.Render(p.mark) + " " + p.name.Render(p.cells[0]) + s.dim.Render(rest+time) + " "
}
