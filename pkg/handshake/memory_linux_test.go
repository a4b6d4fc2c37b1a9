//go:build !race

// The race detector keeps a shadow of all memory, which would be searched, too.

package handshake

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"testing"

	"secstream/pkg/seal"
	"secstream/pkg/wipe"
	"secstream/pkg/wipe/wipetest"
)

// TestExchangeForgets: once both ends are done with an exchange, nothing is in
// memory of what its keys were made from: old traffic stays closed.
func TestExchangeForgets(t *testing.T) {
	if !wipetest.Calm(t) {
		return
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var s wipetest.Traces
	c := must(NewClient("session", "", []string{seal.NameAES256GCM}))
	reply, keys, err := Accept(c.Offer(), signer{private}, seal.NameAES256GCM)
	if err != nil {
		t.Fatal(err)
	}
	wipe.Deep(func() { // to know them takes copies, which go at once
		x, seed := c.x.Bytes(), c.kem.Bytes()
		shared := must(c.x.ECDH(must(ecdh.X25519().NewPublicKey(reply.PublicKey))))
		hybrid := must(c.kem.Decapsulate(reply.MLKEM))
		for name, b := range map[string][]byte{"X25519 private key": x, "ML-KEM seed": seed, "X25519 secret": shared, "ML-KEM secret": hybrid} {
			s.Add(name, b)
			clear(b)
		}
	})
	found, err := s.Find("self")
	if err != nil || found["X25519 private key"] < 2 || found["ML-KEM seed"] < 4 {
		t.Errorf("before the exchange is over: %v, %v", found, err)
	}
	if found["X25519 secret"]+found["ML-KEM secret"] > 0 {
		t.Errorf("the server has left %v", found)
	}
	mine, err := c.Finish(reply, anybody)
	if err != nil {
		t.Fatal(err)
	}
	c.Wipe()
	if found, err = s.Find("self"); err != nil || len(found) > 0 {
		t.Errorf("once it is over: %v, %v", found, err)
	}
	mine.Wipe()
	keys.Wipe()
}
