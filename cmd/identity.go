package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"secstream/pkg/identity"
)

// identityDir is where this server's identity is kept.
func identityDir(env Env) (string, error) {
	dir, err := env.configDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "identity"), nil
}

func identityCommand(env Env) *cli.Command {
	show := func(c *cli.Context) error { return runIdentityShow(env, jsonAsked(c)) }
	return &cli.Command{
		Name:  "identity",
		Usage: "show, make and hand out this server's identity",
		Description: "A server proves by its identity, a secret key, that it is the one players have met\n" +
			"before. People know it by its fingerprint. Without a command it is shown.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: show,
		Subcommands: []*cli.Command{
			newCommand(&cli.Command{
				Name: "show", Usage: "print the fingerprint, where the key is, and when it was made",
				Flags: []cli.Flag{jsonFlag()}, Action: alone(show),
			}),
			newCommand(&cli.Command{
				Name: "new", Usage: "make another key: all players refuse until they accept it",
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "yes", Usage: "do not ask"},
				},
				Action: alone(func(c *cli.Context) error { return runIdentityNew(c.Context, env, c.Bool("yes")) }),
			}),
			newCommand(&cli.Command{
				Name: "export", Usage: "print what players know the server by", ArgsUsage: "[ADDRESS]",
				Description: "Prints the fingerprint alone. With the ADDRESS that players reach the server at,\n" +
					"prints one that has the fingerprint in it, so that also their first contact is sure.",
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "qr", Usage: "draw it as a QR code, too"},
					&cli.BoolFlag{Name: "invert", Usage: "swap black and white of the code: for a light terminal without colours"},
				},
				Action: func(c *cli.Context) error {
					if c.NArg() > 1 {
						return usageErrorf("secstream identity export 192.0.2.7:8420", "identity export takes one address at most")
					}
					return runIdentityExport(env, exportOptions{address: c.Args().First(), qr: c.Bool("qr"), invert: c.Bool("invert")})
				},
			}),
		},
	}
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }

// jsonAsked: --json may stand behind any of the words of a command.
func jsonAsked(c *cli.Context) bool {
	for _, up := range c.Lineage() {
		if up.Command != nil && up.Bool("json") {
			return true
		}
	}
	return false
}

// alone is an action that takes no arguments.
func alone(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.Args().Present() {
			return usageErrorf(called(c), "%s takes no arguments", strings.TrimPrefix(called(c), "secstream "))
		}
		return action(c)
	}
}

func loadIdentity(env Env) (*identity.Identity, error) {
	dir, err := identityDir(env)
	if err != nil {
		return nil, err
	}
	return identity.Load(dir)
}

func runIdentityShow(env Env, asJSON bool) error {
	id, err := loadIdentity(env)
	if err != nil {
		return err
	}
	if asJSON {
		return newJSON(env.Stdout).Encode(map[string]any{"fingerprint": id.Fingerprint(), "path": id.Path(), "made": id.Made()})
	}
	fmt.Fprintf(env.Stdout, "%s\nin %s, made %s\n", id.Fingerprint(), printable(id.Path()), id.Made().Format(time.DateOnly))
	return nil
}

// runIdentityNew asks before it makes players refuse; where there is no identity
// yet, nobody knows one.
func runIdentityNew(ctx context.Context, env Env, yes bool) error {
	dir, err := identityDir(env)
	if err != nil {
		return err
	}
	if _, err := identity.Load(dir); !errors.Is(err, fs.ErrNotExist) && !yes {
		if err := confirmNew(env, err); err != nil {
			return err
		}
	}
	id, kept, err := identity.Replace(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout, id.Fingerprint())
	if kept == "" {
		return nil
	}
	fmt.Fprintf(env.Stderr, "A server that runs keeps the identity it has until it is started again. Then every player that\n"+
		"knows the old one refuses until it is told:  secstream pins accept ADDRESS %s\n", id.Fingerprint())
	fmt.Fprintf(env.Stderr, "The old key is kept. To go back:  %s\nOr, if somebody else may have it, remove it:  rm %s\n",
		printable(quoteAll([]string{"mv", kept, id.Path()})), printable(quoteAll([]string{kept})))
	return nil
}

// confirmNew returns nil when the person at the terminal says yes. broken is why
// the present identity cannot be used, or nil.
func confirmNew(env Env, broken error) error {
	if !env.StdinTTY {
		return usageErrorf("secstream identity new --yes", "every player will refuse a new identity until it accepts it, and there is nobody to ask whether that is meant")
	}
	if broken != nil {
		fmt.Fprintf(env.Stderr, "The identity there is cannot be used: %s\n", clean(broken))
	}
	fmt.Fprint(env.Stderr, "Every player that knows this server will refuse it until it accepts the new identity.\nType yes to make one: ")
	answer, err := bufio.NewReader(env.Stdin).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" {
		if err != nil {
			fmt.Fprintln(env.Stderr)
		}
		return errors.New("nothing was changed")
	}
	return nil
}

type exportOptions struct {
	address    string // "" for the fingerprint alone
	qr, invert bool
}

func runIdentityExport(env Env, o exportOptions) error {
	id, err := loadIdentity(env)
	if err != nil {
		return err
	}
	text := id.Fingerprint().String()
	if o.address != "" {
		base, err := identity.Canonical(o.address)
		if err != nil {
			return err
		}
		text = identity.Address{URL: base, Fingerprint: id.Fingerprint()}.String()
	}
	if o.qr {
		look := qrLook{colors: env.StdoutTTY && colorWanted(os.Getenv), invert: o.invert}
		if env.StdoutTTY {
			look.width = env.Width()
		}
		code, err := drawQR(text, look)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(env.Stdout, code); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(env.Stdout, text)
	return err
}
