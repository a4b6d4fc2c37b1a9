package cmd

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/identity"
	"secstream/pkg/session"
)

// refusedAudio is what a library said of a file it cannot read.
type refusedAudio string

func (r refusedAudio) Error() string { return string(r) }

// Unwrap is the error behind the words: they may come from another machine.
func (r refusedAudio) Unwrap() error {
	for _, err := range []error{audio.ErrNotAudio, audio.ErrUnsupported, syscall.EACCES} {
		if strings.Contains(string(r), err.Error()) {
			return err
		}
	}
	return audio.ErrCorrupt
}

// listen connects to the one address among targets, with what lets it in there,
// or starts a server for the paths; either way it fetches as tune says.
func listen(ctx context.Context, env Env, targets []string, let access, tune tuning, tell teller) (*listener, error) {
	var addresses, paths []string
	for _, t := range targets {
		switch {
		case t == "":
			return nil, usageErrorf("is a variable unset? \".\" plays the folder you are in", "an argument is empty")
		case isURL(t):
			addresses = append(addresses, t)
		case exists(t):
			paths = append(paths, t)
		case isHostPort(t):
			addresses = append(addresses, t)
		default:
			return nil, withHint(fmt.Errorf("there is no file or folder %q", withoutSecret(t)), "an address looks like http://127.0.0.1:8420")
		}
	}
	if len(addresses) > 1 || len(addresses) == 1 && len(paths) > 0 {
		return nil, usageErrorf("one address, or any number of paths", "play takes one server, or paths, not both")
	}
	if err := let.validate("play", addresses); err != nil {
		return nil, err
	}
	if len(addresses) == 0 {
		return listenLocal(ctx, env, paths, tune)
	}
	if err := let.pair(ctx, env, addresses[0], tell); err != nil {
		return nil, err
	}
	address, cfg, err := let.server(ctx, env, addresses[0], tell)
	if err != nil {
		return nil, err
	}
	if err := tune.client(&cfg); err != nil {
		return nil, err
	}
	c, err := client.New(address, cfg)
	if err != nil {
		return nil, err
	}
	warnToken(tell, cfg.Token, c.Address())
	l := &listener{client: c, name: c.Address()}
	l.trust, _ = cfg.Trust.(*trust)
	return l, nil
}

func isURL(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") || identity.Claimed(text))
}

// withoutSecret is an argument that was meant to be an address, perhaps, without
// the secret of one for pairing.
func withoutSecret(text string) string {
	if strings.Contains(text, "pair=") {
		return identity.Redact(text)
	}
	return text
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil || !errors.Is(err, os.ErrNotExist)
}

func isHostPort(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n > 0 && n < 1<<16
}

// ownServer is what errors call a server of listenLocal, whose address is a
// secret.
const ownServer = "the player's own server"

// listenLocal runs a server on a loopback port. Its routes lie below a secret
// path, so that other users of this machine cannot listen along.
func listenLocal(ctx context.Context, env Env, paths []string, tune tuning) (*listener, error) {
	o := serveOptions{paths: paths, slice: session.DefaultMillis * time.Millisecond, variance: session.DefaultVariance}
	env.ConfigDir = func() (string, error) { return "", os.ErrNotExist } // its track IDs need not outlive it
	h, err := newHost(env, o, quiet())
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		h.close()
		return nil, err
	}
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	prefix := "/" + base64.RawURLEncoding.EncodeToString(b[:])

	run, stop := context.WithCancel(context.WithoutCancel(ctx)) // it must outlive the player, which takes leave of it
	g, run := errgroup.WithContext(run)
	g.Go(func() error { return h.lib.Run(run) })
	g.Go(func() error { h.store.Sweep(run); return nil })
	g.Go(func() error { return serveUntil(run, ln, http.StripPrefix(prefix, h.handler), nil, quiet()) })
	l := &listener{name: strings.Join(paths, ", "), paths: paths, local: h, stop: func() error {
		stop()
		err := g.Wait()
		h.close()
		return err
	}}
	cfg := client.Config{Name: ownServer, Trust: one{h.identity.Public()}}
	if err = tune.client(&cfg); err == nil {
		l.client, err = client.New("http://"+ln.Addr().String()+prefix, cfg)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}
