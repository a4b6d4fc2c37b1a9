// Package cmd is the command line: it parses flags, builds every object,
// connects them, and speaks to people. Nothing imports it but main.
package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"secstream/pkg/identity"
)

// Run is the program: Main with the arguments, streams and signals of the
// process. The first interrupt or SIGTERM ends it in good order, the second at
// once. So does SIGHUP, of a terminal that is closed, unless a command takes it
// (Env.Hangups) or whoever started it had it ignored.
func Run() int {
	signal.Ignore(syscall.SIGPIPE) // a reader that left shows as a failed write, which cleans up
	ctx, end := context.WithCancel(context.Background())
	first := make(chan os.Signal, 1)
	signal.Notify(first, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(first, syscall.SIGHUP)
	}
	go func() {
		<-first
		signal.Stop(first) // before anything shows that it ends: whoever sees it may send the second
		end()
	}()
	return Main(ctx, os.Args, SystemEnv())
}

// Main runs one command and returns its exit code. args[0] is the program.
func Main(ctx context.Context, args []string, env Env) int {
	app := newApp(env)
	err := app.RunContext(ctx, args)
	return report(ctx, env, slices.ContainsFunc(args, asksJSON), err)
}

// asksJSON: the flag as it may be written, since an error may come before
// flags are parsed.
func asksJSON(arg string) bool {
	name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return name == "json" && strings.HasPrefix(arg, "-") && value != "false"
}

func newApp(env Env) *cli.App {
	return &cli.App{
		Name:      "secstream",
		Usage:     "package and play protected audio",
		UsageText: "secstream COMMAND [options] [arguments]",
		Description: "Audio is cut into short slices, each sealed with keys agreed for the session. That is\n" +
			"friction against copying and real protection on the way. It is not DRM: whoever may\n" +
			"listen can also record.",
		Version:         version(),
		HideHelpCommand: true,
		Writer:          env.Stdout,
		ErrWriter:       env.Stderr,
		ExitErrHandler:  func(*cli.Context, error) {}, // report does it
		OnUsageError:    usage,
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return usageErrorf(hintFor(c.App, name), "there is no command %q", name)
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{
			newCommand(serveCommand(env)),
			newCommand(playCommand(env)),
			newCommand(devicesCommand(env)),
			newCommand(probeCommand(env)),
			newCommand(benchCommand(env)),
			newCommand(tokenCommand(env)),
			newCommand(identityCommand(env)),
			newCommand(pinsCommand(env)),
		},
	}
}

// newCommand adds what urfave/cli leaves out: usage errors that come back
// instead of being printed to standard output, and a clear word about flags
// behind the arguments, which it would take for arguments.
func newCommand(c *cli.Command) *cli.Command {
	c.OnUsageError = usage
	c.HideHelpCommand = true
	for _, f := range c.Flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true // "false" for each tells nothing
		}
	}
	if len(c.Subcommands) > 0 {
		c.Action = noneOf(c, c.Action)
		return c
	}
	action := c.Action
	c.Action = func(ctx *cli.Context) error {
		if err := lateFlag(ctx, c); err != nil {
			return err
		}
		return action(ctx)
	}
	return c
}

// noneOf is the action of a command whose parts do the work, when none of them
// is named: bare, or where that is nil an error.
func noneOf(c *cli.Command, bare cli.ActionFunc) cli.ActionFunc {
	names := make([]string, len(c.Subcommands))
	for i, part := range c.Subcommands {
		names[i] = part.Name
	}
	return func(ctx *cli.Context) error {
		hint := fmt.Sprintf("%q shows them", "secstream "+c.Name+" --help")
		if name := ctx.Args().First(); name != "" {
			return usageErrorf(hint, "there is no command %q", c.Name+" "+name)
		}
		if bare != nil {
			return bare(ctx)
		}
		return usageErrorf(hint, "%s needs one of: %s", c.Name, strings.Join(names, ", "))
	}
}

