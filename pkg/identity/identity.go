// Package identity is who a server is, and what players remember of it. A
// server's identity is an Ed25519 key that is made once and kept in a file; a
// player's pins are the keys of the servers it has met. Folders, files and texts
// that people paste go in; signatures, fingerprints and verdicts come out. It
// knows nothing of the handshake that is signed, opens no connection, and imports
// nothing of ours.
package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Identity is a server's key pair. It is safe for concurrent use. It prints as
// its fingerprint everywhere, JSON and logs included, and never as its secret.
type Identity struct {
	// secret is in a function, of which nothing prints more than an address:
	// fmt goes past Format where an Identity is in a field that is not exported.
	secret func() ed25519.PrivateKey
	public ed25519.PublicKey
	made   time.Time
	path   string
}

func newIdentity(key ed25519.PrivateKey) *Identity {
	return &Identity{secret: func() ed25519.PrivateKey { return key }, public: key.Public().(ed25519.PublicKey)}
}

// Public is the key that signatures are verified with: 32 bytes, the caller's
// own.
func (id *Identity) Public() ed25519.PublicKey { return append(ed25519.PublicKey(nil), id.public...) }

// Fingerprint is how people know the key.
func (id *Identity) Fingerprint() Fingerprint { return FingerprintOf(id.public) }

// Made is when the key was made: as its file says, or when that was last
// changed.
func (id *Identity) Made() time.Time { return id.made }

// Path is the file the key is in.
func (id *Identity) Path() string { return id.path }

// Sign is the signature (64 bytes) of a hash: plain Ed25519 over its 32 bytes
// (RFC 8032 section 5.1), not Ed25519ph.
func (id *Identity) Sign(hash [32]byte) []byte { return ed25519.Sign(id.secret(), hash[:]) }

func (id Identity) redacted() string {
	return "[secret key of " + FingerprintOf(id.public).String() + "]"
}

// Format prints the redaction for every verb.
func (id Identity) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(id.redacted())) }

// LogValue redacts the key in logs.
func (id Identity) LogValue() slog.Value { return slog.StringValue(id.redacted()) }

// MarshalText redacts the key in JSON and other texts.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.redacted()), nil }

// keyFile is where the identity in dir is.
func keyFile(dir string) private {
	return private{kind: KindIdentity, path: filepath.Join(dir, "key.pem"), most: maxKeyFile, own: true}
}

// Load reads the identity in dir. Errors are an *Error where dir or the file
// is not as it should be, and wrap fs.ErrNotExist where there is none.
func Load(dir string) (*Identity, error) {
	file := keyFile(dir)
	text, err := file.read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, file.wrong(file.path, fs.ErrNotExist, `"secstream serve" makes it when it first starts, and "secstream identity new" at once`)
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	id, err := parseKey(text)
	if err != nil {
		return nil, file.wrong(file.path, err, `put the file back from a copy; or "secstream identity new" makes another, which players then have to accept`)
	}
	if id.made.IsZero() {
		if info, err := os.Lstat(file.path); err == nil {
			id.made = info.ModTime().UTC()
		}
	}
	id.path = file.path
	return id, nil
}

// Ephemeral makes an identity that is kept nowhere.
func Ephemeral() (*Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an identity: %w", err)
	}
	return newIdentity(key), nil
}

// Create is Load that makes the identity where there is none, and says whether
// it did. Of several that do so at once one makes it, and all have the same. A
// file that is there and cannot be used is never replaced: players know the
// server by it.
func Create(ctx context.Context, dir string) (id *Identity, made bool, err error) {
	if id, err := Load(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return id, false, err
	}
	file := keyFile(dir)
	err = file.locked(ctx, func() error {
		if id, err = Load(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err // another process was faster
		}
		made = true
		id, err = file.fresh()
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("make an identity: %w", err)
	}
	return id, made, nil
}

// Replace makes a new identity in the place of the one in dir, whatever state
// that is in, and keeps the old file beside it, private too; kept is its path,
// "" where there was none. Who wants the old identity back moves that file over
// the new one. A server that runs goes on with the one it has.
func Replace(ctx context.Context, dir string) (id *Identity, kept string, err error) {
	file := keyFile(dir)
	err = file.locked(ctx, func() error {
		err := file.check()
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrExposed) {
			return err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			if kept, err = file.keep(); err != nil {
				return err
			}
		}
		id, err = file.fresh()
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("make a new identity: %w", err)
	}
	return id, kept, nil
}

// fresh makes an identity and writes it in the place of what there is. The
// caller holds the lock.
func (p private) fresh() (*Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	id := newIdentity(key)
	id.made, id.path = time.Now().UTC().Truncate(time.Second), p.path
	text, err := formatKey(id)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return id, p.replace(text)
}

// keep copies the file to one named by the time. The caller holds the lock.
func (p private) keep() (path string, err error) {
	text, err := p.content()
	if err != nil {
		return "", err
	}
	defer clear(text)
	stamp := time.Now().UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		path = filepath.Join(filepath.Dir(p.path), "key-until-"+stamp+".pem")
		if n > 1 {
			path = filepath.Join(filepath.Dir(p.path), fmt.Sprintf("key-until-%s-%d.pem", stamp, n))
		}
		if err = writePrivate(path, text); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("keep the old identity: %w", err)
	}
	return path, nil
}
