// Package channel is what a client and a daemon keep from the relay between
// them: the handshake of the Sideband Relay Protocol, and the records under the
// keys it agrees on. A Client makes a HandshakeInit, a Daemon answers it with a
// HandshakeAccept, signed by its identity, and each comes to a Channel, which
// turns plaintext into frames of Data and back.
//
// The handshake is one round of X25519 (RFC 7748), signed with Ed25519
// (RFC 8032), that ends in HKDF-SHA-256 (RFC 5869); records are
// ChaCha20-Poly1305 (RFC 8439). The client learns who the daemon is; the daemon
// does not learn who the client is, which is the relay's to know. Keys of a
// session that is over cannot be had again from the identity.
//
// Secrets are wiped on every way out, failures included, and with them what
// crypto/ecdh, crypto/hmac, the cipher and the stack have copies of: by the
// handshake once it is over, by Wipe once the session is.
//
// The package imports sbrp for the frames, and wipe. It knows no network, no clock and no
// file: who pins keys, and who waits how long, is the endpoint's affair.
package channel

import (
	"errors"

	"secstream/pkg/sbrp"
	"secstream/pkg/wipe"
)

// DefaultWindow is how many numbers of records, back from the greatest, a
// Channel tells apart. The protocol asks for 64 and advises 128. Over one
// WebSocket nothing is overtaken, so it is plenty.
const DefaultWindow = 128

// ErrSession is returned bare for a frame of another session. Nothing has
// changed: it is to be dropped.
var ErrSession = errors.New("frame is of another session")

// ErrWiped is returned bare by a Channel after Wipe.
var ErrWiped = errors.New("channel is wiped")

// Channel is one session's way between client and daemon, seen from one of
// them. It lives as long as the session, over pauses of the relay too. It is
// safe for concurrent use; records are numbered in the order in which Append is
// called, and should be sent in it.
type Channel struct {
	session sbrp.SessionID
	out     sender
	in      receiver
}

// newChannel makes the Channel of one end, and wipes keys.
func newChannel(session sbrp.SessionID, end sbrp.Role, keys *keys) (*Channel, error) {
	defer keys.wipe()
	toDaemon, err := keys.toDaemon.aead()
	if err != nil {
		return nil, failed(err)
	}
	toClient, err := keys.toClient.aead()
	if err != nil {
		wipe.Value(toDaemon)
		return nil, failed(err)
	}
	c := &Channel{session: session}
	c.in.window = newWindow(DefaultWindow)
	if end == sbrp.Client {
		c.out.takes(toDaemon, toDaemonPrefix)
		c.in.takes(toClient, toClientPrefix)
	} else {
		c.out.takes(toClient, toClientPrefix)
		c.in.takes(toDaemon, toDaemonPrefix)
	}
	return c, nil
}

// Session is the session's id.
func (c *Channel) Session() sbrp.SessionID { return c.session }

// Append appends a frame of Data with plain sealed in it, which may not overlap
// the room behind dst. It allocates nothing if there is room for
// sbrp.HeaderSize + len(plain) + sbrp.Overhead bytes. On an error dst is
// returned as it was, and no number is used up. Errors: ErrWiped; *sbrp.Error
// with PayloadTooLarge for more than sbrp.MaxPlain bytes, with SequenceError
// after 2^64-1 records, when the session has to end.
func (c *Channel) Append(dst, plain []byte) ([]byte, error) {
	framed, err := sbrp.AppendHeader(dst, sbrp.TypeData, c.session, len(plain)+sbrp.Overhead)
	if err != nil {
		return dst, err
	}
	sealed, err := c.out.seal(framed, plain)
	if err != nil {
		return dst, err
	}
	return sealed, nil
}

// Open returns what f, a frame of Data, was made of. It decrypts in place: what
// it returns is a part of f.Payload, and after a failure there is no plaintext
// in it. It allocates nothing. Errors: ErrSession; ErrWiped; *sbrp.Error with
// InvalidFrameType or MalformedFrame for a frame that is no Data, SequenceError
// for a record that came before or is too old, and DecryptFailed for all that
// the other end did not seal, whatever is wrong with it. After DecryptFailed
// the session has to end; a record with SequenceError is to be dropped, and the
// session may end.
func (c *Channel) Open(f sbrp.Frame) ([]byte, error) {
	record, err := f.Record()
	if err != nil {
		return nil, err
	}
	if f.Session != c.session {
		return nil, ErrSession
	}
	return c.in.open(record)
}

// Wipe waits for what is being sealed and opened, and overwrites the keys. It may be called while the Channel is in use, and
// more than once.
func (c *Channel) Wipe() {
	c.out.wipe()
	c.in.wipe()
}
