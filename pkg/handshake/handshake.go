// Package handshake agrees on session keys. How that is done is an Exchange:
// P256, which is protocol v1's, X25519, or a program's own. They keep out
// listeners; they do not tell the client who the server is, and somebody active
// who stands in between can be both ends. That, and the signed transcript, is
// protocol v2's, which no Exchange here is. The package imports seal for the
// Key type, and wipe.
package handshake

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"secstream/pkg/seal"
)

// Exchange is a way to agree on a key in one round: each side makes a Half,
// sends its public key, and agrees with that of the other. It is safe for
// concurrent use.
type Exchange interface {
	// Name is the curve or group, as both ends of a session call it: 1 to 32
	// letters, digits and "-".
	Name() string
	// New makes one side's half, fresh for each exchange.
	New() (Half, error)
}

// Half is one side of one exchange. Both sides do the same.
type Half interface {
	// Public is the public key as it travels, in base64.
	Public() string
	// Agree derives the key from the peer's public key, which may be hostile.
	// The caller wipes the key. Errors wrap ErrPublicKey.
	Agree(peer string) (*seal.Key, error)
}

// ErrPublicKey is wrapped for a peer's public key that is none of the
// exchange's, in the one encoding it allows.
var ErrPublicKey = errors.New("public key is not one of the key exchange")

// writeKey is a public key as it travels: base64 of a SubjectPublicKeyInfo,
// which is a fixed prefix of DER and the raw key.
func writeKey(prefix string, raw []byte) string {
	return base64.StdEncoding.EncodeToString(append([]byte(prefix), raw...))
}

// readKey is the raw key of size bytes in what writeKey wrote, and nothing
// else.
func readKey(text, prefix string, size int) ([]byte, error) {
	want := len(prefix) + size
	if len(text) > base64.StdEncoding.EncodedLen(want) {
		return nil, fmt.Errorf("%d characters", len(text))
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if len(der) != want || !strings.HasPrefix(string(der), prefix) {
		return nil, fmt.Errorf("%d bytes", len(der))
	}
	return der[len(prefix):], nil
}
