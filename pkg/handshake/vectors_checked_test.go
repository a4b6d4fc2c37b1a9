package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/mlkem"
	"errors"
	"testing"

	"secstream/pkg/compress"
	"secstream/pkg/identity"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
)

func (x exchangeVector) offer() *Offer {
	return &Offer{Session: x.Session, Track: x.Track, PublicKey: x.ClientPublic, MLKEM: x.MLKEMKey, Suites: x.Suites}
}

func (x exchangeVector) reply() *Reply {
	return &Reply{Suite: x.Suite, PublicKey: x.ServerPublic, MLKEM: x.MLKEMCiphertext, Identity: ed25519.PublicKey(x.Identity), Signature: x.Signature}
}

func (x exchangeVector) client() *Client {
	c := &Client{offer: *x.offer(), x: must(ecdh.X25519().NewPrivateKey(x.ClientPrivate))}
	if x.MLKEMSeed != nil {
		c.kem = must(mlkem.NewDecapsulationKey768(x.MLKEMSeed))
	}
	return c
}

func (x exchangeVector) secrets() [][]byte {
	server := must(ecdh.X25519().NewPrivateKey(x.ServerPrivate))
	secrets := [][]byte{must(server.ECDH(must(ecdh.X25519().NewPublicKey(x.ClientPublic))))}
	if x.MLKEMSecret != nil {
		secrets = [][]byte{x.MLKEMSecret, secrets[0]}
	}
	return secrets
}

// opens tells whether box opens s, a slice, in its place alone.
func (s sealVector) opens(t *testing.T, x exchangeVector, box *seal.Box) {
	t.Helper()
	codec, err := compress.Lookup(s.Compression)
	if err != nil {
		t.Fatal(err)
	}
	unpack := pack.NewBoundUnpacker(codec, box, &pack.Binding{
		Session: x.Session, Track: x.Track, Count: s.Total, Encoding: s.Encoding, Compression: s.Compression,
		ID: func(dst []byte, _ int) []byte { return append(dst, s.ID...) }, Plain: func(int) int { return s.Plain },
	}, s.Padded)
	got, err := unpack.AppendSlice(nil, bytes.Clone(s.Sealed), s.Number, len(s.Content))
	if err != nil || !bytes.Equal(got, s.Content) {
		t.Errorf("%s: %q, %v", s.Name, got, err)
	}
	if _, err := unpack.AppendSlice(nil, bytes.Clone(s.Sealed), s.Number+1, len(s.Content)); !errors.Is(err, seal.ErrForged) {
		t.Errorf("%s as slice %d: %v", s.Name, s.Number+1, err)
	}
}

// opens tells whether keys open everything that was sealed in exchange x.
func (v vectors) opens(t *testing.T, x exchangeVector, keys *Keys) {
	t.Helper()
	cipher, err := seal.Lookup(keys.Suite)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range v.Seals {
		if s.Exchange != x.Name {
			continue
		}
		n++
		if s.Kind == "manifest" {
			box := must(seal.NewBound(cipher, keys.Manifest))
			got, err := box.Open(bytes.Clone(s.Sealed), pack.Manifest(x.Session, x.Track))
			if err != nil || !bytes.Equal(got, s.Inside) {
				t.Errorf("%s: %q, %v", s.Name, got, err)
			}
			continue
		}
		s.opens(t, x, must(seal.NewBound(cipher, keys.Slice)))
	}
	if n != 6 {
		t.Errorf("%s: %d seals", x.Name, n)
	}
}

func TestVectorsExchange(t *testing.T) {
	v, _ := readVectors(t)
	if len(v.Exchanges) != 2 {
		t.Fatalf("%d exchanges", len(v.Exchanges))
	}
	for _, x := range v.Exchanges {
		t.Run(x.Name, func(t *testing.T) {
			h := transcript(x.offer(), x.reply())
			if !bytes.Equal(h[:], x.Hash) {
				t.Errorf("the transcript is %x", h)
			}
			id := signer{ed25519.NewKeyFromSeed(x.IdentitySeed)}
			if got := id.Sign(h); !bytes.Equal(got, x.Signature) {
				t.Errorf("the signature is %x", got)
			}
			if got := identity.FingerprintOf(id.Public()).String(); got != x.Fingerprint {
				t.Errorf("the fingerprint is %s", got)
			}
			keys, err := x.client().Finish(x.reply(), anybody)
			if err != nil {
				t.Fatal(err)
			}
			v.opens(t, x, keys)
			if keys, err = derive(x.reply(), h, x.secrets()...); err != nil {
				t.Fatal(err)
			}
			v.opens(t, x, keys)
			got, _, err := Accept(x.offer(), id, seal.NameAES256GCM, seal.NameChaCha20Poly1305)
			if err != nil || got.Suite != x.Suite || len(got.MLKEM) != len(x.MLKEMCiphertext) {
				t.Errorf("Accept: %v, %v", got, err)
			}
		})
	}
}

func TestVectorsRefused(t *testing.T) {
	v, _ := readVectors(t)
	want := map[string]error{"publicKey": ErrPublicKey, "suites": ErrSuites, "reply": ErrReply, "signature": ErrSignature}
	id := signer{ed25519.NewKeyFromSeed(v.Exchanges[0].IdentitySeed)}
	for _, o := range v.Refused.Offers {
		_, _, err := Accept(&Offer{PublicKey: o.PublicKey, MLKEM: o.MLKEMKey, Suites: o.Suites}, id, seal.NameAES256GCM, seal.NameChaCha20Poly1305)
		if err == nil || !errors.Is(err, want[o.Error]) {
			t.Errorf("offer with %s: %v", o.Name, err)
		}
	}
	for _, r := range v.Refused.Replies {
		for _, x := range v.Exchanges {
			if x.Name != r.Exchange {
				continue
			}
			_, err := x.client().Finish(&Reply{
				Suite: r.Suite, PublicKey: r.ServerPublic, MLKEM: r.MLKEMCiphertext, Identity: ed25519.PublicKey(r.Identity), Signature: r.Signature,
			}, anybody)
			if err == nil || !errors.Is(err, want[r.Error]) {
				t.Errorf("reply with %s: %v", r.Name, err)
			}
		}
	}
	if len(v.Refused.Offers) < 15 || len(v.Refused.Replies) < 10 {
		t.Errorf("%d offers, %d replies", len(v.Refused.Offers), len(v.Refused.Replies))
	}
}
