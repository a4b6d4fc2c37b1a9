package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"secstream/pkg/bench"
	"secstream/pkg/slicer"
)

type benchOptions struct {
	files  []string
	slices []time.Duration
	time   time.Duration
	quick  bool
	asJSON bool
}

func benchCommand(env Env) *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "prove the protected path on this machine, then time it",
		ArgsUsage: "[FILE...]",
		Description: "Packs slices of each FILE, opens them and compares; flipped bits and wrong keys must be\n" +
			"refused. Only then it times each step, beside the machine's bare AES-256-GCM on as many\n" +
			"bytes, measured in turn: the ratio of the two is the figure that counts. Files are read\n" +
			"from the system's cache. All this is by protocol v1, as it was when figures began to be\n" +
			"kept; protocol v2, which serve and play speak by default, stands beside it in a table of its\n" +
			"own, measured in turn with v1 on a WAV and a coded file. Without FILE it makes a test\n" +
			"signal, as WAV and FLAC; MP3 and Ogg are measured on files only.\n\n" +
			"Exit codes: 0 measured, 1 failed or not exact, 2 wrong usage, 3 audio that cannot be read,\n" +
			"130 interrupted.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "slice", Usage: "slice `LENGTH`s, 1s to 30s, as 2s or 1s,10s (default: 1s,5s,30s; 5s with --quick)"},
			&cli.DurationFlag{Name: "time", Value: 250 * time.Millisecond, Usage: "about how long each measurement takes, 1ms to 1m; 40ms with --quick"},
			&cli.BoolFlag{Name: "quick", Usage: "less exact, in a few seconds"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON, schema " + bench.Schema},
		},
		Action: func(c *cli.Context) error {
			o := benchOptions{files: c.Args().Slice(), quick: c.Bool("quick"), asJSON: c.Bool("json")}
			if c.IsSet("time") { // package bench knows the defaults
				o.time = c.Duration("time")
			}
			var err error
			if o.slices, err = parseLengths(c.String("slice")); err != nil {
				return err
			}
			if c.IsSet("time") && (o.time < time.Millisecond || o.time > time.Minute) {
				return usageErrorf("as --time 1s", "--time %v: it must be between 1ms and 1m", o.time)
			}
			return runBench(c.Context, env, o)
		},
	}
}

// parseLengths reads slice lengths with commas between them; none is fine.
func parseLengths(text string) ([]time.Duration, error) {
	var list []time.Duration
	for field := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		d, err := time.ParseDuration(strings.TrimSpace(field))
		switch {
		case err != nil:
			return nil, usageErrorf("as --slice 5s or --slice 1s,30s", "--slice %s: %q is not a length", text, field)
		case d < slicer.MinMillis*time.Millisecond || d > slicer.MaxMillis*time.Millisecond:
			return nil, usageErrorf("as --slice 5s", "--slice %v: it must be between 1s and 30s", d)
		case d%time.Millisecond != 0:
			return nil, usageErrorf("as --slice 2500ms", "--slice %v: only whole milliseconds", d)
		}
		list = append(list, d)
	}
	return list, nil
}

func runBench(ctx context.Context, env Env, o benchOptions) error {
	cfg := bench.Config{Files: o.files, Slices: o.slices, Time: o.time, Quick: o.quick}
	const wipe = "\r\x1b[K"
	if env.StderrTTY {
		cfg.Progress = func(text string) { fmt.Fprint(env.Stderr, wipe+printable(text)+" …") }
	}
	report, err := bench.Run(ctx, cfg)
	if env.StderrTTY {
		fmt.Fprint(env.Stderr, wipe)
	}
	if err != nil {
		return err
	}
	if !o.asJSON {
		_, err := env.Stdout.Write(benchText(report))
		return err
	}
	enc := newJSON(env.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}
