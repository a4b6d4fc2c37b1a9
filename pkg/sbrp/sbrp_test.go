package sbrp

import (
	"crypto/ed25519"
	"strings"
	"testing"
)

func TestConstants(t *testing.T) {
	var v map[string]any
	group(t, "constants", &v)
	for name, got := range map[string]int{
		"ed25519_public_key_length":     KeySize,
		"x25519_public_key_length":      KeySize,
		"ed25519_signature_length":      SignatureSize,
		"nonce_length":                  NonceSize,
		"auth_tag_length":               TagSize,
		"frame_header_size":             HeaderSize,
		"max_payload_size":              MaxPayload,
		"handshake_init_payload_size":   InitSize,
		"handshake_accept_payload_size": AcceptSize,
		"min_encrypted_payload_size":    Overhead,
		"max_plaintext_size":            MaxPlain,
		"min_control_payload_size":      codeSize,
		"signal_payload_size":           signalSize,
		"max_ping_payload_size":         MaxPing,
	} {
		if want, ok := v[name].(float64); !ok || got != int(want) {
			t.Errorf("%s is %d, want %v", name, got, v[name])
		}
	}
	var named struct {
		FrameTypes    map[string]Type       `json:"frame_types"`
		SignalCodes   map[string]SignalKind `json:"signal_codes"`
		SignalReasons map[string]Reason     `json:"signal_reasons"`
	}
	group(t, "constants", &named)
	known := 0
	for i := range 256 {
		if Type(i).Known() {
			known++
			if named.FrameTypes[Type(i).String()] != Type(i) {
				t.Errorf("%v is %#02x", Type(i), i)
			}
		}
	}
	if known != len(named.FrameTypes) || known != 7 {
		t.Errorf("%d types are known, want %d", known, len(named.FrameTypes))
	}
	kinds := map[string]SignalKind{"Ready": SignalReady, "Close": SignalClose}
	reasons := map[string]Reason{"None": ReasonNone, "StateLost": ReasonStateLost, "Shutdown": ReasonShutdown, "Policy": ReasonPolicy, "Error": ReasonError}
	for name, k := range named.SignalCodes {
		if got, ok := kinds[name]; !ok || got != k {
			t.Errorf("signal %s is %d, want %d", name, got, k)
		}
	}
	for name, r := range named.SignalReasons {
		if got, ok := reasons[name]; !ok || got != r {
			t.Errorf("reason %s is %d, want %d", name, got, r)
		}
	}
}

// The table of who sends what, and to whom it comes.
func TestRoles(t *testing.T) {
	for _, c := range []struct {
		t            Type
		sends, takes Role
		forwarded    bool
	}{
		{TypeInit, Client, Relay | Daemon, true},
		{TypeAccept, Daemon, Relay | Client, true},
		{TypeData, Client | Daemon, Client | Daemon | Relay, true},
		{TypeSignal, Daemon, Relay, false},
		{TypePing, Client | Daemon | Relay, Client | Daemon | Relay, false},
		{TypePong, Client | Daemon | Relay, Client | Daemon | Relay, false},
		{TypeControl, Relay, Client | Daemon, false},
		{0, 0, 0, false}, {0x05, 0, 0, false}, {0x21, 0, 0, false}, {0xff, 0, 0, false},
	} {
		for _, r := range []Role{Client, Daemon, Relay, 0} {
			if got := r.Sends(c.t); got != (c.sends&r != 0) {
				t.Errorf("role %d sends %v: %v", r, c.t, got)
			}
			if got := r.Takes(c.t); got != (c.takes&r != 0) {
				t.Errorf("role %d takes %v: %v", r, c.t, got)
			}
		}
		if c.t.Forwarded() != c.forwarded {
			t.Errorf("%v forwarded: %v", c.t, c.t.Forwarded())
		}
	}
}

func TestFingerprint(t *testing.T) {
	type vector struct {
		Seed        octets `json:"identity_seed_hex"`
		Identity    octets `json:"identity_public_key_hex"`
		Raw         octets `json:"public_key_hex"`
		Fingerprint string
	}
	for _, v := range append(groupOf[vector](t, "identities"), groupOf[vector](t, "fingerprints_of_raw_keys")...) {
		key := ed25519.PublicKey(v.Raw)
		if v.Identity != nil {
			key = ed25519.PublicKey(v.Identity)
			if made := ed25519.NewKeyFromSeed(v.Seed).Public(); !key.Equal(made) {
				t.Errorf("seed makes %x, want %x", made, key)
			}
		}
		if got := Fingerprint(key); len(key) != KeySize || len(got) != 102 || got != v.Fingerprint {
			t.Errorf("%x has %s, want %s", key, got, v.Fingerprint)
		}
	}
}

func TestClaims(t *testing.T) {
	var v struct {
		Valid []struct {
			ID    number `json:"session_id_hex"`
			Claim string `json:"sid_claim"`
		}
		Invalid []struct {
			Claim string `json:"sid_claim"`
			Why   string
		}
	}
	if group(t, "session_id_claims", &v); len(v.Valid) == 0 || len(v.Invalid) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range v.Valid {
		if got := SessionID(c.ID).Claim(); got != c.Claim {
			t.Errorf("claim %s, want %s", got, c.Claim)
		}
		if id, err := ParseClaim(c.Claim); err != nil || id != SessionID(c.ID) {
			t.Errorf("%s is %x, %v", c.Claim, id, err)
		}
	}
	for _, c := range v.Invalid {
		if id, err := ParseClaim(c.Claim); err == nil {
			t.Errorf("%q is taken for %x: %s", c.Claim, id, c.Why)
		}
	}
	for _, claim := range []string{"AAAAAAAAAAF", "AAALOnPOL\nI", "\nAAAAAAAAAA"} { // bits to spare, line ends that Go's decoder skips
		if id, err := ParseClaim(claim); err == nil {
			t.Errorf("%q is taken for %x", claim, id)
		}
	}
}

func TestDaemonID(t *testing.T) {
	for id, good := range map[string]bool{
		"d_abc123": true, "dæmon-β-😀": true, "x": true, strings.Repeat("d", MaxDaemonID): true,
		"": false, "\xff": false, strings.Repeat("d", MaxDaemonID+1): false,
	} {
		if err := CheckDaemonID(id); (err == nil) != good {
			t.Errorf("%.20q: %v", id, err)
		}
	}
}
