package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"secstream/pkg/cert"
)

// NewTransport is what a Client connects by when it is given nothing else: with
// limits of time, up to conns idle connections to a server, HTTP/2 where the
// server has it, and TLS with a server only that has the key of that
// fingerprint, unless it is "". Errors wrap cert.ErrFingerprint.
func NewTransport(fingerprint string, conns int) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTime}).DialContext,
		TLSHandshakeTimeout: dialTime,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: conns,
		DisableCompression:  true, // nothing here compresses
		ForceAttemptHTTP2:   true,
		// All requests share one connection then, and to give one up does not
		// close it: a dead one has to be found out by itself, before stallTime.
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingTime, PingTimeout: dialTime},
	}
	if fingerprint != "" {
		var err error
		if t.TLSClientConfig, err = cert.Pin(fingerprint); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Untrusted is a server that cannot prove who it is. Nothing was sent to it.
type Untrusted struct {
	Fingerprint string // of the key it shows; "" when that is not known
	Pinned      string // of the key it should have; "" when none was asked for
	Err         error  // what is wrong with its certificate
}

func (e *Untrusted) Error() string {
	if e.Fingerprint == "" || e.Pinned != "" { // then Err has the fingerprints
		return fmt.Sprintf("the server cannot be trusted: %v", e.Err)
	}
	return fmt.Sprintf("the server cannot be trusted: %v; its key is %s", e.Err, e.Fingerprint)
}

func (e *Untrusted) Unwrap() error { return e.Err }

// untrusted is the *Untrusted behind an error of a transport, or nil.
func untrusted(err error) error {
	if m := new(cert.Mismatch); errors.As(err, &m) {
		return &Untrusted{Fingerprint: m.Got, Pinned: m.Want, Err: m}
	}
	if v := new(tls.CertificateVerificationError); errors.As(err, &v) {
		u := &Untrusted{Err: v.Err}
		if len(v.UnverifiedCertificates) > 0 {
			u.Fingerprint = cert.Fingerprint(v.UnverifiedCertificates[0])
		}
		return u
	}
	return nil
}

// ErrNeedsTLS is a server that takes https addresses only.
var ErrNeedsTLS = errors.New("the server speaks HTTPS")

// ErrToken is a text that cannot be a bearer token.
var ErrToken = errors.New("a token is letters, digits and some signs, without spaces")

// maxToken is the most bytes of a token: servers take 16 KiB of header in all.
const maxToken = 4096

// checkToken keeps from a header what would break it. The error does not show
// the token.
func checkToken(token string) error {
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return ErrToken
		}
	}
	if len(token) > maxToken {
		return ErrToken
	}
	return nil
}
