// Package lyrics reads the words of a song: plain text, or LRC, where lines
// and words carry the time at which they are sung. It says which line is due
// and lays the lines around it out as rows of a screen. It knows no terminal
// and no player.
package lyrics

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// What is read of a text. An opera has some 3,000 lines.
const (
	maxText  = 1 << 20 // bytes
	maxLines = 10_000
	maxRow   = 8192 // bytes of one row, times and all
	maxLine  = 1000 // bytes of one line that are shown
)

// Line is one line and when it is sung. Without times, and for what has no
// words, as an interlude, the fields are empty.
type Line struct {
	At    time.Duration
	Text  string
	Words []Word
}

// Word is a part of a line with a time of its own, with the white space that
// follows it. The words of a line together are its text.
type Word struct {
	At   time.Duration
	Text string
}

// Lyrics is what a text holds. The zero value has no lines.
type Lyrics struct {
	Lines  []Line
	Offset time.Duration // what the text moves its times by, to earlier; they are moved already
	synced bool
}

// Parse reads LRC, or plain text where no line carries a time. It never fails:
// what is no time is text. Escape sequences and control characters are left
// out, so that the lines may go to a terminal. A text beyond 1 MiB or 10,000
// lines is cut off there.
func Parse(text string) Lyrics {
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = strings.TrimPrefix(text, "\uFEFF")
	var l Lyrics
	var plain, timed []Line
	for row := range strings.FieldsFuncSeq(newlines(text), func(r rune) bool { return r == '\n' }) {
		row = strings.TrimSpace(row[:min(len(row), maxRow)])
		stamps, rest := leading(row)
		switch {
		case len(stamps) > 0:
			line := words(rest, stamps)
			for _, at := range stamps {
				if len(timed) < maxLines {
					timed = append(timed, line.moved(at-stamps[0], at))
				}
			}
		case l.note(row):
		case len(plain) < maxLines:
			plain = append(plain, Line{Text: clean(row)})
		}
	}
	if l.synced = len(timed) > 0; !l.synced {
		l.Lines, l.Offset = trim(plain), 0
		return l
	}
	for i := range timed {
		timed[i] = timed[i].moved(-l.Offset, timed[i].At-l.Offset)
	}
	slices.SortStableFunc(timed, func(a, b Line) int { return int(min(max(a.At-b.At, -1), 1)) })
	l.Lines = timed
	return l
}

// newlines makes every end of a line one \n, with a space before so that
// empty lines, which part verses, are rows as well.
func newlines(s string) string {
	s = strings.NewReplacer("\r\n", " \n", "\r", " \n", "\n", " \n").Replace(s)
	return s + " "
}

// trim takes empty lines off both ends.
func trim(lines []Line) []Line {
	for len(lines) > 0 && lines[0].Text == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1].Text == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// note says whether row is a line about the text and no part of it, as
// [ar:Artist] and [offset:+250] are, and keeps the offset.
func (l *Lyrics) note(row string) bool {
	if !strings.HasPrefix(row, "[") || !strings.HasSuffix(row, "]") {
		return false
	}
	key, value, ok := strings.Cut(row[1:len(row)-1], ":")
	key = strings.ToLower(strings.TrimSpace(key))
	if key == "offset" {
		ms, err := strconv.Atoi(strings.TrimSpace(value))
		if err == nil && ms > -maxOffset && ms < maxOffset {
			l.Offset = time.Duration(ms) * time.Millisecond
		}
		return true
	}
	return ok && slices.Contains(notes, key)
}

// maxOffset bounds an offset, in milliseconds: an hour.
const maxOffset = 3600 * 1000

// notes are the keys that LRC files have. Others in brackets, as "[Chorus: all]",
// are taken for text.
var notes = []string{"ar", "al", "ti", "au", "by", "re", "ve", "la", "lr", "id", "length", "tool", "encoding", "key", "hash", "sign", "qq", "total", "#"}

// Synced says whether the lines have times.
func (l Lyrics) Synced() bool { return l.synced }

// Line is the index of the line that is sung at a position in the track, -1
// before the first and where lines have no times. To move all lines for a
// listener, add to at.
func (l Lyrics) Line(at time.Duration) int {
	if !l.synced {
		return -1
	}
	return sort.Search(len(l.Lines), func(i int) bool { return l.Lines[i].At > at }) - 1
}
