package identity_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"secstream/pkg/identity"
)

func TestCanonical(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8420":                    "http://127.0.0.1:8420",
		"localhost":                         "http://localhost",
		"HTTP://Music.Example:80/":          "http://music.example",
		"https://music.example:443":         "https://music.example",
		"https://music.example:80":          "https://music.example:80",
		"http://music.example:443//":        "http://music.example:443",
		"http://music.example.:08420":       "http://music.example:8420",
		"http://music.example:":             "http://music.example",
		"http://h/a/b/":                     "http://h/a/b",
		"http://h/a//b/../c/.":              "http://h/a/c",
		"http://h/../..":                    "http://h",
		"http://h/%7euser/%C3%A4 b":         "http://h/~user/%C3%A4%20b",
		"http://h/ä":                        "http://h/%C3%A4",
		"http://h/A":                        "http://h/A",
		"http://[::1]:8420":                 "http://[::1]:8420",
		"http://[0:0:0:0:0:0:0:1]/x":        "http://[::1]/x",
		"http://[2001:DB8::0:1]":            "http://[2001:db8::1]",
		"http://[::ffff:192.0.2.1]:1":       "http://192.0.2.1:1",
		"http://[fe80::1%25eth0]:8420":      "http://[fe80::1%25eth0]:8420",
		"[::1]:8420":                        "http://[::1]:8420",
		"http://BÜCHER.example":             "http://xn--bcher-kva.example",
		"http://my_box:1":                   "http://my_box:1",
		"http://xn--bcher-kva.example:8420": "http://xn--bcher-kva.example:8420",
	} {
		got, err := identity.Canonical(address)
		if err != nil || got != want {
			t.Errorf("%q is %q, want %q: %v", address, got, want, err)
		}
	}
	for _, address := range []string{
		"", "http://", "://h", "ftp://h", "secstream://h", "http:h", "http://u@h", "http://u:p@h", "http://h?q", "http://h/?", "http://h#f",
		"http://h:0", "http://h:65536", "http://h:x", "http://a b", "http://a..b", "http://.a", "http://a..", "http://.", "http://[::1", "http://::1",
		"http://a%2Fb", "http://h/a%2Fb", "http://h/%zz", "http://[fe80::1%25a%20b]", "http://a\"b", "http://a\x00b", "http://\xff",
		"http://" + strings.Repeat("a", 254), "http://h/" + strings.Repeat("a", 1024), "http://h/\n",
	} {
		if got, err := identity.Canonical(address); !errors.Is(err, identity.ErrAddress) || len(err.Error()) > 600 {
			t.Errorf("%.100q is taken as %.100q: %v", address, got, err)
		}
	}
}

const someSecret = "mfrggzdfmztwq2lknnwg23tpoa"

