package cmd

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
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
	events  *json.Encoder // nil unless programs are told, too

	stored bool         // the token is one that is kept
	news   atomic.Bool  // it was not known before
	status atomic.Value // a string
}

// What a server's identity is to this player, once it is proved. That of a server
// which is another than before is an error.
const (
	statusNew   = "new"   // met for the first time, and pinned
	statusKnown = "known" // as it is pinned
	statusGiven = "given" // met for the first time, or not pinned, and as the user gave it
)

// Status is one of these, or "" while the server has not proved anything. It
// stays what it was at first as long as the program runs.
func (t *trust) Status() string {
	text, _ := t.status.Load().(string)
	return text
}

// settle notes the status of a server that has proved to have key, and tells of
// it the first time: people of a new one, programs of all.
func (t *trust) settle(news bool, key ed25519.PublicKey) {
	status, text := statusKnown, "this server is the one that it was before"
	switch {
	case t.want != nil && (news || t.pins == nil):
		status, text = statusGiven, "this server is the one whose fingerprint was given"
	case news:
		status = statusNew
		text = "met this server for the first time; it is " + identity.FingerprintOf(key).String() + ", and no other from now on"
	}
	if !t.status.CompareAndSwap(nil, status) {
		return
	}
	if t.events != nil {
		_ = t.events.Encode(identityEvent{text, status, identity.FingerprintOf(key)}) // nobody is left to tell
	} else if status == statusNew {
		t.tell("identity", text)
	}
}

// identityEvent is what programs are told of who the server is.
type identityEvent struct {
	Identity    string               `json:"identity"`
	Status      string               `json:"status"`
	Fingerprint identity.Fingerprint `json:"fingerprint"`
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
	if verdict == identity.New {
		t.news.Store(true) // and it stays so: several tracks may be opened at once
	}
	if verdict == identity.Changed {
		return &identity.Mismatch{Pin: pin, Got: got}
	}
	return nil
}

// Met implements client.Trust.
func (t *trust) Met(ctx context.Context, key ed25519.PublicKey) error {
	if t.pins == nil {
		t.settle(false, key)
		return nil
	}
	err := t.pins.Remember(ctx, t.address, key)
	news := t.news.Load()
	if err != nil && (news && t.Status() == "" || as[*identity.Mismatch](err)) {
		return err
	}
	if err != nil {
		t.tell("warning", "when this server was last seen is not noted: "+err.Error())
	}
	t.settle(news, key)
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
