package channel

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"

	"secstream/pkg/sbrp"
)

// Client is a client's half of one handshake. Whatever comes of the handshake,
// it is used up then, and its key is wiped; a client that gives up before,
// because time is over or the relay says no, calls Wipe. It is safe for
// concurrent use.
type Client struct {
	daemon  string
	session sbrp.SessionID
	public  public

	mu      sync.Mutex
	private func() *key // nil: used up. Of a function nothing can print what it holds.
}

// NewClient makes the half of a client that is to meet the daemon with the id,
// in the session, both of which its token names.
func NewClient(daemon string, session sbrp.SessionID) (*Client, error) {
	return newClient(daemon, session, ephemeral())
}

func newClient(daemon string, session sbrp.SessionID, private *key) (*Client, error) {
	p, err := private.public()
	if err == nil {
		err = sbrp.CheckDaemonID(daemon)
	}
	if err == nil && session == 0 {
		err = errors.New("session id is zero")
	}
	if err != nil {
		private.wipe()
		return nil, fmt.Errorf("begin a handshake: %w", err)
	}
	return &Client{daemon: daemon, session: session, public: p, private: func() *key { return private }}, nil
}

// AppendInit appends the frame of HandshakeInit.
func (c *Client) AppendInit(dst []byte) ([]byte, error) {
	return sbrp.AppendInit(dst, c.session, c.public)
}

// Finish takes the daemon's answer, if it is pin's, which is the daemon's
// Ed25519 public key: first the key is compared, then the signature verified.
// Errors: ErrSession, after which the half is as it was; *sbrp.Error with
// MalformedFrame for an answer of another size, IdentityKeyChanged if the key is
// another, which people have to be asked about and never a program decides, and
// HandshakeFailed for whatever else is wrong, no pin and another type of frame
// included. Pings are to be skipped before, and Controls to be taken for a
// failure with the relay's code.
func (c *Client) Finish(f sbrp.Frame, pin ed25519.PublicKey) (*Channel, error) {
	return c.finish(f, func(a *sbrp.Accept) error {
		switch {
		case len(pin) == 0:
			return failed(errNoPin)
		case !bytes.Equal(pin, a.Identity[:]):
			return &sbrp.Error{Code: sbrp.IdentityKeyChanged, Err: errChanged}
		}
		return nil
	})
}

// Meet is Finish for a daemon that is met for the first time, with nothing to
// compare its key with: it trusts the key that came, and returns it. Only now,
// with the signature verified, may it be pinned. Who has a key from elsewhere,
// as from whom the token is of, calls Finish with that.
func (c *Client) Meet(f sbrp.Frame) (*Channel, ed25519.PublicKey, error) {
	var identity ed25519.PublicKey
	ch, err := c.finish(f, func(a *sbrp.Accept) error {
		identity = bytes.Clone(a.Identity[:])
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ch, identity, nil
}

// finish ends the handshake with f, if trust takes the key.
func (c *Client) finish(f sbrp.Frame, trust func(*sbrp.Accept) error) (*Channel, error) {
	if f.Session != c.session && f.Type.Forwarded() {
		return nil, ErrSession
	}
	private := c.take()
	if private == nil {
		return nil, failed(errUsed)
	}
	defer private.wipe()
	if f.Type != sbrp.TypeAccept {
		return nil, failed(fmt.Errorf("%v where an answer is waited for", f.Type))
	}
	a, err := f.Accept()
	if err != nil {
		return nil, err
	}
	if err := trust(&a); err != nil {
		return nil, err
	}
	if !verify(a.Identity[:], c.daemon, c.public, &a) {
		return nil, failed(errSignature)
	}
	k, err := agree(private, a.Ephemeral, c.daemon, c.public, &a)
	if err != nil {
		return nil, err
	}
	return newChannel(c.session, sbrp.Client, k)
}

// Wipe uses the half up. It may be called more than once.
func (c *Client) Wipe() {
	if private := c.take(); private != nil {
		private.wipe()
	}
}

// take uses the half up. It returns nil if it was.
func (c *Client) take() *key {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.private == nil {
		return nil
	}
	private := c.private()
	c.private = nil
	return private
}
