package lyrics

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// View lays the lines out as h rows of exactly w cells, long lines over several
// rows. With times the rows of the line numbered line stand in the middle, and
// rows[from:to] are they, for the caller to set them off; -1 stands for the
// time before the first. Without times line is the one at the top, and from
// and to are equal. Rows before the first line and behind the last are blank.
func (l Lyrics) View(line, w, h int) (rows []string, from, to int) {
	if w <= 0 || h <= 0 {
		return nil, 0, 0
	}
	line = min(line, len(l.Lines)-1)
	rows = make([]string, 0, h)
	if !l.synced {
		for i := max(line, 0); i < len(l.Lines) && len(rows) < h; i++ {
			rows = append(rows, wrap(l.Lines[i].Text, w)...)
		}
		return pad(rows, w, h), 0, 0
	}
	var own []string
	if line >= 0 {
		own = wrap(l.Lines[line].Text, w)
		own = own[:min(len(own), h)]
	}
	from = (h - len(own)) / 2
	above := make([]string, 0, from)
	for i := line - 1; i >= 0 && len(above) < from; i-- {
		above = append(wrap(l.Lines[i].Text, w), above...)
	}
	above = above[max(0, len(above)-from):]
	for range from - len(above) {
		rows = append(rows, strings.Repeat(" ", w))
	}
	rows = append(append(rows, above...), own...)
	for i := max(line+1, 0); i < len(l.Lines) && len(rows) < h; i++ {
		rows = append(rows, wrap(l.Lines[i].Text, w)...)
	}
	return pad(rows, w, h), from, from + len(own)
}

// wrap breaks a line into rows of exactly w cells, at least one.
func wrap(s string, w int) []string {
	if ansi.StringWidth(s) > w {
		s = ansi.Wrap(s, w, "")
	}
	rows := strings.Split(s, "\n")
	for i, r := range rows {
		r = ansi.Truncate(strings.TrimRight(r, " "), w, "") // a letter wider than w
		rows[i] = r + strings.Repeat(" ", max(w-ansi.StringWidth(r), 0))
	}
	return rows
}

// pad makes rows h rows.
func pad(rows []string, w, h int) []string {
	rows = rows[:min(len(rows), h)]
	for len(rows) < h {
		rows = append(rows, strings.Repeat(" ", w))
	}
	return rows
}
