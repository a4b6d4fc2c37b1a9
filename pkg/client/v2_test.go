package client_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// TestMiddleOfExchange: whoever stands in between and changes the exchange is
// found out, whether the client knows the server or not.
func TestMiddleOfExchange(t *testing.T) {
	id, own := newIdentity(t), newIdentity(t)
	m := between(t, handler(t, session.Config{Millis: 1000, Identity: id}, publicAudio))
	_, tracks := dial(t, m.URL, client.Config{})
	drums, guitar := trackID(t, tracks, "drums.wav"), trackID(t, tracks, "guitar.flac")
	var old []byte // an answer of an earlier exchange
	m.does(nil, on("exchange", func(p *passing) { old = bytes.Clone(p.body) }))
	c, _ := dial(t, m.URL, quick(id.Public()))
	opens(t, c, drums)

	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	var asked wire.KeyRequest // of the exchange that passes
	sealed := func(change func(*wire.SealedAnswer)) func(*passing) {
		return on("exchange", func(p *passing) { edit(t, &p.body, change) })
	}
	request := func(change func(*wire.KeyRequest)) func(*passing) {
		return on("exchange", func(p *passing) { edit(t, &p.body, change) })
	}
	hear := func(p *passing) {
		if p.what == "exchange" {
			_ = json.Unmarshal(p.body, &asked)
		}
	}
	// impersonate does the whole exchange with the middle's own identity.
	impersonate := on("exchange", func(p *passing) {
		public, _ := base64.StdEncoding.DecodeString(asked.PublicKey)
		kem, _ := base64.StdEncoding.DecodeString(asked.MLKEM)
		r, _, err := handshake.Accept(&handshake.Offer{
			Session: strings.Split(p.path, "/")[3], PublicKey: public, MLKEM: kem, Suites: asked.Suites,
		}, own, asked.Suites...)
		if err != nil {
			t.Error(err)
			return
		}
		edit(t, &p.body, func(a *wire.SealedAnswer) {
			a.Suite, a.PublicKey, a.MLKEM, a.Identity, a.Signature = r.Suite, r.PublicKey, r.MLKEM, r.Identity, r.Signature
		})
	})
	v1 := request(func(r *wire.KeyRequest) { *r = wire.KeyRequest{PublicKey: pair.Public(), PCM: wire.PCMNative} })

	for name, a := range map[string]struct {
		ask, reply func(*passing)
		want       []error // of a client that has a pin
		first      []error // of one that has none, where that is another
	}{
		"the server's ephemeral key": {nil, sealed(func(a *wire.SealedAnswer) { a.PublicKey = x.PublicKey().Bytes() }), []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"the client's ephemeral key": {request(func(r *wire.KeyRequest) {
			r.PublicKey = base64.StdEncoding.EncodeToString(x.PublicKey().Bytes())
		}), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"its own identity":        {hear, impersonate, []error{errStranger}, []error{client.ErrProtocol, seal.ErrForged}},
		"the identity":            {nil, sealed(func(a *wire.SealedAnswer) { a.Identity = own.Public() }), []error{errStranger}, []error{handshake.ErrSignature}},
		"no identity":             {nil, sealed(func(a *wire.SealedAnswer) { a.Identity = nil }), []error{client.ErrProtocol, handshake.ErrReply}, nil},
		"no signature":            {nil, sealed(func(a *wire.SealedAnswer) { a.Signature = nil }), []error{client.ErrProtocol, handshake.ErrReply}, nil},
		"the suites":              {request(func(r *wire.KeyRequest) { r.Suites = r.Suites[1:] }), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"the order of the suites": {request(func(r *wire.KeyRequest) { slices.Reverse(r.Suites) }), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"the suite":               {nil, sealed(func(a *wire.SealedAnswer) { a.Suite = "AES-128-CBC" }), []error{client.ErrProtocol, handshake.ErrReply}, nil},
		"no ML-KEM":               {request(func(r *wire.KeyRequest) { r.MLKEM = "" }), nil, []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"no ML-KEM back":          {nil, sealed(func(a *wire.SealedAnswer) { a.MLKEM = nil }), []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"protocol v1":             {v1, nil, []error{client.ErrProtocol}, nil},
		"protocol v1 by another name": {v1, on("exchange", func(p *passing) { p.body = bytes.Replace(p.body, []byte("{"), []byte(`{"protocol":"secstream/2",`), 1) }),
			[]error{client.ErrProtocol, handshake.ErrReply}, nil},
		"the protocol left out":     {request(func(r *wire.KeyRequest) { r.Protocol = "" }), nil, []error{client.ErrOldServer}, nil},
		"another protocol":          {nil, sealed(func(a *wire.SealedAnswer) { a.Protocol = "secstream/3" }), []error{client.ErrProtocol}, nil},
		"400":                       {nil, on("exchange", func(p *passing) { p.status, p.body = 400, []byte(`{"error":"no"}`) }), []error{client.ErrOldServer}, nil},
		"an answer that was before": {nil, on("exchange", func(p *passing) { p.body = bytes.Clone(old) }), []error{client.ErrProtocol, handshake.ErrSignature}, nil},
		"a manifest that was before": {nil, sealed(func(a *wire.SealedAnswer) {
			var was wire.SealedAnswer
			_ = json.Unmarshal(old, &was)
			a.Manifest = was.Manifest
		}), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"no manifest":         {nil, sealed(func(a *wire.SealedAnswer) { a.Manifest = nil }), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"a manifest cut":      {nil, sealed(func(a *wire.SealedAnswer) { a.Manifest = a.Manifest[:len(a.Manifest)-1] }), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"a manifest's bit":    {nil, sealed(func(a *wire.SealedAnswer) { a.Manifest[len(a.Manifest)/2] ^= 1 }), []error{client.ErrProtocol, seal.ErrForged}, nil},
		"half of it":          {nil, on("exchange", func(p *passing) { p.body = p.body[:len(p.body)/2] }), []error{client.ErrProtocol}, nil},
		"nothing":             {nil, on("exchange", func(p *passing) { p.body = nil }), []error{client.ErrProtocol}, nil},
		"another track":       {on("create", func(p *passing) { edit(t, &p.body, func(r *wire.CreateRequest) { r.Tracks = []string{guitar} }) }), nil, []error{client.ErrProtocol}, nil},
		"another track first": {on("create", func(p *passing) { edit(t, &p.body, func(r *wire.CreateRequest) { r.Tracks = []string{guitar, drums} }) }), nil, []error{client.ErrProtocol}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for what, key := range map[string]ed25519.PublicKey{"pinned": id.Public(), "first contact": nil} {
				want := a.want
				if key == nil && a.first != nil {
					want = a.first
				}
				m.does(nil, nil)
				c, _ := dial(t, m.URL, quick(key))
				m.does(a.ask, a.reply)
				track, err := c.Open(t.Context(), drums, audio.Tags{})
				for _, w := range want {
					if !errors.Is(err, w) {
						t.Errorf("%s: %v, want %v", what, err, w)
					}
				}
				if track != nil || c.Identity() != nil {
					t.Errorf("%s: it opens, or the server is known now", what)
				}
			}
		})
	}
	if m.seen("slice") > 0 {
		t.Errorf("%d slices were asked for", m.seen("slice"))
	}
	m.does(nil, nil)
	sliceOf(t, opens(t, c, drums), 0)

	// Who was let in without a pin is held to what it was.
	c, _ = dial(t, m.URL, quick(nil))
	track := opens(t, c, drums)
	if !handshake.Same(c.Identity(), id.Public()) {
		t.Error("the client does not know whom it met")
	}
	m.does(hear, impersonate)
	if _, err := c.Open(t.Context(), guitar, audio.Tags{}); !errors.Is(err, client.ErrIdentity) {
		t.Errorf("another identity for the second track: %v", err)
	}
	refused := new(wire.Error)
	m.does(nil, on("exchange", func(p *passing) { p.status, p.body = 400, []byte(`{"error":"no"}`) }))
	if _, err := c.Open(t.Context(), guitar, audio.Tags{}); errors.Is(err, client.ErrOldServer) || !errors.As(err, &refused) {
		t.Errorf("a server that spoke v2 a moment ago: %v", err)
	}
	sliceOf(t, track, 0) // of the one that is open nothing is lost
}

// TestUploadInTheMiddle: what somebody else has put on the server is not the
// track that was asked for, though the server itself sends it.
func TestUploadInTheMiddle(t *testing.T) {
	id := newIdentity(t)
	h := handler(t, session.Config{Millis: 1000, Identity: id}, publicAudio)
	if err := h.(*server.Server).Set(server.Live{AllowUpload: true}); err != nil {
		t.Fatal(err)
	}
	song, err := os.ReadFile(publicAudio + "/speech-french-8k.flac")
	if err != nil {
		t.Fatal(err)
	}
	m := between(t, h)
	c, tracks := dial(t, m.URL, quick(id.Public()))
	m.does(on("create", func(p *passing) { p.kind, p.body = "audio/flac", song }), nil)
	if _, err := c.Open(t.Context(), trackID(t, tracks, "drums.wav"), audio.Tags{}); !errors.Is(err, client.ErrProtocol) || !strings.Contains(err.Error(), "another track") {
		t.Errorf("%v", err)
	}
}

// TestMovedSlices: a slice opens in its place alone.
func TestMovedSlices(t *testing.T) {
	for _, name := range []string{"music-drums.wav", "music-tabla.flac"} {
		t.Run(name, func(t *testing.T) {
			id := newIdentity(t)
			m := between(t, handler(t, session.Config{Millis: 1000, Identity: id, Rekey: session.Rekey{Slices: 8}}, publicAudio))
			c, tracks := dial(t, m.URL, quick(id.Public()))
			heard := map[string][]byte{} // by session and number
			key := func(p *passing) string { return strings.Split(p.path, "/")[3] + p.header.Get(wire.HeaderSequence) }
			m.does(nil, on("slice", func(p *passing) { heard[key(p)] = bytes.Clone(p.body) }))
			track, twin := opens(t, c, trackID(t, tracks, name)), opens(t, c, trackID(t, tracks, name))
			other := opens(t, c, trackID(t, tracks, "guitar.flac"))
			var want [4][]byte
			for i := range want {
				want[i] = sliceOf(t, track, i)
				sounds(t, twin, i, want[i])
				sliceOf(t, other, i)
			}
			_ = twin.Close()
			m.mu.Lock() // a slice fetched ahead may still be on its way
			bodies := maps.Clone(heard)
			m.mu.Unlock()
			foreign := slices.Sorted(maps.Keys(bodies))
			bodies["its own"] = nil
			replace := func(now string) { // what comes in the place of slice 2
				m.does(nil, on("slice", func(p *passing) {
					if p.header.Get(wire.HeaderSequence) == "2" && now != "its own" {
						p.body = bytes.Clone(bodies[now])
					}
				}))
			}
			opened := 0
			for now := range bodies {
				replace(now)
				if _, err := track.Slice(t.Context(), 2); err == nil {
					opened++
					sounds(t, track, 2, want[2])
				} else {
					forged(t, now, track, 2)
				}
				track.Release(2)
				sounds(t, track, 0, want[0])
			}
			// Its own, and, while the key was the same, what it was before.
			if opened < 1 || opened > 2 || len(bodies) < 12 {
				t.Errorf("%d of %d opened", opened, len(bodies))
			}
			// By now the key is another.
			if n := m.seen("exchange"); n < 4 {
				t.Errorf("%d exchanges", n)
			}
			for _, now := range foreign {
				replace(now)
				forged(t, "after rekeying, "+now, track, 2)
			}
			replace("its own")
			sounds(t, track, 2, want[2])
		})
	}
}

// TestEndlessRekeying: whoever answers that the key has served its time, however
// often it is replaced, is given up.
func TestEndlessRekeying(t *testing.T) {
	id := newIdentity(t)
	m := between(t, handler(t, session.Config{Millis: 1000, Identity: id}, publicAudio))
	c, tracks := dial(t, m.URL, quick(id.Public()))
	track := opens(t, c, trackID(t, tracks, "drums.wav"))
	m.does(nil, on("slice", func(p *passing) { p.status, p.body = 409, []byte(`{"error":"no","code":"rekey"}`) }))
	refused := new(wire.Error)
	if _, err := track.Slice(t.Context(), 0); !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("%v", err)
	}
	if n := m.seen("exchange"); n > 60 {
		t.Errorf("%d exchanges", n)
	}
	m.does(nil, nil)
	sliceOf(t, track, 0)
}

// TestEditedLibrary: the list is not sealed, and so decides nothing: what plays
// is the track that has the ID, and says under its seal what it is.
func TestEditedLibrary(t *testing.T) {
	id := newIdentity(t)
	m := between(t, handler(t, session.Config{Millis: 1000, Identity: id}, publicAudio))
	c, tracks := dial(t, m.URL, quick(id.Public()))
	true0 := opens(t, c, trackID(t, tracks, "tabla.flac")).Info()
	m.does(nil, on("library", func(p *passing) {
		edit(t, &p.body, func(l *wire.Library) {
			for i := range l.Tracks {
				l.Tracks[i].TotalSamples, l.Tracks[i].Tags.Title = 5, "another"
				if strings.HasSuffix(l.Tracks[i].Path, "drums.wav") {
					l.Tracks[i].ID = trackID(t, tracks, "tabla.flac")
				}
				if strings.HasSuffix(l.Tracks[i].Path, "coffee-8k.wav") {
					l.Tracks[i].ID = strings.Repeat("0", 32)
				}
			}
		})
	}))
	list, err := c.Library(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info := opens(t, c, trackID(t, list.Tracks, "drums.wav")).Info(); info.Frames != true0.Frames || info.Codec != audio.Flac || info.Tags != true0.Tags || info.Tags.Title == "another" {
		t.Errorf("%+v", info)
	}
	refused := new(wire.Error)
	if _, err := c.Open(t.Context(), trackID(t, list.Tracks, "coffee-8k.wav"), audio.Tags{}); !errors.As(err, &refused) || refused.Code != wire.TrackNotFound {
		t.Errorf("an ID that is none: %v", err)
	}
	m.does(nil, on("library", func(p *passing) { p.body = p.body[:len(p.body)/2] }))
	if _, err := c.Library(t.Context()); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("half a list: %v", err)
	}
}
