package handshake

import (
	"crypto/ecdh"
	"crypto/rand"
	"fmt"

	"secstream/pkg/seal"
)

// P256 is the exchange of protocol v1 section 2: one round of ECDH on P-256,
// the key being the bare X coordinate of the shared point.
type P256 struct{}

// NameP256 is the name of P256.
const NameP256 = "P-256"

// Name is NameP256.
func (P256) Name() string { return NameP256 }

// New makes a Pair.
func (P256) New() (Half, error) { return NewPair() }

// p256Prefix is the fixed DER in front of an uncompressed P-256 point, 04 ‖ X
// ‖ Y: a SubjectPublicKeyInfo of ecPublicKey on prime256v1 (RFC 5480 §2).
const p256Prefix = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"

const p256Size = 65

// Pair is one side's ephemeral P-256 key pair, good for one exchange.
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
func (p *Pair) Public() string { return writeKey(p256Prefix, p.private.PublicKey().Bytes()) }

// Agree derives the session key from the peer's public key. Errors wrap
// ErrPublicKey.
func (p *Pair) Agree(peer string) (*seal.Key, error) {
	raw, err := readKey(peer, p256Prefix, p256Size)
	if err != nil {
		return nil, fmt.Errorf("%w: no P-256 key in SubjectPublicKeyInfo form: %w", ErrPublicKey, err)
	}
	point, err := ecdh.P256().NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: not a point of P-256", ErrPublicKey)
	}
	shared, err := p.private.ECDH(point)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	return seal.NewKey(shared)
}
