package audio

import (
	"strings"
	"unicode"
)

// MaxLyrics bounds the words of a song, in bytes of UTF-8. What is longer is
// none: the text of a whole opera fits.
const MaxLyrics = 256 << 10

// Lyrics are the words of a song, as a file has them in it or beside it.
type Lyrics struct {
	Text   string // LRC or plain text, lines ended by \n; a holder of many Infos drops it and opens the file again when asked
	Size   int    // bytes of Text, 0 for none
	Synced bool   // Text is LRC: lines have times
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")

// NewLyrics makes lyrics of a text from a file: valid UTF-8, no control or
// formatting characters but \n, no blanks at the ends. What is empty then, or
// too long, gives none.
func NewLyrics(text string) Lyrics {
	if len(text) > 4*MaxLyrics {
		return Lyrics{}
	}
	text = strings.TrimPrefix(strings.ToValidUTF8(text, "\uFFFD"), "\uFEFF")
	text = lineEnds.Replace(text)
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d':
			return -1
		}
		return r
	}, text))
	if text == "" || len(text) > MaxLyrics {
		return Lyrics{}
	}
	return Lyrics{Text: text, Size: len(text), Synced: timed(text)}
}

// Or is l, or other where that says more: something instead of nothing, times
// instead of none.
func (l Lyrics) Or(other Lyrics) Lyrics {
	if l.Size == 0 || !l.Synced && other.Synced {
		return other
	}
	return l
}

// timed says whether a line of text begins with a time, as "[01:23.45]".
func timed(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "[")
		if !ok {
			continue
		}
		rest, ok = strings.CutPrefix(strings.TrimLeft(rest, "0123456789"), ":")
		tail := strings.TrimLeft(rest, "0123456789")
		if n := len(rest) - len(tail); ok && line[1] != ':' && n >= 1 && n <= 2 && tail != "" && strings.IndexByte(".:,]", tail[0]) >= 0 {
			return true
		}
	}
	return false
}
