package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"

	"secstream/pkg/seal"
)

const (
	clientSPKI = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAhfmF/C2RDkoJ4+WmZ5pojpPLBUr321s32bluAKC1O0ZSn3ry5dxLS3aPKhaqHZaVvRfx1hZllLyiXxlMG5XlA=="
	serverSPKI = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1lqTl3yqPRsIGFL/V6eeRl8WYFdzBLrq1QXdOkhYnPNQGF6JU3LfYiHqOhN1V+Rz/dtnVfBb1QfDxTP86ckShQ=="
	vectorBody = "c2387055446d2c4f308a643bf56f545e4b81b933969fe8d05fcdf81a1a892811d68aa19f3c8c2ffd5497835f83f4830df3e58b7aa2000102030405060708090a0b"
)

func fixedPair(t testing.TB, fill byte) *Pair {
	t.Helper()
	private, err := ecdh.P256().NewPrivateKey(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &Pair{private}
}

func TestPublishedVector(t *testing.T) {
	client, server := fixedPair(t, 0x11), fixedPair(t, 0x22)
	if client.Public() != clientSPKI || server.Public() != serverSPKI {
		t.Errorf("public keys:\n%s\n%s", client.Public(), server.Public())
	}
	for name, agree := range map[string]func() (*seal.Key, error){
		"client": func() (*seal.Key, error) { return client.Agree(serverSPKI) },
		"server": func() (*seal.Key, error) { return server.Agree(clientSPKI) },
	} {
		key, err := agree()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// The key does not print; that it opens the vector's body shows it is right.
		body, _ := hex.DecodeString(vectorBody)
		if _, err := seal.NewBox(key).Open(body, nil); err != nil {
			t.Errorf("%s key does not open the vector: %v", name, err)
		}
	}
}

func TestPublicIsWhatX509Writes(t *testing.T) {
	p, err := NewPair()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p.private.PublicKey())
	if err != nil || base64.StdEncoding.EncodeToString(der) != p.Public() {
		t.Errorf("%v", err)
	}
}

func TestAgreeRefuses(t *testing.T) {
	p := fixedPair(t, 0x11)
	der, _ := base64.StdEncoding.DecodeString(serverSPKI)
	for name, mutate := range map[string]func([]byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"short":          func(b []byte) []byte { return b[:90] },
		"long":           func(b []byte) []byte { return append(b, 0) },
		"off the curve":  func(b []byte) []byte { b[90] ^= 1; return b },
		"point at zero":  func(b []byte) []byte { clear(b[27:]); return b },
		"compressed":     func(b []byte) []byte { b[26] = 2; return b },
		"another curve":  func(b []byte) []byte { b[22] = 0x22; return b },
		"bare raw point": func(b []byte) []byte { return b[26:] },
	} {
		bad := base64.StdEncoding.EncodeToString(mutate(bytes.Clone(der)))
		if _, err := p.Agree(bad); !errors.Is(err, ErrPublicKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Agree("%%%"); !errors.Is(err, ErrPublicKey) {
		t.Errorf("not base64: %v", err)
	}
}

func FuzzAgree(f *testing.F) {
	f.Add(clientSPKI)
	f.Add(serverSPKI[:50])
	f.Fuzz(func(t *testing.T, peer string) {
		if key, err := fixedPair(t, 0x11).Agree(peer); (key == nil) == (err == nil) {
			t.Fatalf("key %v, error %v", key, err)
		}
	})
}
