package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
)

// PairSession is the session of exchanges for pairing: no other has that ID. The
// track is the name that the player gives itself.
const PairSession = "pair"

const labelPair = V2 + " pair"

// PairProof proves that whoever made the offer knows the secret of an address
// for pairing: HMAC-SHA256 (RFC 2104) under it, over the offer's keys, the
// SHA-256 of the identity that the server has to have, and the offer's track
// (docs/protocol.md section 9). It says nothing of a secret that nobody can
// guess, and is good for these keys and that server alone.
func PairProof(secret []byte, o *Offer, identity [sha256.Size]byte) []byte {
	t := hashing{hmac.New(sha256.New, secret)}
	t.field([]byte(labelPair))
	t.field(o.PublicKey)
	t.field(o.MLKEM)
	t.field(identity[:])
	t.field([]byte(o.Track))
	return t.Sum(nil)
}
