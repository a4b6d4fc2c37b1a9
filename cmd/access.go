package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"secstream/pkg/client"
	"secstream/pkg/identity"
	"secstream/pkg/wire"
)

// access is what lets a command in at a server elsewhere, and what it knows the
// server by.
type access struct {
	token       string
	fingerprint string // of the TLS key
	identity    string // fingerprint
	protocol    int    // 0 for the best
	name        string // what this player calls itself when it pairs
	inClear     bool   // a stored token may go unencrypted
	asJSON      bool
	met         bool // for the first time, as this player paired
}

func accessFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "token", Usage: "`TOKEN` for a server that asks for one; others on this machine can see an option, but not the variable", EnvVars: []string{"SECSTREAM_TOKEN"}},
		&cli.StringFlag{Name: "fingerprint", Usage: "take only the server whose identity has this `FINGERPRINT`, as it printed it"},
		&cli.StringFlag{Name: "tls-fingerprint", Usage: "take only the server whose TLS key has this `FINGERPRINT`, as it printed it"},
		&cli.BoolFlag{Name: "token-in-clear", Usage: "send the token that a server gave this player by pairing unencrypted, there and from now on, for whoever reads the traffic to see"},
		&cli.IntFlag{Name: "protocol", Value: 2, Usage: "2, or 1 for servers that know no other; 1 does not tell who the server is"},
	}
}

func accessOf(c *cli.Context) access {
	return access{
		token: strings.TrimSpace(c.String("token")), fingerprint: strings.TrimSpace(c.String("tls-fingerprint")),
		identity: strings.TrimSpace(c.String("fingerprint")), protocol: c.Int("protocol"), name: c.String("name"),
		inClear: c.Bool("token-in-clear"), asJSON: c.Bool("json"),
	}
}

// validate refuses what would leave people with less safety than they asked
// for. command is the one that goes to the addresses.
func (a access) validate(command string, addresses []string) error {
	claimed := slices.ContainsFunc(addresses, identity.Claimed)
	switch {
	case a.protocol < 0 || a.protocol > 2:
		return usageErrorf("leave it out", "--protocol %d: there are 1 and 2", a.protocol)
	case a.protocol == 1 && (a.identity != "" || claimed):
		return usageErrorf("leave --protocol out", "protocol 1 does not tell who a server is, and a fingerprint is given")
	case a.identity != "" && len(addresses) == 0:
		return usageErrorf("leave it out", "--fingerprint is for an address, and none is given")
	case a.inClear && len(addresses) != 1:
		return usageErrorf("leave it out", "--token-in-clear is for one address, and %d are given", len(addresses))
	case a.identity != "" && claimed:
		return usageErrorf("leave it out", "--fingerprint is given, and the address has one of its own")
	}
	if a.identity != "" {
		if _, err := identity.ParseFingerprint(a.identity); err != nil {
			return err
		}
	}
	if a.fingerprint != "" && len(addresses) == 0 {
		return usageErrorf("leave it out", "--tls-fingerprint is for an address, and none is given")
	}
	if len(addresses) > 1 && (a.token != "" || a.fingerprint != "" || a.identity != "") {
		return usageErrorf("ask one after the other", "a token or a fingerprint is one server's, and %d addresses are given", len(addresses))
	}
	for _, address := range addresses {
		if scheme, rest, ok := strings.Cut(address, "://"); a.fingerprint != "" && (!ok || !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, identity.SchemeTLS)) {
			if !ok {
				rest = address
			}
			return usageErrorf("secstream "+quoteAll([]string{command, "--tls-fingerprint", a.fingerprint, "https://" + identity.Redact(rest)}),
				"--tls-fingerprint is for an https address, and %q is none", identity.Redact(address))
		}
	}
	return a.validatePairing(command, addresses)
}

// validatePairing: pairing is for players, which keep what they are given.
func (a access) validatePairing(command string, addresses []string) error {
	for _, address := range addresses {
		if identity.Claimed(address) {
			if _, err := identity.ParseAddress(address); err != nil {
				return err // before anything is said of an option that goes with it
			}
		}
	}
	pairs := slices.ContainsFunc(addresses, pairable)
	switch {
	case pairs && command != "play":
		return usageErrorf("play it first; then secstream "+command+" takes the address without ?pair=...", "%s does not pair with a server", command)
	case pairs && a.token != "":
		return usageErrorf("leave the token out, or \"?pair=...\"", "a token is given, and the address is for pairing, which gets one")
	case !pairs && a.name != "":
		return usageErrorf("leave it out", "--name is for an address that has ?pair=... in it")
	case a.name != "" && !wire.PairName(a.name):
		return usageErrorf("as --name kitchen", "--name %q: a name has 1 to %d letters, digits, dots, underlines and hyphens", a.name, wire.MaxName)
	}
	return nil
}

