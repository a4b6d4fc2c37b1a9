package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
)

func serveCommand(env Env) *cli.Command {
	flags := serveFlags()
	told := newSettings(flags)
	return &cli.Command{
		Name:      "serve",
		Usage:     "host a folder of audio as sealed slices",
		ArgsUsage: "PATH...",
		Description: "Serves the WAV, MP3, FLAC and Ogg files under each PATH (folders and files) over the slice\n" +
			"API. The folder is only read. Tracks appear as they are found; changes are noticed.\n" +
			"Ctrl-C lets requests finish and ends with 0. SIGHUP reads --config, tokens and certificates again.\n\n" +
			"Exit codes: 0 ended on request, 1 failed, 2 wrong usage.",
		Flags: flags,
		Action: func(c *cli.Context) error {
			s, err := told.hear(c).read()
			if err != nil {
				return err
			}
			o, err := s.options()
			if err != nil {
				return err
			}
			if c.Bool(printOption) {
				return s.print(env.Stdout)
			}
			if o.pair = c.Bool(pairOption); o.pair {
				if err := o.checkPair(); err != nil {
					return err
				}
			}
			if len(o.paths) == 0 && !o.live.AllowUpload {
				return usageErrorf("secstream serve FOLDER", "serve needs a folder or files to serve")
			}
			return runServe(c.Context, env, s, o)
		},
	}
}

// runServe serves until ctx ends, then drains.
func runServe(ctx context.Context, env Env, set settings, o serveOptions) error {
	hangups, deaf := env.hangups()
	defer deaf()
	level := new(slog.LevelVar)
	level.Set(o.level())
	log := newLogger(env.Stderr, o.logFormat, level)
	h, err := newHost(env, o, log)
	if err != nil {
		return err
	}
	defer h.close()
	ln, operators, err := bindAll(ctx, o)
	if err != nil {
		return err
	}
	stdout := env.Stdout
	if o.quiet {
		stdout = io.Discard
	}
	h.announce(stdout, ln.Addr())
	warnExposed(log, ln.Addr(), h)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	if operators != nil {
		fmt.Fprintf(stdout, "metrics on http://%s/metrics\n", dialable(operators.Addr()))
		warnMetrics(log, operators.Addr())
		g.Go(func() error {
			return serveUntil(ctx, operators, guardHost(operators.Addr(), h.operators(), log), nil, log)
		})
	}
	if h.lib != nil {
		g.Go(func() error { return h.lib.Run(ctx) })
	}
	g.Go(func() error { h.store.Sweep(ctx); return nil })
	g.Go(func() error {
		return serveUntil(ctx, ln, guardHost(ln.Addr(), h.handler, log), h.tls.settings(), log)
	})
	s := &service{set: set, host: h, level: level, log: log, stdout: stdout, deserted: env.deserted, end: cancel}
	g.Go(func() error { return s.run(ctx, hangups, ln.Addr()) })
	return g.Wait()
}

// bindAll listens for players and, if there is to be such a listener, for
// operators.
func bindAll(ctx context.Context, o serveOptions) (ln, operators net.Listener, err error) {
	if ln, err = bind(ctx, o.listen); err != nil || o.metrics == "" {
		return ln, nil, err
	}
	if operators, err = bind(ctx, o.metrics); err != nil {
		_ = ln.Close() // nobody has come yet
		return nil, nil, err
	}
	return ln, operators, nil
}

// newLogger writes what is logged to w. level may change at any time.
func newLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(escaper{w}, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
