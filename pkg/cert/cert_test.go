package cert_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/cert"
)

// pems is a certificate for localhost and its key, as an authority hands them
// out.
func pems(t *testing.T) (chain, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// serve answers over TLS with the protocol it was asked by, until the test
// ends, and returns the address.
func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{
		TLSConfig: config, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.ServeTLS(ln, "", "") }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return ln.Addr().String()
}

// client has connections of its own.
func client(t *testing.T, config *tls.Config) *http.Client {
	tr := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// get asks the server at address and returns the fingerprint it shows.
func get(t *testing.T, c *http.Client, address string) string {
	t.Helper()
	resp, err := c.Get("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || string(text) != "HTTP/2.0" || resp.Proto != "HTTP/2.0" {
		t.Fatalf("%s, served as %s: %v", resp.Proto, text, err)
	}
	return cert.Fingerprint(resp.TLS.PeerCertificates[0])
}

func anybody() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// TestFilesAreFollowed: a renewed pair is served to new connections, those that
// are open live on, and a broken pair changes nothing.
func TestFilesAreFollowed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	chain, key := pems(t)
	write(t, certFile, chain)
	write(t, keyFile, key)
	src, err := cert.Files(certFile, keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, cert.Config(src.Get))
	old := client(t, anybody())
	first := get(t, old, address)
	if first != src.Fingerprint() {
		t.Fatalf("shown is %s, meant %s", first, src.Fingerprint())
	}
	newChain, newKey := pems(t)
	write(t, certFile, newChain) // and not yet the key
	if err := src.Reload(); err == nil {
		t.Fatal("a certificate goes with another's key")
	}
	if got := get(t, client(t, anybody()), address); got != first {
		t.Fatal("a broken pair is served")
	}
	write(t, keyFile, newKey)
	if err := src.Reload(); err != nil {
		t.Fatal(err)
	}
	second := get(t, client(t, anybody()), address)
	if second == first || second != src.Fingerprint() {
		t.Fatalf("after the change %s, before %s", second, first)
	}
	if got := get(t, old, address); got != first {
		t.Fatal("the old connection did not live on")
	}
}

// TestLooksByItself: nobody has to send a signal; the log is told once of what
// is wrong, and handshakes go on.
func TestLooksByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		certFile, keyFile := filepath.Join(dir, "c"), filepath.Join(dir, "k")
		chain, key := pems(t)
		write(t, certFile, chain)
		write(t, keyFile, key)
		var logs bytes.Buffer
		src, err := cert.Files(certFile, keyFile, slog.New(slog.NewTextHandler(&logs, nil)))
		if err != nil {
			t.Fatal(err)
		}
		first := src.Fingerprint()
		shown := func() string {
			c, err := src.Get(nil)
			if err != nil {
				t.Fatal(err)
			}
			return cert.Fingerprint(c.Leaf)
		}
		newChain, newKey := pems(t)
		write(t, certFile, newChain)
		if shown() != first || logs.Len() > 0 {
			t.Fatalf("looked at once: %s", &logs)
		}
		for range 3 {
			time.Sleep(6 * time.Second)
			if shown() != first {
				t.Fatal("a broken pair is served")
			}
		}
		write(t, keyFile, newKey)
		time.Sleep(6 * time.Second)
		second := shown()
		if second == first {
			t.Fatal("the new pair is not served")
		}
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(6 * time.Second)
			if shown() != second {
				t.Fatal("the pair was lost")
			}
		}
		if n := strings.Count(logs.String(), "level=WARN"); n != 2 {
			t.Fatalf("%d warnings: %s", n, &logs)
		}
		if strings.Contains(logs.String(), "BEGIN") {
			t.Fatal("the log shows what is in the files")
		}
	})
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	chain, key := pems(t)
	good, goodKey, none := filepath.Join(dir, "c"), filepath.Join(dir, "k"), filepath.Join(dir, "none")
	write(t, good, chain)
	write(t, goodKey, key)
	large := filepath.Join(dir, "large")
	write(t, large, make([]byte, 1<<20+1))
	for _, c := range [][2]string{{none, goodKey}, {good, none}, {dir, goodKey}, {good, dir}, {goodKey, good}, {good, good}, {large, goodKey}} {
		if _, err := cert.Files(c[0], c[1], nil); err == nil || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := cert.Files(none, goodKey, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestReadableKeyIsWarnedOf(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no such rights there
	}
	dir := t.TempDir()
	chain, key := pems(t)
	certFile, keyFile := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	write(t, certFile, chain)
	write(t, keyFile, key)
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		if err := os.Chmod(keyFile, mode); err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		if _, err := cert.Files(certFile, keyFile, slog.New(slog.NewTextHandler(&logs, nil))); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(logs.String(), "chmod o-rwx "+keyFile) != want {
			t.Errorf("%#o: %s", mode, &logs)
		}
	}
}

