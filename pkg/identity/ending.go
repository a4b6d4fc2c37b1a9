package identity

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// endWord begins the last line of a file of servers, "end COUNT". It says how many
// servers stand in the file, so that one that was cut short, or has lost lines
// otherwise, is not one of fewer: a server that is lost would be new, and whoever
// answers next would be taken for it. It is a number and no checksum, since
// people who edit the file have to write it.
const endWord = "end"

// ending looks out for the last line of a file of kind.
type ending struct {
	kind  string
	line  int    // 0 before it was there
	count string // as it has it
}

// is says whether raw, line n of the file, is the last one.
func (e *ending) is(raw string, n int) bool {
	words := strings.Fields(raw)
	if len(words) != 2 || words[0] != endWord || e.line > 0 {
		return false
	}
	e.line, e.count = n, words[1]
	return true
}

// check compares the last line with the servers that were there. Errors are an
// *Error without a path.
func (e *ending) check(servers int) error {
	err := &Error{Kind: e.kind, Line: e.line, Mend: fmt.Sprintf(
		"put the file back from a copy; if no server is missing, as when you edited it, have its last line be \"%s %d\"", endWord, servers)}
	switch {
	case e.line == 0:
		err.Err = fmt.Errorf("%w: it is cut short: its last line, \"%s COUNT\", is not there", ErrDamaged, endWord)
	case e.count != strconv.Itoa(servers): // which may be anything, and is not shown
		err.Err = fmt.Errorf("%w: servers are missing, or too many: %d are there, and this line says another number", ErrDamaged, servers)
	default:
		return nil
	}
	return err
}

// listing is a file of servers as it is written.
type listing struct {
	text    bytes.Buffer
	servers int
}

// add appends a line, and its line break where it has none.
func (l *listing) add(raw string, server bool) {
	l.text.WriteString(raw)
	if !strings.HasSuffix(raw, "\n") {
		l.text.WriteByte('\n')
	}
	if server {
		l.servers++
	}
}

// end appends the last line and returns the whole.
func (l *listing) end() []byte {
	fmt.Fprintf(&l.text, "%s %d\n", endWord, l.servers)
	return l.text.Bytes()
}
