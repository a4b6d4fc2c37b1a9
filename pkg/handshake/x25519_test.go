package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"secstream/pkg/seal"
)

func fixedX25519(t testing.TB, scalar []byte) *x25519Half {
	t.Helper()
	private, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	return &x25519Half{private}
}

// webcrypto is the other side, written without us: it takes a private scalar
// and our public key, and prints its public key and a slice that it sealed.
const webcrypto = `
const [scalar, peer] = process.argv.slice(1), subtle = globalThis.crypto.subtle, name = "X25519";
const hex = h => Buffer.from(h, "hex"), b64 = b => Buffer.from(b).toString("base64");
(async () => {
	const mine = await subtle.importKey("pkcs8", hex("302e020100300506032b656e04220420" + scalar), {name}, true, ["deriveBits"]);
	const jwk = await subtle.exportKey("jwk", mine);
	const pub = await subtle.importKey("jwk", {kty: jwk.kty, crv: jwk.crv, x: jwk.x}, {name}, true, []);
	const theirs = await subtle.importKey("spki", Buffer.from(peer, "base64"), {name}, true, []);
	const shared = await subtle.deriveBits({name, public: theirs}, mine, 256);
	const raws = await Promise.all([pub, theirs].map(async k => Buffer.from(await subtle.exportKey("raw", k))));
	const info = Buffer.concat([Buffer.from("secstream X25519 slice key"), ...raws.sort(Buffer.compare)]);
	const ikm = await subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
	const key = await subtle.deriveKey({name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info}, ikm,
		{name: "AES-GCM", length: 256}, false, ["encrypt"]);
	const iv = hex("000102030405060708090a0b");
	const body = await subtle.encrypt({name: "AES-GCM", iv}, key, Buffer.from("agreed with WebCrypto"));
	console.log(b64(await subtle.exportKey("spki", pub)), b64(Buffer.concat([Buffer.from(body), iv])));
})();`

