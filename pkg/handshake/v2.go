package handshake

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"

	"secstream/pkg/seal"
	"secstream/pkg/wipe"
)

// V2 is the name of protocol v2, whose exchange is Client and Accept: X25519,
// with ML-KEM-768 besides where the client offers it, signed by the server's
// identity over everything that was offered and chosen (docs/protocol.md
// section 8).
const V2 = "secstream/2"

// Labels of protocol v2, hashed or expanded in front of what they are about.
const (
	labelHandshake  = V2 + " handshake"
	labelTranscript = V2 + " transcript"
	labelKeys       = V2 + " keys"
)

// Errors of protocol v2. Those of a peer's public key wrap ErrPublicKey.
var (
	// ErrSuites: the client offers no cipher that the server has.
	ErrSuites = errors.New("no cipher in common")
	// ErrReply: the server's half breaks the protocol.
	ErrReply = errors.New("the server's half of the key exchange breaks protocol v2")
	// ErrSignature: the reply was not signed, as it is, by the key it names.
	ErrSignature = errors.New("the key exchange was changed on its way: its signature is wrong")
)

// Offer is the client's half. Session and Track are bound, and travel in the
// request's own way.
type Offer struct {
	Session, Track string
	PublicKey      []byte   // X25519, 32 bytes
	MLKEM          []byte   // an encapsulation key of ML-KEM-768, or nil
	Suites         []string // ciphers, the best first
}

// Reply is the server's half.
type Reply struct {
	Suite     string
	PublicKey []byte // X25519, 32 bytes
	MLKEM     []byte // the encapsulated secret, if one was asked for and made
	Identity  ed25519.PublicKey
	Signature []byte // Ed25519 over the hash of the transcript
}

// Signer is a server's identity.
type Signer interface {
	Public() ed25519.PublicKey
	Sign(hash [32]byte) []byte // Ed25519 over the 32 bytes
}

// Keys are what an exchange agreed on. The holder wipes them.
type Keys struct {
	Suite           string
	Slice, Manifest *seal.Key
}

// Wipe overwrites the keys.
func (k *Keys) Wipe() {
	k.Slice.Wipe()
	k.Manifest.Wipe()
}

// maxSuites is how many ciphers a client may offer.
const maxSuites = 8

// Client is the client's side of one exchange of protocol v2.
type Client struct {
	offer Offer
	x     *ecdh.PrivateKey
	kem   *mlkem.DecapsulationKey768 // nil without
}

// NewClient begins an exchange for a track ("" for the session's first) of a
// session: with a suite out of suites, and with ML-KEM if the server has it, as
// ours does. The holder wipes it.
func NewClient(session, track string, suites []string) (*Client, error) {
	c := &Client{}
	var err error
	wipe.Deep(func() {
		if c.x, err = newX25519(); err == nil {
			c.kem, err = newMLKEM()
		}
	})
	if err != nil {
		return nil, err
	}
	c.offer = Offer{session, track, c.x.PublicKey().Bytes(), c.kem.EncapsulationKey().Bytes(), slices.Clone(suites)}
	return c, nil
}

// Offer is the half to send.
func (c *Client) Offer() *Offer { return &c.offer }

// Finish takes the server's half. trust is asked about the server's identity
// first, and its error ends the exchange; then the signature is verified, and
// only then are keys made. Errors wrap that of trust, ErrReply or ErrSignature.
func (c *Client) Finish(r *Reply, trust func(identity ed25519.PublicKey) error) (k *Keys, err error) {
	if len(r.Identity) != ed25519.PublicKeySize || len(r.Signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: an identity of %d bytes, a signature of %d", ErrReply, len(r.Identity), len(r.Signature))
	}
	if !slices.Contains(c.offer.Suites, r.Suite) {
		return nil, fmt.Errorf("%w: it chose %.32q, which was not offered", ErrReply, r.Suite)
	}
	if err := trust(r.Identity); err != nil {
		return nil, err
	}
	h := transcript(&c.offer, r)
	if !ed25519.Verify(r.Identity, h[:], r.Signature) {
		return nil, ErrSignature
	}
	wipe.Deep(func() { k, err = c.agree(r, h) })
	return k, err
}

