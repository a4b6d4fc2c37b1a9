package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/cert"
	"secstream/pkg/client"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

func ownCert(t *testing.T) *cert.Source {
	t.Helper()
	src, err := cert.Self(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// secure is a TLS server with src's certificate.
type secure struct {
	address string
	conns   atomic.Int32
	old     atomic.Int32 // requests by another protocol than HTTP/2
}

func startTLS(t *testing.T, src *cert.Source, h http.Handler) *secure {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &secure{address: "https://" + ln.Addr().String()}
	srv := &http.Server{
		TLSConfig: cert.Config(src.Get), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Proto != "HTTP/2.0" {
				s.old.Add(1)
			}
			h.ServeHTTP(w, r)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.conns.Add(1)
			}
		},
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.ServeTLS(ln, "", "") }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

// TestPinnedServer plays over TLS: all of it on one HTTP/2 connection, and the
// sound is that of the file.
func TestPinnedServer(t *testing.T) {
	src := ownCert(t)
	s := startTLS(t, src, handler(t, session.Config{Millis: 1000}, publicAudio))
	c, tracks := dial(t, s.address, client.Config{Ahead: 4, Fingerprint: src.Fingerprint()})
	for _, lt := range tracks {
		if strings.HasSuffix(lt.Path, "drums.wav") {
			comparePlayback(t, c, lt)
		}
	}
	if s.conns.Load() != 1 || s.old.Load() != 0 {
		t.Errorf("%d connections, %d requests not by HTTP/2", s.conns.Load(), s.old.Load())
	}
}

func TestUntrustedServers(t *testing.T) {
	src, other := ownCert(t), ownCert(t)
	var asked atomic.Int32
	s := startTLS(t, src, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	const token = "sst_secret"
	for _, pin := range []string{"", other.Fingerprint()} {
		s.conns.Store(0)
		c, err := client.New(s.address, client.Config{Fingerprint: pin, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Library(t.Context())
		var u *client.Untrusted
		if !errors.As(err, &u) || u.Fingerprint != src.Fingerprint() || u.Pinned != pin || errors.Is(err, client.ErrUnreachable) {
			t.Fatalf("pin %q: %v", pin, err)
		}
		if text := err.Error(); strings.Count(text, src.Fingerprint()) != 1 || pin != "" && strings.Count(text, pin) != 1 || strings.Contains(text, token) {
			t.Errorf("pin %q: %v", pin, err)
		}
		if s.conns.Load() != 1 {
			t.Errorf("pin %q: tried %d times", pin, s.conns.Load())
		}
	}
	if asked.Load() != 0 {
		t.Error("something was sent to a server that is not trusted")
	}
	for _, c := range []struct {
		address string
		cfg     client.Config
		want    error
	}{
		{s.address, client.Config{Fingerprint: "SHA256:AA:BB"}, cert.ErrFingerprint},
		{"http://127.0.0.1:1", client.Config{Fingerprint: src.Fingerprint()}, client.ErrAddress},
		{s.address, client.Config{Fingerprint: src.Fingerprint(), Transport: http.DefaultTransport}, client.ErrAddress},
		{s.address, client.Config{Token: "two words"}, client.ErrToken},
		{s.address, client.Config{Token: "line\n"}, client.ErrToken},
		{s.address, client.Config{Token: strings.Repeat("x", 5000)}, client.ErrToken},
	} {
		if _, err := client.New(c.address, c.cfg); !errors.Is(err, c.want) || c.cfg.Token != "" && strings.Contains(err.Error(), c.cfg.Token) {
			t.Errorf("%s %+v: %v", c.address, c.cfg, err)
		}
	}
}

// TestWrongScheme: whoever mixes up http and https learns that, at once.
func TestWrongScheme(t *testing.T) {
	s := startTLS(t, ownCert(t), http.NotFoundHandler())
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for address, want := range map[string]error{
		strings.Replace(s.address, "https", "http", 1): client.ErrNeedsTLS,
		strings.Replace(plain.URL, "http", "https", 1): http.ErrSchemeMismatch,
	} {
		c, err := client.New(address, client.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Library(t.Context()); !errors.Is(err, client.ErrProtocol) || !errors.Is(err, want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestToken: every request of a play has the token, and no other server and no
// error gets it.
func TestToken(t *testing.T) {
	const token = "sst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	var elsewhere, without atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	h := handler(t, session.Config{Millis: 5000}, publicAudio)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token:
			without.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"A token is needed","code":"unauthorized"}`)
		case strings.HasPrefix(r.URL.Path, "/moved"):
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		default:
			h.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	c, tracks := dial(t, s.URL, client.Config{Token: token})
	track, err := c.Open(t.Context(), tracks[0].ID, audio.Tags{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := track.Slice(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if err := errors.Join(track.Close(), c.Close()); err != nil || without.Load() != 0 {
		t.Errorf("%d requests without the token: %v", without.Load(), err)
	}
	moved, err := client.New(s.URL+"/moved", client.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := moved.Library(t.Context()); err == nil || elsewhere.Load() != 0 || strings.Contains(err.Error(), token) {
		t.Errorf("a redirect was followed %d times: %v", elsewhere.Load(), err)
	}
	for _, wrong := range []string{"", token + "x"} {
		c, err := client.New(s.URL, client.Config{Token: wrong})
		if err != nil {
			t.Fatal(err)
		}
		var e *wire.Error
		if _, err := c.Library(t.Context()); !errors.As(err, &e) || e.Code != wire.Unauthorized || strings.Contains(err.Error(), token) {
			t.Errorf("token %q: %v", wrong, err)
		}
	}
}

// pipes is a network of two: who dials gets the other end of what is accepted.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// mute is a connection that once dead takes what is sent and brings nothing,
// as one whose other end has lost its power does.
type mute struct {
	net.Conn
	dead atomic.Bool
	gone chan struct{} // closed with the connection
}

func (m *mute) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.dead.Load() {
		<-m.gone
		return 0, net.ErrClosed
	}
	return n, err
}

func (m *mute) Write(p []byte) (int, error) {
	if m.dead.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

func (m *mute) Close() error {
	close(m.gone)
	return m.Conn.Close()
}

// TestDeadSharedConnection: all requests share one HTTP/2 connection, so a dead
// one must not stay the one they share.
func TestDeadSharedConnection(t *testing.T) {
	src := ownCert(t)
	synctest.Test(t, func(t *testing.T) {
		network, dialed := make(pipes), make(chan *mute, 2)
		srv := &http.Server{
			TLSConfig: cert.Config(src.Get), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"tracks":[]}`) }),
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = srv.ServeTLS(network, "", "") }()
		defer func() { close(network); _ = srv.Close(); <-done }()
		transport, err := client.NewTransport(src.Fingerprint(), 3)
		if err != nil {
			t.Fatal(err)
		}
		defer transport.CloseIdleConnections()
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			network <- there
			m := &mute{Conn: here, gone: make(chan struct{})}
			dialed <- m
			return m, nil
		}
		c, err := client.New("https://server.example", client.Config{Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Library(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := <-dialed
		first.dead.Store(true)
		begin := time.Now()
		if _, err := c.Library(t.Context()); !errors.Is(err, client.ErrUnreachable) || time.Since(begin) > 20*time.Second {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if _, err := c.Library(t.Context()); err != nil || time.Since(begin) > 20*time.Second {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if (<-dialed) == first {
			t.Fatal("no other connection")
		}
	})
}
