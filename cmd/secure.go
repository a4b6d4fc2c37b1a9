package cmd

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"secstream/pkg/cert"
	"secstream/pkg/token"
)

// secured is how connections are sealed.
type secured struct {
	config      *tls.Config
	fingerprint string       // of a certificate that nobody vouches for, "SHA256:...", or ""
	domain      string       // whose certificate it is, or ""
	reload      func() error // reads it again, or nil
}

// settings are for http.Server: nil for plain HTTP.
func (s *secured) settings() *tls.Config {
	if s == nil {
		return nil
	}
	return s.config
}

// secure prepares HTTPS. nil without an error: there is to be none.
func secure(env Env, o serveOptions, log *slog.Logger) (*secured, error) {
	switch {
	case o.certFile != "":
		src, err := cert.Files(o.certFile, o.keyFile, log)
		if err != nil {
			return nil, err
		}
		return &secured{config: cert.Config(src.Get), reload: src.Reload}, nil
	case o.tls != "":
		return secureSelf(env, o, log)
	case len(o.acme) > 0:
		dir, err := env.ConfigDir()
		if err != nil {
			return nil, fmt.Errorf("find the configuration folder: %w", err)
		}
		config, err := cert.ACME(cert.Order{Domains: o.acme, Dir: filepath.Join(dir, "acme"), Logger: log})
		if err != nil {
			return nil, err
		}
		return &secured{config: config, domain: o.acme[0]}, nil
	}
	return nil, nil
}

// secureSelf takes a certificate that was made once, which players know by its
// fingerprint.
func secureSelf(env Env, o serveOptions, log *slog.Logger) (*secured, error) {
	dir, err := env.ConfigDir()
	if err != nil {
		return nil, fmt.Errorf("find the configuration folder: %w", err)
	}
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, err
	}
	src, err := cert.Self(filepath.Join(dir, "tls"), []string{host}, log)
	if err != nil {
		return nil, err
	}
	return &secured{config: cert.Config(src.Get), fingerprint: src.Fingerprint(), reload: src.Reload}, nil
}

// tokens is who may come in.
type tokens struct {
	check  func(token string) (name string, ok bool)
	reload func() error
}

// openTokens reads the token file. nil without an error: there is none.
func openTokens(o serveOptions, log *slog.Logger) (*tokens, error) {
	if o.tokenFile == "" {
		return nil, nil
	}
	if o.pair { // the first token may be the one to come
		if made, err := os.OpenFile(o.tokenFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			_ = made.Close() // nothing was written
		}
	}
	f, err := token.Open(o.tokenFile, log)
	if err != nil {
		return nil, err
	}
	if f.Len() == 0 && !o.pair {
		log.Warn("the token file has no tokens: nobody is let in", "hint", "secstream token add NAME makes one")
	}
	return &tokens{check: f.Check, reload: f.Reload}, nil
}
