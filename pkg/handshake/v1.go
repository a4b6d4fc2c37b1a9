// Package handshake agrees on session keys. This file is the exchange of
// protocol v1 section 2: one round of ECDH on P-256, the key being the bare X
// coordinate of the shared point. It keeps out listeners; it does not tell the
// client who the server is. It imports seal for the Key type.
package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"secstream/pkg/seal"
)

// ErrPublicKey is returned for a peer's public key that is not a P-256 point
// in the one encoding the protocol allows.
var ErrPublicKey = errors.New("public key is not a P-256 key in SubjectPublicKeyInfo form")

// spkiPrefix is the fixed DER in front of an uncompressed P-256 point: a
// SubjectPublicKeyInfo of ecPublicKey on prime256v1 (RFC 5480 §2).
var spkiPrefix = []byte{
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
}

// spkiSize is the length of a whole key: the prefix and 04 ‖ X ‖ Y.
const spkiSize = 26 + 65

// Pair is one side's ephemeral key pair, good for one exchange.
type Pair struct{ private *ecdh.PrivateKey }

// NewPair makes a fresh pair.
func NewPair() (*Pair, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a P-256 key pair: %w", err)
	}
	return &Pair{private}, nil
}

// Public is the public key as it travels: base64 of the 91-byte DER.
func (p *Pair) Public() string {
	der := make([]byte, 0, spkiSize)
	der = append(der, spkiPrefix...)
	der = append(der, p.private.PublicKey().Bytes()...)
	return base64.StdEncoding.EncodeToString(der)
}

// Agree derives the session key from the peer's public key. Errors wrap
// ErrPublicKey.
func (p *Pair) Agree(peer string) (*seal.Key, error) {
	if len(peer) > base64.StdEncoding.EncodedLen(spkiSize) {
		return nil, fmt.Errorf("%w: %d characters", ErrPublicKey, len(peer))
	}
	der, err := base64.StdEncoding.DecodeString(peer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	if len(der) != spkiSize || !bytes.HasPrefix(der, spkiPrefix) {
		return nil, fmt.Errorf("%w: %d bytes", ErrPublicKey, len(der))
	}
	point, err := ecdh.P256().NewPublicKey(der[len(spkiPrefix):])
	if err != nil {
		return nil, fmt.Errorf("%w: not a point of the curve", ErrPublicKey)
	}
	shared, err := p.private.ECDH(point)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	return seal.NewKey(shared)
}
