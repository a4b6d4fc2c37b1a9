package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxKeyFile is the most bytes of a key file; one takes some 350.
const maxKeyFile = 16 << 10

// ErrKind is a key that is not one of Ed25519.
var ErrKind = errors.New("its key is of another kind")

const keyBlock = "PRIVATE KEY" // PKCS #8, RFC 5958

// Lines in front of the key, for people, and to notice damage: the bytes of an
// Ed25519 key are a key whatever they are.
const (
	madeLine = "# The identity of a secstream server, its secret key. Made "
	ofLine   = "# "
)

// formatKey is the file of id. The caller clears it.
func formatKey(id *Identity) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(id.secret())
	if err != nil {
		return nil, err
	}
	defer clear(der)
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s%s\n%s%s\n", madeLine, id.made.Format(time.RFC3339), ofLine, id.Fingerprint())
	return append(head.Bytes(), pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})...), nil
}

// parseKey reads what formatKey wrote, or what is in its PEM block alone, as
// openssl writes it; made is zero then. Errors wrap ErrDamaged or ErrKind and
// show nothing of the text.
func parseKey(text []byte) (*Identity, error) {
	head, body, ok := bytes.Cut(text, []byte("-----BEGIN "))
	if !ok {
		return nil, fmt.Errorf("%w: no PEM block is in it", ErrDamaged)
	}
	block, rest := pem.Decode(text[len(text)-len(body)-len("-----BEGIN "):])
	if block == nil || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%w: it is not one PEM block", ErrDamaged)
	}
	defer clear(block.Bytes)
	if block.Type != keyBlock {
		return nil, fmt.Errorf("%w: %.64q and not %q", ErrKind, block.Type, keyBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: no key is in its PEM block", ErrDamaged)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s and not Ed25519", ErrKind, kindOf(parsed))
	}
	id := newIdentity(key)
	if err := id.parseHead(string(head)); err != nil {
		return nil, err
	}
	return id, nil
}

// parseHead reads the lines in front of the key, which have to fit it.
func (id *Identity) parseHead(head string) error {
	if head == "" {
		return nil
	}
	lines := strings.Split(strings.ReplaceAll(head, "\r\n", "\n"), "\n")
	if len(lines) != 3 || lines[2] != "" {
		return fmt.Errorf("%w: two lines are in front of a key, or none", ErrDamaged)
	}
	day, ok := strings.CutPrefix(lines[0], madeLine)
	made, err := time.Parse(time.RFC3339, day)
	if !ok || err != nil {
		return fmt.Errorf("%w: its first line does not say when it was made", ErrDamaged)
	}
	of, err := ParseFingerprint(strings.TrimPrefix(lines[1], ofLine))
	if err != nil {
		return fmt.Errorf("%w: its second line is not a fingerprint", ErrDamaged)
	}
	if of != id.Fingerprint() {
		return fmt.Errorf("%w: it says %s, and its key is %s", ErrDamaged, of, id.Fingerprint())
	}
	id.made = made.UTC()
	return nil
}

func kindOf(key any) string {
	switch key.(type) {
	case *ecdsa.PrivateKey:
		return "ECDSA"
	case *rsa.PrivateKey:
		return "RSA"
	}
	return fmt.Sprintf("%T", key)
}
