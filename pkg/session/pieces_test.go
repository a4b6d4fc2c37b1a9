package session

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// answerTo is the answer to a key exchange on a track of its own, as text.
func answerTo(t *testing.T, cfg Config, name string) (string, *wire.KeyAnswer) {
	t.Helper()
	s := newTestStore(t, cfg)
	half, err := s.cfg.Exchange.New()
	if err != nil {
		t.Fatal(err)
	}
	answer, sent, err := create(t, s, newMemory(t, name)).Tracks()[0].Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: half.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	sent()
	if _, err := half.Agree(answer.PublicKey); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), answer
}

func TestPiecesAreTold(t *testing.T) {
	zstd := new(compress.Zstd)
	for name, c := range map[string]struct {
		cfg                         Config
		wav, flac, cipher, metadata string
	}{
		"protocol v1": {Config{Deflate: 6}, "", "", "", "P-256"},
		"stored":      {Config{}, "", "", "", "P-256"},
		"as v1, said": {Config{Compression: new(compress.Deflater), Cipher: seal.AES256GCM{}, Exchange: handshake.P256{}}, "", "", "", "P-256"},
		"none":        {Config{Compression: compress.None{}}, "none", "none", "", "P-256"},
		"all others":  {Config{Compression: zstd, Cipher: seal.ChaCha20Poly1305{}, Exchange: handshake.X25519{}}, "zstd", "none", "ChaCha20-Poly1305", "X25519"},
	} {
		for file, compression := range map[string]string{"music-coffee-8k.wav": c.wav, "music-tabla.flac": c.flac} {
			text, answer := answerTo(t, c.cfg, file)
			if answer.SessionInfo.Compression != compression || answer.SessionInfo.Cipher != c.cipher || !reflect.DeepEqual(answer.Metadata, wire.Metadata(c.metadata)) {
				t.Errorf("%s, %s: %q, %q, %+v", name, file, answer.SessionInfo.Compression, answer.SessionInfo.Cipher, answer.Metadata)
			}
			if strings.Contains(text, `"compression"`) != (compression != "") || strings.Contains(text, `"cipher"`) != (c.cipher != "") {
				t.Errorf("%s, %s: %s", name, file, text)
			}
			if c.metadata == "P-256" && !strings.HasSuffix(text, `"metadata":{"algorithm":"ECDH","curve":"P-256","keyType":"CryptoKey"}}`) {
				t.Errorf("%s, %s: %s", name, file, text)
			}
		}
	}
}

// wide is AES-256-GCM with nonces that a slice has no room for.
type wide struct{ seal.AES256GCM }

func (wide) New(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithNonceSize(block, 16)
}

func TestCipherIsChecked(t *testing.T) {
	if _, err := NewStore(Config{Cipher: wide{}}); err == nil {
		t.Error("a cipher that does not fit is taken")
	}
}

// A codec that needs more room than DEFLATE gets it from the start.
func TestRoomIsTheCodecs(t *testing.T) {
	s := newTestStore(t, Config{Compression: roomy{}})
	sess := create(t, s, newMemory(t, "music-coffee-8k.wav"))
	l := exchangeWith(t, sess, "")
	slice, err := sess.Slice(t.Context(), "", l.info.SliceIDs[0])
	if err != nil {
		t.Fatal(err)
	}
	defer slice.Release()
	if have, want := cap(*slice.from.buf), len(slice.Body); have < want || cap(slice.Body) != have {
		t.Errorf("a buffer of %d bytes for %d", have, want)
	}
}

// roomy is a codec that makes slices three times as long.
type roomy struct{ compress.None }

func (roomy) Name() string    { return "roomy" }
func (roomy) Stores() bool    { return false }
func (roomy) Bound(n int) int { return 3 * n }
func (roomy) Append(dst, src []byte) []byte {
	return append(append(append(dst, src...), src...), src...)
}
