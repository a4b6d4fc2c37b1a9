package cert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Names of what Self keeps.
const (
	certName = "cert.pem"
	keyName  = "key.pem"
)

// Life of a certificate of Self. Clients that pin go by its key, which stays;
// for browsers that were told to trust it 825 days is the most that all of them
// take. Its begin lies back by as much as clocks differ.
const (
	life  = 825 * 24 * time.Hour
	spare = 30 * 24 * time.Hour // before its end it is renewed
	early = time.Hour
)

// ErrReadable is a private key that others than its owner may read.
var ErrReadable = errors.New("others may read it")

// Self serves a certificate that is signed by nobody but itself. Key (ECDSA,
// P-256) and certificate are made once and kept in dir, for their owner alone.
// It is for localhost, this machine's name, and hosts: names or IP addresses,
// of which "" and those like 0.0.0.0, as one listens on, are passed over. The
// certificate is renewed when it is near its end, or is to have other names; its
// key stays, and with it the fingerprint. Errors wrap ErrReadable. A nil log is
// for nobody.
func Self(dir string, hosts []string, log *slog.Logger) (*Source, error) {
	own := &own{dir: dir, log: orNobody(log), names: []string{"localhost", "127.0.0.1", "::1"}}
	if name, err := os.Hostname(); err == nil && validHost(name) {
		own.add(name)
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); h == "" || ip != nil && ip.IsUnspecified() {
			continue
		}
		if !validHost(h) {
			return nil, fmt.Errorf("a certificate cannot be for %q: not a host name, and no IP address", h)
		}
		own.add(h)
	}
	first, err := own.renew(true)
	if err != nil {
		return nil, err
	}
	return newSource(own, first, own.log), nil
}

// own is a keeper of a certificate of one's own making.
type own struct {
	dir   string
	names []string
	log   *slog.Logger
	until time.Time // from then on it is renewed
}

func (o *own) add(host string) {
	if ip := net.ParseIP(host); ip != nil {
		host = ip.String()
	}
	if host = strings.ToLower(host); !slices.Contains(o.names, host) {
		o.names = append(o.names, host)
	}
}

// validHost says whether host is an IP address or letters, digits, hyphens
// and dots as names of hosts have them.
func validHost(host string) bool {
	if net.ParseIP(host) != nil {
		return true
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, letters) != "" || strings.HasPrefix(label, "-") {
			return false
		}
	}
	return len(host) <= 253
}

func (o *own) renew(force bool) (*tls.Certificate, error) {
	if !force && time.Now().Before(o.until) {
		return nil, nil
	}
	c, err := o.load()
	if err != nil || c == nil {
		c, err = o.locked()
	}
	if err != nil {
		return nil, fmt.Errorf("a certificate of one's own: %w", err)
	}
	o.until = c.Leaf.NotAfter.Add(-spare)
	return c, nil
}

// load returns what is in the folder, nil where there is none that serves.
func (o *own) load() (*tls.Certificate, error) {
	key := filepath.Join(o.dir, keyName)
	info, err := os.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows": // there the bits are made up
		return nil, fmt.Errorf("the key %q: %w: mode %#o", key, ErrReadable, info.Mode().Perm())
	}
	c, err := loadPair(filepath.Join(o.dir, certName), key)
	if err != nil || !o.serves(c.Leaf) {
		return nil, nil //nolint:nilerr // it is made anew, or the key tells what is wrong
	}
	return c, nil
}

// serves says whether c is good for long enough and for all names.
func (o *own) serves(c *x509.Certificate) bool {
	foreign := func(name string) bool { return c.VerifyHostname(name) != nil }
	return time.Until(c.NotAfter) >= spare && !time.Now().Before(c.NotBefore) && !slices.ContainsFunc(o.names, foreign)
}

// lockWait is how long another process may keep the folder to itself.
const lockWait = 10 * time.Second

// locked makes what is missing, while no other process does.
func (o *own) locked() (_ *tls.Certificate, err error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	lock := flock.New(filepath.Join(o.dir, ".lock"), flock.SetPermissions(0o600))
	if ok, err := lock.TryLockContext(ctx, 10*time.Millisecond); !ok {
		return nil, fmt.Errorf("lock %q: %w", lock.Path(), err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if c, err := o.load(); err != nil || c != nil {
		return c, err // another process was faster
	}
	return o.make()
}

// make writes a certificate, for the key that is there or a new one.
func (o *own) make() (*tls.Certificate, error) {
	key, err := o.key()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{ // the serial number is drawn at random
		Subject:   pkix.Name{CommonName: "secstream"},
		NotBefore: now.Add(-early), NotAfter: now.Add(life - early),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range o.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.dir, certName)
	if err := writePEM(path, "CERTIFICATE", der); err != nil {
		return nil, err
	}
	o.log.Info("a certificate was made", "path", path, "until", template.NotAfter.Format(time.DateOnly), "for", strings.Join(o.names, ", "))
	return loadPair(path, filepath.Join(o.dir, keyName))
}

// key returns the key in the folder, or makes one. One that is there and
// cannot be read is never replaced: clients know the server by it.
func (o *own) key() (*ecdsa.PrivateKey, error) {
	path := filepath.Join(o.dir, keyName)
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o.makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("the key %q is damaged: put it back, or remove it and clients have to be told the new fingerprint", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	own, ok := key.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("the key %q is damaged or not ECDSA: put it back, or remove it and clients have to be told the new fingerprint", path)
	}
	return own, nil
}

func (o *own) makeKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return key, writePEM(path, "PRIVATE KEY", der)
}

// writePEM writes a private file so that no other process ever sees half of it.
func writePEM(path, kind string, der []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
