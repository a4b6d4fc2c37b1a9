package channel

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// octets is hexadecimal digits in the vectors.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// group reads one group of the vectors into to.
func group(t testing.TB, name string, to any) {
	t.Helper()
	raw, err := os.ReadFile("../../../testdata/vectors/sbrp.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[name], to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// groupOf reads a group that is a list, which may not be empty.
func groupOf[T any](t testing.TB, name string) []T {
	t.Helper()
	var list []T
	if group(t, name, &list); len(list) == 0 {
		t.Fatalf("vectors %s are empty", name)
	}
	return list
}

// keyOf is a key of the vectors' bytes.
func keyOf(t testing.TB, b octets) *key {
	t.Helper()
	if len(b) != keySize {
		t.Fatalf("key of %d bytes", len(b))
	}
	return &key{[keySize]byte(b)}
}

// handshakeVector is one whole session.
type handshakeVector struct {
	Name              string
	DaemonID          string `json:"daemon_id_utf8"`
	RawDaemonID       octets `json:"daemon_id_hex"`
	Session           uint64 `json:"session_id_dec,string"`
	Seed              octets `json:"identity_seed_hex"`
	Identity          octets `json:"identity_public_key_hex"`
	Fingerprint       string `json:"identity_fingerprint"`
	ClientPrivate     octets `json:"client_ephemeral_private_key_hex"`
	ClientPublic      octets `json:"client_ephemeral_public_key_hex"`
	DaemonPrivate     octets `json:"daemon_ephemeral_private_key_hex"`
	DaemonPublic      octets `json:"daemon_ephemeral_public_key_hex"`
	SignaturePreimage octets `json:"signature_preimage_hex"`
	SignaturePayload  octets `json:"signature_payload_sha256_hex"`
	Signature         octets `json:"signature_hex"`
	Shared            octets `json:"shared_secret_hex"`
	TranscriptImage   octets `json:"transcript_preimage_hex"`
	Transcript        octets `json:"transcript_hash_hex"`
	HKDF              struct {
		OKM octets `json:"okm_hex"`
	}
	ToDaemon   octets    `json:"client_to_daemon_key_hex"`
	ToClient   octets    `json:"daemon_to_client_key_hex"`
	Init       octets    `json:"handshake_init_frame_hex"`
	Accept     octets    `json:"handshake_accept_frame_hex"`
	FromClient []message `json:"messages_client_to_daemon"`
	FromDaemon []message `json:"messages_daemon_to_client"`
}

type message struct {
	Number  uint64 `json:"seq_dec,string"`
	Plain   octets `json:"plaintext_hex"`
	Payload octets `json:"payload_hex"`
	Frame   octets `json:"frame_hex"`
}

// basic is the first handshake of the vectors, which the others vary.
func basic(t testing.TB) handshakeVector {
	t.Helper()
	return groupOf[handshakeVector](t, "handshakes")[0]
}