func TestAddress(t *testing.T) {
	const f = "SHA256:66:68:7A:AD:F8:62:BD:77:6C:8F:C1:8B:8E:9F:8E:20:08:97:14:85:6E:E2:33:B3:90:2A:59:1D:0D:5F:29:25"
	for text, want := range map[string][2]string{ // base URL, and the form it is written in
		"secstream://127.0.0.1:8420/#" + f:       {"http://127.0.0.1:8420", "secstream://127.0.0.1:8420/#" + f},
		"secstream://127.0.0.1:8420#" + f:        {"http://127.0.0.1:8420", "secstream://127.0.0.1:8420/#" + f},
		"SECSTREAMS://Music.example:443/a/#" + f: {"https://music.example/a", "secstreams://music.example/a#" + f},
		"secstreams://[::1]:8420#" + f:           {"https://[::1]:8420", "secstreams://[::1]:8420/#" + f},
	} {
		a, err := identity.ParseAddress(text)
		if err != nil || a.URL != want[0] || a.Fingerprint.String() != f || a.String() != want[1] || !identity.Claimed(text) {
			t.Errorf("%q is %q at %s: %v", text, a, a.URL, err)
		}
	}
	for text, want := range map[string]error{
		"secstream://127.0.0.1:8420":            identity.ErrAddress, // whose, nobody knows
		"secstream://127.0.0.1:8420#":           identity.ErrFingerprint,
		"secstream://127.0.0.1:8420#" + f[:101]: identity.ErrFingerprint,
		"secstream://127.0.0.1:8420##" + f:      identity.ErrFingerprint,
		"secstream://127.0.0.1:8420?x#" + f:     identity.ErrAddress,
		"secstream://u@127.0.0.1:8420#" + f:     identity.ErrAddress,
		"secstream:127.0.0.1:8420#" + f:         identity.ErrAddress,
		"secstream://#" + f:                     identity.ErrAddress,
		"http://127.0.0.1:8420#" + f:            identity.ErrAddress,
		"127.0.0.1:8420#" + f:                   identity.ErrAddress,
	} {
		if a, err := identity.ParseAddress(text); !errors.Is(err, want) {
			t.Errorf("%q is taken as %q: %v", text, a, err)
		}
	}
	for text, secret := range map[string]string{ // for pairing
		"secstream://h:1?pair=" + someSecret + "#" + f:   "secstream://h:1/?pair=" + someSecret + "#" + f,
		"secstreams://h/a/?pair=" + someSecret + "#" + f: "secstreams://h/a?pair=" + someSecret + "#" + f,
		"SecStream://H:1//?pair=" + someSecret + "#" + f: "secstream://h:1/?pair=" + someSecret + "#" + f,
	} {
		a, err := identity.ParseAddress(text)
		if err != nil || a.Pair.Text() != someSecret || a.Reveal() != secret || a.String() != identity.Redact(secret) || strings.Contains(fmt.Sprintf("%v %q %s %+v", a, a, a, struct{ a identity.Address }{a}), someSecret) || strings.Contains(a.URL, "?") {
			t.Errorf("%q is %q: %v", text, a, err)
		}
	}
	for text, want := range map[string]error{
		"secstream://h?pair=#" + f:                                      identity.ErrSecret,
		"secstream://h?pair=" + someSecret[1:] + "#" + f:                identity.ErrSecret,
		"secstream://h?pair=" + someSecret + "a#" + f:                   identity.ErrSecret,
		"secstream://h?pair=" + strings.ToUpper(someSecret) + "#" + f:   identity.ErrSecret,
		"secstream://h?pair=" + someSecret[:25] + "b#" + f:              identity.ErrSecret, // bits that nothing has
		"secstream://h?pair=" + someSecret[:25] + "1#" + f:              identity.ErrSecret,
		"secstream://h?pair=" + strings.Repeat("a", 26) + "#" + f:       identity.ErrSecret, // which is how none looks
		"secstream://h?pair=" + someSecret + "&x=y#" + f:                identity.ErrSecret,
		"secstream://h?pair=" + someSecret + "?pair=x#" + f:             identity.ErrSecret,
		"secstream://h?PAIR=" + someSecret + "#" + f:                    identity.ErrAddress,
		"secstream://h?x=y&pair=" + someSecret + "#" + f:                identity.ErrAddress,
		"secstream://h?pair=" + someSecret:                              identity.ErrAddress, // whose, nobody knows
		"secstream://h#" + f + "?pair=" + someSecret:                    identity.ErrFingerprint,
		"secstream://h?pair=" + someSecret + "#" + f + "?" + someSecret: identity.ErrFingerprint,
		"http://h?pair=" + someSecret + "#" + f:                         identity.ErrAddress,
	} {
		a, err := identity.ParseAddress(text)
		if !errors.Is(err, want) || !a.Pair.IsZero() || strings.Contains(strings.ToLower(err.Error()), someSecret[:20]) {
			t.Errorf("%q is taken as %q: %v", text, a, err)
		}
	}
	for _, text := range []string{"", "http://h", "secstream", "secstream:/h", "/music/secstream", "x://secstream://h"} {
		if identity.Claimed(text) {
			t.Errorf("%q claims to be an address with a fingerprint", text)
		}
	}
}

// FuzzAddress: what is read has one form, that form is read as the same, and is a
// URL to go to.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"127.0.0.1:8420", "HTTP://Music.Example.:80/a//b/../%7e", "https://[::FFFF:1.2.3.4]:1", "http://[fe80::1%25a]/",
		"secstream://h:1/p#" + published["ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"], "secstreams://ä.example#SHA256:00", "secstream://h?pair=" + someSecret + "#" + published["ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"], "secstream://h#SHA256:00?pair=" + someSecret,
		"http://h/%2F%2e%2e/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if base, err := identity.Canonical(text); err == nil {
			again, err := identity.Canonical(base)
			if err != nil || again != base {
				t.Fatalf("%q is %q is %q: %v", text, base, again, err)
			}
			if u, err := url.Parse(base); err != nil || u.String() != base || u.Host == "" || strings.ContainsAny(base, " \t\n#?") {
				t.Fatalf("%q is %q: %v", text, base, err)
			}
		} else if !errors.Is(err, identity.ErrAddress) {
			t.Fatal(err)
		}
		if _, err := identity.ParseAddress("secstream://" + text + "?pair=" + someSecret + text); err != nil && !strings.Contains(text, someSecret) && strings.Contains(err.Error(), someSecret) {
			t.Fatalf("an error shows the secret: %v", err)
		}
		a, err := identity.ParseAddress(text)
		if err != nil {
			if !errors.Is(err, identity.ErrAddress) && !errors.Is(err, identity.ErrFingerprint) && !errors.Is(err, identity.ErrSecret) {
				t.Fatal(err)
			}
			return
		}
		if again, err := identity.ParseAddress(a.Reveal()); err != nil || again.Reveal() != a.Reveal() || again.URL != a.URL {
			t.Fatalf("%q is %v is %v: %v", text, a, again, err)
		}
	})
}
