package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// A file of paired servers begins with a line that says what it is, without
// which it is damaged. Then there is a server a line, "ADDRESS TOKEN", with "clear"
// behind it where the token may go unencrypted. The last line is "end COUNT", see
// ending. Empty lines, and those that begin with #, say nothing.
const (
	pairedHead    = "secstream-paired 1"
	pairedComment = "# Servers that take this player, and the tokens they take it by: keep this secret.\n"
	pairedMend    = "a line is ADDRESS TOKEN; remove it, and pair with that server anew"
	pairedClear   = "clear"
)

// maxToken is the longest token that is kept, in bytes.
const maxToken = 512

// Paired are the tokens that servers gave a player, in one file that all its
// players share. It is safe for concurrent use, by several processes too. No
// error has a token.
type Paired struct{ file private }

// OpenPaired returns the tokens in the file at path, which need not be there
// yet. A file that cannot be used is told of now, as an *Error.
func OpenPaired(path string) (*Paired, error) {
	p := &Paired{private{kind: KindPaired, path: path, most: maxPins}}
	if _, err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Token is the one for the server at address, and at no other; "" where there
// is none. Errors wrap ErrAddress or are an *Error.
func (p *Paired) Token(address string) (string, error) {
	address, err := Canonical(address)
	if err != nil {
		return "", err
	}
	l, err := p.line(address)
	return l.token, err
}

// InClear says whether the token for the server at address may be sent there
// unencrypted. Errors are those of Token.
func (p *Paired) InClear(address string) (bool, error) {
	address, err := Canonical(address)
	if err != nil {
		return false, err
	}
	l, err := p.line(address)
	return l.clear, err
}

// line is the one of a canonical address, and empty where there is none.
func (p *Paired) line(address string) (pairedLine, error) {
	lines, err := p.load()
	if err != nil {
		return pairedLine{}, err
	}
	for _, l := range lines {
		if l.address == address {
			return l, nil
		}
	}
	return pairedLine{}, nil
}

// AllowClear notes that the token for the server at address, if there is one, may
// be sent there unencrypted from now on, as whoever plays has said. Errors are
// those of Keep.
func (p *Paired) AllowClear(ctx context.Context, address string) error {
	if allowed, err := p.InClear(address); err != nil || allowed {
		return err
	}
	token, err := p.Token(address)
	if err != nil || token == "" {
		return err // there is no folder to lock, perhaps
	}
	if address, err = Canonical(address); err != nil {
		return err
	}
	return p.change(ctx, func(lines []pairedLine) []pairedLine {
		for i, l := range lines {
			if l.address == address {
				lines[i].clear, lines[i].raw = true, address+" "+l.token+" "+pairedClear+"\n"
			}
		}
		return lines
	})
}

// Keep puts token in the place of the one for the server at address. What was
// allowed for that is not for this one. Errors
// wrap ErrAddress, or are an *Error or those of writing.
func (p *Paired) Keep(ctx context.Context, address, token string) error {
	address, err := Canonical(address)
	if err != nil {
		return err
	}
	if !tokenLike(token) {
		return fmt.Errorf("keep the token for %s: it is none", address)
	}
	fresh := pairedLine{raw: address + " " + token + "\n", address: address, token: token}
	return p.change(ctx, func(lines []pairedLine) []pairedLine {
		for i := range lines {
			if lines[i].address == address {
				lines[i] = fresh
				return lines
			}
		}
		return append(lines, fresh)
	})
}

// Forget removes the token for the server at address, and says whether there
// was one. Errors are those of Keep.
func (p *Paired) Forget(ctx context.Context, address string) (was bool, err error) {
	token, err := p.Token(address)
	if err != nil || token == "" {
		return false, err // there is no folder to lock, perhaps
	}
	if address, err = Canonical(address); err != nil {
		return false, err
	}
	err = p.change(ctx, func(lines []pairedLine) []pairedLine {
		for i, l := range lines {
			if l.address == address {
				was = true
				return append(lines[:i], lines[i+1:]...)
			}
		}
		return lines
	})
	return was, err
}

// pairedLine is a line of the file, with its line break.
type pairedLine struct {
	raw            string
	address, token string // "" where the line has none
	clear          bool   // token may go unencrypted
}

func (p *Paired) load() ([]pairedLine, error) {
	text, err := p.file.read()
	if errors.Is(err, fs.ErrNotExist) {
		return []pairedLine{{raw: pairedHead + "\n" + pairedComment}}, nil
	}
	if err != nil {
		return nil, err
	}
	lines, err := parsePaired(text)
	if e := new(Error); errors.As(err, &e) {
		e.Path = p.file.path
	}
	return lines, err
}

// change replaces the file by what edit makes of its lines, none of which
// another process changes meanwhile.
func (p *Paired) change(ctx context.Context, edit func([]pairedLine) []pairedLine) error {
	return p.file.locked(ctx, func() error {
		lines, err := p.load()
		if err != nil {
			return err
		}
		text := formatPaired(edit(lines))
		if len(text) > maxPins {
			return p.file.wrong(p.file.path, fmt.Errorf("it would have more than %d bytes", maxPins), `"secstream pins remove ADDRESS" makes room`)
		}
		return p.file.replace(text)
	})
}

func formatPaired(lines []pairedLine) []byte {
	var out listing
	for _, l := range lines {
		out.add(l.raw, l.address != "")
	}
	return out.end()
}

// parsePaired reads a file. Errors are an *Error without a path.
func parsePaired(text []byte) ([]pairedLine, error) {
	var lines []pairedLine
	seen := map[string]int{}
	last := ending{kind: KindPaired}
	var n int
	for raw := range bytes.Lines(text) {
		n++
		wrong := func(mend, format string, args ...any) error {
			return &Error{Kind: KindPaired, Line: n, Err: fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...)), Mend: mend}
		}
		l := pairedLine{raw: string(raw)}
		words := strings.Fields(l.raw)
		switch {
		case n == 1:
			if strings.Join(words, " ") != pairedHead {
				return nil, wrong("put the file back from a copy, or remove it and pair with its servers anew", "it does not begin with %q", pairedHead)
			}
		case last.is(l.raw, n):
			continue
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case len(words) != 2 && (len(words) != 3 || words[2] != pairedClear):
			return nil, wrong(pairedMend, "it has %d words and not two", len(words))
		default:
			canonical, err := Canonical(words[0])
			switch {
			case err != nil || canonical != words[0]:
				return nil, wrong(pairedMend, "its first word is not the address of a server, as pins have it")
			case !tokenLike(words[1]):
				return nil, wrong(pairedMend, "its second word is not a token")
			case seen[canonical] > 0:
				return nil, wrong("keep the later one", "%s is in line %d already", canonical, seen[canonical])
			}
			l.address, l.token, l.clear = words[0], words[1], len(words) > 2
			seen[l.address] = n
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return nil, &Error{Kind: KindPaired, Err: fmt.Errorf("%w: it is empty", ErrDamaged),
			Mend: "put the file back from a copy, or remove it and pair with its servers anew"}
	}
	if err := last.check(len(seen)); err != nil {
		return nil, err
	}
	return lines, nil
}

// tokenLike says whether text can be a token: printable ASCII without spaces.
func tokenLike(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxToken
}
