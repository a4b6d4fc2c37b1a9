package channel

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"secstream/pkg/sbrp"
)

// What the protocol hashes and derives with, as it is spelled there. No length
// or terminator stands behind them: all that follows but the daemon's id has a
// fixed length, so there is one way to read the whole.
const (
	handshakeContext  = "sbrp-v1-handshake"
	transcriptContext = "sbrp-v1-transcript"
	keysInfo          = "sbrp-session-keys"
)

// public is an X25519 public key as it travelled. Its bytes go into the hashes
// as they are, also where X25519 takes several for one point (RFC 7748
// section 5).
type public = [sbrp.KeySize]byte

// hash is SHA-256 of what follows one another.
func hash(context, daemon string, client, answer public, signature []byte) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range [...][]byte{[]byte(context), []byte(daemon), client[:], answer[:], signature} {
		h.Write(part)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// toSign is the 32 bytes that a daemon signs. They are the message, to plain
// Ed25519: not a digest to Ed25519ph.
func toSign(daemon string, client, answer public) [sha256.Size]byte {
	return hash(handshakeContext, daemon, client, answer, nil)
}

// verify tells whether the daemon's identity signed its answer. It goes by the
// rules of crypto/ed25519, which are stricter than the published endpoints'
// (ZIP 215) with keys and signatures that no honest signer makes.
func verify(identity ed25519.PublicKey, daemon string, client public, a *sbrp.Accept) bool {
	message := toSign(daemon, client, a.Ephemeral)
	return ed25519.Verify(identity, message[:], a.Signature[:])
}

// ephemeral makes a private key.
func ephemeral() *key {
	private := new(key)
	_, _ = rand.Read(private.b[:]) // never fails: crypto/rand ends the program instead
	return private
}

// public is the key's, as an X25519 private key.
func (k *key) public() (public, error) {
	private, err := ecdh.X25519().NewPrivateKey(k.b[:])
	if err != nil {
		return public{}, fmt.Errorf("make an X25519 key pair: %w", err)
	}
	return public(private.PublicKey().Bytes()), nil
}

// agree derives the keys of a session from our ephemeral key and what both ends
// saw, and wipes what it goes through. A peer's point of low order, whose shared
// secret is all zeros, is HandshakeFailed.
func agree(ours *key, theirs public, daemon string, client public, a *sbrp.Accept) (*keys, error) {
	private, err := ecdh.X25519().NewPrivateKey(ours.b[:])
	if err != nil {
		return nil, failed(err)
	}
	point, err := ecdh.X25519().NewPublicKey(theirs[:])
	if err != nil {
		return nil, failed(err)
	}
	shared, err := private.ECDH(point) // refuses all zeros
	if err != nil {
		return nil, failed(err)
	}
	defer clear(shared)
	return schedule(shared, hash(transcriptContext, daemon, client, a.Ephemeral, a.Signature[:]))
}

// schedule is the key schedule alone.
func schedule(shared []byte, transcript [sha256.Size]byte) (*keys, error) {
	both, err := hkdf.Key(sha256.New, shared, transcript[:], keysInfo, 2*keySize)
	if err != nil {
		return nil, failed(err)
	}
	defer clear(both)
	k := &keys{new(key), new(key)}
	copy(k.toDaemon.b[:], both)
	copy(k.toClient.b[:], both[keySize:])
	return k, nil
}

func failed(err error) error { return &sbrp.Error{Code: sbrp.HandshakeFailed, Err: err} }

var (
	errUsed      = errors.New("this half of a handshake is used up")
	errNoPin     = errors.New("no identity key is pinned")
	errChanged   = errors.New("the daemon's identity key is not the pinned one")
	errSignature = errors.New("the daemon's signature does not fit its answer")
)
