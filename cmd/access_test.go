package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"secstream/pkg/cert"
	"secstream/pkg/identity"
	"secstream/pkg/server"
	"secstream/pkg/token"
	"secstream/pkg/wire"
)

// guarded serves audio over TLS, to those with a token of the file at tokens,
// and returns its address and fingerprint.
func guarded(t *testing.T, tokens string) (address, fingerprint string) {
	t.Helper()
	known, err := token.Open(tokens, nil)
	if err != nil {
		t.Fatal(err)
	}
	src, err := cert.Self(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	config := t.TempDir()
	h, err := newHost(Env{ConfigDir: func() (string, error) { return config, nil }},
		serveOptions{paths: []string{"../testdata/audio/music-drums.wav"}, slice: 5 * time.Second, variance: .4}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	scanned := make(chan struct{})
	go func() { defer close(scanned); _ = h.lib.Run(ctx) }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{
		TLSConfig: cert.Config(src.Get), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if _, ok := known.Check(text); !ok || r.Proto != "HTTP/2.0" {
				server.Refuse(w, wire.Errorf(wire.Unauthorized, "A token is needed"))
				return
			}
			h.handler.ServeHTTP(w, r)
		}),
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.ServeTLS(ln, "", "") }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
		cancel()
		<-scanned
		h.close()
	})
	return "https://" + ln.Addr().String(), src.Fingerprint()
}

// TestGuardedServer: a server with a certificate of its own and tokens, as
// listeners meet it.
func TestGuardedServer(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	secret, err := token.Add(t.Context(), tokens, "ann")
	if err != nil {
		t.Fatal(err)
	}
	address, right := guarded(t, tokens)
	const wrong = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	out := "wav:" + filepath.Join(t.TempDir(), "out.wav")
	play := func(args ...string) []string {
		return append(append([]string{"play", "--output", out}, args...), address)
	}
	probe := func(args ...string) []string { return append(append([]string{"probe"}, args...), address) }
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{play("--token", secret, "--tls-fingerprint", right), exitOK, nil},
		{probe("--token", secret, "--tls-fingerprint", right, "--verify"), exitOK, nil},
		{play("--token", secret), exitRefused, []string{"its key is " + right, "hint: compare this", "if it is the same: secstream play --tls-fingerprint " + right + " " + address}},
		{probe("--token", secret), exitRefused, []string{"its key is " + right, "if it is the same: secstream probe --tls-fingerprint " + right + " " + address}},
		{play("--token", secret, "--tls-fingerprint", wrong), exitRefused, []string{"its key is " + right + " and not " + wrong, "hint: somebody may stand in between", "secstream play --tls-fingerprint " + right + " " + address}},
		{play("--tls-fingerprint", right), exitRefused, []string{"A token is needed", "hint: put a token into SECSTREAM_TOKEN, or --token"}},
		{play("--token", secret+"x", "--tls-fingerprint", right), exitRefused, []string{"A token is needed", "SECSTREAM_TOKEN"}},
		{probe("--tls-fingerprint", right), exitRefused, []string{"A token is needed", "SECSTREAM_TOKEN"}},
		{append([]string{"play"}, strings.Replace(address, "https", "http", 1)), exitRefused, []string{"the server speaks HTTPS", "hint: its address begins with https://"}},
	} {
		var stdout, stderr bytes.Buffer
		home := t.TempDir()
		env := Env{Stdout: &stdout, Stderr: &stderr, Width: func() int { return 80 }, ConfigDir: func() (string, error) { return home, nil }}
		code := Main(t.Context(), append([]string{"secstream"}, c.args...), env)
		if code != c.code || c.code == exitOK && strings.Count(stderr.String(), "\n") > 1 {
			t.Errorf("%q: exit code %d\n%s%s", c.args, code, &stdout, &stderr)
		}
		for _, text := range c.says {
			if !strings.Contains(stderr.String(), text) {
				t.Errorf("%q: %q is not in: %s", c.args, text, &stderr)
			}
		}
		if strings.Contains(stdout.String()+stderr.String(), secret) {
			t.Errorf("%q tells the token", c.args)
		}
	}
}

// TestHTTPSToPlainServer is the other mix-up.
func TestHTTPSToPlainServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	var stderr bytes.Buffer
	code := Main(t.Context(), []string{"secstream", "play", "https://" + ln.Addr().String()}, Env{Stdout: io.Discard, Stderr: &stderr, ConfigDir: func() (string, error) { return t.TempDir(), nil }})
	if code != exitRefused || !strings.Contains(stderr.String(), "hint: its address begins with http://") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

// TestMalformedAddressesAreToldOf: before options that would go with a good one.
func TestMalformedAddressesAreToldOf(t *testing.T) {
	for address, want := range map[string]string{
		"secstream://h?pair=short#SHA256:00": "", "secstream://h?pair=abc": "has no #fingerprint at its end",
		"secstream://h?pair=" + strings.Repeat("a", 26) + "#SHA256:00": "",
	} {
		code, said := newListening(t).run("play", "--name", "a", address)
		if code != exitUsage || strings.Contains(said, "--name") || !strings.Contains(said, want) {
			t.Errorf("%s: %d, %s", address, code, said)
		}
	}
	code, said := newListening(t).run("play", "--name", "a", "http://127.0.0.1:1")
	if code != exitUsage || !strings.Contains(said, "--name is for an address that has ?pair=... in it") {
		t.Errorf("%d, %s", code, said)
	}
}

func TestTokenInTheClearIsWarnedOf(t *testing.T) {
	for address, want := range map[string]bool{
		"http://192.0.2.1:8420": true, "http://player.example": true, "http://[2001:db8::1]:1/x": true, "http://localhost.example": true,
		"http://127.0.0.1:8420": false, "http://[::1]:1": false, "http://LocalHost": false, "https://player.example": false,
	} {
		var said []string
		tell := func(kind, text string) { said = append(said, kind+": "+text) }
		warnToken(tell, "sst_secret", address)
		warnToken(tell, "", address)
		if (len(said) == 1) != want || len(said) > 1 || want && (!strings.HasPrefix(said[0], "warning: the token goes to ") || strings.Contains(said[0], "secret")) {
			t.Errorf("%s: %q", address, said)
		}
	}
}

// TestPairingByAnotherName: a server that answers to its own machine alone is not
// one that does not pair.
func TestPairingByAnotherName(t *testing.T) {
	guarded := guardHost(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, http.NotFoundHandler(), quiet())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "music.example"
		guarded.ServeHTTP(w, r)
	}))
	defer srv.Close()
	address := identity.Address{URL: srv.URL, Pair: identity.NewSecret()}
	code, said := newListening(t).run("play", address.Reveal())
	if code != exitRefused || !strings.Contains(said, "This server answers to localhost only") || !strings.Contains(said, "hint: it takes nobody who calls it by this address") ||
		strings.Contains(said, "does not pair") {
		t.Errorf("%d, %s", code, said)
	}
}

// TestEntrancePrintsNoSecret: neither does what is printed by mistake.
func TestEntrancePrintsNoSecret(t *testing.T) {
	e := &entrance{secret: identity.NewSecret()}
	out := ""
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} { // right or wrong
		out += fmt.Sprintf(verb, *e) + fmt.Sprintf(verb, struct{ in *entrance }{e})
	}
	for _, form := range []string{e.secret.Text(), fmt.Sprintf("%x", e.secret.Bytes()), string(e.secret.Bytes())} {
		if strings.Contains(out, form) {
			t.Errorf("it prints: %s", out)
		}
	}
}
