package identity

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// ErrUnknown is an address there is no pin for.
var ErrUnknown = errors.New("there is no pin for that address")

// Verdict is what pins say of a server's key.
type Verdict int

// Verdicts. The zero Verdict is none: it comes with an error.
const (
	New     Verdict = iota + 1 // no pin for the address
	Known                      // the pin is of this key
	Changed                    // the pin is of another key: nothing more is to be said to this server
)

// String is "new", "known" or "changed".
func (v Verdict) String() string {
	switch v {
	case New:
		return "new"
	case Known:
		return "known"
	case Changed:
		return "changed"
	}
	return "none"
}

// Pin is what is remembered of one server.
type Pin struct {
	Address     string // canonical
	Fingerprint Fingerprint
	// Key is nil, and both times are zero, while a user has accepted the
	// fingerprint and no server has shown the key yet.
	Key         ed25519.PublicKey
	First, Last time.Time // when the key was seen; Last within a day
}

// Mismatch is a server whose key is another than the pinned one. Either it has a
// new key, or somebody stands in between.
type Mismatch struct {
	Pin Pin
	Got Fingerprint
}

func (e *Mismatch) Error() string {
	return fmt.Sprintf("the identity of %s is another than before: it is %s, and %s is pinned", e.Pin.Address, e.Got, e.Pin.Fingerprint)
}

// Pins are a user's, in one file that all players share. It is safe for
// concurrent use, by several processes too: each method sees what the others
// have written, and no change gets lost.
//
// A player first has Check compare the key it was shown, then verifies the
// signature, and only then has Remember write the key down.
type Pins struct{ file private }

