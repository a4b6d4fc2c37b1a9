package cmd

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"

	"secstream/pkg/client"
)

// access is what lets a command in at a server elsewhere, and what it knows the
// server by.
type access struct {
	token       string
	fingerprint string
}

func accessFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "token", Usage: "`TOKEN` for a server that asks for one; others on this machine can see an option, but not the variable", EnvVars: []string{"SECSTREAM_TOKEN"}},
		&cli.StringFlag{Name: "tls-fingerprint", Usage: "take only the server whose TLS key has this `FINGERPRINT`, as it printed it"},
	}
}

func accessOf(c *cli.Context) access {
	return access{token: strings.TrimSpace(c.String("token")), fingerprint: strings.TrimSpace(c.String("tls-fingerprint"))}
}

// validate refuses what would leave people with less safety than they asked
// for. command is the one that goes to the addresses.
func (a access) validate(command string, addresses []string) error {
	if a.fingerprint != "" && len(addresses) == 0 {
		return usageErrorf("leave it out", "--tls-fingerprint is for an address, and none is given")
	}
	if len(addresses) > 1 && (a.token != "" || a.fingerprint != "") {
		return usageErrorf("ask one after the other", "a token or a fingerprint is one server's, and %d addresses are given", len(addresses))
	}
	for _, address := range addresses {
		if scheme, rest, ok := strings.Cut(address, "://"); a.fingerprint != "" && (!ok || !strings.EqualFold(scheme, "https")) {
			if !ok {
				rest = address
			}
			return usageErrorf("secstream "+quoteAll([]string{command, "--tls-fingerprint", a.fingerprint, "https://" + rest}),
				"--tls-fingerprint is for an https address, and %q is none", address)
		}
	}
	return nil
}

// config is that of a client of one server.
func (a access) config() client.Config {
	return client.Config{Token: a.token, Fingerprint: a.fingerprint}
}

// warn tells when the token crosses a network in the clear.
func (a access) warn(tell teller, address string) {
	u, err := url.Parse(address)
	if a.token == "" || err != nil || u.Scheme != "http" {
		return
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
		tell("warning", "the token goes to "+u.Host+" unencrypted: whoever reads the traffic can use it; ask for an https address")
	}
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
