package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"secstream/pkg/wipe"
)

// Cipher is a way to seal: an AEAD (RFC 5116) with keys of KeySize bytes,
// nonces of NonceSize and tags of TagSize, that stays safe when nonces are
// drawn at random.
type Cipher interface {
	// Name is what both ends of a session call it: 1 to 32 letters, digits
	// and "-".
	Name() string
	// New prepares key, which is KeySize bytes and is wiped by its owner later:
	// what is to be kept of it is copied. The result is safe for concurrent use.
	New(key []byte) (cipher.AEAD, error)
}

// Names of the ciphers here, as protocol v2 spells them.
const (
	NameAES256GCM        = "AES-256-GCM" // what protocol v1 knows, and what is meant where no cipher is named
	NameChaCha20Poly1305 = "ChaCha20-Poly1305"
)

// ErrUnknown is wrapped for a name that no known Cipher has.
var ErrUnknown = errors.New("unknown cipher")

// ciphers is the table of those here.
var ciphers = [...]Cipher{AES256GCM{}, ChaCha20Poly1305{}}

// Lookup returns the Cipher called name. It looks in own first, then among
// those of this package. Errors: ErrUnknown.
func Lookup(name string, own ...Cipher) (Cipher, error) {
	for _, list := range [...][]Cipher{own, ciphers[:]} {
		if i := slices.IndexFunc(list, func(c Cipher) bool { return c.Name() == name }); i >= 0 {
			return list[i], nil
		}
	}
	return nil, fmt.Errorf("%w %.32q", ErrUnknown, name)
}

// AES256GCM is AES-256-GCM (NIST SP 800-38D). It is the quickest where the
// processor knows AES.
type AES256GCM struct{}

// Name is NameAES256GCM.
func (AES256GCM) Name() string { return NameAES256GCM }

// New prepares a key of 32 bytes.
func (AES256GCM) New(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("key of %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if gcmCopies() {
		defer wipe.Value(block)
	}
	return cipher.NewGCM(block)
}

// gcmCopies says whether NewGCM copies what AES has made of the key, as Go does
// now. Were it kept, to wipe it would put zeros in the place of the key at both
// ends, which would agree and notice nothing; then it is left to the garbage
// collector. It is found out once, by trying.
var gcmCopies = sync.OnceValue(func() bool { return copies(cipher.NewGCM) })

// copies says whether what newGCM makes of a block seals and opens the same after
// the block is wiped: texts of all the lengths that it may treat in ways of their
// own.
func copies(newGCM func(cipher.Block) (cipher.AEAD, error)) bool {
	var boxes [2]cipher.AEAD
	for i := range boxes {
		block, err := aes.NewCipher(bytes.Repeat([]byte{0x5a}, KeySize))
		if err != nil {
			return false
		}
		if boxes[i], err = newGCM(block); err != nil || i > 0 && !wipe.Value(block) {
			return false
		}
	}
	nonce, text := make([]byte, NonceSize), bytes.Repeat([]byte("text"), 300)
	for n := 0; n < len(text); n += 37 {
		sealed := boxes[0].Seal(nil, nonce, text[:n], text[n:])
		if !bytes.Equal(sealed, boxes[1].Seal(nil, nonce, text[:n], text[n:])) {
			return false
		}
		if opened, err := boxes[1].Open(nil, nonce, sealed, text[n:]); err != nil || !bytes.Equal(opened, text[:n]) {
			return false
		}
	}
	return true
}

// ChaCha20Poly1305 is ChaCha20-Poly1305 (RFC 8439). It is the quickest where
// the processor does not know AES, as small ones do not.
type ChaCha20Poly1305 struct{}

// Name is NameChaCha20Poly1305.
func (ChaCha20Poly1305) Name() string { return NameChaCha20Poly1305 }

// New prepares a key of 32 bytes.
func (ChaCha20Poly1305) New(key []byte) (cipher.AEAD, error) { return chacha20poly1305.New(key) }
