package handshake

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"secstream/pkg/seal"
	"secstream/pkg/wipe"
)

// newX25519 makes a key pair and leaves no copy of the private key besides.
func newX25519() (*ecdh.PrivateKey, error) {
	var secret [32]byte
	defer clear(secret[:])
	_, _ = rand.Read(secret[:]) // never fails
	x, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		return nil, fmt.Errorf("make an X25519 key pair: %w", err)
	}
	return x, nil
}

// newMLKEM makes a key pair and leaves no copy of its seed besides.
func newMLKEM() (*mlkem.DecapsulationKey768, error) {
	var seed [mlkem.SeedSize]byte
	defer clear(seed[:])
	_, _ = rand.Read(seed[:])
	kem, err := mlkem.NewDecapsulationKey768(seed[:])
	if err != nil {
		return nil, fmt.Errorf("make an ML-KEM key pair: %w", err)
	}
	return kem, nil
}

// forget overwrites a private key.
func forget(x *ecdh.PrivateKey) { wipe.Field(x, "privateKey") }

// Wipe overwrites the private keys: nothing that was agreed with them can be
// agreed again. The exchange is of no use afterwards.
func (c *Client) Wipe() {
	forget(c.x)
	if c.kem != nil {
		wipe.Field(c.kem, "key")
	}
}

// expand makes two keys: HKDF-SHA256 (RFC 5869) by its definition, of which
// nothing stays. ikm is wiped.
func expand(ikm, salt []byte, info string) (first, second *seal.Key, err error) {
	var prk, one, two [sha256.Size]byte
	defer clear(prk[:])
	mac(&prk, salt, ikm)
	clear(ikm)
	mac(&one, prk[:], []byte(info), []byte{1})
	mac(&two, prk[:], one[:], []byte(info), []byte{2})
	if first, err = seal.NewKey(one[:]); err != nil {
		return nil, nil, err
	}
	second, err = seal.NewKey(two[:])
	return first, second, err
}

// mac puts the HMAC-SHA256 (RFC 2104) of parts under key into sum.
func mac(sum *[sha256.Size]byte, key []byte, parts ...[]byte) {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		_, _ = m.Write(p) // never fails
	}
	m.Sum(sum[:0])
	for _, name := range []string{"ipad", "opad", "inner", "outer"} {
		wipe.Field(m, name)
	}
}