// called is a command's name with those it stands below, as it is typed.
func called(ctx *cli.Context) string {
	words := []string{"secstream"}
	for _, up := range slices.Backward(ctx.Lineage()) {
		if up.Command != nil && up.Command.Name != "" && up.Command.Name != "secstream" {
			words = append(words, up.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// usage puts what urfave/cli says of a flag in plain words.
func usage(ctx *cli.Context, err error, sub bool) error {
	help := "secstream --help"
	if sub {
		help = called(ctx) + " --help"
	}
	help = fmt.Sprintf("%q shows how it is called", help)
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return usageErrorf(help, "there is no flag --%s", strings.TrimLeft(name, "-"))
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return usageErrorf(exampleOf(ctx, strings.TrimLeft(name, "-"), "--%s %s", help), "--%s needs a value", strings.TrimLeft(name, "-"))
	}
	var value, kind, flag, variable string
	if n, _ := fmt.Sscanf(text, "could not parse %q as %s value from environment variable %q for flag %s", &value, &kind, &variable, &flag); n == 4 {
		hint := exampleOf(ctx, strings.TrimSuffix(flag, ":"), variable+"=%[2]s", "")
		return usageErrorf(strings.TrimPrefix(hint+", or unset it", ", or "), "%s=%s cannot be read", variable, value)
	}
	if n, _ := fmt.Sscanf(text, "invalid boolean value %q for -%s", &value, &flag); n == 2 {
		return usageErrorf(help, "--%s takes no value", strings.TrimSuffix(flag, ":"))
	}
	if n, _ := fmt.Sscanf(text, "invalid value %q for flag -%s", &value, &flag); n == 2 {
		flag = strings.TrimSuffix(flag, ":")
		return usageErrorf(exampleOf(ctx, flag, "--%s %s", help), "--%s %q cannot be read", flag, value)
	}
	return usageErrorf(help, "%s", text)
}

// exampleOf shows a flag with its default, in a layout of name and value, or
// is otherwise where it has none.
func exampleOf(ctx *cli.Context, name, layout, otherwise string) string {
	for _, f := range ctx.Command.Flags {
		d, ok := f.(cli.DocGenerationFlag)
		if ok && slices.Contains(f.Names(), name) && d.GetDefaultText() != "" {
			return fmt.Sprintf("as "+layout, name, d.GetDefaultText())
		}
	}
	return otherwise
}

func hintFor(app *cli.App, name string) string {
	for _, c := range app.Commands {
		if strings.HasPrefix(c.Name, name[:1]) {
			return fmt.Sprintf("did you mean \"secstream %s\"? \"secstream --help\" lists the commands", c.Name)
		}
	}
	return "\"secstream --help\" lists the commands"
}

// lateFlag refuses a flag that stands behind an argument and shows the call
// as it was meant.
func lateFlag(ctx *cli.Context, c *cli.Command) error {
	args := ctx.Args().Slice()
	first := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") && len(a) > 1 })
	if first < 1 { // flags in front are parsed; "--" hands over all that follows
		return nil
	}
	var flags, rest []string
	flag, _, _ := strings.Cut(args[first], "=")
	for i := 0; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a, "-") || len(a) == 1 {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		if !strings.Contains(a, "=") && takesValue(c, strings.TrimLeft(a, "-")) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	for i := range rest {
		if identity.Claimed(rest[i]) {
			rest[i] = identity.Redact(rest[i])
		}
	}
	meant := slices.Concat(given(ctx), hideToken(flags), rest)
	return usageErrorf(called(ctx)+" "+quoteAll(meant), "flag %s comes after the %s", flag, firstArgument(c))
}

// hideToken takes a token out of flags that are to be shown.
func hideToken(flags []string) []string {
	for i, f := range flags {
		switch name, _, has := strings.Cut(strings.TrimLeft(f, "-"), "="); {
		case name != "token" || !strings.HasPrefix(f, "-"):
		case has:
			flags[i] = "--token=TOKEN"
		case i+1 < len(flags):
			flags[i+1] = "TOKEN"
		}
	}
	return flags
}

// firstArgument is what a command takes first, in plain words.
func firstArgument(c *cli.Command) string {
	name, _, _ := strings.Cut(c.ArgsUsage, "|")
	return strings.Trim(strings.ToLower(name), "[].")
}

// given are the flags that were parsed already.
func given(ctx *cli.Context) []string {
	var out []string
	for _, name := range ctx.LocalFlagNames() {
		if b, ok := ctx.Value(name).(bool); ok {
			if b {
				out = append(out, "--"+name)
			}
			continue
		}
		out = append(out, "--"+name, fmt.Sprint(ctx.Value(name)))
	}
	return hideToken(out)
}

func takesValue(c *cli.Command, name string) bool {
	for _, f := range c.Flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

// quoteAll writes words as they are typed at a shell. Any character that some
// shell may read as more than itself has its word quoted.
func quoteAll(words []string) string {
	const harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+-"
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.Trim(w, harmless) != "" {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
