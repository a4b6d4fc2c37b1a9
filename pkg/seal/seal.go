// Package seal keeps one slice closed on its way: AES-256-GCM (NIST SP
// 800-38D) as protocol v1 section 3 lays it out,
//
//	ciphertext ‖ tag (16 bytes) ‖ nonce (12 bytes)
//
// and keeps files closed on the disk that only this process reads. It imports
// nothing of ours.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
)

// Sizes in bytes.
const (
	KeySize   = 32
	TagSize   = 16
	NonceSize = 12
	Overhead  = TagSize + NonceSize
)

// ErrForged is what Open returns, whatever the cause: a wrong key, a changed
// or cut slice.
var ErrForged = errors.New("slice is forged, damaged or sealed with another key")

// Key is a 256-bit secret. It prints as "[secret]" everywhere, JSON and logs
// included. The holder calls Wipe when done.
type Key struct{ b [KeySize]byte }

// NewKey takes a key from b, which must be KeySize bytes, and wipes b.
func NewKey(b []byte) (*Key, error) {
	defer clear(b)
	if len(b) != KeySize {
		return nil, fmt.Errorf("seal: key of %d bytes, want %d", len(b), KeySize)
	}
	k := new(Key)
	copy(k.b[:], b)
	return k, nil
}

// Wipe overwrites the key. Boxes made from it go on working: the cipher holds
// its own expanded copy, which the garbage collector frees but does not clear.
func (k *Key) Wipe() { clear(k.b[:]) }

const redacted = "[secret]"

// Format prints the redaction for every verb.
func (k *Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue redacts the key in logs.
func (k *Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts the key in JSON and other texts.
func (k *Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Box seals and opens slices under one key. It is safe for concurrent use.
//
// Nonces are random, 96 bits: for one key and 2^32 slices the chance that two
// are alike stays under 2^-32 (SP 800-38D §8.3), and a session has thousands.
// A counter would need state that survives every way a slice can be asked for
// twice.
type Box struct{ aead cipher.AEAD }

// NewBox prepares k for use. k may be wiped afterwards.
func NewBox(k *Key) *Box {
	block, err := aes.NewCipher(k.b[:])
	if err != nil {
		panic(err) // the key length is fixed
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size GCM needs
	}
	return &Box{aead: aead}
}

// Seal encrypts buf[from:] in place and appends tag and nonce. It allocates
// nothing when buf has Overhead bytes of room; otherwise what it leaves
// behind is wiped.
func (b *Box) Seal(buf []byte, from int) []byte {
	n := len(buf)
	if cap(buf)-n < Overhead {
		bigger := make([]byte, n, n+Overhead)
		copy(bigger, buf)
		clear(buf)
		buf = bigger
	}
	buf = buf[:n+Overhead]
	nonce := buf[n+TagSize:]
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	b.aead.Seal(buf[from:from], nonce, buf[from:n], nil)
	return buf
}

// Open decrypts sealed in place and returns the plaintext, which aliases it.
// On failure it returns ErrForged and leaves no plaintext.
func (b *Box) Open(sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrForged
	}
	n := len(sealed) - NonceSize
	plain, err := b.aead.Open(sealed[:0], sealed[n:], sealed[:n], nil)
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}
