package channel

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"secstream/pkg/sbrp"
	"secstream/pkg/wipe"
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
func (k *key) public() (p public, err error) {
	wipe.Deep(func() {
		var private *ecdh.PrivateKey
		if private, err = ecdh.X25519().NewPrivateKey(k.b[:]); err == nil {
			defer forget(private)
			p = public(private.PublicKey().Bytes())
		}
	})
	if err != nil {
		return public{}, fmt.Errorf("make an X25519 key pair: %w", err)
	}
	return p, nil
}

// forget overwrites a private key.
func forget(x *ecdh.PrivateKey) { wipe.Field(x, "privateKey") }

// agree derives the keys of a session from our ephemeral key and what both ends
// saw, and wipes what it goes through. A peer's point of low order, whose shared
// secret is all zeros, is HandshakeFailed.
func agree(ours *key, theirs public, daemon string, client public, a *sbrp.Accept) (k *keys, err error) {
	wipe.Deep(func() {
		k, err = agreed(ours, theirs, hash(transcriptContext, daemon, client, a.Ephemeral, a.Signature[:]))
	})
	return k, err
}

// agreed is agree, but for what it leaves on the stack.
func agreed(ours *key, theirs public, transcript [sha256.Size]byte) (*keys, error) {
	private, err := ecdh.X25519().NewPrivateKey(ours.b[:])
	if err != nil {
		return nil, failed(err)
	}
	defer forget(private)
	point, err := ecdh.X25519().NewPublicKey(theirs[:])
	if err != nil {
		return nil, failed(err)
	}
	shared, err := private.ECDH(point) // refuses all zeros
	if err != nil {
		return nil, failed(err)
	}
	defer clear(shared)
	return schedule(shared, transcript), nil
}

// schedule is the key schedule alone: HKDF-SHA-256 by its definition (RFC 5869),
// of which nothing stays. Each key is a whole block of it.
func schedule(shared []byte, transcript [sha256.Size]byte) *keys {
	var prk [sha256.Size]byte
	defer clear(prk[:])
	k := &keys{new(key), new(key)}
	mac(&prk, transcript[:], shared)
	mac(&k.toDaemon.b, prk[:], []byte(keysInfo), []byte{1})
	mac(&k.toClient.b, prk[:], k.toDaemon.b[:], []byte(keysInfo), []byte{2})
	return k
}

// mac puts the HMAC-SHA-256 (RFC 2104) of parts under key into sum.
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

func failed(err error) error { return &sbrp.Error{Code: sbrp.HandshakeFailed, Err: err} }

var (
	errUsed      = errors.New("this half of a handshake is used up")
	errNoPin     = errors.New("no identity key is pinned")
	errChanged   = errors.New("the daemon's identity key is not the pinned one")
	errSignature = errors.New("the daemon's signature does not fit its answer")
)
