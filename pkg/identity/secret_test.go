package identity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"secstream/pkg/identity"
)

// TestSecret: no two are alike, each is read as it is written, and no way of
// printing shows one.
func TestSecret(t *testing.T) {
	s, other := identity.NewSecret(), identity.NewSecret()
	if s.Text() == other.Text() || s.IsZero() || len(s.Bytes()) != identity.SecretSize {
		t.Fatalf("%x, %x", s.Bytes(), other.Bytes())
	}
	again, err := identity.ParseSecret(s.Text())
	if err != nil || again.Text() != s.Text() || len(s.Text()) != 26 || !bytes.Equal(again.Bytes(), s.Bytes()) {
		t.Fatalf("%v", err)
	}
	s.Bytes()[0] ^= 1 // a copy
	if again.Text() != s.Text() {
		t.Error("its bytes can be changed")
	}
	a := identity.Address{URL: "http://h", Pair: s}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d %v", s, s, s, s, s, s, s, struct{ S any }{s})
	type inner struct {
		secret  identity.Secret
		address identity.Address
		pointer *identity.Secret
	}
	hidden := struct{ in inner }{inner{s, a, &s}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} { // right or wrong
		fmt.Fprintf(&out, verb, hidden)
		fmt.Fprintf(&out, verb, a)
	}
	fmt.Fprintln(&out, fmt.Errorf("look at %v", a))
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s, "address", a)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "address", a)
	text, err := json.Marshal(map[string]any{"secret": s, "address": a})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	for _, form := range []string{s.Text(), fmt.Sprintf("%x", s.Bytes()), fmt.Sprintf("%d", s.Bytes()), string(s.Bytes())} {
		if strings.Contains(out.String(), form) {
			t.Errorf("it prints: %s", &out)
		}
	}
	if !strings.Contains(a.Reveal(), s.Text()) {
		t.Errorf("%s", a)
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "http://h/a#b": "http://h/a#b", "secstream://h?pair=x#SHA256:00": "secstream://h?...#SHA256:00",
		"a?b?c#d?e": "a?...#d?...", "?": "?...", "a?b#": "a?...#", "a#b?c#d": "a#b?...#d",
		"pair=x": "pair=...", "a/pair=x#b?pair=y": "a/pair=...#b?...", "a?pair=x?pair=y": "a?...", "?pair=pair=#pair=x": "?...#pair=...",
	} {
		if got := identity.Redact(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
