package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
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
	plain, err := NewBox(k).Open(body, nil)
	if err != nil || hex.EncodeToString(plain) != "2b4e4d2e2e294a4dcc5528cf2c4a55284b4d2ec92fb2523030343236313533b7b0c4ce0400" {
		t.Errorf("%x %v", plain, err)
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
	if *k.b() != [KeySize]byte{} {
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

func FuzzOpen(f *testing.F) {
	box, _ := testBox(f, 1)
	f.Add(box.Seal([]byte("seed"), 0, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := box.Open(bytes.Clone(b), nil); err == nil && len(plain) != len(b)-Overhead {
			t.Fatalf("%d bytes of %d", len(plain), len(b))
		}
	})
}
