package server_test

import (
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
