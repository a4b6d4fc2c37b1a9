package client_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/seal"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// forger is a middle that changes exchanges, and has what that takes.
type forger struct {
	*middle
	t             *testing.T
	id, own       *identity.Identity // the server's, and one that is not
	drums, guitar string             // tracks
	ephemeral     []byte             // a key that is not the one that was sent
	old           []byte             // an answer of an earlier exchange
	asked         wire.KeyRequest    // of the exchange that passes, where it is heard
}

func newForger(t *testing.T) *forger {
	t.Helper()
	m := &forger{t: t, id: newIdentity(t), own: newIdentity(t)}
	m.middle = between(t, handler(t, session.Config{Millis: 1000, Identity: m.id}, publicAudio))
	_, tracks := dial(t, m.URL, client.Config{})
	m.drums, m.guitar = trackID(t, tracks, "drums.wav"), trackID(t, tracks, "guitar.flac")
	m.does(nil, on("exchange", func(p *passing) { m.old = bytes.Clone(p.body) }))
	c, _ := dial(t, m.URL, quick(m.id.Public()))
	opens(t, c, m.drums)
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m.ephemeral = x.PublicKey().Bytes()
	return m
}

// sealed changes the answer of an exchange, request what it asks for.
func (m *forger) sealed(change func(*wire.SealedAnswer)) func(*passing) {
	return on("exchange", func(p *passing) { edit(m.t, &p.body, change) })
}

func (m *forger) request(change func(*wire.KeyRequest)) func(*passing) {
	return on("exchange", func(p *passing) { edit(m.t, &p.body, change) })
}

// hear notes what is asked for.
func (m *forger) hear(p *passing) {
	if p.what == "exchange" {
		_ = json.Unmarshal(p.body, &m.asked)
	}
}

// impersonate does the whole exchange with the middle's own identity.
func (m *forger) impersonate(p *passing) {
	if p.what != "exchange" {
		return
	}
	public, _ := base64.StdEncoding.DecodeString(m.asked.PublicKey)
	kem, _ := base64.StdEncoding.DecodeString(m.asked.MLKEM)
	r, _, err := handshake.Accept(&handshake.Offer{
		Session: strings.Split(p.path, "/")[3], PublicKey: public, MLKEM: kem, Suites: m.asked.Suites,
	}, m.own, m.asked.Suites...)
	if err != nil {
		m.t.Error(err)
		return
	}
	edit(m.t, &p.body, func(a *wire.SealedAnswer) {
		a.Suite, a.PublicKey, a.MLKEM, a.Identity, a.Signature = r.Suite, r.PublicKey, r.MLKEM, r.Identity, r.Signature
	})
}

// forgery is something that is done to an exchange.
type forgery struct {
	ask, reply func(*passing)
	want       []error // of a client that has a pin
	first      []error // of one that has none, where that is another
}

