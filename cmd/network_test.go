package cmd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"secstream/pkg/identity"
	"strings"
	"testing"
)

// certified is how a server with a certificate is set up, and what those who
// trust it need.
func certified(t *testing.T) (*secured, *x509.CertPool) {
	t.Helper()
	made := httptest.NewUnstartedServer(nil)
	made.StartTLS() // its certificate is all that is wanted
	defer made.Close()
	pool := x509.NewCertPool()
	pool.AddCert(made.Certificate())
	return &secured{config: &tls.Config{Certificates: made.TLS.Certificates}, fingerprint: "SHA256:abc"}, pool
}

// TestHTTPS: with a certificate a server speaks HTTPS, HTTP/2 to those who can,
// and drains as ever.
func TestHTTPS(t *testing.T) {
	secured, pool := certified(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	go func() { done <- serveUntil(ctx, ln, h, secured.settings(), quiet()) }()
	for proto, client := range map[string]*http.Transport{
		"HTTP/2.0": {TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true},
		"HTTP/1.1": {TLSClientConfig: &tls.Config{RootCAs: pool}},
	} {
		defer client.CloseIdleConnections()
		res, err := (&http.Client{Transport: client}).Get("https://" + ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if string(text) != proto || res.TLS == nil || res.TLS.Version < tls.VersionTLS12 {
			t.Errorf("%s, want %s", text, proto)
		}
	}
	plain, err := http.Get("http://" + ln.Addr().String())
	if err != nil || plain.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAnnounce(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4zero, Port: 8420}
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	who := id.Fingerprint().String()
	for want, h := range map[string]*host{
		"listening on http://127.0.0.1:8420\nidentity WHO\nplay it with: secstream play secstream://127.0.0.1:8420/#WHO\n":               {},
		"listening on http://127.0.0.1:8420\nidentity WHO\nplay it with: secstream play --token TOKEN secstream://127.0.0.1:8420/#WHO\n": {tokens: &tokens{}},
		"listening on https://music.example\nidentity WHO\nplay it with: secstream play secstreams://music.example/#WHO\n":               {tls: &secured{domain: "music.example"}},
		"listening on https://127.0.0.1:8420\ncertificate SHA256:abc\nidentity WHO\nplay it with: secstream play --tls-fingerprint SHA256:abc --token TOKEN secstreams://127.0.0.1:8420/#WHO\n": {
			tls: &secured{fingerprint: "SHA256:abc"}, tokens: &tokens{}},
	} {
		var out bytes.Buffer
		h.identity = id
		h.announce(&out, at)
		if want := strings.ReplaceAll(want, "WHO", who); out.String() != want {
			t.Errorf("%s\nwant\n%s", &out, want)
		}
	}
}

// TestWarnings: what is open to the network is told, and only that.
func TestWarnings(t *testing.T) {
	some, tls := &tokens{}, &secured{}
	for name, c := range map[string]struct {
		ip   net.IP
		host host
		want string
	}{
		"this machine":   {net.IPv4(127, 0, 0, 1), host{}, ""},
		"open":           {net.IPv4zero, host{}, "level=WARN.*list and play the library"},
		"tokens":         {net.IPv4zero, host{tokens: some}, "level=WARN.*reads tokens and titles"},
		"TLS":            {net.IPv6unspecified, host{tls: tls}, "level=INFO.*whoever can reach this address"},
		"TLS and tokens": {net.IPv4zero, host{tls: tls, tokens: some}, ""},
	} {
		var lines bytes.Buffer
		warnExposed(newLogger(&lines, "text", slog.LevelInfo), &net.TCPAddr{IP: c.ip, Port: 1}, &c.host)
		level, text, _ := strings.Cut(c.want, ".*")
		if got := lines.String(); (c.want == "") != (got == "") || !strings.Contains(got, level) || !strings.Contains(got, text) {
			t.Errorf("%s: %s", name, got)
		}
	}
	var lines bytes.Buffer
	log := newLogger(&lines, "text", slog.LevelInfo)
	warnMetrics(log, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if lines.Len() > 0 {
		t.Error(&lines)
	}
	if warnMetrics(log, &net.TCPAddr{IP: net.IPv4zero}); !strings.Contains(lines.String(), "level=WARN") {
		t.Error(&lines)
	}
}
