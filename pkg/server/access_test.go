package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

const goodToken = "mF_9.B5f-4.1JqM"

func tokens(token string) (string, bool) { return "kitchen", token == goodToken }

func TestTokens(t *testing.T) {
	const mine = "https://player.example"
	f := start(t, server.Config{Tokens: tokens, Live: server.Live{Origins: []string{mine}}}, session.Config{})
	for _, c := range []struct {
		method, path, auth string
		status             int
	}{
		{"GET", "/health", "", 200},
		{"GET", "/health", "Bearer wrong", 200},
		{"GET", "/ready", "", 401},
		{"GET", "/ready", "Bearer " + goodToken, 200},
		{"GET", "/api/library", "bearer " + goodToken, 200},
		{"GET", "/api/library", "BEARER  " + goodToken, 200},
		{"GET", "/api/library", "", 401},
		{"GET", "/api/library", goodToken, 401},
		{"GET", "/api/library", "Basic " + goodToken, 401},
		{"GET", "/api/library", "Bearer", 401},
		{"GET", "/api/library", "Bearer wrong", 401},
		{"GET", "/api/library", "Bearer " + goodToken + " x", 401},
		{"GET", "/api/library", "Bearer " + strings.Repeat("x", 4096), 401},
		{"GET", "/api/openapi.json", "", 401},
		{"GET", "/nowhere", "", 401},
		{"GET", "/nowhere", "Bearer " + goodToken, 404},
		{"GET", "//health", "", 401},
		{"PUT", "/health", "", 405},
		{"POST", "/api/sessions", "", 401},
		{"DELETE", "/api/sessions/x", "", 401},
	} {
		var header []string
		if c.auth != "" {
			header = []string{"Authorization", c.auth}
		}
		if status, _, body := f.do(t, c.method, c.path, "", "", header...); status != c.status {
			t.Errorf("%s %s with %.30q: %d %s, want %d", c.method, c.path, c.auth, status, body, c.status)
		}
	}
	// Browsers ask beforehand without it, and must hear why they were refused.
	status, header, _ := f.do(t, "OPTIONS", "/api/library", "", "", "Origin", mine, "Access-Control-Request-Headers", "authorization")
	if status != 204 || !strings.Contains(header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d %q", status, header.Get("Access-Control-Allow-Headers"))
	}
	_, header, _ = f.do(t, "GET", "/api/library", "", "", "Origin", mine)
	if header.Get("Access-Control-Allow-Origin") != mine || !strings.Contains(header.Get("Access-Control-Expose-Headers"), "Retry-After") {
		t.Errorf("refused: %v", header)
	}
	f.waitForLine(t, `route="GET /api/library"`, "status=200", "client=kitchen")
	f.waitForLine(t, `route="GET without a token"`, "status=401", `client=""`)
	for _, secret := range []string{goodToken, "Bearer wrong", strings.Repeat("x", 512)} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log has the token %.20s", secret)
		}
	}
	var stats wire.Stats
	f.json(t, "/api/stats", &stats, "Authorization", "Bearer "+goodToken)
	if stats.Unauthorized != 14 || stats.Refused != 16 {
		t.Errorf("%d unauthorized of %d refused, want 14 of 16", stats.Unauthorized, stats.Refused)
	}
}