// server is a server elsewhere: its address, and what a client of it is made of.
func (a access) server(ctx context.Context, env Env, address string, tell teller) (string, client.Config, error) {
	cfg := client.Config{Token: a.token, Fingerprint: a.fingerprint, V1: a.protocol == 1}
	t := &trust{tell: tell}
	t.news.Store(a.met)
	if a.asJSON {
		t.events = newJSON(env.Stderr)
	}
	if identity.Claimed(address) {
		known, err := identity.ParseAddress(address)
		if err != nil {
			return "", cfg, err
		}
		address, t.want = known.URL, &known.Fingerprint
	}
	if a.identity != "" {
		f, err := identity.ParseFingerprint(a.identity)
		if err != nil {
			return "", cfg, err
		}
		t.want = &f
	}
	c, err := client.New(address, cfg) // its errors come before those of pins
	if err != nil {
		return "", cfg, err
	}
	t.address = c.Address()
	if cfg.V1 {
		if t.pins, err = openPins(env); err == nil && t.Known() {
			tell("warning", "this server has proved who it is before, and by protocol 1 it does not: nobody would notice somebody in between")
		}
		return address, cfg, nil
	}
	if t.pins, err = openPins(env); err != nil && (t.want == nil || !errors.Is(err, errNoConfig)) {
		return "", cfg, err
	}
	cfg.Trust = t
	if cfg.Token == "" && t.pins != nil {
		kept, err := openPaired(env)
		if err == nil {
			cfg.Token, err = storedToken(kept, t.pins, t.address, t.want)
			t.stored = cfg.Token != ""
		}
		if err == nil && cfg.Token != "" {
			err = a.mayGo(ctx, kept, t.address)
		}
		if err != nil {
			return "", cfg, err
		}
	}
	return address, cfg, nil
}

// errInClear is a stored token that would cross a network in the clear. Whoever
// typed a token knows where it goes; of one that a server gave this player
// nobody thinks any more, and whoever answers at the address gets it before saying
// who it is.
var errInClear = errors.New("goes there unencrypted, for whoever reads the traffic to use, and for whoever answers")

// mayGo refuses to send the token that is kept for address where it can be read,
// unless somebody has agreed to that, which is remembered.
func (a access) mayGo(ctx context.Context, kept *identity.Paired, address string) error {
	if _, open := inTheOpen(address); !open {
		return nil
	}
	if a.inClear {
		return kept.AllowClear(ctx, address)
	}
	allowed, err := kept.InClear(address)
	if err != nil || allowed {
		return err
	}
	return withHint(fmt.Errorf("the token that lets this player in at %s %w", address, errInClear),
		"best is a server with TLS, as by \"serve --tls self\"; if you trust the network: secstream play --token-in-clear %s", quoteAll([]string{address}))
}

// inTheOpen says whether what goes to address can be read on its way, and the
// host it goes to.
func inTheOpen(address string) (host string, open bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return "", false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Host, !strings.EqualFold(u.Hostname(), "localhost") && (ip == nil || !ip.IsLoopback())
}

// warnToken tells when the token crosses a network in the clear.
func warnToken(tell teller, token, address string) {
	if host, open := inTheOpen(address); open && token != "" {
		tell("warning", "the token goes to "+host+" unencrypted: whoever reads the traffic can use it; ask for an https address")
	}
}

// expired adds to the error of a server that refuses the token that is kept what
// can be done about that: it is not the person's, who never saw it. what is the
// Trust of the client, nil where there is none.
func expired(err error, what client.Trust) error {
	t, _ := what.(*trust)
	if t == nil || !t.stored || !isStatus(http.StatusUnauthorized)(err) {
		return err
	}
	return withHint(err, "the token that the server gave this player is taken back, or over; whoever runs it can let this player in anew, with \"secstream serve --pair\"")
}

// vouch adds to the error of a server that cannot be trusted how to trust it.
func vouch(err error, command, address string) error {
	u := new(client.Untrusted)
	if !errors.As(err, &u) || u.Fingerprint == "" {
		return err
	}
	call := "secstream " + quoteAll([]string{command, "--tls-fingerprint", u.Fingerprint, address})
	if u.Pinned != "" {
		return withHint(err, "somebody may stand in between; only if whoever runs the server says that this is its key now: %s", call)
	}
	return withHint(err, "compare this with the fingerprint that the server printed at its start, and if it is the same: %s", call)
}
