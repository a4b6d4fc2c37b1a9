package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func boxOf(t testing.TB, c Cipher, fill byte) *Box {
	t.Helper()
	k, err := NewKey(bytes.Repeat([]byte{fill}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	box, err := NewBoxWith(c, k)
	if err != nil {
		t.Fatal(err)
	}
	k.Wipe() // the box goes on working
	return box
}

func TestEveryCipher(t *testing.T) {
	for _, c := range ciphers {
		t.Run(c.Name(), func(t *testing.T) { contract(t, c) })
	}
}

// contract holds boxes of c against all that slices need.
func contract(t *testing.T, c Cipher) {
	box, other := boxOf(t, c, 1), boxOf(t, c, 2)
	if found, err := Lookup(c.Name()); err != nil || found != c || box.Cipher() != c.Name() {
		t.Errorf("found %v, %v; the box says %q", found, err, box.Cipher())
	}
	plain := []byte("the quick brown fox jumps over the lazy dog")
	sealed := box.Seal(append([]byte("head"), plain...), 4, nil)
	if string(sealed[:4]) != "head" || len(sealed) != 4+len(plain)+Overhead {
		t.Fatalf("%d bytes, %q", len(sealed), sealed[:4])
	}
	sealed = sealed[4:]
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := box.Open(bad, nil); !errors.Is(err, ErrForged) || bytes.Contains(bad, plain[:8]) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for n := range len(sealed) {
		if _, err := box.Open(bytes.Clone(sealed[:n]), nil); !errors.Is(err, ErrForged) {
			t.Fatalf("cut to %d: %v", n, err)
		}
	}
	if _, err := other.Open(bytes.Clone(sealed), nil); !errors.Is(err, ErrForged) {
		t.Errorf("wrong key: %v", err)
	}
	if again := box.Seal(bytes.Clone(plain), 0, nil); bytes.Equal(again[len(plain)+TagSize:], sealed[len(plain)+TagSize:]) {
		t.Error("two slices have one nonce")
	}
	if got, err := box.Open(sealed, nil); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("untouched: %q %v", got, err)
	}
	buf := make([]byte, 1000, 1000+Overhead)
	if n := testing.AllocsPerRun(50, func() {
		if _, err := box.Open(box.Seal(buf[:1000], 0, nil), nil); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a slice", n)
	}
}

// One cipher's slices are forgeries to the other under the same key.
func TestCiphersDoNotMix(t *testing.T) {
	a, b := boxOf(t, AES256GCM{}, 1), boxOf(t, ChaCha20Poly1305{}, 1)
	if _, err := b.Open(a.Seal([]byte("slice"), 0, nil), nil); !errors.Is(err, ErrForged) {
		t.Errorf("AES-256-GCM opens as ChaCha20-Poly1305: %v", err)
	}
}

// RFC 8439 section 2.8.2. Its tag covers additional data, which a slice of
// protocol v1 has none of; the second tag is OpenSSL's for the rest alone.
const (
	sunscreen = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
	rfcKey    = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	rfcNonce  = "070000004041424344454647"
	rfcData   = "50515253c0c1c2c3c4c5c6c7"
	rfcText   = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b" +
		"1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
		"3ff4def08e4b7a9de576d26586cec64b6116"
	rfcTag  = "1ae10b594f09e26a7e902ecbd0600691"
	bareTag = "6a23a4681fd59456aea1d29f82477216"
)

func unhex(t testing.TB, parts ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(parts, ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChaCha20Poly1305Vector(t *testing.T) {
	aead, err := ChaCha20Poly1305{}.New(unhex(t, rfcKey))
	if err != nil {
		t.Fatal(err)
	}
	got, err := aead.Open(nil, unhex(t, rfcNonce), unhex(t, rfcText, rfcTag), unhex(t, rfcData))
	if err != nil || string(got) != sunscreen {
		t.Errorf("%q %v", got, err)
	}
	key, err := NewKey(unhex(t, rfcKey))
	if err != nil {
		t.Fatal(err)
	}
	box, err := NewBoxWith(ChaCha20Poly1305{}, key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = box.Open(unhex(t, rfcText, bareTag, rfcNonce), nil); err != nil || string(got) != sunscreen {
		t.Errorf("as a slice: %q %v", got, err)
	}
}

// OpenSSL, by way of Node, opens what boxes seal.
func TestOpenSSLOpens(t *testing.T) {
	const script = `
		const [name, key, body] = process.argv.slice(1);
		const b = Buffer.from(body, "hex"), n = b.length;
		const d = require("crypto").createDecipheriv(name, Buffer.from(key, "hex"), b.subarray(n - 12), {authTagLength: 16});
		d.setAuthTag(b.subarray(n - 28, n - 12));
		process.stdout.write(Buffer.concat([d.update(b.subarray(0, n - 28)), d.final()]));`
	node := tool(t, "node")
	for name, c := range map[string]Cipher{"aes-256-gcm": AES256GCM{}, "chacha20-poly1305": ChaCha20Poly1305{}} {
		sealed := boxOf(t, c, 7).Seal([]byte(sunscreen), 0, nil)
		out, err := exec.Command(node, "-e", script, name, strings.Repeat("07", KeySize), hex.EncodeToString(sealed)).CombinedOutput()
		if err != nil || string(out) != sunscreen {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
}

// tool skips the test when an outside program is missing, or fails it where
// none may be.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed, and SECSTREAM_REQUIRE_TOOLS is 1", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// longNonce is GCM with a nonce of 16 bytes, which a slice has no room for.
type longNonce struct{ AES256GCM }

func (longNonce) Name() string { return "long" }

func (longNonce) New(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithNonceSize(block, 16)
}

func TestOtherCiphers(t *testing.T) {
	_, k := testBox(t, 1)
	if _, err := NewBoxWith(longNonce{}, k); err == nil || !strings.Contains(err.Error(), "nonce of 16") {
		t.Errorf("a longer nonce: %v", err)
	}
	if c, err := Lookup("long", longNonce{}); err != nil || c != (longNonce{}) {
		t.Errorf("one's own: %v, %v", c, err)
	}
	for _, name := range []string{"", "long", "aes-256-gcm", "\x1b[2J" + strings.Repeat("x", 1<<20)} {
		if _, err := Lookup(name); !errors.Is(err, ErrUnknown) || len(err.Error()) > 200 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%.20q: %.300v", name, err)
		}
	}
	for _, c := range ciphers {
		if _, err := c.New(make([]byte, 16)); err == nil {
			t.Errorf("%s takes a key of 16 bytes", c.Name())
		}
	}
}