// direct sends a request to the handler as if from an address.
func direct(h http.Handler, from, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = from
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// post sends a body to the handler.
func post(h http.Handler, path, kind string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func bare(t *testing.T, cfg server.Config) *server.Server {
	t.Helper()
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	cfg.Sessions = store
	h, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What counts as one client, told by who has to wait when another has used up
// its share.
func TestShares(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	const xff = "X-Forwarded-For"
	for _, c := range []struct {
		what, a, b string
		ha, hb     []string
		same       bool
	}{
		{"other ports", "192.0.2.1:1000", "192.0.2.1:1001", nil, nil, true},
		{"other addresses", "192.0.2.1:1", "192.0.2.2:1", nil, nil, false},
		{"a /64", "[2001:db8::1]:1", "[2001:db8::2:3:4:5]:1", nil, nil, true},
		{"two /64", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", nil, nil, false},
		{"IPv4 in IPv6", "192.0.2.1:1", "[::ffff:192.0.2.1]:1", nil, nil, true},
		{"two of IPv4 in IPv6", "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", nil, nil, false},
		{"zones", "[fe80::1%a]:1", "[fe80::1%b]:1", nil, nil, true},
		{"no proxy's word", "192.0.2.1:1", "192.0.2.1:1", nil, []string{xff, "198.51.100.1"}, true},
		{"a proxy's word", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "198.51.100.1"}, []string{xff, "198.51.100.2"}, false},
		{"the same by two proxies", "10.0.0.1:1", "[fd00::1]:1", []string{xff, "198.51.100.1"}, []string{xff, "198.51.100.1"}, true},
		{"a chain", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "198.51.100.1, 10.0.0.2"}, []string{xff, "198.51.100.1"}, true},
		{"forged in front", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "1.2.3.4, 198.51.100.1"}, []string{xff, "5.6.7.8, 198.51.100.1"}, true},
		{"forged with another header", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "1.2.3.4", xff, "198.51.100.1"}, []string{xff, "198.51.100.1"}, true},
		{"garbage", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "198.51.100.1, who"}, []string{xff, "unknown"}, true},
		{"proxies only", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "10.9.9.9, 10.0.0.2"}, []string{xff, "10.9.9.9"}, true},
		{"with a port", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "198.51.100.1:443"}, []string{xff, "198.51.100.1"}, true},
		{"IPv6 with a port", "10.0.0.1:1", "10.0.0.1:1", []string{xff, "[2001:db8::1]:443"}, []string{xff, "2001:db8::9"}, true},
		{"long", "10.0.0.1:1", "10.0.0.1:1", []string{xff, strings.Repeat("1.2.3.4,", 2000) + "198.51.100.1"}, []string{xff, "198.51.100.1"}, true},
		{"no addresses", "@", "@", nil, nil, true},
	} {
		h := bare(t, server.Config{Proxies: proxies, Live: server.Live{AddressRate: 0.1}})
		if w := direct(h, c.a, "/api/stats", c.ha...); w.Code != 200 {
			t.Errorf("%s: the first is answered %d", c.what, w.Code)
		}
		w := direct(h, c.b, "/api/stats", c.hb...)
		if same := w.Code == 429; same != c.same {
			t.Errorf("%s: one client: %v, want %v", c.what, same, c.same)
		}
	}
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bare(t, server.Config{Live: server.Live{AddressRate: 2, AllowUpload: true}})
		c := piped(t, h)
		ask := func(method, path string, body io.Reader, header ...string) (int, http.Header, string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, body)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i+1 < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			resp, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, resp.Header, string(text)
		}
		refused := func(want string) {
			t.Helper()
			status, header, body := ask("GET", "/api/stats", nil)
			if status != 429 || header.Get("Retry-After") != want || !strings.Contains(body, "too_many_requests") {
				t.Errorf("%d, Retry-After %q, %s", status, header.Get("Retry-After"), body)
			}
		}
		for range 10 { // 5 s worth
			if status, _, _ := ask("GET", "/api/stats", nil); status != 200 {
				t.Fatalf("within the rate: %d", status)
			}
		}
		refused("1")
		// Before a body is looked at: this one would never come.
		if status, _, _ := ask("POST", "/api/sessions", neverRead{t}, "Expect", "100-continue"); status != 429 {
			t.Errorf("an upload over the rate: %d", status)
		}
		if status, _, _ := ask("GET", "/health", nil); status != 200 {
			t.Errorf("health over the rate: %d", status)
		}
		if err := h.Set(server.Live{AddressRate: 0.01}); err != nil {
			t.Fatal(err)
		}
		refused("5") // what was taken at the other rate is paid for first
		if err := h.Set(server.Live{}); err != nil {
			t.Fatal(err)
		}
		var stats wire.Stats
		if _, _, body := ask("GET", "/api/stats", nil); json.Unmarshal([]byte(body), &stats) != nil || stats.Limited != 3 {
			t.Errorf("%d refusals for the rate, want 3", stats.Limited)
		}
	})
}

// piped is a client of h without a network, whose clock may be a test's own.
func piped(t *testing.T, h http.Handler) *http.Client {
	ln := &pipes{conns: make(chan net.Conn)}
	srv := &http.Server{Handler: h}
	go srv.Serve(ln) //nolint:errcheck // it ends with the test
	dial := func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		ln.conns <- there
		return here, nil
	}
	c := &http.Client{Transport: &http.Transport{DialContext: dial, ExpectContinueTimeout: time.Minute}}
	t.Cleanup(func() {
		c.CloseIdleConnections()
		close(ln.conns)
		_ = srv.Close()
	})
	return c
}

// neverRead is a body that must not be sent.
type neverRead struct{ t *testing.T }

func (n neverRead) Read([]byte) (int, error) {
	n.t.Error("a body was asked for")
	return 0, io.EOF
}

