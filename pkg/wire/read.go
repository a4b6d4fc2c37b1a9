package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Whoever was talked into an address reads what is there. So what an answer
// takes in memory is bound to the bytes that came, and its texts are cut.

// MaxText is how many bytes are kept of a text that a server wrote: a path, a
// title, a message.
const MaxText = 4 << 10

// cut is s without what lies beyond MaxText. It is a copy then, so that the
// whole can be let go of.
func cut(s string) string {
	if len(s) <= MaxText {
		return s
	}
	end := MaxText
	for end > MaxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.Clone(s[:end])
}

func cutAll(texts ...*string) {
	for _, t := range texts {
		*t = cut(*t)
	}
}

// ignored is a JSON value of which nothing is kept.
type ignored struct{}

// UnmarshalJSON takes anything.
func (*ignored) UnmarshalJSON([]byte) error { return nil }

// bounded is a JSON list whose entries, and their fields, are at least a few
// characters long: it takes at most three times its text in memory.
type bounded[T any] []T

const (
	leastEntry  = 8    // bytes of text, with the comma
	someEntries = 1000 // may be shorter: short lists harm nobody
)

// UnmarshalJSON reads the list.
func (l *bounded[T]) UnmarshalJSON(b []byte) error {
	if n := bytes.Count(b, []byte{','}); n > someEntries+len(b)/leastEntry {
		return fmt.Errorf("a list of %d entries in %d bytes", n+1, len(b))
	}
	return json.Unmarshal(b, (*[]T)(l))
}

// readList reads a list entry by entry, so that it can be refused before it
// is in memory: for its length, or for an entry that receive does not take.
func readList[T any](dec *json.Decoder, most int, receive func(*T) error) ([]T, error) {
	switch start, err := dec.Token(); {
	case err != nil:
		return nil, err
	case start == nil: // null
		return nil, nil
	case start != json.Delim('['):
		return nil, errors.New("something else stands where a list should")
	}
	list := []T{}
	for dec.More() {
		if len(list) == most {
			return nil, fmt.Errorf("a list of more than %d entries, which is more than its length can hold", most)
		}
		var none T
		list = append(list, none)
		last := &list[len(list)-1]
		if err := dec.Decode(last); err != nil {
			return nil, err
		}
		if err := receive(last); err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(list), err)
		}
	}
	_, err := dec.Token()
	return list, err
}
