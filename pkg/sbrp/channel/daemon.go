package channel

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"

	"secstream/pkg/sbrp"
)

// Daemon is the other half, of all handshakes of one daemon. It is safe for
// concurrent use if its identity is, as an ed25519.PrivateKey is.
type Daemon struct {
	id       string
	identity crypto.Signer
	public   ed25519.PublicKey
}

// NewDaemon makes the half of the daemon with the id, which signs with identity:
// an ed25519.PrivateKey, or what keeps one and signs as it does. identity stays
// its owner's.
func NewDaemon(id string, identity crypto.Signer) (*Daemon, error) {
	if err := sbrp.CheckDaemonID(id); err != nil {
		return nil, err
	}
	p, ok := identity.Public().(ed25519.PublicKey)
	if !ok || len(p) != ed25519.PublicKeySize {
		return nil, errors.New("identity is not an Ed25519 key")
	}
	return &Daemon{id: id, identity: identity, public: p}, nil
}

// Answer answers a HandshakeInit: it returns dst with the frame of
// HandshakeAccept appended, and the Channel with that client. There is one
// handshake in a session: the caller refuses a second one. Errors, with dst as
// it was: *sbrp.Error with InvalidFrameType or MalformedFrame for a frame that
// is no HandshakeInit, HandshakeFailed for a key of low order or if identity
// does not sign.
func (d *Daemon) Answer(dst []byte, f sbrp.Frame) ([]byte, *Channel, error) {
	return d.answer(dst, f, ephemeral())
}

// answer is Answer with an ephemeral key, which it wipes.
func (d *Daemon) answer(dst []byte, f sbrp.Frame, private *key) ([]byte, *Channel, error) {
	defer private.wipe()
	client, err := f.Init()
	if err != nil {
		return dst, nil, err
	}
	a := sbrp.Accept{Identity: [sbrp.KeySize]byte(d.public)}
	if a.Ephemeral, err = private.public(); err != nil {
		return dst, nil, failed(err)
	}
	if err := d.sign(client, &a); err != nil {
		return dst, nil, failed(err)
	}
	k, err := agree(private, client, d.id, client, &a)
	if err != nil {
		return dst, nil, err
	}
	ch, err := newChannel(f.Session, sbrp.Daemon, k)
	if err != nil {
		return dst, nil, err
	}
	framed, err := sbrp.AppendAccept(dst, f.Session, a)
	if err != nil {
		ch.Wipe()
		return dst, nil, err
	}
	return framed, ch, nil
}

// sign puts the signature in, and makes sure that a client will take it: an
// identity need not be this process's.
func (d *Daemon) sign(client public, a *sbrp.Accept) error {
	message := toSign(d.id, client, a.Ephemeral)
	signature, err := d.identity.Sign(nil, message[:], crypto.Hash(0))
	if err != nil {
		return fmt.Errorf("sign the answer: %w", err)
	}
	if copy(a.Signature[:], signature); len(signature) != len(a.Signature) || !verify(d.public, d.id, client, a) {
		return errors.New("sign the answer: the identity signs otherwise than Ed25519 does")
	}
	return nil
}
