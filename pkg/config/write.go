package config

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Append appends the line that says key is v, one of the types a Schema has,
// with a comment. Read gives the same value back. Text that is not UTF-8 cannot
// be written.
func Append(dst []byte, key string, v any, comment string) ([]byte, error) {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(map[string]any{key: plain(v)}); err != nil {
		return dst, fmt.Errorf("write %s: %w", key, err)
	}
	if !utf8.Valid(text.Bytes()) {
		return dst, fmt.Errorf("write %s: %q is not UTF-8, which a configuration file has to be", key, v)
	}
	dst = append(dst, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
	if comment != "" {
		dst = append(dst, " # "...)
		dst = append(dst, oneLine(comment)...)
	}
	return append(dst, '\n'), nil
}

// plain is v as the encoder knows it.
func plain(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return v.String()
	case Size:
		return string(v)
	case Path:
		return string(v)
	case Paths:
		return append([]string{}, v...)
	case []string:
		return append([]string{}, v...) // nil would be left out
	}
	return v
}

// oneLine keeps a comment from ending early: TOML allows no control characters
// in one.
func oneLine(comment string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(comment, string(utf8.RuneError)))
}
