package pair_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// answering is a server that pairs with whoever asks, and hands out what seal
// makes.
func answering(t *testing.T, id *identity.Identity, seal func(*wire.PairRequest, *handshake.Keys) []byte) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req wire.PairRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.Header.Get("Authorization") != "" {
			t.Error(err, r.Header)
		}
		public, _ := base64.StdEncoding.DecodeString(req.PublicKey)
		kem, _ := base64.StdEncoding.DecodeString(req.MLKEM)
		reply, keys, err := handshake.Accept(&handshake.Offer{Session: handshake.PairSession, Track: req.Name, PublicKey: public, MLKEM: kem, Suites: req.Suites},
			id, req.Suites...)
		if err != nil {
			t.Error(err)
			return
		}
		_ = json.NewEncoder(w).Encode(wire.SealedAnswer{
			Protocol: wire.ProtocolV2, Suite: reply.Suite, PublicKey: reply.PublicKey, MLKEM: reply.MLKEM, Identity: reply.Identity,
			Signature: reply.Signature, Manifest: seal(&req, keys),
		})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// sealed is text for the player of that name.
func sealed(t *testing.T, keys *handshake.Keys, text, name string) []byte {
	t.Helper()
	cipher, err := seal.Lookup(keys.Suite)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.NewBound(cipher, keys.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return box.Seal(append(make([]byte, box.Head()), text...), 0, pack.Manifest(handshake.PairSession, name))
}

func at(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Config{Patience: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAnswersThatAreNoToken: the right server may send anything, and a player
// takes nothing but a token that was sealed for it.
func TestAnswersThatAreNoToken(t *testing.T) {
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	secret := identity.NewSecret()
	pair := func(make func(*wire.PairRequest, *handshake.Keys) []byte) (string, error) {
		return at(t, answering(t, id, make)).Pair(t.Context(), secret.Bytes(), id.Fingerprint(), "a")
	}
	of := func(text string) func(*wire.PairRequest, *handshake.Keys) []byte {
		return func(req *wire.PairRequest, k *handshake.Keys) []byte { return sealed(t, k, text, req.Name) }
	}
	if got, err := pair(of(`{"version":1,"token":"sst_good","more":1}`)); err != nil || got != "sst_good" {
		t.Fatalf("%q, %v", got, err)
	}
	for what, make := range map[string]func(*wire.PairRequest, *handshake.Keys) []byte{
		"nothing":       func(*wire.PairRequest, *handshake.Keys) []byte { return nil },
		"no JSON":       of("sst_secret"),
		"a later one":   of(`{"version":2,"token":"sst_secret"}`),
		"no token":      of(`{"version":1}`),
		"a broken line": of(`{"version":1,"token":"sst_secret\r\nX: y"}`),
		"a long one":    of(`{"version":1,"token":"sst_secret` + strings.Repeat("x", 8<<10) + `"}`),
		"of a track": func(_ *wire.PairRequest, k *handshake.Keys) []byte {
			return sealed(t, k, `{"version":1,"token":"sst_secret"}`, "b")
		},
		"in the clear": func(*wire.PairRequest, *handshake.Keys) []byte { return []byte(`{"version":1,"token":"sst_secret"}`) },
	} {
		if got, err := pair(make); got != "" || !errors.Is(err, client.ErrProtocol) || strings.Contains(err.Error(), "sst_secret") {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}
