//go:build unix

package cmd

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"secstream/pkg/identity"
)

// exposed is what goes to a server by way of an address that is not loopback's,
// and yet this machine: 0.0.0.0.
type exposed struct {
	url string

	mu     sync.Mutex // guards what follows
	tokens []string   // that were sent
	paths  []string
}

func expose(t *testing.T, target string) *exposed {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	e := &exposed{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.paths = append(e.paths, r.URL.Path)
		if token := r.Header.Get("Authorization"); token != "" {
			e.tokens = append(e.tokens, token)
		}
		e.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	e.url = strings.Replace(srv.URL, "127.0.0.1", "0.0.0.0", 1)
	return e
}

func (e *exposed) heard() (tokens, requests int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.tokens), len(e.paths)
}

// TestAnnouncedInTheClear: the line that is printed for a player has what it needs.
func TestAnnouncedInTheClear(t *testing.T) {
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	for ip, c := range map[string]struct{ in, note bool }{"127.0.0.1": {}, "192.0.2.7": {in: true}, "0.0.0.0": {note: true}, "::1": {}} {
		var out strings.Builder
		h := &host{identity: id, entrance: &entrance{secret: identity.NewSecret()}}
		h.announce(&out, &net.TCPAddr{IP: net.ParseIP(ip), Port: 8420})
		if in := strings.Contains(out.String(), "\n  secstream play --token-in-clear 'secstream://"); in != c.in ||
			strings.Contains(out.String(), "and --token-in-clear in front of it") != c.note {
			t.Errorf("%s: %s", ip, &out)
		}
	}
}

// TestStoredTokenStaysOutOfTheClear: what a server gave this player goes where it
// can be read only once somebody has said so, for that server alone.
func TestStoredTokenStaysOutOfTheClear(t *testing.T) {
	w := welcome(t)
	e := expose(t, w.url)
	address := w.address
	address.URL = e.url
	l := newListening(t)

	// An address is not used up for a token that could not be sent.
	said := l.play(exitRefused, address.Reveal())
	if !strings.Contains(said, "goes there unencrypted") || !strings.Contains(said, "hint: best is a server with TLS") ||
		!strings.Contains(said, "--token-in-clear") || strings.Contains(said, address.Pair.Text()) {
		t.Error(said)
	}
	if _, n := e.heard(); n > 0 || l.token(e.url) != "" {
		t.Errorf("%q were asked for", e.paths)
	}
	said = l.play(exitOK, "--token-in-clear", "--name", "a", address.Reveal())
	if tokens, _ := e.heard(); tokens == 0 || !strings.Contains(said, "warning: the token goes to 0.0.0.0:") {
		t.Errorf("%d tokens: %s", tokens, said)
	}
	// That is remembered,
	if said = l.play(exitOK, e.url); !strings.Contains(said, "warning: the token goes to") {
		t.Error(said)
	}
	// for this address, and this token.
	kept, err := identity.OpenPaired(l.config + "/paired")
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Keep(t.Context(), e.url, l.token(e.url)); err != nil {
		t.Fatal(err)
	}
	before, requests := e.heard()
	for _, args := range [][]string{{"play", "--output", "null"}, {"probe"}, {"play", "--json", "--output", "null"}} {
		code, said := l.run(append(args, e.url)...)
		if code == exitOK || !strings.Contains(said, "secstream play --token-in-clear "+e.url) || strings.Contains(said, l.token(e.url)) {
			t.Errorf("%q: %d, %s", args, code, said)
		}
	}
	if now, n := e.heard(); now != before || n != requests {
		t.Errorf("%d requests, %d of them with a token", n-requests, now-before)
	}
	if code, said := l.run("probe", "--token-in-clear", e.url); code != exitOK {
		t.Errorf("%d, %s", code, said)
	}
	// Typed, a token goes where it is sent.
	two := newListening(t)
	two.play(exitOK, "--token", l.token(e.url), e.url)
	for want, args := range map[string][]string{
		"0 are given": {"play", "--token-in-clear", "../testdata/audio/music-drums.wav"},
		"2 are given": {"probe", "--token-in-clear", e.url, w.url},
	} {
		if code, said := l.run(args...); code != exitUsage || !strings.Contains(said, want) {
			t.Errorf("%q: %d, %s", args, code, said)
		}
	}
}
