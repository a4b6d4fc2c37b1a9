package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func testBox(t testing.TB, fill byte) (*Box, *Key) {
	t.Helper()
	k, err := NewKey(bytes.Repeat([]byte{fill}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return NewBox(k), k
}

func TestPublishedVector(t *testing.T) {
	raw, _ := hex.DecodeString("ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6")
	k, err := NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := hex.DecodeString("c2387055446d2c4f308a643bf56f545e4b81b933969fe8d05fcdf81a1a892811d68aa19f3c8c2ffd5497835f83f4830df3e58b7aa2000102030405060708090a0b")
	plain, err := NewBox(k).Open(body)
	if err != nil || hex.EncodeToString(plain) != "2b4e4d2e2e294a4dcc5528cf2c4a55284b4d2ec92fb2523030343236313533b7b0c4ce0400" {
		t.Errorf("%x %v", plain, err)
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	box, _ := testBox(t, 1)
	plain := []byte("the quick brown fox")
	sealed := box.Seal(append([]byte("head"), plain...), 4)[4:]
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := box.Open(bad); !errors.Is(err, ErrForged) {
			t.Fatalf("bit %d: %v", i, err)
		}
		if bytes.Contains(bad, plain[:8]) {
			t.Fatalf("bit %d: plaintext left behind", i)
		}
	}
	for n := range len(sealed) {
		if _, err := box.Open(bytes.Clone(sealed[:n])); !errors.Is(err, ErrForged) {
			t.Fatalf("cut to %d: %v", n, err)
		}
	}
	other, _ := testBox(t, 2)
	if _, err := other.Open(bytes.Clone(sealed)); !errors.Is(err, ErrForged) {
		t.Errorf("wrong key: %v", err)
	}
	if got, err := box.Open(sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("untouched: %q %v", got, err)
	}
}

func TestNoncesDiffer(t *testing.T) {
	box, _ := testBox(t, 1)
	a, b := box.Seal([]byte("same"), 0), box.Seal([]byte("same"), 0)
	if bytes.Equal(a[len(a)-NonceSize:], b[len(b)-NonceSize:]) {
		t.Error("two slices have one nonce")
	}
}

func TestKeyNeverPrints(t *testing.T) {
	_, k := testBox(t, 0xAB)
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "key", k)
	js, err := json.Marshal(map[string]any{"k": k})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %x %d %q", k, k, k, k, k, k, k), logged.String(), string(js),
		fmt.Sprintf("%v", struct{ K *Key }{k}),
	} {
		if strings.Contains(strings.ToLower(text), "abab") || strings.Contains(text, "171 171") {
			t.Errorf("the key shows in %q", text)
		}
	}
	k.Wipe()
	if k.b != [KeySize]byte{} {
		t.Error("Wipe left the key")
	}
}

func TestNewKeyWipesItsSource(t *testing.T) {
	b := bytes.Repeat([]byte{9}, KeySize)
	if _, err := NewKey(b); err != nil || b[0] != 0 {
		t.Errorf("source %v, %v", b[:4], err)
	}
	if _, err := NewKey(make([]byte, 16)); err == nil {
		t.Error("short key taken")
	}
}

func TestAllocations(t *testing.T) {
	box, _ := testBox(t, 1)
	buf := make([]byte, 1000, 1000+Overhead)
	if n := testing.AllocsPerRun(50, func() {
		sealed := box.Seal(buf[:1000], 0)
		if _, err := box.Open(sealed); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a slice", n)
	}
}

func FuzzOpen(f *testing.F) {
	box, _ := testBox(f, 1)
	f.Add(box.Seal([]byte("seed"), 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := box.Open(bytes.Clone(b)); err == nil && len(plain) != len(b)-Overhead {
			t.Fatalf("%d bytes of %d", len(plain), len(b))
		}
	})
}
