package cert

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrFingerprint is a text that is not the fingerprint of a TLS key.
var ErrFingerprint = errors.New("not the fingerprint of a TLS key")

const fingerprintPrefix = "SHA256:"

// Fingerprint is how people know a server's TLS key: "SHA256:" and 43 characters
// of base64 without padding, the SHA-256 of the certificate's
// SubjectPublicKeyInfo (RFC 7469 section 2.4). It is the key's and not the
// certificate's, so it survives renewal. It looks like the fingerprint of an SSH
// key, and not like one of a certificate or of a later protocol's identity,
// which are pairs of hexadecimal digits: none can be taken for another.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return fingerprintPrefix + base64.RawStdEncoding.EncodeToString(sum[:])
}

// parseFingerprint is lenient about the padding and the case of the prefix,
// as people copy them from elsewhere. Errors wrap ErrFingerprint.
func parseFingerprint(text string) (sum [sha256.Size]byte, err error) {
	prefix, rest, ok := strings.Cut(text, ":")
	if !ok || !strings.EqualFold(prefix+":", fingerprintPrefix) {
		return sum, fmt.Errorf("%w: %.128q does not begin with %s", ErrFingerprint, text, fingerprintPrefix)
	}
	if len(strings.ReplaceAll(rest, ":", "")) == 2*len(sum) {
		return sum, fmt.Errorf("%w: %.128q is that of a certificate, or of something else than TLS", ErrFingerprint, text)
	}
	rest = strings.TrimSuffix(rest, "=")
	b, err := base64.RawStdEncoding.Strict().DecodeString(rest)
	if err != nil || len(b) != len(sum) || len(rest) != 43 { // the decoder passes over line breaks
		return sum, fmt.Errorf("%w: %.128q does not have 43 characters of base64", ErrFingerprint, text)
	}
	copy(sum[:], b)
	return sum, nil
}

// Mismatch is a server whose key is another than the pinned one.
type Mismatch struct{ Want, Got string } // fingerprints

func (e *Mismatch) Error() string {
	return fmt.Sprintf("its key is %s and not %s", e.Got, e.Want)
}

// Pin is a client's configuration for the one server whose key has that
// fingerprint. Names, dates and signers of its certificate do not matter then:
// who has the key is the server. Handshakes with others fail with a *Mismatch.
// Errors of Pin itself wrap ErrFingerprint.
func Pin(fingerprint string) (*tls.Config, error) {
	want, err := parseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it, also when a session is resumed
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("it shows no certificate")
			}
			leaf := s.PeerCertificates[0]
			got := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
			if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				return &Mismatch{Want: fingerprintPrefix + base64.RawStdEncoding.EncodeToString(want[:]), Got: Fingerprint(leaf)}
			}
			return nil
		},
	}, nil
}
