package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"secstream/pkg/token"
)

func tokenCommand(env Env) *cli.Command {
	return &cli.Command{
		Name:  "token",
		Usage: "make and remove the tokens that let listeners in",
		Description: "A server that is started with --token-file takes requests of those only who have a token. The\n" +
			"file has their hashes; a server that runs notices changes.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage.",
		Subcommands: []*cli.Command{
			newCommand(tokenPart(env, "add", "NAME", "make a token and print it: it is not shown again", runTokenAdd)),
			newCommand(tokenPart(env, "list", "", "print whose tokens there are, and since when", runTokenList)),
			newCommand(tokenPart(env, "remove", "NAME", "refuse a token from now on", runTokenRemove)),
		},
	}
}

// tokenPart is one of the commands on the file of tokens. args is what it
// takes, at most one word.
func tokenPart(env Env, name, args, usage string, run func(ctx context.Context, env Env, path, name string) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: args,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "token-file", Usage: "`FILE` of hashes; \"tokens\" in the configuration folder if it is not given", EnvVars: []string{"SECSTREAM_TOKEN_FILE"}},
		},
		Action: func(c *cli.Context) error {
			call := "secstream token " + name
			switch given := c.Args(); {
			case args != "" && given.Len() != 1:
				return usageErrorf("as "+call+" alice", "token %s needs one name", name)
			case args == "" && given.Present():
				return usageErrorf(call, "token %s takes no arguments", name)
			}
			path := c.String("token-file")
			if path == "" {
				dir, err := env.ConfigDir()
				if err != nil {
					return withHint(fmt.Errorf("find the file of tokens: %w", err), "name it with --token-file")
				}
				path = filepath.Join(dir, "tokens")
			}
			return run(c.Context, env, path, c.Args().First())
		},
	}
}

// runTokenAdd prints the token alone on standard output, so that it can be
// piped to where it is needed.
func runTokenAdd(ctx context.Context, env Env, path, name string) error {
	text, err := token.Add(ctx, path, name)
	if errors.Is(err, token.ErrTaken) {
		return withHint(err, "take another name, or first: secstream token remove --token-file %s", quoteAll([]string{path, name}))
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(env.Stdout, text); err != nil {
		return errors.Join(fmt.Errorf("print the token: %w", err), token.Remove(ctx, path, name)) // nobody has it
	}
	fmt.Fprintf(env.Stderr, "The token of %s is shown this once; %s has only its hash.\n", name, printable(path))
	fmt.Fprintf(env.Stderr, "The server asks for it:  secstream serve --token-file %s FOLDER\n", printable(quoteAll([]string{path})))
	fmt.Fprintln(env.Stderr, "The listener sends it:   SECSTREAM_TOKEN=... secstream play ADDRESS")
	return nil
}

func runTokenList(_ context.Context, env Env, path, _ string) error {
	set, err := token.List(path)
	if err != nil {
		return err
	}
	for _, e := range set {
		fmt.Fprintf(env.Stdout, "%s  %s\n", e.Made.Format(time.DateOnly), e.Name)
	}
	return nil
}

func runTokenRemove(ctx context.Context, env Env, path, name string) error {
	err := token.Remove(ctx, path, name)
	if errors.Is(err, token.ErrUnknown) {
		return withHint(err, "secstream token list --token-file %s shows them", quoteAll([]string{path}))
	}
	if err == nil {
		fmt.Fprintf(env.Stderr, "The token of %s is refused from now on.\n", name)
	}
	return err
}
