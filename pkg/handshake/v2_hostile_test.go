package handshake

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestTrustComesFirst: nothing is verified, and no key is made, for a server
// that is not the one.
func TestTrustComesFirst(t *testing.T) {
	c, id, other := testClient(t, bothSuites...), testSigner(1), testSigner(2)
	stranger := errors.New("a stranger")
	only := func(key ed25519.PublicKey) error {
		if !Same(key, id.Public()) {
			return stranger
		}
		return nil
	}
	good, theirs := accepted(t, c.Offer(), id)
	middle, mine := accepted(t, c.Offer(), other) // somebody who stands in between
	mixed := *middle
	mixed.Identity, mixed.Signature = good.Identity, good.Signature
	broken := *middle
	broken.Signature = make([]byte, ed25519.SignatureSize)
	renamed := *good
	renamed.Identity = other.Public()
	for name, answer := range map[string]struct {
		r    *Reply
		want error
	}{
		"good": {good, nil}, "in between": {middle, stranger}, "in between, with the server's name": {&mixed, ErrSignature},
		"in between, not even signed": {&broken, stranger}, "renamed": {&renamed, stranger},
	} {
		keys, err := c.Finish(answer.r, only)
		if !errors.Is(err, answer.want) || (keys != nil) != (answer.want == nil) || keys != nil && !same(t, keys, theirs) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Who trusts anybody agrees with whoever answers: that is what pins are for.
	if keys, err := c.Finish(middle, anybody); err != nil || !same(t, keys, mine) || same(t, keys, theirs) {
		t.Errorf("%v", err)
	}
}

// lowOrder are the points of X25519 that make the shared secret zero, whatever
// the other key is (RFC 7748 section 6.1).
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

// TestBadKeysAreRefused: also where a server's signature is right.
func TestBadKeysAreRefused(t *testing.T) {
	c, id := testClient(t, bothSuites...), testSigner(1)
	good, _ := accepted(t, c.Offer(), id)
	points := [][]byte{nil, make([]byte, 31), make([]byte, 33), make([]byte, 1<<16)}
	for _, text := range lowOrder {
		point, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, point)
	}
	for _, point := range points {
		o, r := *c.Offer(), *good
		o.PublicKey, r.PublicKey = point, point
		if reply, keys, err := Accept(&o, id, bothSuites...); !errors.Is(err, ErrPublicKey) || reply != nil || keys != nil {
			t.Errorf("server, %.16x: %v", point, err)
		}
		if keys, err := c.Finish(signed(c.Offer(), &r, id), anybody); !errors.Is(err, ErrPublicKey) || !errors.Is(err, ErrReply) || keys != nil {
			t.Errorf("client, %.16x: %v", point, err)
		}
	}
	for _, n := range []int{1, 1183, 1185, 1 << 16} {
		o := *c.Offer()
		o.MLKEM = make([]byte, n)
		if _, _, err := Accept(&o, id, bothSuites...); !errors.Is(err, ErrPublicKey) {
			t.Errorf("an ML-KEM key of %d bytes: %v", n, err)
		}
	}
	o := *c.Offer()
	o.MLKEM = bytes.Repeat([]byte{0xFF}, 1184) // numbers that are none modulo q
	if _, _, err := Accept(&o, id, bothSuites...); !errors.Is(err, ErrPublicKey) {
		t.Errorf("an ML-KEM key out of range: %v", err)
	}
	for _, n := range []int{1, 1087, 1089, 1 << 16} {
		r := *good
		r.MLKEM = make([]byte, n)
		if keys, err := c.Finish(signed(c.Offer(), &r, id), anybody); !errors.Is(err, ErrReply) || keys != nil {
			t.Errorf("%d bytes of ML-KEM: %v", n, err)
		}
	}
	// FIPS 203 rejects implicitly: another secret, and so other keys.
	r := *good
	r.MLKEM = make([]byte, 1088)
	if keys, err := c.Finish(signed(c.Offer(), &r, id), anybody); err != nil {
		t.Error(err)
	} else if _, theirs := accepted(t, c.Offer(), id); same(t, keys, theirs) {
		t.Error("any ciphertext makes the same keys")
	}
}

func FuzzAccept(f *testing.F) {
	o := testClient(f, bothSuites...).Offer()
	f.Add("session", "track", o.PublicKey, o.MLKEM, "AES-256-GCM,ChaCha20-Poly1305")
	f.Add("", "", o.PublicKey, []byte{}, "x,ChaCha20-Poly1305")
	f.Add("s", "", make([]byte, 32), o.MLKEM[1:], ",,,,,,,,,,")
	f.Add("s", "", []byte{}, bytes.Repeat([]byte{0xFF}, 1184), "")
	id := testSigner(1)
	f.Fuzz(func(t *testing.T, session, track string, public, kem []byte, suites string) {
		o := &Offer{session, track, public, kem, strings.Split(suites, ",")}
		r, keys, err := Accept(o, id, bothSuites...)
		if err != nil {
			if r != nil || keys != nil || !errors.Is(err, ErrPublicKey) && !errors.Is(err, ErrSuites) || len(err.Error()) > 300 {
				t.Fatalf("%v, %v: %.400v", r, keys, err)
			}
			return
		}
		h := transcript(o, r)
		if !ed25519.Verify(id.Public(), h[:], r.Signature) || len(r.PublicKey) != 32 || (len(r.MLKEM) == 1088) != (len(kem) > 0) || !slices.Contains(o.Suites, r.Suite) || keys.Suite != r.Suite {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzFinish(f *testing.F) {
	c, id := testClient(f, bothSuites...), testSigner(1)
	r, _ := accepted(f, c.Offer(), id)
	f.Add(r.Suite, r.PublicKey, r.MLKEM, []byte(r.Identity), r.Signature, false)
	f.Add(r.Suite, r.PublicKey, r.MLKEM[1:], []byte{}, []byte{}, true)
	f.Add("x", make([]byte, 32), []byte{}, []byte(r.Identity), make([]byte, 64), true)
	f.Add(r.Suite, []byte{}, []byte{}, make([]byte, 32), make([]byte, 64), false)
	f.Fuzz(func(t *testing.T, suite string, public, kem, identity, signature []byte, ours bool) {
		r := &Reply{suite, public, kem, identity, signature}
		if ours { // past the signature
			signed(c.Offer(), r, id)
		}
		asked := false
		keys, err := c.Finish(r, func(key ed25519.PublicKey) error { asked = len(key) == ed25519.PublicKeySize; return nil })
		switch {
		case err == nil && (!asked || keys.Suite != suite || len(public) != 32):
			t.Fatalf("%+v is taken", r)
		case err != nil && (keys != nil || !errors.Is(err, ErrReply) && !errors.Is(err, ErrSignature) || len(err.Error()) > 300):
			t.Fatalf("%v: %.400v", keys, err)
		}
	})
}
