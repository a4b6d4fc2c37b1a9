package handshake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestPairProof holds the proof to docs/protocol.md, written out, and each of its
// fields to its place.
func TestPairProof(t *testing.T) {
	secret, identity := []byte("sixteen bytes ok"), sha256.Sum256([]byte("a key"))
	o := &Offer{Session: PairSession, Track: "kitchen", PublicKey: bytes.Repeat([]byte{1}, 32), MLKEM: []byte{2, 3}, Suites: []string{"x"}}
	mac := hmac.New(sha256.New, secret)
	for _, part := range []string{
		"\x00\x00\x00\x10secstream/2 pair", "\x00\x00\x00\x20" + string(o.PublicKey), "\x00\x00\x00\x02\x02\x03",
		"\x00\x00\x00\x20" + string(identity[:]), "\x00\x00\x00\x07kitchen",
	} {
		mac.Write([]byte(part))
	}
	got := PairProof(secret, o, identity)
	if !bytes.Equal(got, mac.Sum(nil)) {
		t.Errorf("%x", got)
	}
	const published = "5444f68a1af8e2cc37c9ffba592d6482ded2701930c70f6344b2617d05c74902"
	if hex.EncodeToString(got) != published {
		t.Errorf("%x, published is %s", got, published)
	}
	for what, other := range map[string][]byte{
		"another secret":   PairProof([]byte("sixteen bytes no"), o, identity),
		"another identity": PairProof(secret, o, sha256.Sum256(nil)),
		"another name":     PairProof(secret, &Offer{Track: "kitche", PublicKey: o.PublicKey, MLKEM: o.MLKEM}, identity),
		"no ML-KEM":        PairProof(secret, &Offer{Track: o.Track, PublicKey: o.PublicKey}, identity),
		"moved bytes":      PairProof(secret, &Offer{Track: o.Track, PublicKey: append(bytes.Clone(o.PublicKey), 2), MLKEM: []byte{3}}, identity),
	} {
		if bytes.Equal(got, other) {
			t.Errorf("%s has the same proof", what)
		}
	}
}