// keys are forgeries of what keys are agreed on by.
func (m *forger) keys() map[string]forgery {
	return map[string]forgery{
		"the server's ephemeral key": {nil, m.sealed(func(a *wire.SealedAnswer) { a.PublicKey = m.ephemeral }), []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"the client's ephemeral key": {m.request(func(r *wire.KeyRequest) {
			r.PublicKey = base64.StdEncoding.EncodeToString(m.ephemeral)
		}), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"its own identity":        {m.hear, m.impersonate, []error{errStranger}, []error{client.ErrProtocol, seal.ErrForged}},
		"the identity":            {nil, m.sealed(func(a *wire.SealedAnswer) { a.Identity = m.own.Public() }), []error{errStranger}, []error{handshake.ErrSignature}},
		"no identity":             {nil, m.sealed(func(a *wire.SealedAnswer) { a.Identity = nil }), []error{client.ErrProtocol, handshake.ErrReply}, nil},
		"no signature":            {nil, m.sealed(func(a *wire.SealedAnswer) { a.Signature = nil }), []error{client.ErrProtocol, handshake.ErrReply}, nil},
		"the suites":              {m.request(func(r *wire.KeyRequest) { r.Suites = r.Suites[1:] }), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"the order of the suites": {m.request(func(r *wire.KeyRequest) { slices.Reverse(r.Suites) }), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"the suite":               {nil, m.sealed(func(a *wire.SealedAnswer) { a.Suite = "AES-128-CBC" }), []error{client.ErrProtocol, handshake.ErrReply}, nil},
		"no ML-KEM":               {m.request(func(r *wire.KeyRequest) { r.MLKEM = "" }), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"no ML-KEM back":          {nil, m.sealed(func(a *wire.SealedAnswer) { a.MLKEM = nil }), []error{client.ErrProtocol, handshake.ErrSignature}, nil},
	}
}

// protocols are forgeries of which protocol it is.
func (m *forger) protocols(t *testing.T) map[string]forgery {
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	v1 := m.request(func(r *wire.KeyRequest) { *r = wire.KeyRequest{PublicKey: pair.Public(), PCM: wire.PCMNative} })
	return map[string]forgery{
		"protocol v1": {v1, nil, []error{client.ErrProtocol}, nil},
		"protocol v1 by another name": {v1, on("exchange", func(p *passing) { p.body = bytes.Replace(p.body, []byte("{"), []byte(`{"protocol":"secstream/2",`), 1) }),
			[]error{client.ErrProtocol, handshake.ErrReply}, nil},
		"the protocol left out": {m.request(func(r *wire.KeyRequest) { r.Protocol = "" }), nil, []error{client.ErrOldServer}, nil},
		"another protocol":      {nil, m.sealed(func(a *wire.SealedAnswer) { a.Protocol = "secstream/3" }), []error{client.ErrProtocol}, nil},
		"400":                   {nil, on("exchange", func(p *passing) { p.status, p.body = 400, []byte(`{"error":"no"}`) }), []error{client.ErrOldServer}, nil},
	}
}

// contents are forgeries of what is under the seal, or of which track it is.
func (m *forger) contents() map[string]forgery {
	return map[string]forgery{
		"an answer that was before": {nil, on("exchange", func(p *passing) { p.body = bytes.Clone(m.old) }), []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"a manifest that was before": {nil, m.sealed(func(a *wire.SealedAnswer) {
			var was wire.SealedAnswer
			_ = json.Unmarshal(m.old, &was)
			a.Manifest = was.Manifest
		}), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"no manifest":      {nil, m.sealed(func(a *wire.SealedAnswer) { a.Manifest = nil }), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"a manifest cut":   {nil, m.sealed(func(a *wire.SealedAnswer) { a.Manifest = a.Manifest[:len(a.Manifest)-1] }), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"a manifest's bit": {nil, m.sealed(func(a *wire.SealedAnswer) { a.Manifest[len(a.Manifest)/2] ^= 1 }), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"half of it":       {nil, on("exchange", func(p *passing) { p.body = p.body[:len(p.body)/2] }), []error{client.ErrProtocol}, nil},
		"nothing":          {nil, on("exchange", func(p *passing) { p.body = nil }), []error{client.ErrProtocol}, nil},
		"another track":    {on("create", func(p *passing) { edit(m.t, &p.body, func(r *wire.CreateRequest) { r.Tracks = []string{m.guitar} }) }), nil, []error{client.ErrProtocol}, nil},
		"another track first": {on("create", func(p *passing) {
			edit(m.t, &p.body, func(r *wire.CreateRequest) { r.Tracks = []string{m.guitar, m.drums} })
		}), nil, []error{client.ErrProtocol}, nil},
	}
}

// TestMiddleOfExchange: whoever stands in between and changes the exchange is
// found out, whether the client knows the server or not.
func TestMiddleOfExchange(t *testing.T) {
	m := newForger(t)
	for _, forgeries := range []map[string]forgery{m.keys(), m.protocols(t), m.contents()} {
		for name, f := range forgeries {
			t.Run(name, func(t *testing.T) {
				m.foundOut(t, f, m.id.Public(), f.want)
				if f.first == nil {
					f.first = f.want
				}
				m.foundOut(t, f, nil, f.first)
			})
		}
	}
	if m.seen("slice") > 0 {
		t.Errorf("%d slices were asked for", m.seen("slice"))
	}
	m.does(nil, nil)
	c, _ := dial(t, m.URL, quick(m.id.Public()))
	sliceOf(t, opens(t, c, m.drums), 0)
}

// foundOut asserts that a client which knows the server by pin, or does not, opens
// nothing, and why.
func (m *forger) foundOut(t *testing.T, f forgery, pin ed25519.PublicKey, want []error) {
	t.Helper()
	m.does(nil, nil)
	c, _ := dial(t, m.URL, quick(pin))
	m.does(f.ask, f.reply)
	track, err := c.Open(t.Context(), m.drums, audio.Tags{})
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("pinned %v: %v, want %v", pin != nil, err, w)
		}
	}
	if track != nil || c.Identity() != nil {
		t.Errorf("pinned %v: it opens, or the server is known now", pin != nil)
	}
}

// TestWhoWasMetIsHeldToIt: a server that was let in without a pin stays who it was.
func TestWhoWasMetIsHeldToIt(t *testing.T) {
	m := newForger(t)
	m.does(nil, nil)
	c, _ := dial(t, m.URL, quick(nil))
	track := opens(t, c, m.drums)
	if !handshake.Same(c.Identity(), m.id.Public()) {
		t.Error("the client does not know whom it met")
	}
	m.does(m.hear, m.impersonate)
	if _, err := c.Open(t.Context(), m.guitar, audio.Tags{}); !errors.Is(err, client.ErrIdentity) {
		t.Errorf("another identity for the second track: %v", err)
	}
	refused := new(wire.Error)
	m.does(nil, on("exchange", func(p *passing) { p.status, p.body = 400, []byte(`{"error":"no"}`) }))
	if _, err := c.Open(t.Context(), m.guitar, audio.Tags{}); errors.Is(err, client.ErrOldServer) || !errors.As(err, &refused) {
		t.Errorf("a server that spoke v2 a moment ago: %v", err)
	}
	sliceOf(t, track, 0) // of the one that is open nothing is lost
}
