package cmd

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"secstream/pkg/client"
	"secstream/pkg/identity"
)

// trust holds a server to the identity that is pinned for it, or that the user
// gave.
type trust struct {
	pins    *identity.Pins
	address string
	want    *identity.Fingerprint // nil when none was given
	tell    teller

	news atomic.Bool // it was not known before
}

// errOther is a server that is not the one whose fingerprint was given.
type errOther struct{ want, got identity.Fingerprint }

func (e *errOther) Error() string {
	return fmt.Sprintf("the server's identity is %s, and not %s, as was asked for", e.got, e.want)
}

// stranger says whether err is about who the server is. No other track of it is
// worth a try then.
func stranger(err error) bool {
	return as[*identity.Mismatch](err) || as[*errOther](err) || errors.Is(err, client.ErrIdentity)
}

// Known says whether a fingerprint was given or is pinned.
func (t *trust) Known() bool {
	if t.want != nil {
		return true
	}
	_, err := t.pins.Find(t.address)
	return err == nil
}

// Check implements client.Trust.
func (t *trust) Check(key ed25519.PublicKey) error {
	got := identity.FingerprintOf(key)
	if t.want != nil && *t.want != got {
		return &errOther{*t.want, got}
	}
	if t.pins == nil { // and the right one was given
		return nil
	}
	verdict, pin, err := t.pins.Check(t.address, key)
	if err != nil {
		return err
	}
	t.news.Store(verdict == identity.New)
	if verdict == identity.Changed {
		return &identity.Mismatch{Pin: pin, Got: got}
	}
	return nil
}

// Met implements client.Trust.
func (t *trust) Met(ctx context.Context, key ed25519.PublicKey) error {
	if t.pins == nil {
		return nil
	}
	err := t.pins.Remember(ctx, t.address, key)
	news := t.news.Swap(false) // several tracks may be opened at once
	if err != nil && (news || as[*identity.Mismatch](err)) {
		return err
	}
	if err != nil {
		t.tell("warning", "when this server was last seen is not noted: "+err.Error())
	}
	if news && t.want == nil {
		t.tell("identity", "met this server for the first time; it is "+identity.FingerprintOf(key).String()+", and no other from now on")
	}
	return nil
}

// one takes a single identity, and remembers nothing.
type one struct{ key ed25519.PublicKey }

func (o one) Check(key ed25519.PublicKey) error {
	if !o.key.Equal(key) {
		return client.ErrIdentity
	}
	return nil
}

func (one) Met(context.Context, ed25519.PublicKey) error { return nil }

// serverIdentity is who the server is: the identity in the configuration folder,
// or, where there is no such folder, one until it ends.
func serverIdentity(ctx context.Context, env Env, log *slog.Logger) (*identity.Identity, error) {
	dir, err := identityDir(env)
	if err != nil {
		log.Warn("there is no configuration folder: players will refuse this server when it is started again", "hint", "set SECSTREAM_CONFIG_DIR")
		return identity.Ephemeral()
	}
	id, made, err := identity.Create(ctx, dir)
	if err != nil {
		return nil, err
	}
	if made {
		log.Info("made an identity for this server", "fingerprint", id.Fingerprint().String(), "file", id.Path())
	}
	return id, nil
}