func self(t *testing.T, dir string, hosts ...string) (*cert.Source, string) {
	t.Helper()
	var logs bytes.Buffer
	src, err := cert.Self(dir, hosts, slog.New(slog.NewTextHandler(&logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return src, logs.String()
}

// TestSelfIsKept: the same certificate at each start, and the same fingerprint
// even when it is made anew.
func TestSelfIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "tls")
	src, logs := self(t, dir, "player.example", "::ffff:192.0.2.7", "", "0.0.0.0", "::")
	leaf := src.Leaf()
	if !strings.Contains(logs, "a certificate was made") {
		t.Errorf("nothing said: %s", logs)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "player.example", "192.0.2.7"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if name, err := os.Hostname(); err == nil && leaf.VerifyHostname(name) != nil && !strings.Contains(name, "_") {
		t.Errorf("not for this machine, %s", name)
	}
	if len(leaf.IPAddresses) != 3 || leaf.IsCA {
		t.Errorf("for %v, an authority: %v", leaf.IPAddresses, leaf.IsCA)
	}
	if d := leaf.NotAfter.Sub(leaf.NotBefore); d != 825*24*time.Hour {
		t.Errorf("good for %v", d)
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, "key.pem"): 0o600, filepath.Join(dir, "cert.pem"): 0o600} {
			if fi, err := os.Stat(name); err != nil || fi.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", name, fi.Mode(), err)
			}
		}
	}
	again, logs := self(t, dir, "player.example")
	if !again.Leaf().Equal(leaf) || logs != "" {
		t.Errorf("made anew: %s", logs)
	}
	other, logs := self(t, dir, "other.example")
	if other.Leaf().Equal(leaf) || other.Leaf().VerifyHostname("other.example") != nil || logs == "" {
		t.Error("not made anew for another name")
	}
	if other.Fingerprint() != src.Fingerprint() {
		t.Error("another fingerprint")
	}
	write(t, filepath.Join(dir, "cert.pem"), []byte("damaged"))
	if mended, _ := self(t, dir); mended.Fingerprint() != src.Fingerprint() {
		t.Error("another fingerprint")
	}
	if get(t, client(t, anybody()), serve(t, cert.Config(src.Get))) != src.Fingerprint() {
		t.Error("it shows another fingerprint")
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	get(t, client(t, &tls.Config{RootCAs: pool}), serve(t, cert.Config(src.Get))) // as browsers that trust it
}

func TestSelfRefuses(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key.pem")
	src, _ := self(t, dir)
	for _, host := range []string{"a b", "*.example", "http://h", "h:1", "a..b", "-h", strings.Repeat("x", 64), "ä"} {
		if _, err := cert.Self(dir, []string{host}, nil); err == nil {
			t.Errorf("made for %q", host)
		}
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(key, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := cert.Self(dir, nil, nil); !errors.Is(err, cert.ErrReadable) {
			t.Errorf("a key that others may read: %v", err)
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	write(t, key, []byte("damaged"))
	if _, err := cert.Self(dir, nil, nil); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged key: %v", err)
	}
	if text, _ := os.ReadFile(key); string(text) != "damaged" {
		t.Error("a damaged key was replaced")
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if fresh, _ := self(t, dir); fresh.Fingerprint() == src.Fingerprint() {
		t.Error("a key came back")
	}
}

// TestSelfRenews in the clock of the test: a server that runs for years.
func TestSelfRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		src, err := cert.Self(t.TempDir(), nil, slog.New(slog.NewTextHandler(&logs, nil)))
		if err != nil {
			t.Fatal(err)
		}
		leaf, fingerprint := src.Leaf(), src.Fingerprint()
		time.Sleep(794 * 24 * time.Hour)
		if c, _ := src.Get(nil); !c.Leaf.Equal(leaf) {
			t.Fatal("renewed too early")
		}
		time.Sleep(24 * time.Hour)
		c, _ := src.Get(nil)
		if c.Leaf.Equal(leaf) || time.Until(c.Leaf.NotAfter) < 800*24*time.Hour || src.Fingerprint() != fingerprint {
			t.Fatalf("until %v, fingerprint %s, before %s", c.Leaf.NotAfter, src.Fingerprint(), fingerprint)
		}
		if !strings.Contains(logs.String(), "the certificate is a new one") {
			t.Fatal("nothing said")
		}
	})
}

