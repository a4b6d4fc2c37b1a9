package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"secstream/pkg/client"
	"secstream/pkg/identity"
	"secstream/pkg/pair"
	"secstream/pkg/token"
	"secstream/pkg/wire"
)

// entrance is a door, and the secret that its address has.
type entrance struct {
	*pair.Door
	secret identity.Secret
}

// openEntrance lets one player in who is given the secret. Its token goes into
// the token file, which reload reads again.
func openEntrance(o serveOptions, id *identity.Identity, reload func() error, log *slog.Logger) (*entrance, error) {
	e := &entrance{secret: identity.NewSecret()}
	var err error
	e.Door, err = pair.Open(pair.Config{
		Identity: id, Secret: e.secret.Bytes(), Logger: log,
		Token: func(ctx context.Context, name string) (text, kept string, err error) {
			if text, kept, err = addToken(ctx, o.tokenFile, name); err != nil {
				return "", "", err
			}
			if err := reload(); err != nil {
				log.Warn("the token of a player that paired is not taken yet", "name", kept, "err", clean(err))
			}
			return text, kept, nil
		},
	})
	return e, err
}

// maxNamesakes is how many players may call themselves the same.
const maxNamesakes = 999

// addToken makes a token for name, or where that is taken for name-2 and so on.
func addToken(ctx context.Context, path, name string) (text, kept string, err error) {
	for n := 1; n <= maxNamesakes; n++ {
		kept = name
		if n > 1 {
			suffix := "-" + strconv.Itoa(n)
			kept = name[:min(len(name), wire.MaxName-len(suffix))] + suffix
		}
		if text, err = token.Add(ctx, path, kept); !errors.Is(err, token.ErrTaken) {
			break
		}
	}
	return text, kept, err
}

// playerName is what this player calls itself: name, or that of this machine
// with what no name may have left out.
func playerName(name string) string {
	if name != "" {
		return name
	}
	host, _ := os.Hostname() // a machine without a name is a player all the same
	host = strings.Map(func(r rune) rune {
		if r < 0x80 && wire.PairName(string(r)) {
			return r
		}
		return -1
	}, host)
	return cmp.Or(host[:min(len(host), wire.MaxName)], "player")
}

// openPaired opens the tokens that servers gave this user's players.
func openPaired(env Env) (*identity.Paired, error) {
	dir, err := env.configDir()
	if err != nil {
		return nil, err
	}
	return identity.OpenPaired(filepath.Join(dir, "paired"))
}

// pairable says whether address is one for pairing.
func pairable(address string) bool {
	a, err := identity.ParseAddress(address)
	return err == nil && !a.Pair.IsZero()
}

// pair has the server let this player in, if address is one for pairing, and
// keeps its identity and the token. A player that was let in before, as by the
// same line of a shell's history, goes on with the token it has. It notes in a
// whether the server was met for the first time.
func (a *access) pair(ctx context.Context, env Env, address string, tell teller) error {
	known, err := identity.ParseAddress(address)
	if err != nil || known.Pair.IsZero() {
		return nil //nolint:nilerr // what is no address at all is told of later
	}
	kept, err := openPaired(env)
	if err != nil {
		return err
	}
	pins, err := openPins(env)
	if err != nil {
		return err
	}
	if err := a.mayPair(kept, known.URL, address); err != nil {
		return err
	}
	t := &trust{pins: pins, address: known.URL, want: &known.Fingerprint, tell: tell}
	cfg := client.Config{Fingerprint: a.fingerprint, Trust: t}
	c, err := client.New(known.URL, cfg)
	if err != nil {
		return err
	}
	had, err := storedToken(kept, pins, known.URL, &known.Fingerprint)
	if err != nil {
		return err
	}
	text, err := c.Pair(ctx, known.Pair.Bytes(), known.Fingerprint, playerName(a.name))
	a.met = t.news.Load()
	if errors.Is(err, client.ErrPairing) && had != "" {
		tell("paired", "this address is used up; going on with the token that is kept")
		return nil
	}
	if isCode(wire.Forbidden)(err) && !errors.Is(err, client.ErrPairing) {
		return withHint(err, "it takes nobody who calls it by this address; whoever runs it can tell another, and what --listen has to be for it")
	}
	if err != nil {
		return vouch(err, "play", identity.Redact(address))
	}
	if err := kept.Keep(ctx, known.URL, text); err != nil {
		return withHint(fmt.Errorf("the server has taken this player, and its token cannot be kept: %w", err), "ask for another address to pair by, once that is mended")
	}
	tell("paired", known.URL+" takes this player from now on; that address plays it")
	return nil
}

// mayPair refuses to use an address up for a token that could not be sent then.
func (a access) mayPair(kept *identity.Paired, url, address string) error {
	host, open := inTheOpen(url)
	allowed, err := kept.InClear(url)
	if err != nil || !open || allowed || a.inClear {
		return err
	}
	return withHint(fmt.Errorf("the token that lets a player in at %s %w", host, errInClear),
		"best is a server with TLS, as by \"serve --tls self\"; if you trust the network, it is the same with --token-in-clear in front of the address: secstream play --token-in-clear %s",
		quoteAll([]string{identity.Redact(address)}))
}

// storedToken is the token that the server at address gave when it was paired
// with, for that address alone. Where no identity is pinned there, or another than
// want, it is "": whoever answers would be given the token before saying who it
// is.
func storedToken(kept *identity.Paired, pins *identity.Pins, address string, want *identity.Fingerprint) (string, error) {
	text, err := kept.Token(address)
	if err != nil || text == "" {
		return "", err
	}
	pin, err := pins.Find(address)
	if errors.Is(err, identity.ErrUnknown) || err == nil && want != nil && *want != pin.Fingerprint {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return text, nil
}
