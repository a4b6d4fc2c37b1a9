package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/pair"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// openDoor is a door, and a request that it lets in.
func openDoor(t *testing.T) (door *pair.Door, ask string) {
	t.Helper()
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	secret := identity.NewSecret()
	door, err = pair.Open(pair.Config{Identity: id, Secret: secret.Bytes(), Token: func(_ context.Context, name string) (string, string, error) {
		return "sst_" + name, name, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	half, err := handshake.NewClient(handshake.PairSession, "a", []string{"AES-256-GCM"})
	if err != nil {
		t.Fatal(err)
	}
	text, o := base64.StdEncoding.EncodeToString, half.Offer()
	b, err := json.Marshal(wire.PairRequest{
		Protocol: wire.ProtocolV2, PublicKey: text(o.PublicKey), MLKEM: text(o.MLKEM), Suites: o.Suites, Name: "a",
		Proof: text(handshake.PairProof(secret.Bytes(), o, id.Fingerprint())),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := theContract().judge(map[string]any{}, []string{"components", "schemas", "PairRequest"}); err == nil {
		t.Error("the contract takes any request for pairing")
	}
	var asked any
	if err := json.Unmarshal(b, &asked); err != nil {
		t.Fatal(err)
	}
	if err := theContract().judge(asked, []string{"components", "schemas", "PairRequest"}); err != nil {
		t.Error(err)
	}
	return door, string(b)
}

// pairs walks what the route for pairing answers while the door is open, and
// behind the one who comes in.
func (w *walk) pairs(ask string) {
	w.do(400, "POST", wire.PairPath, jsonType, "{")
	w.do(400, "POST", wire.PairPath, "text/plain", ask)
	w.do(400, "POST", wire.PairPath, jsonType, strings.Replace(ask, "secstream/2", "secstream/3", 1))
	w.do(400, "POST", wire.PairPath, jsonType, strings.Replace(ask, `"AES-256-GCM"`, "", 1))
	w.do(413, "POST", wire.PairPath, jsonType, `"`+strings.Repeat("x", 4<<10))
	w.do(403, "POST", wire.PairPath, jsonType, strings.Replace(ask, `"name":"a"`, `"name":"b"`, 1))
	w.do(200, "POST", wire.PairPath, jsonType, ask)
	w.do(404, "POST", wire.PairPath, jsonType, ask)
}

// TestPairingTakesNoToken: the one route that players without a token need, and
// that by its one method. A body whose length is not said is bounded, too.
func TestPairingTakesNoToken(t *testing.T) {
	door, ask := openDoor(t)
	f := start(t, server.Config{Tokens: tokens, Pair: door}, session.Config{})
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", wire.PairPath, 401}, {"DELETE", wire.PairPath, 401}, {"POST", wire.PairPath + "/x", 401}, {"POST", "/" + wire.PairPath, 401},
		{"POST", "/api/sessions", 401}, {"POST", wire.PairPath, 200}, {"POST", wire.PairPath, 404},
	} {
		if status, _, body := f.do(t, c.method, c.path, jsonType, ask); status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, body, c.status)
		}
	}
	door, _ = openDoor(t)
	h := bare(t, server.Config{Pair: door})
	endless := strings.NewReader(strings.Repeat(" ", 5<<10))
	if w := post(h, wire.PairPath, jsonType, struct{ *strings.Reader }{endless}); w.Code != 413 || endless.Len() == 0 {
		t.Errorf("%d, %d bytes were not read", w.Code, endless.Len())
	}
}
