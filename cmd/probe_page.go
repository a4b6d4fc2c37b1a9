package cmd

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// paint colours text for a terminal, or leaves it as it is.
type paint struct{ on bool }

func (p paint) with(code, text string) string {
	if !p.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) bold(s string) string { return p.with("1", s) }
func (p paint) dim(s string) string  { return p.with("2", s) }
func (p paint) good(s string) string { return p.with("32", s) }
func (p paint) warn(s string) string { return p.with("33", s) }
func (p paint) bad(s string) string  { return p.with("31", s) }

// page is where text for people goes. Errors show when w is flushed.
type page struct {
	w     *bufio.Writer
	paint paint
	width int // cells of a line, 0 for any number
}

func (p *page) line(text string) {
	_, _ = p.w.WriteString(strings.TrimRight(text, " ")) // flushing tells
	_ = p.w.WriteByte('\n')
}

// labelled prints value behind a label, wrapped below itself.
func (p *page) labelled(label, value string, style func(string) string) {
	const column = 14
	pad := "  " + p.paint.dim(label) + strings.Repeat(" ", max(column-2-cells(label), 1))
	for _, part := range wrap(value, p.room(max(column, cells(label)+3))) {
		if style != nil {
			part = style(part)
		}
		p.line(pad + part)
		pad = strings.Repeat(" ", column)
	}
}

// room is what a line has left behind n cells.
func (p *page) room(n int) int {
	if p.width == 0 {
		return math.MaxInt
	}
	return max(p.width-n, 20)
}

// wrap breaks text between words so that no line has more than n cells,
// unless a word has.
func wrap(text string, n int) []string {
	if cells(text) <= n {
		return []string{text}
	}
	var lines []string
	line, used := "", 0 // used are the cells of line
	for _, word := range strings.Fields(text) {
		w := cells(word)
		switch {
		case line == "":
			line, used = word, w
		case used+1+w <= n:
			line, used = line+" "+word, used+1+w
		default:
			lines, line, used = append(lines, line), word, w
		}
		for used > n {
			head := clip(line, n)
			lines, line, used = append(lines, head), line[len(head):], used-cells(head)
		}
	}
	return append(lines, line)
}

// printable makes text from files safe to print: nothing in it steers the
// terminal or turns the direction of writing around.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// steers says whether a terminal obeys r instead of drawing it.
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// wide are the characters that terminals draw two cells wide (Unicode Annex
// 11, by blocks).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0x303e, Stride: 1}, {Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, {Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

// cellsOf is how many cells r takes.
func cellsOf(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

// clip is the start of s that takes at most n cells, and at least one
// character.
func clip(s string, n int) string {
	for i, r := range s {
		if n -= cellsOf(r); n < 0 && i > 0 {
			return s[:i]
		}
	}
	return s
}

// shorten takes out the middle of s if it takes more than n cells: a path
// shows its folder and its name, a title how it begins and ends.
func shorten(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	head := clip(s, max((n-1)/3, 1))
	room, at := n-1-cells(head), len(s)
	for at > len(head) {
		r, k := utf8.DecodeLastRuneInString(s[:at])
		if room -= cellsOf(r); room < 0 {
			break
		}
		at -= k
	}
	return head + "…" + s[at:]
}

// cut shortens s at its end.
func cut(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	return clip(s, max(n-1, 1)) + "…"
}

// left and right fill s up with spaces to n cells.
func left(s string, n int) string  { return s + strings.Repeat(" ", max(n-cells(s), 0)) }
func right(s string, n int) string { return strings.Repeat(" ", max(n-cells(s), 0)) + s }

// fineClock writes seconds as 0:05.123 or 1:02:03.004; whole adds the hours
// in any case.
func fineClock(seconds float64, whole bool) string {
	ms := int64(math.Round(seconds * 1000))
	h, m, s := ms/3600000, ms/60000%60, ms/1000%60
	if h > 0 || whole {
		return fmt.Sprintf("%d:%02d:%02d.%03d", h, m, s, ms%1000)
	}
	return fmt.Sprintf("%d:%02d.%03d", m, s, ms%1000)
}

// sizeText writes a number of bytes in few characters; kB is 1000 bytes.
func sizeText(n int64) string {
	v := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		switch {
		case v < 10 && unit != "B":
			return fmt.Sprintf("%.1f %s", v, unit)
		case v < 999.5:
			return fmt.Sprintf("%.0f %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.1f TB", v)
}

// kilo writes n thousandths, as of Hz or bit/s, without more digits than it
// needs.
func kilo(n int) string { return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64) }
