package cert_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"secstream/pkg/cert"
)

// authority is a small ACME server (RFC 8555) for orders of one name each. It
// looks at nobody's signature, but does the challenge: it connects to the
// server at target and wants to see the proof there (RFC 8737).
type authority struct {
	t      *testing.T
	url    string
	key    *ecdsa.PrivateKey
	root   *x509.Certificate
	target string // address the name leads to
	refuse bool

	mu     sync.Mutex // guards what follows
	orders int
	name   string // of the order under way
	proved bool
	leaf   []byte // DER, once issued
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour * 24 * 365),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, root: root}
	srv := httptest.NewServer(http.HandlerFunc(a.answer))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	return a
}

func (a *authority) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	w.Header().Set("Replay-Nonce", base64.RawURLEncoding.EncodeToString(nonce[:]))
	var envelope, payload struct{ Payload, CSR string }
	payload.Payload = "{}"
	if r.Method == http.MethodPost {
		_ = json.NewDecoder(r.Body).Decode(&envelope)
		text, _ := base64.RawURLEncoding.DecodeString(envelope.Payload)
		_ = json.Unmarshal(text, &payload)
		if r.URL.Path == "/order" {
			var order struct{ Identifiers []struct{ Value string } }
			_ = json.Unmarshal(text, &order)
			a.orders, a.name, a.proved, a.leaf = a.orders+1, order.Identifiers[0].Value, false, nil
		}
	}
	status, state := http.StatusOK, map[bool]string{true: "valid", false: "pending"}[a.proved]
	challenge := map[string]any{"type": "tls-alpn-01", "url": a.url + "/challenge", "token": "proof", "status": state}
	var out any
	switch r.URL.Path {
	case "/":
		out = map[string]string{"newNonce": a.url + "/nonce", "newAccount": a.url + "/account", "newOrder": a.url + "/order",
			"revokeCert": a.url + "/revoke", "keyChange": a.url + "/change"}
	case "/nonce":
		return
	case "/account":
		w.Header().Set("Location", a.url+"/account/1")
		status, out = http.StatusCreated, map[string]string{"status": "valid"}
	case "/order", "/order/1":
		if a.refuse {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"not that name"}`)
			return
		}
		w.Header().Set("Location", a.url+"/order/1")
		if r.URL.Path == "/order" {
			status = http.StatusCreated
		}
		out = a.order()
	case "/authz":
		out = map[string]any{"status": state, "identifier": map[string]string{"type": "dns", "value": a.name}, "challenges": []any{challenge}}
	case "/challenge":
		if err := a.prove(r.Context()); err != nil {
			a.t.Errorf("the proof: %v", err)
		}
		a.proved, challenge["status"] = true, "valid"
		out = challenge
	case "/finalize":
		a.issue(payload.CSR)
		out = a.order()
	case "/cert":
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: a.leaf})
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
		return
	default:
		status = http.StatusNotFound
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

// asked is the number of orders.
func (a *authority) asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.orders
}

func (a *authority) order() map[string]any {
	status := "pending"
	switch {
	case a.leaf != nil:
		status = "valid"
	case a.proved:
		status = "ready"
	}
	o := map[string]any{"status": status, "identifiers": []any{map[string]string{"type": "dns", "value": a.name}},
		"authorizations": []string{a.url + "/authz"}, "finalize": a.url + "/finalize"}
	if a.leaf != nil {
		o["certificate"] = a.url + "/cert"
	}
	return o
}

// prove does the challenge.
func (a *authority) prove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: a.name, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true}}
	conn, err := d.DialContext(ctx, "tcp", a.target)
	if err != nil {
		return err
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	leaf := state.PeerCertificates[0]
	proof := func(e pkix.Extension) bool { return e.Id.String() == "1.3.6.1.5.5.7.1.31" && e.Critical }
	if state.NegotiatedProtocol != acme.ALPNProto || !slices.Equal(leaf.DNSNames, []string{a.name}) || !slices.ContainsFunc(leaf.Extensions, proof) {
		return fmt.Errorf("%q shows no proof for %v", state.NegotiatedProtocol, leaf.DNSNames)
	}
	return nil
}

func (a *authority) issue(csr string) {
	der, _ := base64.RawURLEncoding.DecodeString(csr)
	req, err := x509.ParseCertificateRequest(der)
	if err != nil || !a.proved {
		a.t.Errorf("a request for a certificate: %v, proved: %v", err, a.proved)
		return
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(a.orders)), DNSNames: req.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	if a.leaf, err = x509.CreateCertificate(rand.Reader, template, a.root, req.PublicKey, a.key); err != nil {
		a.t.Error(err)
	}
}

// TestACME gets a certificate from an authority as from Let's Encrypt, on the
// way of a first request, and has it at the next start.
func TestACME(t *testing.T) {
	a := newAuthority(t)
	dir := filepath.Join(t.TempDir(), "new", "acme")
	order := cert.Order{Domains: []string{"Music.Example.", "www.music.example"}, Dir: dir, Email: "a@music.example", Directory: a.url + "/"}
	pool := x509.NewCertPool()
	pool.AddCert(a.root)
	trusting := &tls.Config{RootCAs: pool, ServerName: "music.example"}
	for start := range 2 {
		config, err := cert.ACME(order)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"h2", "http/1.1", "acme-tls/1"}; !slices.Equal(config.NextProtos, want) || config.MinVersion != tls.VersionTLS12 {
			t.Fatalf("protocols %v, TLS from %x", config.NextProtos, config.MinVersion)
		}
		address := serve(t, config)
		a.mu.Lock()
		a.target = address
		a.mu.Unlock()
		for range 2 {
			get(t, client(t, trusting), address)
		}
		if n := a.asked(); n != 1 {
			t.Fatalf("start %d: %d orders", start, n)
		}
		for _, name := range []string{"evil.example", "x.music.example", ""} {
			if _, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, InsecureSkipVerify: true}); err == nil {
				t.Errorf("a certificate for %q", name)
			}
		}
		if n := a.asked(); n != 1 {
			t.Fatalf("other names were asked for: %d orders", n)
		}
	}
	if runtime.GOOS == "windows" {
		return // no such rights there
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, f := range files {
		if fi, err := f.Info(); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), fi.Mode(), err)
		}
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := cert.ACME(order); !errors.Is(err, cert.ErrReadable) {
		t.Errorf("a folder of keys that others may read: %v", err)
	}
}

// TestACMERefused: the operator learns why there is no certificate, once.
func TestACMERefused(t *testing.T) {
	a := newAuthority(t)
	a.refuse = true
	var logs bytes.Buffer
	config, err := cert.ACME(cert.Order{
		Domains: []string{"music.example"}, Dir: filepath.Join(t.TempDir(), "acme"), Directory: a.url + "/",
		Logger: slog.New(slog.NewTextHandler(&logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"evil.example", "music.example", "music.example"} {
		// A handshake over a pipe: the log is complete when it has failed.
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = tls.Client(there, &tls.Config{ServerName: name}).Handshake()
			_, _ = io.Copy(io.Discard, there)
		}()
		if err := tls.Server(here, config).Handshake(); err == nil {
			t.Errorf("a certificate for %s", name)
		}
		_ = here.Close()
		<-done
	}
	text := logs.String()
	if strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "not that name") || strings.Contains(text, "evil") {
		t.Errorf("the log: %s", text)
	}
}

func TestACMETakesDomainsOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "acme")
	for _, domains := range [][]string{nil, {""}, {"localhost"}, {"*.music.example"}, {"192.0.2.1"}, {"::1"}, {"music.example:443"}, {"https://music.example"}, {"music.example", "a b.example"}, {"müsic.example"}} {
		if _, err := cert.ACME(cert.Order{Domains: domains, Dir: dir}); err == nil {
			t.Errorf("%q is taken", domains)
		}
	}
}
