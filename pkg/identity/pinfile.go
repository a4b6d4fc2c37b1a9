package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds on a file of pins, in bytes: room for some 7,000 servers.
const (
	maxPins = 1 << 20
	maxLine = 4 << 10
)

// A file of pins begins with a line that says what it is and of which version:
// "secstream-pins 1". A file without it is damaged, also an empty one: were that
// no pins, whoever cuts it short would have every server be new. Then there is a
// server a line:
//
//	ADDRESS ed25519:BASE64 FIRST LAST
//	ADDRESS SHA256:AA:BB:... - -
//
// the second of one whose key was not seen yet. The last line is "end COUNT", see
// ending. Empty lines, and those that begin with #, say nothing. In files of version 1.1 and later a line may end
// with words NAME=VALUE that this program keeps and does not know; other
// versions may mean anything, and are refused.
const (
	pinsMagic   = "secstream-pins"
	pinsMajor   = "1"
	keyPrefix   = "ed25519:"
	notSeen     = "-"
	pinsComment = "# Servers whose identity is known: address, key, first seen, last seen.\n" +
		"# secstream pins lists, accepts and removes them.\n"
)

// book is a file of pins as its lines. Those that are not changed are written as
// they were read.
type book struct {
	lines []*line        // but for the last, which is made anew
	at    map[string]int // line of an address
}

// line is one of a file, with its line break.
type line struct {
	raw  string
	pin  Pin    // without an address where the line has none
	more string // words of later versions, each after a space
}

func newBook() *book {
	return &book{at: map[string]int{}, lines: []*line{{raw: pinsMagic + " " + pinsMajor + "\n" + pinsComment}}}
}

func (b *book) find(address string) *line {
	if i, ok := b.at[address]; ok {
		return b.lines[i]
	}
	return nil
}

// add appends a line, for the caller to fill.
func (b *book) add() *line {
	l := new(line)
	b.lines = append(b.lines, l)
	return l
}

// drop takes the line of address out. No address is looked for afterwards.
func (b *book) drop(address string) {
	i := b.at[address]
	b.lines = append(b.lines[:i], b.lines[i+1:]...)
}

func (b *book) format() []byte {
	var out listing
	for _, l := range b.lines {
		out.add(l.raw, l.pin.Address != "")
	}
	return out.end()
}

// format is the line of a pin.
func (l *line) format() string {
	key, first, last := l.pin.Fingerprint.String(), notSeen, notSeen
	if l.pin.Key != nil {
		key = keyPrefix + base64.StdEncoding.EncodeToString(l.pin.Key)
		first, last = l.pin.First.Format(time.RFC3339), l.pin.Last.Format(time.RFC3339)
	}
	return l.pin.Address + " " + key + " " + first + " " + last + l.more + "\n"
}

// parsePins reads a file. Errors are an *Error without a path.
func parsePins(text []byte) (*book, error) {
	b := &book{at: map[string]int{}}
	last := ending{kind: KindPins}
	var minor, n int
	for raw := range bytes.Lines(text) {
		n++
		l := &line{raw: string(raw)}
		var err error
		switch {
		case len(raw) > maxLine:
			err = damaged("remove it", "it has more than %d bytes", maxLine)
		case n == 1:
			minor, err = parseVersion(l.raw)
		case last.is(l.raw, n):
			continue
		default:
			err = l.parse(minor > 0)
		}
		if i, twice := b.at[l.pin.Address]; err == nil && l.pin.Address != "" && twice {
			err = damaged("keep the one that is right", "%s is in line %d already", l.pin.Address, i+1)
		}
		if err != nil {
			if e := new(Error); errors.As(err, &e) {
				e.Line = n
			}
			return nil, err
		}
		if l.pin.Address != "" {
			b.at[l.pin.Address] = len(b.lines)
		}
		b.lines = append(b.lines, l)
	}
	if len(b.lines) == 0 {
		return nil, &Error{Kind: KindPins, Err: fmt.Errorf("%w: it is empty", ErrDamaged),
			Mend: "put the file back from a copy; without it, every server is new: remove it only if that is meant"}
	}
	if err := last.check(len(b.at)); err != nil {
		return nil, err
	}
	return b, nil
}

// damaged is the error of a line.
func damaged(mend, format string, args ...any) error {
	return &Error{Kind: KindPins, Err: fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...)), Mend: mend}
}

// parseVersion reads the first line and returns the version's second number.
func parseVersion(raw string) (minor int, err error) {
	words := strings.Fields(raw)
	if len(words) != 2 || words[0] != pinsMagic {
		return 0, damaged("put the file back from a copy; or write that as its first line, if the rest is whole", "it does not begin with %q", pinsMagic+" "+pinsMajor)
	}
	major, rest, more := strings.Cut(words[1], ".")
	if more {
		minor, err = strconv.Atoi(rest)
	}
	if err != nil || minor < 0 || more && rest != strconv.Itoa(minor) || strings.Trim(major, "0123456789") != "" || major == "" {
		return 0, damaged("put the file back from a copy", "%.32q is not a version", words[1])
	}
	if major != pinsMajor {
		return 0, &Error{Kind: KindPins, Err: fmt.Errorf("it is of version %.32s, and %s is known here", words[1], pinsMajor),
			Mend: "use the secstream that wrote it, or a later one"}
	}
	return minor, nil
}

const lineMend = "a line is ADDRESS ed25519:KEY FIRST LAST; mend it, or remove it and \"secstream pins accept ADDRESS FINGERPRINT\""

// parse reads a line behind the first. more is whether it may have words that
// are not known.
func (l *line) parse(more bool) error {
	words := strings.Fields(l.raw)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	if len(words) < 4 || len(words) > 4 && !more {
		return damaged(lineMend, "it has %d words and not four", len(words))
	}
	for _, word := range words[4:] {
		name, _, ok := strings.Cut(word, "=")
		if !ok || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return damaged(lineMend, "%.32q is not NAME=VALUE", word)
		}
		l.more += " " + word
	}
	canonical, err := Canonical(words[0])
	if err != nil {
		return damaged(lineMend, "%v", err)
	}
	if canonical != words[0] {
		return damaged("write it so", "the address %.256q is written as %s", words[0], canonical)
	}
	pin := Pin{Address: canonical}
	if err := pin.parse(words[1], words[2], words[3]); err != nil {
		return damaged(lineMend, "%v", err)
	}
	l.pin = pin
	return nil
}

func (pin *Pin) parse(key, first, last string) (err error) {
	text, ok := strings.CutPrefix(key, keyPrefix)
	if !ok {
		if pin.Fingerprint, err = ParseFingerprint(key); err != nil {
			return fmt.Errorf("its key is neither %sKEY nor a fingerprint: %w", keyPrefix, err)
		}
		if first != notSeen || last != notSeen {
			return errors.New("a fingerprint alone was not seen: its times are " + notSeen)
		}
		return nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return fmt.Errorf("behind %s are not %d bytes in base64", keyPrefix, ed25519.PublicKeySize)
	}
	pin.Key, pin.Fingerprint = b, FingerprintOf(b)
	if pin.First, err = parseTime(first); err == nil {
		pin.Last, err = parseTime(last)
	}
	if err == nil && pin.Last.Before(pin.First) {
		err = errors.New("it was last seen before it was first")
	}
	return err
}

// parseTime reads a time as it is written, to the second and in UTC.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Format(time.RFC3339) != text || !strings.HasSuffix(text, "Z") {
		return time.Time{}, fmt.Errorf("%.32q is not a time, as 2006-01-02T15:04:05Z", text)
	}
	return t, nil
}
