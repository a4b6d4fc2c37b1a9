package identity

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// ErrSecret is a text that is not the secret of an address for pairing.
var ErrSecret = errors.New("not the secret of an address for pairing")

// SecretSize is the length of a Secret in bytes: 128 bits, which nobody guesses,
// so that no exchange has to keep guesses from being tried.
const SecretSize = 16

// secretLength is that of a secret as text.
const secretLength = 26

// pairPrefix stands in front of a secret in the query of an address.
const pairPrefix = "pair="

// Secret lets one player in at one server, once. It prints as what it is
// nowhere but in Text. The zero Secret is none. Two are compared by their Text or
// Bytes.
type Secret struct {
	// b is in a function, of which nothing prints more than an address: fmt goes
	// past Format where a Secret is in a field that is not exported. nil for none.
	b func() [SecretSize]byte
}

func newSecret(b [SecretSize]byte) Secret { return Secret{func() [SecretSize]byte { return b }} }

// NewSecret makes one.
func NewSecret() Secret {
	var b [SecretSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return newSecret(b)
}

// secretText is base32 (RFC 4648 section 6) in small letters, which people can
// type: it has no 0, 1 or 8.
var secretText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ParseSecret reads what Text wrote, and nothing else. Errors wrap ErrSecret and
// do not show the text.
func ParseSecret(text string) (Secret, error) {
	if len(text) != secretLength {
		return Secret{}, fmt.Errorf("%w: it has %d characters and not %d", ErrSecret, len(text), secretLength)
	}
	var b [SecretSize]byte
	n, err := secretText.Decode(b[:], []byte(text))
	if err != nil || n != SecretSize || secretText.EncodeToString(b[:]) != text { // the last character has 2 bits that are 0
		return Secret{}, fmt.Errorf("%w: it has letters a to z and digits 2 to 7", ErrSecret)
	}
	if b == [SecretSize]byte{} {
		return Secret{}, fmt.Errorf("%w: it is nothing but zeros", ErrSecret)
	}
	return newSecret(b), nil
}

// parsePair reads the query of an address for pairing.
func parsePair(query string) (Secret, error) {
	text, ok := strings.CutPrefix(query, pairPrefix)
	if !ok {
		return Secret{}, fmt.Errorf("%w: what follows ? begins with %s", ErrAddress, pairPrefix)
	}
	return ParseSecret(text)
}

// IsZero says that s is none.
func (s Secret) IsZero() bool { return s.b == nil }

// Text is s for people, 26 characters.
func (s Secret) Text() string { return secretText.EncodeToString(s.Bytes()) }

// Bytes is a copy of the 16 bytes, zeros where there is none.
func (s Secret) Bytes() []byte {
	if s.IsZero() {
		return make([]byte, SecretSize)
	}
	b := s.b()
	return b[:]
}

// redacted is how a secret looks to whoever prints it.
const redacted = "[secret]"

// Format keeps s out of what is printed, as LogValue and MarshalText do.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Redact is text, an address well formed or not, without what its queries hold, and
// without what follows "pair=" elsewhere: the secret of one for pairing.
func Redact(text string) string {
	var out strings.Builder
	for {
		sign := "?"
		if before, _, _ := strings.Cut(text, sign); strings.Contains(before, pairPrefix) {
			sign = pairPrefix
		}
		before, query, ok := strings.Cut(text, sign)
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		out.WriteString(sign + "...")
		end := strings.IndexByte(query, '#')
		if end < 0 {
			return out.String()
		}
		text = query[end:]
	}
}