// TestSelfAtOnce: several first starts make one key.
func TestSelfAtOnce(t *testing.T) {
	dir := t.TempDir()
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			if src, err := cert.Self(dir, nil, nil); err != nil {
				t.Error(err)
			} else {
				got[i] = src.Fingerprint()
			}
		})
	}
	wg.Wait()
	if len(slices.Compact(got)) != 1 {
		t.Error(got)
	}
}

// TestSourceUnderLoad is for the race detector.
func TestSourceUnderLoad(t *testing.T) {
	dir := t.TempDir()
	src, _ := self(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if c, err := src.Get(nil); err != nil || c.Leaf == nil {
					t.Error(err)
				}
			}
		})
	}
	for range 5 {
		if err := errors.Join(os.Remove(filepath.Join(dir, "cert.pem")), src.Reload()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
}

func TestPin(t *testing.T) {
	src, _ := self(t, t.TempDir())
	other, _ := self(t, t.TempDir())
	address := serve(t, cert.Config(src.Get))
	right := src.Fingerprint()
	sum := sha256.Sum256(src.Leaf().RawSubjectPublicKeyInfo)
	if len(right) != 50 || right != "SHA256:"+base64.RawStdEncoding.EncodeToString(sum[:]) {
		t.Fatal(right)
	}
	for _, text := range []string{right, right + "=", "sha256:" + right[7:]} {
		config, err := cert.Pin(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, client(t, config), address); got != right {
			t.Errorf("%s: %s", text, got)
		}
	}
	config, err := cert.Pin(other.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	var m *cert.Mismatch
	resp, err := client(t, config).Get("https://" + address)
	if !errors.As(err, &m) || m.Want != other.Fingerprint() || m.Got != right {
		t.Errorf("%v, %v", resp, err)
	}
	for _, text := range []string{"", "SHA256", right[7:], right[:49], right + "A", right + "==", "MD5:" + right[7:], "SHA256:" + strings.Repeat("AA:", 31) + "AA", "SHA256:" + strings.Repeat("aa", 32), right + "\n"} {
		if _, err := cert.Pin(text); !errors.Is(err, cert.ErrFingerprint) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzPin(f *testing.F) {
	f.Add("SHA256:" + strings.Repeat("A", 43))
	f.Add("sha256:" + strings.Repeat("/", 42) + "8=")
	f.Add("SHA256:" + strings.Repeat("AA:", 31) + "AA")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := cert.Pin(text)
		if err != nil {
			if !errors.Is(err, cert.ErrFingerprint) || len(err.Error()) > 1000 {
				t.Fatal(err)
			}
			return
		}
		// What was understood is what is told when another key comes.
		c := &x509.Certificate{RawSubjectPublicKeyInfo: []byte("another")}
		var m *cert.Mismatch
		err = config.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}})
		if !errors.As(err, &m) || m.Want[7:] != strings.TrimSuffix(text[7:], "=") {
			t.Fatalf("%q: %v", text, err)
		}
		if config.VerifyConnection(tls.ConnectionState{}) == nil {
			t.Fatal("nobody is taken")
		}
	})
}

func TestOldTLSIsRefused(t *testing.T) {
	src, _ := self(t, t.TempDir())
	address := serve(t, cert.Config(src.Get))
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	conn, err := tls.Dial("tcp", address, anybody())
	if err != nil || conn.ConnectionState().Version != tls.VersionTLS13 {
		t.Fatal(err)
	}
	_ = conn.Close()
}