func runWebCrypto(t testing.TB, scalar []byte, peer string) (public, body string) {
	t.Helper()
	cmd := exec.Command(tool(t, "node"), "--no-warnings", "-e", webcrypto, hex.EncodeToString(scalar), peer)
	out, err := cmd.Output()
	public, body, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || !ok {
		t.Fatalf("node: %q, %v", out, err)
	}
	return public, body
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

// opens expects that half and peer agree on the key that body is sealed with.
func opens(t *testing.T, half Half, peer, body string) {
	t.Helper()
	key, err := half.Agree(peer)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := seal.NewBox(key).Open(sealed, nil)
	if err != nil || string(plain) != "agreed with WebCrypto" {
		t.Errorf("%q %v", plain, err)
	}
}

// Private scalars of 32 bytes 0x11 and 0x22. TestX25519AgainstWebCrypto has
// the same from an implementation that is not ours.
const (
	x25519One  = "MCowBQYDK2VuAyEAe06Qm75//kTEZaIgA31gjuNYl9Me+XLwf3SJLLD3PxM="
	x25519Two  = "MCowBQYDK2VuAyEAD6poTtKIZ7l/Smot7l34zpdOdrcBjj8iocTPJnhXDyA="
	x25519Body = "qQqpxngumvIc3qzchJIUk/kw83ca/EU8z9VSxi/ykSi9NjIOTAABAgMEBQYHCAkKCw=="
)

func scalarOf(fill byte) []byte { return bytes.Repeat([]byte{fill}, x25519Size) }

func TestX25519Vector(t *testing.T) {
	one, two := fixedX25519(t, scalarOf(0x11)), fixedX25519(t, scalarOf(0x22))
	if one.Public() != x25519One || two.Public() != x25519Two {
		t.Errorf("public keys:\n%s\n%s", one.Public(), two.Public())
	}
	opens(t, one, x25519Two, x25519Body)
	opens(t, two, x25519One, x25519Body)
}

func TestX25519AgainstWebCrypto(t *testing.T) {
	if public, body := runWebCrypto(t, scalarOf(0x22), x25519One); public != x25519Two || body != x25519Body {
		t.Errorf("the vector is not WebCrypto's:\n%s\n%s", public, body)
	}
	half, err := X25519{}.New()
	if err != nil {
		t.Fatal(err)
	}
	scalar := make([]byte, x25519Size)
	_, _ = rand.Read(scalar)
	public, body := runWebCrypto(t, scalar, half.Public())
	opens(t, half, public, body)
}

func TestX25519Refuses(t *testing.T) {
	h := fixedX25519(t, scalarOf(0x11))
	der, err := base64.StdEncoding.DecodeString(x25519Two)
	if err != nil {
		t.Fatal(err)
	}
	point := func(hexed string) func([]byte) []byte {
		return func(b []byte) []byte {
			raw, err := hex.DecodeString(hexed)
			if err != nil {
				t.Fatal(err)
			}
			return append(b[:12], raw...)
		}
	}
	for name, mutate := range map[string]func([]byte) []byte{
		"empty":       func([]byte) []byte { return nil },
		"short":       func(b []byte) []byte { return b[:43] },
		"long":        func(b []byte) []byte { return append(b, 0) },
		"raw":         func(b []byte) []byte { return b[12:] },
		"Ed25519":     func(b []byte) []byte { b[8] = 0x70; return b },
		"X448":        func(b []byte) []byte { b[8] = 0x6f; return b },
		"zero":        func(b []byte) []byte { clear(b[12:]); return b },
		"one":         point("0100000000000000000000000000000000000000000000000000000000000000"),
		"order 8":     point("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
		"order 8 too": point("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
		"p-1":         point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"p":           point("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"p+1":         point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"our own":     func(b []byte) []byte { return append(b[:12], h.private.PublicKey().Bytes()...) },
	} {
		bad := base64.StdEncoding.EncodeToString(mutate(bytes.Clone(der)))
		if key, err := h.Agree(bad); !errors.Is(err, ErrPublicKey) || key != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two encodings of one point have one shared secret and must not have one key.
func TestX25519BindsTheEncoding(t *testing.T) {
	h := fixedX25519(t, scalarOf(0x11))
	der, err := base64.StdEncoding.DecodeString(x25519Two)
	if err != nil {
		t.Fatal(err)
	}
	der[43] |= 0x80 // masked away by RFC 7748 section 5
	key, err := h.Agree(base64.StdEncoding.EncodeToString(der))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := base64.StdEncoding.DecodeString(x25519Body)
	if _, err := seal.NewBox(key).Open(body, nil); !errors.Is(err, seal.ErrForged) {
		t.Errorf("another encoding, the same key: %v", err)
	}
}

func TestEveryExchange(t *testing.T) {
	for _, x := range []Exchange{P256{}, X25519{}} {
		t.Run(x.Name(), func(t *testing.T) { contract(t, x) })
	}
}

// contract holds x against all that Exchange and Half promise.
func contract(t *testing.T, x Exchange) {
	var halves [3]Half
	for i := range halves {
		h, err := x.New()
		if err != nil {
			t.Fatal(err)
		}
		halves[i] = h
		der, err := base64.StdEncoding.DecodeString(h.Public())
		if err != nil {
			t.Fatal(err)
		}
		if key, err := x509.ParsePKIXPublicKey(der); err != nil {
			t.Errorf("x509 reads %T: %v", key, err)
		}
	}
	box := func(i, k int) *seal.Box {
		key, err := halves[i].Agree(halves[k].Public())
		if err != nil {
			t.Fatal(err)
		}
		return seal.NewBox(key)
	}
	sealed := box(0, 1).Seal([]byte("slice"), 0, nil)
	if _, err := box(1, 0).Open(bytes.Clone(sealed), nil); err != nil {
		t.Errorf("the two sides: %v", err)
	}
	for _, pair := range [][2]int{{0, 2}, {2, 0}, {1, 2}} {
		if _, err := box(pair[0], pair[1]).Open(bytes.Clone(sealed), nil); !errors.Is(err, seal.ErrForged) {
			t.Errorf("a third side: %v", err)
		}
	}
	for _, other := range []Exchange{P256{}, X25519{}} {
		h, err := other.New()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := halves[0].Agree(h.Public()); (other == x) != (err == nil) || err != nil && !errors.Is(err, ErrPublicKey) {
			t.Errorf("a key of %s: %v", other.Name(), err)
		}
	}
	for _, bad := range []string{"", "%%%", "AAAA", strings.Repeat("A", 1<<20)} {
		if _, err := halves[0].Agree(bad); !errors.Is(err, ErrPublicKey) || len(err.Error()) > 200 {
			t.Errorf("%.10q: %.300v", bad, err)
		}
	}
}

func FuzzX25519(f *testing.F) {
	f.Add(x25519Two)
	f.Add(clientSPKI[:40])
	f.Add(clientSPKI)
	h := fixedX25519(f, scalarOf(0x11))
	f.Fuzz(func(t *testing.T, peer string) {
		key, err := h.Agree(peer)
		if (key == nil) == (err == nil) || err != nil && !errors.Is(err, ErrPublicKey) {
			t.Fatalf("key %v, error %v", key, err)
		}
	})
}