// Open returns the pins in the file at path, which need not be there yet. A file
// that cannot be used is told of now. Errors are those of List.
func Open(path string) (*Pins, error) {
	p := &Pins{private{kind: KindPins, path: path, most: maxPins}}
	if _, err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Path is the file.
func (p *Pins) Path() string { return p.file.path }

// Check compares the key a server has shown with its pin, and writes nothing.
// With New only the pin's address says something. Errors wrap ErrAddress, or are
// those of List.
func (p *Pins) Check(address string, key ed25519.PublicKey) (Verdict, Pin, error) {
	address, err := checked(address, key)
	if err != nil {
		return 0, Pin{}, err
	}
	b, err := p.load()
	if err != nil {
		return 0, Pin{}, err
	}
	l := b.find(address)
	if l == nil {
		return New, Pin{Address: address}, nil
	}
	return l.pin.of(key), l.pin, nil
}

// Find is the pin for address. Errors wrap ErrAddress or ErrUnknown, or are those
// of List.
func (p *Pins) Find(address string) (Pin, error) {
	address, err := Canonical(address)
	if err != nil {
		return Pin{}, err
	}
	b, err := p.load()
	if err != nil {
		return Pin{}, err
	}
	if l := b.find(address); l != nil {
		return l.pin, nil
	}
	return Pin{}, fmt.Errorf("%s: %w", address, ErrUnknown)
}

// of is Known or Changed.
func (pin *Pin) of(key ed25519.PublicKey) Verdict {
	if pin.Key == nil && pin.Fingerprint == FingerprintOf(key) || pin.Key != nil && bytes.Equal(pin.Key, key) {
		return Known
	}
	return Changed
}

// lastSeenEvery is how old a last time is when it is written anew: players do not
// keep each other waiting for it.
const lastSeenEvery = 24 * time.Hour

// Remember writes down that the server at address has proved to have key. A pin
// of another key is never replaced: then the error is a *Mismatch, as when
// another player has met another key meanwhile. Other errors wrap ErrAddress or
// are those of List and of writing; of a server that is known they mean no more
// than that the time it was last seen could not be written.
func (p *Pins) Remember(ctx context.Context, address string, key ed25519.PublicKey) error {
	address, err := checked(address, key)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	if b, err := p.load(); err != nil {
		return err
	} else if l := b.find(address); l != nil && l.pin.of(key) == Known && l.pin.fresh(now) {
		return nil // as a rule; there is no need for the lock
	}
	return p.change(ctx, func(b *book) error {
		l := b.find(address)
		switch {
		case l == nil:
			l = b.add()
			l.pin = Pin{Address: address, First: now}
		case l.pin.of(key) == Changed:
			return &Mismatch{Pin: l.pin, Got: FingerprintOf(key)}
		case l.pin.fresh(now): // another player was faster
			return nil
		case l.pin.Key == nil:
			l.pin.First = now
		}
		l.pin.Key, l.pin.Last = bytes.Clone(key), now
		l.raw = l.format()
		return nil
	})
}

// fresh says whether the time the key was last seen need not be written. A
// clock that was set back leaves it as it is.
func (pin *Pin) fresh(now time.Time) bool {
	return pin.Key != nil && now.Sub(pin.Last) < lastSeenEvery
}

// Accept pins the fingerprint for address, by its user's explicit word, in the
// place of any other; the key and its times follow when it is seen. was is the
// pin before, without an address where there was none, and now the one after.
// What is pinned already stays as it is. Errors wrap ErrAddress or are those of
// List and of writing.
func (p *Pins) Accept(ctx context.Context, address string, f Fingerprint) (was, now Pin, err error) {
	address, err = Canonical(address)
	if err != nil {
		return Pin{}, Pin{}, err
	}
	err = p.change(ctx, func(b *book) error {
		l := b.find(address)
		if l == nil {
			l = b.add()
		}
		was = l.pin
		if was.Address == "" || was.Fingerprint != f {
			*l = line{pin: Pin{Address: address, Fingerprint: f}}
			l.raw = l.format()
		}
		now = l.pin
		return nil
	})
	return was, now, err
}

// Remove forgets the server at address: its next key is new. Errors wrap
// ErrAddress or ErrUnknown, or are those of List and of writing.
func (p *Pins) Remove(ctx context.Context, address string) (was Pin, err error) {
	address, err = Canonical(address)
	if err != nil {
		return Pin{}, err
	}
	unknown := fmt.Errorf("%s: %w", address, ErrUnknown)
	if b, err := p.load(); err != nil {
		return Pin{}, err
	} else if b.find(address) == nil {
		return Pin{}, unknown // there is no folder to lock, perhaps
	}
	err = p.change(ctx, func(b *book) error {
		l := b.find(address)
		if l == nil {
			return unknown
		}
		was = l.pin
		b.drop(address)
		return nil
	})
	return was, err
}

// List returns the pins in the order of their lines; none where there is no
// file. Errors are an *Error where the file is not as it should be.
func (p *Pins) List() ([]Pin, error) {
	b, err := p.load()
	if err != nil {
		return nil, err
	}
	var pins []Pin
	for _, l := range b.lines {
		if l.pin.Address != "" {
			pins = append(pins, l.pin)
		}
	}
	return pins, nil
}

// checked is the canonical address of a server that has shown key.
func checked(address string, key ed25519.PublicKey) (string, error) {
	if len(key) != ed25519.PublicKeySize {
		return "", fmt.Errorf("a key of %d bytes is not one of Ed25519", len(key))
	}
	return Canonical(address)
}

// load reads the file.
func (p *Pins) load() (*book, error) {
	text, err := p.file.read()
	if errors.Is(err, fs.ErrNotExist) {
		return newBook(), nil
	}
	if err != nil {
		return nil, err
	}
	b, err := parsePins(text)
	if e := new(Error); errors.As(err, &e) {
		e.Path = p.file.path
	}
	return b, err
}

// change replaces the file by what edit makes of its lines, none of which
// another process changes meanwhile. What changes nothing writes nothing.
func (p *Pins) change(ctx context.Context, edit func(*book) error) error {
	return p.file.locked(ctx, func() error {
		b, err := p.load()
		if err != nil {
			return err
		}
		was := b.format()
		if err := edit(b); err != nil {
			return err
		}
		text := b.format()
		if bytes.Equal(text, was) {
			return nil
		}
		if len(text) > maxPins {
			return p.file.wrong(p.file.path, fmt.Errorf("it would have more than %d bytes", maxPins), `"secstream pins remove ADDRESS" makes room`)
		}
		return p.file.replace(text)
	})
}
