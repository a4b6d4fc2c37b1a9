package lyrics

import (
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// maxStamps is how many times one line may have: a refrain comes back so often.
const maxStamps = 100

// leading takes the times off the front of a row: "[00:12.00][01:15.30]Text".
func leading(row string) (stamps []time.Duration, rest string) {
	for len(stamps) < maxStamps {
		row = strings.TrimLeft(row, " \t")
		if !strings.HasPrefix(row, "[") {
			break
		}
		inside, after, ok := strings.Cut(row[1:], "]")
		at, isTime := stamp(inside)
		if !ok || !isTime {
			break
		}
		stamps, row = append(stamps, at), after
	}
	return stamps, row
}

// stamp reads mm:ss, mm:ss.xx, mm:ss.xxx and mm:ss:xx, as different tools write
// it. Minutes may go beyond 59; hours have no place in it.
func stamp(s string) (time.Duration, bool) {
	minutes, s, ok := strings.Cut(strings.TrimSpace(s), ":")
	if !ok || len(minutes) > 4 {
		return 0, false
	}
	seconds, part := s, ""
	if i := strings.IndexAny(s, ".:,"); i >= 0 {
		seconds, part = s[:i], s[i+1:]
		if part == "" {
			return 0, false
		}
	}
	m, ok1 := digits(minutes)
	sec, ok2 := digits(seconds)
	if !ok1 || !ok2 || len(seconds) > 2 || sec > 59 || len(part) > 9 {
		return 0, false
	}
	at := time.Duration(m)*time.Minute + time.Duration(sec)*time.Second
	unit := time.Second
	for _, c := range []byte(part) {
		if c < '0' || c > '9' {
			return 0, false
		}
		unit /= 10
		at += time.Duration(c-'0') * unit
	}
	return at, true
}

// digits is the number that s is, of ASCII digits alone.
func digits(s string) (n int, ok bool) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != ""
}

// words splits what follows the times of a line at the times of its words:
// "<00:12.00> When <00:12.40> shall". What stands before the first is sung
// from the line's own time, the first of stamps.
func words(s string, stamps []time.Duration) Line {
	line := Line{At: stamps[0]}
	at, text := stamps[0], strings.Builder{}
	var found []Word
	timed, gap := false, false
	add := func(piece string) { // syllables have no space between
		gap = gap || strings.HasPrefix(piece, " ")
		if word := clean(piece); word != "" {
			if n := len(found); n > 0 && gap {
				found[n-1].Text += " "
			}
			found, gap = append(found, Word{At: at, Text: word}), false
		}
		gap = gap || strings.HasSuffix(piece, " ")
	}
	for text.Len() <= maxLine {
		before, after, ok := strings.Cut(s, "<")
		if !ok {
			break
		}
		inside, next, closed := strings.Cut(after, ">")
		when, isTime := stamp(inside)
		if !closed || !isTime {
			text.WriteString(before + "<")
			s = after
			continue
		}
		text.WriteString(before)
		add(text.String())
		text.Reset()
		at, s, timed = when, next, true
	}
	text.WriteString(s)
	add(text.String())
	for _, w := range found {
		line.Text += w.Text
	}
	if timed {
		line.Words = found
	}
	return line
}

// moved is the line sung at another time, its words by as much. None is
// before the start.
func (l Line) moved(by, at time.Duration) Line {
	l.At = max(at, 0)
	if by != 0 && l.Words != nil {
		moved := make([]Word, len(l.Words))
		for i, w := range l.Words {
			moved[i] = Word{At: max(w.At+by, 0), Text: w.Text}
		}
		l.Words = moved
	}
	return l
}

// clean makes a text from outside fit for one line of a terminal: no escape
// sequences, no control or direction characters, white space as single spaces.
func clean(s string) string {
	if len(s) > maxLine {
		s = s[:maxLine]
	}
	s = ansi.Strip(strings.ToValidUTF8(s, ""))
	var b strings.Builder
	gap := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			gap = b.Len() > 0
		case !unicode.IsPrint(r) || b.Len() == 0 && unicode.IsMark(r) || r >= '\uFE00' && r <= '\uFE0F':
		default:
			if gap {
				b.WriteByte(' ')
				gap = false
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
