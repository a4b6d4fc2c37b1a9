package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// newJSON writes all the JSON this program prints, a value a line: <, > and &
// stay readable, and what would steer a terminal is escaped. encoding/json
// does that to the characters below U+0020 alone.
func newJSON(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(escaper{w})
	enc.SetEscapeHTML(false)
	return enc
}

// escaper writes whole JSON values. Only strings hold characters beyond ASCII.
type escaper struct{ w io.Writer }

// Write writes p with some of it escaped, and counts it as it came.
func (e escaper) Write(p []byte) (int, error) {
	if _, err := e.w.Write(escaped(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func escaped(p []byte) []byte {
	steersJSON := func(r rune) bool { return r > '~' && steers(r) } // line breaks between values stay
	if !bytes.ContainsFunc(p, steersJSON) {
		return p
	}
	out := make([]byte, 0, len(p)+len(p)/2)
	for _, r := range string(p) {
		if steersJSON(r) {
			out = fmt.Appendf(out, `\u%04x`, r) // all of them are below U+10000
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
