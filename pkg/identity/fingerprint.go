package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrFingerprint is a text that is not the fingerprint of an identity.
var ErrFingerprint = errors.New("not the fingerprint of an identity")

// Fingerprint is how people know an identity: SHA-256 of the 32 bytes of its
// public key. Two are the same identity where they are equal (==).
type Fingerprint [sha256.Size]byte

const (
	fingerprintPrefix = "SHA256:"
	fingerprintPairs  = sha256.Size
	// FingerprintLength is that of every fingerprint as text, in bytes.
	FingerprintLength = len(fingerprintPrefix) + 3*fingerprintPairs - 1
)

// FingerprintOf is the fingerprint of the identity with that public key.
func FingerprintOf(public ed25519.PublicKey) Fingerprint { return sha256.Sum256(public) }

// String is "SHA256:" and 32 pairs of hexadecimal digits, in capitals, with
// colons in between: 102 characters. No fingerprint of a TLS key looks like it.
func (f Fingerprint) String() string {
	const digits = "0123456789ABCDEF"
	text := make([]byte, 0, FingerprintLength)
	text = append(text, fingerprintPrefix...)
	for i, b := range f {
		if i > 0 {
			text = append(text, ':')
		}
		text = append(text, digits[b>>4], digits[b&15])
	}
	return string(text)
}

// MarshalText is String, for JSON and other texts.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText is ParseFingerprint.
func (f *Fingerprint) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFingerprint(string(text))
	return err
}

// ParseFingerprint reads what String wrote, and nothing else: a fingerprint has
// one form, so that people can compare two by looking at them. Errors wrap
// ErrFingerprint and say how the text is off.
func ParseFingerprint(text string) (Fingerprint, error) {
	var f Fingerprint
	pairs, ok := strings.CutPrefix(text, fingerprintPrefix)
	if !ok {
		return f, fmt.Errorf("%w: %.128q does not begin with %s", ErrFingerprint, text, fingerprintPrefix)
	}
	const base64OfSum = 43
	if !strings.Contains(pairs, ":") && len(strings.TrimRight(pairs, "=")) == base64OfSum {
		return f, fmt.Errorf("%w: %.128q is that of a TLS key", ErrFingerprint, text)
	}
	if n := strings.Count(pairs, ":") + 1; n != fingerprintPairs {
		return f, fmt.Errorf("%w: %.128q has %d of the %d pairs of digits", ErrFingerprint, text, n, fingerprintPairs)
	}
	i := 0
	for pair := range strings.SplitSeq(pairs, ":") {
		if len(pair) != 2 || strings.Trim(pair, "0123456789ABCDEF") != "" {
			return Fingerprint{}, fmt.Errorf("%w: %.8q, pair %d of %.128q, is not two of 0 to 9 and A to F", ErrFingerprint, pair, i+1, text)
		}
		_, _ = hex.Decode(f[i:i+1], []byte(pair)) // they are digits
		i++
	}
	return f, nil
}
