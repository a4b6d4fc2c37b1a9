package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors callers branch on.
var (
	// ErrName: a name has to be 1 to 64 letters, digits and ". _ -".
	ErrName = errors.New("a name has 1 to 64 letters, digits, dots, underlines and hyphens")
	// ErrTaken: there is a token of that name.
	ErrTaken = errors.New("there is a token of that name")
	// ErrUnknown: there is no token of that name.
	ErrUnknown = errors.New("there is no token of that name")
	// ErrWritable: a token file that others than its owner may write to: they
	// could let themselves in.
	ErrWritable = errors.New("others may write to it")

	errNotRegular = errors.New("it is not a file")
)

// Bounds on a token file. Each check of a token goes through all of them.
const (
	maxTokens = 4096
	maxFile   = 1 << 20 // bytes
	maxName   = 64
)

// Error is a token file that is not as it should be.
type Error struct {
	Path string
	Line int // from 1; 0 when it is not one line's fault
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("token file %q: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("token file %q: line %d: %v", e.Path, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// inFile adds the path to an error of parse.
func inFile(path string, err error) error {
	if e := new(Error); errors.As(err, &e) {
		e.Path = path
	}
	return err
}

// Entry is one token: whose it is and the day it was made on (UTC).
type Entry struct {
	Name string
	Made time.Time
	sum  [sha256.Size]byte
}

// line is e as it stands in the file, with a newline.
func (e Entry) line() string {
	return fmt.Sprintf("%s sha256:%x %s\n", e.Name, e.sum, e.Made.Format(time.DateOnly))
}

// parse reads a token file: a token a line, as "NAME sha256:HEX YYYY-MM-DD";
// empty lines and those that begin with # say nothing. Errors are a *Error
// without a path, and never show a hash.
func parse(text []byte) ([]Entry, error) {
	if len(text) > maxFile {
		return nil, &Error{Err: fmt.Errorf("it has more than %d bytes", maxFile)}
	}
	var set []Entry
	names, sums := map[string]int{}, map[[sha256.Size]byte]int{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		e, err := parseLine(string(line))
		if err != nil {
			return nil, &Error{Line: n, Err: err}
		}
		if e.Name == "" {
			continue
		}
		if first := names[e.Name]; first > 0 {
			return nil, &Error{Line: n, Err: fmt.Errorf("the name %q is in line %d already", e.Name, first)}
		}
		if first := sums[e.sum]; first > 0 {
			return nil, &Error{Line: n, Err: fmt.Errorf("the hash is in line %d already", first)}
		}
		if len(set) == maxTokens {
			return nil, &Error{Line: n, Err: fmt.Errorf("a file has %d tokens at most", maxTokens)}
		}
		names[e.Name], sums[e.sum] = n, n
		set = append(set, e)
	}
	return set, nil
}

// parseLine reads one line; the entry of one that says nothing has no name.
func parseLine(line string) (Entry, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return Entry{}, nil
	}
	if len(fields) != 3 {
		return Entry{}, fmt.Errorf("it has %d words and not three, as NAME sha256:HEX YYYY-MM-DD", len(fields))
	}
	e := Entry{Name: fields[0]}
	if err := checkName(e.Name); err != nil {
		return Entry{}, err
	}
	digits, ok := strings.CutPrefix(fields[1], "sha256:")
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != len(e.sum) {
		return Entry{}, errors.New("the second word is not sha256: and 64 hexadecimal digits")
	}
	copy(e.sum[:], sum)
	if e.Made, err = time.Parse(time.DateOnly, fields[2]); err != nil {
		return Entry{}, errors.New("the third word is not a day, as 2006-01-02")
	}
	return e, nil
}

func checkName(name string) error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	if name == "" || len(name) > maxName || strings.Trim(name, letters) != "" {
		return ErrName
	}
	return nil
}
