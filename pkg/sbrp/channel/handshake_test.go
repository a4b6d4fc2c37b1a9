package channel

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"secstream/pkg/sbrp"
)

func decode(t testing.TB, message []byte) sbrp.Frame {
	t.Helper()
	f, err := sbrp.Decode(bytes.Clone(message))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ends are both, with the ephemeral keys of v.
func (v handshakeVector) ends(t testing.TB) (*Client, *Daemon) {
	t.Helper()
	c, err := newClient(v.DaemonID, sbrp.SessionID(v.Session), keyOf(t, v.ClientPrivate))
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDaemon(v.DaemonID, ed25519.NewKeyFromSeed(v.Seed))
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

// meet leads v's handshake to its two channels.
func (v handshakeVector) meet(t testing.TB) (client, daemon *Channel) {
	t.Helper()
	c, d := v.ends(t)
	private := keyOf(t, v.DaemonPrivate)
	accept, daemon, err := d.answer([]byte("before"), decode(t, v.Init), private)
	if err != nil || string(accept) != "before"+string(v.Accept) {
		t.Fatalf("answer %x, want %x: %v", accept, v.Accept, err)
	}
	ours := c.private()
	client, err = c.Finish(decode(t, v.Accept), ed25519.PublicKey(v.Identity))
	if err != nil {
		t.Fatal(err)
	}
	if *private != (key{}) || *ours != (key{}) || c.private != nil {
		t.Error("an ephemeral key is left")
	}
	return client, daemon
}

func TestHandshakes(t *testing.T) {
	for _, v := range groupOf[handshakeVector](t, "handshakes") {
		t.Run(v.Name, func(t *testing.T) {
			v.checkSchedule(t)
			if v.Name == "empty_daemon_id" {
				// The peer takes it. Tokens may not name it, and so ours does not.
				private := keyOf(t, v.ClientPrivate)
				if _, err := newClient(v.DaemonID, 1, private); err == nil || *private != (key{}) {
					t.Errorf("client of nobody, %v", err)
				}
				if _, err := NewDaemon(v.DaemonID, ed25519.NewKeyFromSeed(v.Seed)); err == nil {
					t.Error("daemon without an id")
				}
				return
			}
			c, _ := v.ends(t)
			if init, err := c.AppendInit(nil); err != nil || !bytes.Equal(init, v.Init) {
				t.Errorf("init %x, want %x: %v", init, v.Init, err)
			}
			client, daemon := v.meet(t)
			v.checkMessages(t, client, daemon)
		})
	}
}

// checkSchedule holds each step of the derivation to the vector.
func (v handshakeVector) checkSchedule(t *testing.T) {
	t.Helper()
	client, answer := public(v.ClientPublic), public(v.DaemonPublic)
	for private, want := range map[*key]public{keyOf(t, v.ClientPrivate): client, keyOf(t, v.DaemonPrivate): answer} {
		if got, err := private.public(); err != nil || got != want {
			t.Errorf("public key %x, want %x: %v", got, want, err)
		}
	}
	if v.DaemonID != string(v.RawDaemonID) || sbrp.Fingerprint(ed25519.PublicKey(v.Identity)) != v.Fingerprint {
		t.Error("daemon id or fingerprint")
	}
	if got := toSign(v.DaemonID, client, answer); !bytes.Equal(got[:], v.SignaturePayload) || got != sha256.Sum256(v.SignaturePreimage) {
		t.Errorf("to sign is %x, want %x", got, v.SignaturePayload)
	}
	a := sbrp.Accept{Identity: [32]byte(v.Identity), Ephemeral: answer, Signature: [64]byte(v.Signature)}
	if !verify(ed25519.PublicKey(v.Identity), v.DaemonID, client, &a) {
		t.Error("signature does not verify")
	}
	transcript := hash(transcriptContext, v.DaemonID, client, answer, v.Signature)
	if !bytes.Equal(transcript[:], v.Transcript) || transcript != sha256.Sum256(v.TranscriptImage) {
		t.Errorf("transcript %x, want %x", transcript, v.Transcript)
	}
	fromShared := schedule(v.Shared, transcript)
	ofClient, err := agree(keyOf(t, v.ClientPrivate), answer, v.DaemonID, client, &a)
	if err != nil {
		t.Fatal(err)
	}
	ofDaemon, err := agree(keyOf(t, v.DaemonPrivate), client, v.DaemonID, client, &a)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*keys{fromShared, ofClient, ofDaemon} {
		if !bytes.Equal(k.toDaemon.b[:], v.ToDaemon) || !bytes.Equal(k.toClient.b[:], v.ToClient) ||
			!bytes.Equal(append(v.ToDaemon[:32:32], v.ToClient...), v.HKDF.OKM) {
			t.Error("other keys")
		}
	}
}

// checkMessages seals v's messages, which have to be the same bytes, and opens
// them at the other end.
func (v handshakeVector) checkMessages(t *testing.T, client, daemon *Channel) {
	t.Helper()
	way := func(messages []message, from, to *Channel) {
		if len(messages) == 0 {
			t.Error("no messages")
		}
		for _, m := range messages {
			frame, err := from.Append([]byte("before"), m.Plain)
			if err != nil || string(frame) != "before"+string(m.Frame) {
				t.Errorf("message %d: %x, want %x: %v", m.Number, frame, m.Frame, err)
			}
			if plain, err := to.Open(decode(t, m.Frame)); err != nil || !bytes.Equal(plain, m.Plain) {
				t.Errorf("message %d: %x, want %x: %v", m.Number, plain, m.Plain, err)
			}
		}
	}
	way(v.FromClient, client, daemon)
	way(v.FromDaemon, daemon, client)
}

type negativeVector struct {
	Name     string
	DaemonID string `json:"daemon_id_utf8"`
	Pin      octets `json:"pinned_identity_public_key_hex"`
	Private  octets `json:"client_ephemeral_private_key_hex"`
	Accept   octets `json:"accept_payload_hex"`
	Init     octets `json:"init_payload_hex"`
	Want     string `json:"recommended_error_code"`
}

func TestRefusedByClient(t *testing.T) {
	for _, v := range groupOf[negativeVector](t, "handshake_negative") {
		c, err := newClient(v.DaemonID, 1, keyOf(t, v.Private))
		if err != nil {
			t.Fatal(err)
		}
		private := c.private()
		f := sbrp.Frame{Type: sbrp.TypeAccept, Session: 1, Payload: v.Accept}
		ch, err := c.Finish(f, ed25519.PublicKey(v.Pin))
		if ch != nil || sbrp.CodeOf(err).String() != v.Want {
			t.Errorf("%s: %v, want %s", v.Name, err, v.Want)
		}
		if *private != (key{}) {
			t.Errorf("%s: the ephemeral key is left", v.Name)
		}
		if _, err := c.Finish(f, ed25519.PublicKey(v.Pin)); sbrp.CodeOf(err) != sbrp.HandshakeFailed {
			t.Errorf("%s: again: %v", v.Name, err)
		}
	}
}

func TestRefusedByDaemon(t *testing.T) {
	_, d := basic(t).ends(t)
	for _, v := range groupOf[negativeVector](t, "handshake_negative_daemon") {
		private := ephemeral()
		b, ch, err := d.answer([]byte("before"), sbrp.Frame{Type: sbrp.TypeInit, Session: 1, Payload: v.Init}, private)
		if ch != nil || string(b) != "before" || sbrp.CodeOf(err).String() != v.Want {
			t.Errorf("%s: %q, %v, want %s", v.Name, b, err, v.Want)
		}
		if *private != (key{}) {
			t.Errorf("%s: the ephemeral key is left", v.Name)
		}
	}
}

// Keys are hashed as they travelled, though X25519 does not look at bit 255.
func TestHighBit(t *testing.T) {
	var v struct {
		Accept   octets `json:"accept_payload_hex"`
		Shared   octets `json:"shared_secret_hex"`
		ToDaemon octets `json:"client_to_daemon_key_hex"`
		ToClient octets `json:"daemon_to_client_key_hex"`
	}
	group(t, "accept_key_high_bit_set", &v)
	from := basic(t)
	a, err := sbrp.Frame{Type: sbrp.TypeAccept, Session: 1, Payload: v.Accept}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	k, err := agree(keyOf(t, from.ClientPrivate), a.Ephemeral, from.DaemonID, public(from.ClientPublic), &a)
	if err != nil || !bytes.Equal(k.toDaemon.b[:], v.ToDaemon) || !bytes.Equal(k.toClient.b[:], v.ToClient) {
		t.Errorf("other keys, %v", err)
	}
	if !bytes.Equal(v.Shared, from.Shared) || bytes.Equal(v.ToDaemon, from.ToDaemon) {
		t.Error("the vector is not what it says")
	}
	c, _ := from.ends(t)
	if _, err := c.Finish(sbrp.Frame{Type: sbrp.TypeAccept, Session: 1, Payload: v.Accept}, ed25519.PublicKey(from.Identity)); err != nil {
		t.Error(err)
	}
}

// The peer's signatures are checked more laxly (ZIP 215): it takes all eight of
// these crafted ones, Go's rules one. No honest signer makes such.
func TestCraftedSignatures(t *testing.T) {
	var v struct {
		Cases []struct {
			Key       octets `json:"public_key_hex"`
			Message   octets `json:"message_hex"`
			Signature octets `json:"signature_hex"`
			Peer      bool   `json:"peer_verifies"`
		}
	}
	group(t, "signature_zip215_laxness", &v)
	taken, peer := 0, 0
	for _, c := range v.Cases {
		if ed25519.Verify(ed25519.PublicKey(c.Key), c.Message, c.Signature) {
			taken++
		}
		if c.Peer {
			peer++
		}
	}
	if len(v.Cases) != 8 || peer != 8 || taken != 1 {
		t.Errorf("of %d, %d are taken here, %d there", len(v.Cases), taken, peer)
	}
}

func TestFinishRefuses(t *testing.T) {
	v := basic(t)
	good := decode(t, v.Accept)
	pin := ed25519.PublicKey(v.Identity)
	for name, x := range map[string]struct {
		f    sbrp.Frame
		pin  ed25519.PublicKey
		want sbrp.Code
	}{
		"no pin":         {good, nil, sbrp.HandshakeFailed},
		"a short pin":    {good, pin[:31], sbrp.IdentityKeyChanged},
		"a long pin":     {good, append(bytes.Clone(pin), 0), sbrp.IdentityKeyChanged},
		"the old size":   {sbrp.Frame{Type: sbrp.TypeAccept, Session: 1, Payload: good.Payload[:96]}, pin, sbrp.MalformedFrame},
		"another type":   {decode(t, v.FromDaemon[0].Frame), pin, sbrp.HandshakeFailed},
		"its own Init":   {decode(t, v.Init), pin, sbrp.HandshakeFailed},
		"a relay's Ping": {sbrp.Frame{Type: sbrp.TypePing}, pin, sbrp.HandshakeFailed},
	} {
		c, _ := v.ends(t)
		private := c.private()
		if ch, err := c.Finish(x.f, x.pin); ch != nil || sbrp.CodeOf(err) != x.want {
			t.Errorf("%s: %v", name, err)
		}
		if *private != (key{}) {
			t.Errorf("%s: the ephemeral key is left", name)
		}
	}
	// A frame of another session changes nothing.
	c, _ := v.ends(t)
	other := good
	other.Session = 2
	if _, err := c.Finish(other, pin); err != ErrSession {
		t.Errorf("another session: %v", err)
	}
	if _, err := c.Finish(good, pin); err != nil {
		t.Error(err)
	}
	c, _ = v.ends(t)
	private := c.private()
	c.Wipe()
	c.Wipe()
	if _, err := c.Finish(good, pin); sbrp.CodeOf(err) != sbrp.HandshakeFailed || *private != (key{}) {
		t.Errorf("after Wipe: %v", err)
	}
	if _, err := NewClient(v.DaemonID, 0); err == nil {
		t.Error("a client without a session")
	}
}

// On first use the key in the answer is told, once its signature is verified.
func TestMeet(t *testing.T) {
	v := basic(t)
	c, _ := v.ends(t)
	ch, identity, err := c.Meet(decode(t, v.Accept))
	if err != nil || !identity.Equal(ed25519.PublicKey(v.Identity)) || ch.Session() != 1 {
		t.Errorf("%x, %v", identity, err)
	}
	c, _ = v.ends(t)
	bad := decode(t, v.Accept)
	bad.Payload[127] ^= 1
	if ch, identity, err := c.Meet(bad); ch != nil || identity != nil || sbrp.CodeOf(err) != sbrp.HandshakeFailed {
		t.Errorf("%v %x, %v", ch, identity, err)
	}
}

// signer is an identity that is kept elsewhere.
type signer struct {
	ed25519.PrivateKey
	sign func(message []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (s signer) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign(message, opts)
}

func TestIdentities(t *testing.T) {
	v := basic(t)
	private := ed25519.NewKeyFromSeed(v.Seed)
	for name, x := range map[string]struct {
		sign func([]byte, crypto.SignerOpts) ([]byte, error)
		good bool
	}{
		"as it should": {func(m []byte, o crypto.SignerOpts) ([]byte, error) { return private.Sign(nil, m, o) }, true},
		"Ed25519ph": {func(m []byte, _ crypto.SignerOpts) ([]byte, error) {
			sum := [64]byte{}
			copy(sum[:], m)
			return private.Sign(nil, sum[:], crypto.SHA512)
		}, false},
		"too short": {func(m []byte, o crypto.SignerOpts) ([]byte, error) { return ed25519.Sign(private, m)[:63], nil }, false},
		"too long":  {func(m []byte, o crypto.SignerOpts) ([]byte, error) { return append(ed25519.Sign(private, m), 0), nil }, false},
		"fails":     {func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, errors.New("locked") }, false},
	} {
		d, err := NewDaemon(v.DaemonID, signer{private, x.sign})
		if err != nil {
			t.Fatal(err)
		}
		_, ch, err := d.Answer(nil, decode(t, v.Init))
		if (ch != nil) != x.good || (err == nil) != x.good || !x.good && sbrp.CodeOf(err) != sbrp.HandshakeFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewDaemon("d", noIdentity{}); err == nil {
		t.Error("a daemon whose key is none")
	}
}

type noIdentity struct{ crypto.Signer }

func (noIdentity) Public() crypto.PublicKey { return "none" }

// Each handshake has keys of its own.
func TestFreshKeys(t *testing.T) {
	v := basic(t)
	c1, err1 := NewClient(v.DaemonID, 1)
	c2, err2 := NewClient(v.DaemonID, 1)
	if err1 != nil || err2 != nil || c1.public == c2.public || *c1.private() == *c2.private() || *c1.private() == (key{}) {
		t.Errorf("%v, %v, or the same key twice", err1, err2)
	}
	_, d := v.ends(t)
	a1, _, err1 := d.Answer(nil, decode(t, v.Init))
	a2, _, err2 := d.Answer(nil, decode(t, v.Init))
	if err1 != nil || err2 != nil || bytes.Equal(a1[45:77], a2[45:77]) || !bytes.Equal(a1[:45], a2[:45]) {
		t.Errorf("%x, %x: %v, %v", a1, a2, err1, err2)
	}
}

func TestNothingSecretPrints(t *testing.T) {
	v := basic(t)
	c, _ := v.ends(t)
	ch, _ := v.meet(t)
	k := keyOf(t, bytes.Repeat([]byte{0xAB}, keySize))
	secrets := []octets{k.b[:], v.ClientPrivate, v.ToDaemon, v.ToClient}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		for _, x := range []any{k, &keys{k, k}, struct{ K *key }{k}, c, ch, struct{ c *Client }{c}, struct{ c *Channel }{ch}} {
			text := strings.ToLower(fmt.Sprintf(verb, x))
			for _, s := range secrets {
				// In digits of 16 and of 10, with and without what stands between.
				for _, form := range []string{"%x%x%x", "%d %d %d", "0x%x, 0x%x, 0x%x", "%d, %d, %d"} {
					shown := fmt.Sprintf(form, s[0], s[1], s[2])
					if strings.Contains(text, shown) {
						t.Errorf("%T by %s shows %s in %.200s", x, verb, shown, text)
					}
				}
			}
		}
	}
	if js, err := k.MarshalText(); err != nil || string(js) != redacted || k.LogValue().String() != redacted || fmt.Sprint(k) != redacted {
		t.Errorf("%s, %v", js, err)
	}
}

// FuzzHandshake: a hostile answer is refused with a code or is the genuine one,
// a hostile beginning is refused or leads to a channel, and no key is left.
func FuzzHandshake(f *testing.F) {
	v := basic(f)
	for _, side := range []string{"handshake_negative", "handshake_negative_daemon"} {
		for _, n := range groupOf[negativeVector](f, side) {
			f.Add([]byte(n.Accept), true)
			f.Add([]byte(n.Init), false)
		}
	}
	f.Add([]byte(v.Accept[sbrp.HeaderSize:]), true)
	f.Add([]byte(v.Init[sbrp.HeaderSize:]), false)
	f.Fuzz(func(t *testing.T, payload []byte, answer bool) {
		c, d := v.ends(t)
		var private *key
		var ch *Channel
		var err error
		if answer {
			private = c.private()
			ch, err = c.Finish(sbrp.Frame{Type: sbrp.TypeAccept, Session: 1, Payload: payload}, ed25519.PublicKey(v.Identity))
			if err == nil && !bytes.Equal(payload, v.Accept[sbrp.HeaderSize:]) {
				t.Fatalf("%x is taken", payload)
			}
		} else {
			private = ephemeral()
			_, ch, err = d.answer(nil, sbrp.Frame{Type: sbrp.TypeInit, Session: 1, Payload: payload}, private)
		}
		if *private != (key{}) {
			t.Fatal("the ephemeral key is left")
		}
		switch sbrp.CodeOf(err) {
		case 0:
			if err != nil || ch == nil {
				t.Fatal(ch, err)
			}
		case sbrp.MalformedFrame, sbrp.HandshakeFailed, sbrp.IdentityKeyChanged:
		default:
			t.Fatal(err)
		}
	})
}
