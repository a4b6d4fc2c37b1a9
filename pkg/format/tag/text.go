package tag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the most bytes of one string that are kept.
const maxText = 4096

// Clean makes text from a file fit for a terminal: invalid UTF-8 is replaced,
// control and formatting characters (escape sequences, direction overrides)
// are taken out, line breaks and tabs become spaces, blanks at the ends go,
// and no more than 4096 bytes are kept.
func Clean(s string) string {
	// Characters shrink at most fourfold here, so this much is enough.
	if len(s) > 4*maxText {
		s = s[:4*maxText]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d', r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.TrimSpace(s)
	if len(s) > maxText {
		n := maxText
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = strings.TrimSpace(s[:n])
	}
	return s
}