func TestSessionRate(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{SessionRate: 1}}, session.Config{})
	a, b := f.session(t, f.track(t, "drums.wav")), f.session(t, f.track(t, "drums.wav"))
	begun := time.Now()
	for i := range 8 {
		status, header, _ := f.do(t, "GET", "/api/sessions/"+a+"/info", "", "")
		more := int(time.Since(begun).Seconds()) // that a slow machine has earned meanwhile
		if i < 5 && status != 404 || i > 5+more && (status != 429 || header.Get("Retry-After") != "1") {
			t.Errorf("request %d: %d, Retry-After %q", i, status, header.Get("Retry-After"))
		}
	}
	if status, _, _ := f.do(t, "GET", "/api/sessions/"+b+"/info", "", ""); status != 404 {
		t.Errorf("another session: %d", status)
	}
	if status, _, _ := f.do(t, "GET", "/api/stats", "", ""); status != 200 {
		t.Errorf("no session: %d", status)
	}
}

// Each address has its share of sessions; what is over it may come back.
func TestSessionsOfOneOwner(t *testing.T) {
	f := start(t, server.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		session.Config{Limits: session.Limits{PerOwner: 2}})
	create := func(from string) (int, http.Header) {
		status, header, _ := f.do(t, "POST", "/api/sessions", jsonType, `{"tracks":["`+f.track(t, "drums.wav")+`"]}`, "X-Forwarded-For", from)
		return status, header
	}
	for i, want := range []int{200, 200, 429} {
		if status, header := create("2001:db8::" + fmt.Sprint(i+1)); status != want || want == 429 && header.Get("Retry-After") == "" {
			t.Errorf("session %d: %d, want %d", i, status, want)
		}
	}
	if status, _ := create("2001:db8:0:1::1"); status != 200 {
		t.Errorf("somebody else: %d", status)
	}
}

func TestSet(t *testing.T) {
	h := bare(t, server.Config{})
	for _, bad := range []server.Live{
		{MaxUpload: -1}, {MaxUpload: 1 << 62}, {AddressRate: -1}, {SessionRate: -1}, {Origins: []string{"player.example"}},
	} {
		if err := h.Set(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	// Settings change while requests are answered.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if w := direct(h, "192.0.2.1:1", "/api/stats", "Origin", "https://a.example"); w.Code != 200 && w.Code != 429 {
					t.Errorf("%d", w.Code)
				}
			}
		})
	}
	for i := range 50 {
		if err := h.Set(server.Live{AddressRate: float64(i % 2), Origins: []string{"https://a.example"}[:i%2], AllowUpload: i%2 == 0}); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if _, err := server.New(server.Config{Sessions: new(session.Store), Decode: "perhaps"}); err == nil {
		t.Error("an unknown way of decoding is taken")
	}
	if _, err := server.New(server.Config{}); err == nil {
		t.Error("a server without sessions is made")
	}
}

func TestReady(t *testing.T) {
	if w := direct(bare(t, server.Config{}), "192.0.2.1:1", "/ready"); w.Code != 200 {
		t.Errorf("without a library: %d %s", w.Code, w.Body)
	}
	dir := t.TempDir()
	song, err := os.ReadFile(publicAudio + "/speech-russian-8k.ogg")
	if err != nil {
		t.Fatal(err)
	}
	place(t, song, dir, "music", "a.ogg")
	lib, err := library.New(library.Config{Roots: []string{dir + "/music"}, IDKey: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	h := bare(t, server.Config{Library: lib})
	look := func(status int, text string) {
		t.Helper()
		w := direct(h, "192.0.2.1:1", "/ready")
		if err := theContract().check("GET", "/ready", w.Code, w.Header(), w.Body.String()); err != nil {
			t.Error(err)
		}
		if w.Code != status || !strings.Contains(w.Body.String(), text) || strings.Contains(w.Body.String(), dir) {
			t.Errorf("%d %s, want %d %s", w.Code, w.Body, status, text)
		}
	}
	look(503, "first scan")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- lib.Run(ctx) }()
	<-lib.Ready()
	look(200, `"status":"ready"`)
	if err := os.Rename(dir+"/music", dir+"/elsewhere"); err != nil {
		t.Fatal(err)
	}
	look(503, "cannot be read")
	if w := direct(h, "192.0.2.1:1", "/health"); w.Code != 200 {
		t.Errorf("health without a disk: %d", w.Code)
	}
	if err := os.Rename(dir+"/elsewhere", dir+"/music"); err != nil {
		t.Fatal(err)
	}
	look(200, `"status":"ready"`)
	cancel()
	if err := errors.Join(<-done, lib.Close()); err != nil {
		t.Error(err)
	}
}
