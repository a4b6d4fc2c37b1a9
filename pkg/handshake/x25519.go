package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"secstream/pkg/seal"
)

// X25519 is one round of ECDH on Curve25519 (RFC 7748), its key bound to both
// public keys:
//
//	HKDF-SHA256(ikm = shared secret, salt = none, info = x25519Info ‖ A ‖ B, 32 bytes)
//
// where A and B are the two raw public keys of 32 bytes, the one first that is
// less when compared byte by byte. So neither side has to know which end it is
// of, and a key is of this pair of public keys alone: X25519 takes several
// encodings of one point for the same (RFC 7748 section 7).
//
// It is not protocol v2, which uses X25519 too, but signs the transcript and
// derives other keys.
type X25519 struct{}

// NameX25519 is the name of X25519.
const NameX25519 = "X25519"

// Name is NameX25519.
func (X25519) Name() string { return NameX25519 }

// New makes a half.
func (X25519) New() (Half, error) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an X25519 key pair: %w", err)
	}
	return &x25519Half{private}, nil
}

const (
	x25519Size = 32
	x25519Info = "secstream X25519 slice key"
	// x25519Prefix is the fixed DER in front of the raw key: a
	// SubjectPublicKeyInfo of id-X25519 (RFC 8410 section 4).
	x25519Prefix = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00"
)

type x25519Half struct{ private *ecdh.PrivateKey }

// Public is base64 of the 44-byte DER.
func (h *x25519Half) Public() string { return writeKey(x25519Prefix, h.private.PublicKey().Bytes()) }

// Agree refuses points of low order, whose shared secret is all zeros, and the
// half's own key, sent back.
func (h *x25519Half) Agree(peer string) (*seal.Key, error) {
	raw, err := readKey(peer, x25519Prefix, x25519Size)
	if err != nil {
		return nil, fmt.Errorf("%w: no X25519 key in SubjectPublicKeyInfo form: %w", ErrPublicKey, err)
	}
	point, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	first, second := h.private.PublicKey().Bytes(), raw
	switch bytes.Compare(first, second) {
	case 0:
		return nil, fmt.Errorf("%w: it is our own", ErrPublicKey)
	case 1:
		first, second = second, first
	}
	shared, err := h.private.ECDH(point)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	defer clear(shared)
	key, err := hkdf.Key(sha256.New, shared, nil, x25519Info+string(first)+string(second), seal.KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return seal.NewKey(key)
}
