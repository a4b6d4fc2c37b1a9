package server_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/web"
)

// TestPages: they take no token and are not in the list of endpoints; a server
// without them has nothing at "/"; nothing else is let in by them.
func TestPages(t *testing.T) {
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	ask := func(cfg server.Config, method, target string) *httptest.ResponseRecorder {
		t.Helper()
		cfg.Sessions = store
		cfg.Tokens = func(string) (string, bool) { return "", false }
		s, err := server.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, target, nil))
		return w
	}
	with, without := server.Config{Pages: pages}, server.Config{}
	for _, c := range []struct {
		cfg            server.Config
		method, target string
		status         int
	}{
		{with, "GET", "/", 200}, {with, "HEAD", "/", 200}, {with, "GET", "/?x=y", 200}, {with, "GET", "/web/secstream.js", 200}, {with, "HEAD", "/web/app.css", 200},
		{with, "GET", "/web/none.js", 401}, {with, "GET", "/web/", 401}, {with, "POST", "/", 401}, {with, "GET", "/api/library", 401}, {with, "GET", "/web/../api/library", 401},
		{without, "GET", "/", 401}, {without, "GET", "/web/secstream.js", 401},
	} {
		if w := ask(c.cfg, c.method, c.target); w.Code != c.status {
			t.Errorf("%s %s with pages %v: %d, want %d", c.method, c.target, c.cfg.Pages != nil, w.Code, c.status)
		}
	}
	s, err := server.New(server.Config{Sessions: store, Pages: pages})
	if err != nil {
		t.Fatal(err)
	}
	for target, status := range map[string]int{"/web/none.js": 404, "/none": 404, "/web/": 404} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != status || strings.Contains(w.Body.String(), "/web") || !strings.Contains(w.Body.String(), "available_endpoints") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET" {
		t.Errorf("POST /: %d, %q", w.Code, w.Header().Get("Allow"))
	}
}

// TestStrangeWorkers: a service worker of another program, which had the
// server's address before, is replaced by one that goes, whoever asks; ours is
// not, and no other request is taken for one.
func TestStrangeWorkers(t *testing.T) {
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	for _, c := range []struct {
		pages          server.Pages
		method, target string
		retired        bool
	}{
		{pages, "GET", "/evil.js", true}, {pages, "GET", "/", true}, {pages, "GET", "/web/app.js", true}, {pages, "GET", "/api/library?x", true}, {pages, "GET", "/a//b", true},
		{nil, "GET", "/evil.js", true}, {nil, "GET", "/web/sw.js", true}, {pages, "GET", "/web/sw.js", false}, {pages, "POST", "/evil.js", false},
	} {
		s, err := server.New(server.Config{Sessions: store, Pages: c.pages, Tokens: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range []string{"script", "", "Script"} {
			r := httptest.NewRequest(c.method, c.target, nil)
			r.Header.Set("Service-Worker", header)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			h := w.Header()
			got := w.Code == 200 && strings.Contains(w.Body.String(), "registration.unregister()") && h.Get("Content-Type") == "text/javascript; charset=utf-8" &&
				h.Get("Cache-Control") == "no-store" && h.Get("Service-Worker-Allowed") == "/"
			if got != (c.retired && header == "script") {
				t.Errorf("%s %s with pages %v and %q: %d %v %.40s", c.method, c.target, c.pages != nil, header, w.Code, h, w.Body)
			}
		}
	}
}

// TestDefences: answers are for pages of their own origin, but where --cors
// says otherwise; only who has a certificate that the world knows, and is asked
// by a name of the world, asks for HTTPS from then on.
func TestDefences(t *testing.T) {
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	const hsts, corp = "Strict-Transport-Security", "Cross-Origin-Resource-Policy"
	for _, c := range []struct {
		strict, tls bool
		host        string
		want        bool
	}{
		{true, true, "music.example.org:8443", true}, {true, true, "music.example.org.", true}, {true, false, "music.example.org", false}, {false, true, "music.example.org", false},
		{true, true, "localhost:8443", false}, {true, true, "a.LOCALHOST", false}, {true, true, "192.0.2.1:443", false}, {true, true, "[::1]:443", false}, {true, true, "nas", false}, {true, true, "", false},
	} {
		for _, origins := range [][]string{nil, {"https://player.example"}} {
			s, err := server.New(server.Config{Sessions: store, Strict: c.strict, Live: server.Live{Origins: origins}})
			if err != nil {
				t.Fatal(err)
			}
			for _, target := range []string{"/api/stats", "/none", "/health"} {
				r := httptest.NewRequest(http.MethodGet, target, nil)
				if r.Host = c.host; c.tls {
					r.TLS = &tls.ConnectionState{}
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if got := w.Header().Get(hsts); (got != "") != c.want || strings.Contains(got, "includeSubDomains") {
					t.Errorf("%s at %q, strict %v, TLS %v: %q", target, c.host, c.strict, c.tls, got)
				}
				if got := w.Header().Get(corp); (got == "same-origin") != (origins == nil) {
					t.Errorf("%s with origins %v: %q", target, origins, got)
				}
			}
		}
	}
}
