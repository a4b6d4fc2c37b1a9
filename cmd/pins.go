package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"secstream/pkg/identity"
)

// openPins opens the pins of this user.
func openPins(env Env) (*identity.Pins, error) {
	dir, err := env.configDir()
	if err != nil {
		return nil, err
	}
	return identity.Open(filepath.Join(dir, "pins"))
}

// acceptHint is the command that takes the key of a server that was refused.
func acceptHint(m *identity.Mismatch) string {
	call := quoteAll([]string{"secstream", "pins", "accept", m.Pin.Address, m.Got.String()})
	return "somebody may stand in between; only if whoever runs the server says that this is its identity now: " + call
}

func pinsCommand(env Env) *cli.Command {
	list := func(c *cli.Context) error { return runPinsList(env, jsonAsked(c)) }
	return &cli.Command{
		Name:  "pins",
		Usage: "list, accept and remove the identities of servers",
		Description: "A player remembers the identity of each server it meets, and refuses one that has\n" +
			"another later. Without a command they are listed.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: list,
		Subcommands: []*cli.Command{
			newCommand(&cli.Command{
				Name: "list", Usage: "print the servers whose identity is known",
				Flags: []cli.Flag{jsonFlag()}, Action: alone(list),
			}),
			newCommand(&cli.Command{
				Name: "accept", Usage: "take this identity of a server and no other from now on", ArgsUsage: "ADDRESS FINGERPRINT",
				Description: "Only do that if whoever runs the server says that this is its fingerprint.",
				Action: func(c *cli.Context) error {
					if c.NArg() != 2 {
						return usageErrorf("as secstream pins accept http://192.0.2.7:8420 SHA256:...", "pins accept needs an address and a fingerprint")
					}
					return runPinsAccept(c.Context, env, c.Args().Get(0), c.Args().Get(1))
				},
			}),
			newCommand(&cli.Command{
				Name: "remove", Usage: "forget a server: whatever identity it has next is taken", ArgsUsage: "ADDRESS",
				Action: func(c *cli.Context) error {
					if c.NArg() != 1 {
						return usageErrorf("as secstream pins remove http://192.0.2.7:8420", "pins remove needs one address")
					}
					return runPinsRemove(c.Context, env, c.Args().First())
				},
			}),
		},
	}
}

// pinJSON is a pin for programs.
type pinJSON struct {
	Address     string               `json:"address"`
	Fingerprint identity.Fingerprint `json:"fingerprint"`
	Key         []byte               `json:"key,omitempty"`       // base64; not there until it was seen
	FirstSeen   *time.Time           `json:"firstSeen,omitempty"` // nor are these
	LastSeen    *time.Time           `json:"lastSeen,omitempty"`
}

func runPinsList(env Env, asJSON bool) error {
	pins, err := openPins(env)
	if err != nil {
		return err
	}
	list, err := pins.List()
	if err != nil {
		return err
	}
	if asJSON {
		out := make([]pinJSON, len(list))
		for i, p := range list {
			if out[i] = (pinJSON{Address: p.Address, Fingerprint: p.Fingerprint, Key: p.Key}); p.Key != nil {
				out[i].FirstSeen, out[i].LastSeen = &p.First, &p.Last
			}
		}
		return newJSON(env.Stdout).Encode(map[string]any{"pins": out})
	}
	for _, p := range list {
		seen := "accepted, not seen yet"
		if p.Key != nil {
			seen = "first seen " + p.First.Format(time.DateOnly) + ", last " + p.Last.Format(time.DateOnly)
		}
		fmt.Fprintf(env.Stdout, "%s  %s\n  %s\n", p.Address, seen, p.Fingerprint)
	}
	return nil
}

func runPinsAccept(ctx context.Context, env Env, address, text string) error {
	fingerprint, err := identity.ParseFingerprint(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	pins, err := openPins(env)
	if err != nil {
		return err
	}
	if err := forgetOther(ctx, env, pins, address, fingerprint); err != nil {
		return err
	}
	was, now, err := pins.Accept(ctx, address, fingerprint)
	if err != nil {
		return err
	}
	switch {
	case was.Address == "":
		fmt.Fprintf(env.Stderr, "%s has to have this identity from now on.\n", now.Address)
	case was.Fingerprint == fingerprint:
		fmt.Fprintf(env.Stderr, "%s has had to have this identity before.\n", now.Address)
	default:
		fmt.Fprintf(env.Stderr, "%s has to have this identity from now on, and no longer\n%s.\n", now.Address, was.Fingerprint)
	}
	return nil
}

// forgetOther forgets the token for address unless the identity there is f already:
// it is not for whoever is there now. That comes before f is accepted, as nobody
// is given the token of a server that is not pinned so.
func forgetOther(ctx context.Context, env Env, pins *identity.Pins, address string, f identity.Fingerprint) error {
	kept, err := openPaired(env)
	if err != nil {
		return err
	}
	pin, err := pins.Find(address)
	if err == nil && pin.Fingerprint == f {
		return nil
	}
	if err != nil && !errors.Is(err, identity.ErrUnknown) {
		return err
	}
	had, err := kept.Forget(ctx, address)
	if had {
		fmt.Fprintln(env.Stderr, "The token that let this player in there is forgotten: pair it again.")
	}
	return err
}

func runPinsRemove(ctx context.Context, env Env, address string) error {
	pins, err := openPins(env)
	if err != nil {
		return err
	}
	kept, err := openPaired(env)
	if err != nil {
		return err
	}
	paired, err := kept.Forget(ctx, address) // first: without its pin it would not be sent, and be there still
	if err != nil {
		return err
	}
	if paired {
		fmt.Fprintln(env.Stderr, "The token it gave this player is removed here; whoever runs it has \"secstream token remove\".")
	}
	was, err := pins.Remove(ctx, address)
	if paired && errors.Is(err, identity.ErrUnknown) {
		return nil
	}
	if err == nil {
		fmt.Fprintf(env.Stderr, "%s is forgotten: whatever identity it has next is taken. It was\n%s.\n", was.Address, was.Fingerprint)
	}
	return err
}
