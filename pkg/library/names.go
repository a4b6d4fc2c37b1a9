package library

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func isHidden(name string) bool { return strings.HasPrefix(name, ".") }

// orderKey turns a path into a string whose byte order is listing order:
// folder by folder, a folder's own files before its subfolders, letters
// without case, and numbers by value, so "2" comes before "10".
func orderKey(path string) string {
	var b strings.Builder
	b.Grow(len(path) + 8)
	last := strings.LastIndexByte(path, '/')
	if last < 0 {
		b.WriteByte(0)
	}
	for i := 0; i < len(path); {
		switch ch := path[i]; {
		case ch == '/' && i == last:
			b.WriteByte(0)
			i++
		case ch == '/':
			b.WriteByte(1)
			i++
		case ch >= '0' && ch <= '9':
			end := i
			for end < len(path) && path[end] >= '0' && path[end] <= '9' {
				end++
			}
			digits := strings.TrimLeft(path[i:end], "0")
			b.WriteByte('0')
			b.WriteByte(byte(min(len(digits), 255)))
			b.WriteString(digits)
			i = end
		default:
			r, n := utf8.DecodeRuneInString(path[i:])
			b.WriteRune(unicode.ToLower(r))
			i += n
		}
	}
	return b.String()
}

// clean makes a path or message safe to print: characters that steer a
// terminal or turn the direction of text around become U+FFFD.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// cut shortens s to at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
