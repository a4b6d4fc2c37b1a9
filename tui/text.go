package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/norm"
)

// maxText bounds a text from outside, in runes: no screen shows more, and a
// tag may hold megabytes.
const maxText = 400

// clean makes a text from outside fit for one line of a terminal: no escape
// sequences, no control or direction characters, white space as single
// spaces. Signs whose width terminals disagree on (emoji joiners, variation
// selectors, skin tones) are left out, or a column behind them would jump.
func clean(s string) string {
	if plain(s) {
		return s
	}
	if len(s) > maxText*8 {
		s = s[:maxText*8]
	}
	s = norm.NFC.String(ansi.Strip(strings.ToValidUTF8(s, "\uFFFD")))
	var b strings.Builder
	n, gap, last := 0, false, rune(0)
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			gap = b.Len() > 0
			continue
		case !shown(r, last):
			continue
		}
		if n++; n > maxText {
			break
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

// plain says that s needs no cleaning: printable ASCII, as most texts are.
func plain(s string) bool {
	if len(s) > maxText || strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") || strings.Contains(s, "  ") {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// shown says whether r may stand in a line after last.
func shown(r, last rune) bool {
	const (
		joiner    = '\u200D'
		nonJoiner = '\u200C'
		keycap    = '\u20E3'
	)
	switch {
	case r == joiner || r == nonJoiner: // they shape words of many scripts
		return unicode.IsLetter(last) || unicode.IsMark(last)
	case r >= '\uFE00' && r <= '\uFE0F', r >= 0xE0100 && r <= 0xE01EF, r == keycap:
		return false // variation selectors
	case r >= 0x1F3FB && r <= 0x1F3FF:
		return false // skin tones
	case unicode.IsMark(r):
		return last != 0 // nothing to sit on: it would change the frame's glyphs
	}
	return unicode.IsPrint(r)
}

// fold makes text comparable for the filter: without case and accents, so
// that "bjork" finds both spellings of "Björk".
func fold(s string) string {
	s = norm.NFKD.String(s)
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// width is how many cells s takes.
func width(s string) int { return ansi.StringWidth(s) }

// cut shortens s to at most n cells.
func cut(s string, n int) string {
	switch {
	case n <= 0:
		return ""
	case len(s) <= n: // a cell takes at least a byte
		return s
	}
	return ansi.Truncate(s, n, "…")
}

// fit makes s exactly n cells wide.
func fit(s string, n int) string {
	s = cut(s, n)
	return s + blank(n-width(s))
}

// fitRight is fit with s at the right.
func fitRight(s string, n int) string {
	s = cut(s, n)
	return blank(n-width(s)) + s
}

func blank(n int) string { return strings.Repeat(" ", max(n, 0)) }

// join puts sep between the parts that are not empty.
func join(sep string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, sep)
}

// clock writes d as 3:05 or 1:02:03, seconds cut off as on any player.
func clock(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// unknownTime stands for the length of a track that nobody knows.
const unknownTime = "-:--"

// length is clock for a track's duration.
func length(d time.Duration) string {
	if d <= 0 {
		return unknownTime
	}
	return clock(d)
}

// count writes n things, thousands apart: "1,204 tracks".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return thousands(n) + " " + thing
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// chop takes the last letter, with its accents, off s.
func chop(s string) string {
	for s != "" {
		r, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
		if !unicode.IsMark(r) {
			break
		}
	}
	return s
}
