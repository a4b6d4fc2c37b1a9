// Package seal keeps one slice closed on its way, laid out as protocol v1
// section 3 has it,
//
//	ciphertext ‖ tag (16 bytes) ‖ nonce (12 bytes)
//
// by a Cipher: AES-256-GCM (NIST SP 800-38D), which is protocol v1's,
// ChaCha20-Poly1305 (RFC 8439), or a program's own. It also keeps files closed
// on the disk that only this process reads. It imports wipe.
package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"secstream/pkg/wipe"
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
type Key struct {
	// b is in a function, of which nothing prints more than an address: fmt goes
	// past Format where a Key is in a field that is not exported.
	b func() *[KeySize]byte
}

// NewKey takes a key from b, which must be KeySize bytes, and wipes b.
func NewKey(b []byte) (*Key, error) {
	defer clear(b)
	if len(b) != KeySize {
		return nil, fmt.Errorf("seal: key of %d bytes, want %d", len(b), KeySize)
	}
	var own [KeySize]byte
	copy(own[:], b)
	return &Key{func() *[KeySize]byte { return &own }}, nil
}

// Wipe overwrites the key. Boxes made from it go on working: the cipher holds
// its own expanded copy, which Box.Wipe overwrites.
func (k *Key) Wipe() { clear(k.b()[:]) }

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
// twice. The count holds for any cipher whose nonce has 96 bits.
type Box struct {
	mu    sync.RWMutex       // taken whole to wipe
	aead  func() cipher.AEAD // in a function, as the bytes of a Key are
	own   bool               // aead is of this package, and nobody else has it
	name  string
	front bool // the nonce stands in front, as protocol v2 has it
}

// NewBox prepares k for AES-256-GCM. k may be wiped afterwards.
func NewBox(k *Key) *Box {
	b, err := NewBoxWith(AES256GCM{}, k)
	if err != nil {
		panic(err) // its sizes are right
	}
	return b
}

// NewBoxWith prepares k for c. k may be wiped afterwards. It is an error if c
// has other sizes than a sealed slice has room for.
func NewBoxWith(c Cipher, k *Key) (*Box, error) {
	var aead cipher.AEAD
	var err error
	wipe.Stack(func() { aead, err = c.New(k.b()[:]) })
	if err != nil {
		return nil, fmt.Errorf("seal: prepare %s: %w", c.Name(), err)
	}
	if aead.NonceSize() != NonceSize || aead.Overhead() != TagSize {
		return nil, fmt.Errorf("seal: %s has a nonce of %d bytes and a tag of %d, want %d and %d",
			c.Name(), aead.NonceSize(), aead.Overhead(), NonceSize, TagSize)
	}
	own := c == AES256GCM{} || c == ChaCha20Poly1305{}
	return &Box{aead: func() cipher.AEAD { return aead }, own: own, name: c.Name()}, nil
}

// Wipe waits for what is being sealed and opened, and then overwrites what the
// cipher holds of the key, if it is one of this package. Afterwards the box opens
// nothing, and what it seals is zeros.
func (b *Box) Wipe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.own {
		wipe.Value(b.aead())
	}
	b.own, b.aead = false, func() cipher.AEAD { return void{} }
}

// void is what is left of a cipher once its key is wiped.
type void struct{}

func (void) NonceSize() int { return NonceSize }
func (void) Overhead() int  { return TagSize }

func (void) Open(dst, _, ciphertext, _ []byte) ([]byte, error) {
	clear(ciphertext)
	return dst, ErrForged
}

func (void) Seal(dst, _, plaintext, _ []byte) []byte {
	n := len(plaintext) + TagSize
	clear(plaintext)
	if cap(dst)-len(dst) < n {
		return append(dst, make([]byte, n)...)
	}
	clear(dst[len(dst) : len(dst)+n])
	return dst[:len(dst)+n]
}

// NewBound prepares k for c as protocol v2 has it: nonce ‖ ciphertext ‖ tag, and
// what a slice is bound to is authenticated with it.
func NewBound(c Cipher, k *Key) (*Box, error) {
	b, err := NewBoxWith(c, k)
	if err != nil {
		return nil, err
	}
	b.front = true
	return b, nil
}

// Head is how many bytes Seal wants free in front of the plaintext.
func (b *Box) Head() int {
	if b.front {
		return NonceSize
	}
	return 0
}

// Cipher is the name of the box's cipher.
func (b *Box) Cipher() string { return b.name }

// Seal encrypts buf[from:] in place, but for its first Head bytes, and appends
// what the box adds. It allocates nothing when buf has Overhead bytes of room;
// otherwise what it leaves behind is wiped. Open takes the same bound, which
// may be nil.
func (b *Box) Seal(buf []byte, from int, bound []byte) []byte {
	n, head := len(buf), b.Head()
	if cap(buf)-n < Overhead-head {
		bigger := make([]byte, n, n+Overhead-head)
		copy(bigger, buf)
		clear(buf)
		buf = bigger
	}
	buf = buf[:n+Overhead-head]
	nonce := buf[n+TagSize:]
	if b.front {
		nonce = buf[from : from+NonceSize]
	}
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	b.mu.RLock()
	defer b.mu.RUnlock()
	wipe.Stack(func() { b.aead().Seal(buf[from+head:from+head], nonce, buf[from+head:n], bound) })
	return buf
}

// Open decrypts sealed in place and returns the plaintext, which aliases it.
// On failure it returns ErrForged and leaves no plaintext.
func (b *Box) Open(sealed, bound []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrForged
	}
	n := len(sealed) - NonceSize
	body, nonce := sealed[:n], sealed[n:]
	if b.front {
		nonce, body = sealed[:NonceSize], sealed[NonceSize:]
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	var plain []byte
	var err error
	wipe.Stack(func() { plain, err = b.aead().Open(body[:0], nonce, body, bound) })
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}
