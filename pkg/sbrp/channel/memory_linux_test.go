//go:build !race

// The race detector keeps a shadow of all memory, which would be searched, too.

package channel

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"testing"

	"secstream/pkg/sbrp"
	"secstream/pkg/wipe"
	"secstream/pkg/wipe/wipetest"
)

// TestSessionForgets: after the handshake nothing is in memory of what its keys were
// made from, and after the session nothing of the keys: what a relay has
// recorded stays closed.
func TestSessionForgets(t *testing.T) {
	if !wipetest.Calm(t) {
		return
	}
	_, identity, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := NewDaemon("d", identity)
	if err != nil {
		t.Fatal(err)
	}
	private := ephemeral()
	var s wipetest.Traces
	wipe.Deep(func() { s.Add("ephemeral key", private.b[:]) })
	client, err := newClient("d", 1, private)
	if err != nil {
		t.Fatal(err)
	}
	message, err := client.AppendInit(nil)
	if err != nil {
		t.Fatal(err)
	}
	other := ephemeral()
	wipe.Deep(func() { s.Add("ephemeral key", other.b[:]) })
	message, ofDaemon, err := daemon.answer(nil, decode(t, message), other)
	if err != nil {
		t.Fatal(err)
	}
	learn(t, &s, client, private, decode(t, message))
	finds := func(when string, ephemeral, traffic bool) {
		t.Helper()
		found, err := s.Find("self")
		if err != nil || (found["ephemeral key"] > 0) != ephemeral || (found["traffic key"] > 0) != traffic || found["shared secret"] > 0 {
			t.Errorf("%s: %v, %v", when, found, err)
		}
	}
	finds("before the client has the answer", true, true)
	ofClient, err := client.Finish(decode(t, message), identity.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	finds("after the handshake", false, true)
	for range 3 {
		if message, err = ofClient.Append(message[:0], []byte("words")); err != nil {
			t.Fatal(err)
		}
		if _, err := ofDaemon.Open(decode(t, message)); err != nil {
			t.Fatal(err)
		}
	}
	ofDaemon.Wipe()
	ofClient.Wipe()
	finds("after the session", false, false)
}

// learn adds what the client's end will come to, of which it leaves no copy.
func learn(t *testing.T, s *wipetest.Traces, c *Client, private *key, f sbrp.Frame) {
	t.Helper()
	a, err := f.Accept()
	if err != nil {
		t.Fatal(err)
	}
	wipe.Deep(func() {
		x, errX := ecdh.X25519().NewPrivateKey(private.b[:])
		point, errPoint := ecdh.X25519().NewPublicKey(a.Ephemeral[:])
		if errX != nil || errPoint != nil {
			t.Fatal(errX, errPoint)
		}
		defer forget(x)
		shared, err := x.ECDH(point)
		if err != nil {
			t.Fatal(err)
		}
		s.Add("shared secret", shared)
		clear(shared)
		k, err := agree(private, a.Ephemeral, c.daemon, c.public, &a)
		if err != nil {
			t.Fatal(err)
		}
		s.Add("traffic key", k.toDaemon.b[:])
		s.Add("traffic key", k.toClient.b[:])
		k.wipe()
	})
}