// agree makes the keys that the reply, which is signed, agrees on.
func (c *Client) agree(r *Reply, h [32]byte) (*Keys, error) {
	peer, err := ecdh.X25519().NewPublicKey(r.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: %d bytes", ErrReply, ErrPublicKey, len(r.PublicKey))
	}
	shared, err := c.x.ECDH(peer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: of low order", ErrReply, ErrPublicKey)
	}
	defer clear(shared)
	switch {
	case (c.kem == nil) != (len(r.MLKEM) == 0):
		return nil, fmt.Errorf("%w: an ML-KEM secret of %d bytes, asked for: %v", ErrReply, len(r.MLKEM), c.kem != nil)
	case c.kem == nil:
		return derive(r, h, shared)
	}
	hybrid, err := c.kem.Decapsulate(r.MLKEM)
	if err != nil {
		return nil, fmt.Errorf("%w: an ML-KEM secret of %d bytes", ErrReply, len(r.MLKEM))
	}
	defer clear(hybrid)
	return derive(r, h, hybrid, shared)
}

// Accept is the server's side: it takes an offer, which may be hostile, and
// returns its half and the keys. suites are those the server has; the client's
// order decides. Errors: ErrSuites, ErrPublicKey.
func Accept(o *Offer, id Signer, suites ...string) (r *Reply, k *Keys, err error) {
	wipe.Deep(func() { r, k, err = accept(o, id, suites) })
	return r, k, err
}

func accept(o *Offer, id Signer, suites []string) (*Reply, *Keys, error) {
	peer, err := ecdh.X25519().NewPublicKey(o.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: an X25519 key of %d bytes", ErrPublicKey, len(o.PublicKey))
	}
	if len(o.Suites) > maxSuites {
		return nil, nil, fmt.Errorf("%w: %d are offered", ErrSuites, len(o.Suites))
	}
	i := slices.IndexFunc(o.Suites, func(s string) bool { return slices.Contains(suites, s) })
	if i < 0 {
		return nil, nil, ErrSuites
	}
	x, err := newX25519()
	if err != nil {
		return nil, nil, err
	}
	defer forget(x)
	shared, err := x.ECDH(peer)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: of low order", ErrPublicKey)
	}
	defer clear(shared)
	r := &Reply{Suite: o.Suites[i], PublicKey: x.PublicKey().Bytes(), Identity: id.Public()}
	secrets := [][]byte{shared}
	if len(o.MLKEM) > 0 {
		kem, err := mlkem.NewEncapsulationKey768(o.MLKEM)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: no ML-KEM-768 key, of %d bytes", ErrPublicKey, len(o.MLKEM))
		}
		var hybrid []byte
		hybrid, r.MLKEM = kem.Encapsulate()
		defer clear(hybrid)
		secrets = [][]byte{hybrid, shared}
	}
	h := transcript(o, r)
	r.Signature = id.Sign(h)
	keys, err := derive(r, h, secrets...)
	return r, keys, err
}

// derive makes the keys: HKDF-SHA256 (RFC 5869) over the shared secrets in
// order, salted with the transcript and its signature.
func derive(r *Reply, h [32]byte, secrets ...[]byte) (*Keys, error) {
	ikm := slices.Concat(secrets...)
	salted := newTranscript(labelTranscript)
	salted.field(h[:])
	salted.field(r.Signature)
	salt := salted.sum()
	slice, manifest, err := expand(ikm, salt[:], labelKeys)
	return &Keys{r.Suite, slice, manifest}, err
}

// transcript is the hash that the server signs.
func transcript(o *Offer, r *Reply) [32]byte {
	t := newTranscript(labelHandshake)
	t.field([]byte(o.Session))
	t.field([]byte(o.Track))
	t.field(o.PublicKey)
	t.field(o.MLKEM)
	t.count(len(o.Suites))
	for _, s := range o.Suites {
		t.field([]byte(s))
	}
	t.field([]byte(r.Suite))
	t.field(r.PublicKey)
	t.field(r.MLKEM)
	t.field(r.Identity)
	return t.sum()
}

// hashing is SHA-256 over fields, each after its length, so that no two lists
// of fields are hashed alike.
type hashing struct{ hash.Hash }

func newTranscript(label string) hashing {
	t := hashing{sha256.New()}
	t.field([]byte(label))
	return t
}

func (t hashing) count(n int) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n)) //nolint:gosec // lengths of what came over the network are bounded
	_, _ = t.Write(b[:])                        // never fails
}

func (t hashing) field(b []byte) {
	t.count(len(b))
	_, _ = t.Write(b)
}

func (t hashing) sum() (sum [32]byte) {
	t.Sum(sum[:0])
	return sum
}

// Same compares two identities.
func Same(a, b ed25519.PublicKey) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
