package cmd

import (
	"crypto/tls"
	"errors"
	"log/slog"
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
func secure(_ Env, o serveOptions, _ *slog.Logger) (*secured, error) {
	if o.certFile == "" && o.tls == "" && len(o.acme) == 0 {
		return nil, nil
	}
	return nil, withHint(errors.New("this build has no HTTPS"), "put a proxy that has it in front")
}

// tokens is who may come in.
type tokens struct {
	check  func(token string) (name string, ok bool)
	reload func() error
}

// openTokens reads the token file. nil without an error: there is none.
func openTokens(o serveOptions, _ *slog.Logger) (*tokens, error) {
	if o.tokenFile == "" {
		return nil, nil
	}
	return nil, withHint(errors.New("this build has no tokens"), "leave --token-file out")
}
