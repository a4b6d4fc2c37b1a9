package cert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// Order says for what an authority is asked for certificates.
type Order struct {
	Domains []string // names that lead here on port 443, at least one
	Dir     string   // where account and certificates are kept, for their owner alone
	Email   string   // where the authority writes to; may be ""
	// Directory is the URL of the authority's ACME directory; default that of
	// Let's Encrypt.
	Directory string
	Logger    *slog.Logger // nil is for nobody
}

// ACME is the configuration of a server whose certificates an authority issues
// (RFC 8555), each when it is first asked for, and renews in time. The proof of
// each name is a TLS handshake on its port 443 (TLS-ALPN-01, RFC 8737); port 80
// is not needed. Whoever calls it accepts the authority's terms of service. No
// other name than those of the order is ever asked for. Nothing is sent yet.
// Errors wrap ErrReadable.
func ACME(o Order) (*tls.Config, error) {
	if len(o.Domains) == 0 {
		return nil, errors.New("acme: no domain given")
	}
	domains := make([]string, len(o.Domains))
	for i, d := range o.Domains {
		domains[i] = strings.ToLower(strings.TrimSuffix(d, "."))
		if !validHost(domains[i]) || !strings.Contains(domains[i], ".") || strings.Trim(domains[i], "0123456789.:") == "" {
			return nil, fmt.Errorf("acme: %q is not a domain", d)
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	if fi, err := os.Stat(o.Dir); err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	} else if fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // there the bits are made up
		return nil, fmt.Errorf("acme: the folder of keys %q: %w: mode %#o", o.Dir, ErrReadable, fi.Mode().Perm())
	}
	m := &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(o.Dir), Email: o.Email,
		HostPolicy: autocert.HostWhitelist(domains...),
	}
	if o.Directory != "" {
		m.Client = &acme.Client{DirectoryURL: o.Directory}
	}
	get := (&issuer{m: m, domains: domains, log: orNobody(o.Logger)}).get
	config := Config(get)
	config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	return config, nil
}

// issuer tells the log why there is no certificate: the client only learns
// that there is none.
type issuer struct {
	m       *autocert.Manager
	domains []string
	log     *slog.Logger
	told    atomic.Int64 // when, in Unix seconds
}

// tellEvery: a certificate that is not to be had fails each handshake.
const tellEvery = time.Minute

func (i *issuer) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := i.m.GetCertificate(hello)
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if err == nil || !slices.Contains(i.domains, name) { // those who ask for other names are many
		return c, err
	}
	now, told := time.Now().Unix(), i.told.Load()
	if now-told >= int64(tellEvery/time.Second) && i.told.CompareAndSwap(told, now) {
		i.log.Warn("there is no certificate", "domain", name, "err", err,
			"hint", "the name has to lead to this server, from everywhere, on port 443")
	}
	return nil, err
}
