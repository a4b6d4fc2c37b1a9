package cmd

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"secstream/pkg/compress"
	"secstream/pkg/probe"
	"secstream/pkg/session"
	"secstream/pkg/slicer"
)

type probeOptions struct {
	targets     []string
	track       string
	long        bool
	asJSON      bool
	plan        bool
	pad         bool
	verify      bool
	slice       time.Duration
	randomize   bool
	variance    float64
	seed        string
	compression int
	paint       paint
	width       int // cells of the terminal, 0 when standard output is none
	access
}

func probeCommand(env Env) *cli.Command {
	return &cli.Command{
		Name:      "probe",
		Usage:     "show what audio files are, how they would be sliced, and whether they are sound",
		ArgsUsage: "FILE|DIR|ADDRESS...",
		Description: "Reads each FILE, each audio file below each DIR, and the library of the server at each\n" +
			"ADDRESS. Lengths are counted from the audio itself, not taken from what headers claim.\n\n" +
			"--plan shows the slices \"secstream serve\" would make of a file with the same options, sealed\n" +
			"by the real packer, and with --pad what padding costs; --verify decodes every slice by itself, as a player does.\n\n" +
			"Exit codes: 0 all is well, 1 failed or missing, 2 wrong usage, 3 audio that is damaged or\n" +
			"cannot be read, 4 server unreachable, 5 refused or forged, 130 interrupted.",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "long", Usage: "everything of each file, where there are several"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON, schema " + probe.Schema},
			&cli.BoolFlag{Name: "plan", Usage: "show the slices"},
			&cli.BoolFlag{Name: "pad", Usage: "with --plan, the slices of files as \"secstream serve --pad\" would send them, too", EnvVars: []string{"SECSTREAM_PAD"}},
			&cli.BoolFlag{Name: "verify", Usage: "decode every slice and compare with what the file says"},
			&cli.StringFlag{Name: "track", Usage: "of an ADDRESS only `TRACK`: a number in the list, an ID, a path, or part of a title"},
			&cli.DurationFlag{Name: "slice", Value: session.DefaultMillis * time.Millisecond, Usage: "slice length of files, 1s to 30s", EnvVars: []string{"SECSTREAM_SLICE"}},
			&cli.BoolFlag{Name: "randomize", Usage: "vary the slice lengths", EnvVars: []string{"SECSTREAM_RANDOMIZE"}},
			&cli.Float64Flag{Name: "variance", Value: session.DefaultVariance, Usage: "how much --randomize varies them, above 0 to 1", EnvVars: []string{"SECSTREAM_VARIANCE"}},
			&cli.StringFlag{Name: "seed", Value: "secstream", Usage: "`TEXT` that --randomize draws from; a session draws from its ID"},
			&cli.IntFlag{Name: "compression", Value: compress.DefaultLevel, Usage: "DEFLATE `LEVEL`, 0 to 9, for WAV; coded audio is never compressed again", EnvVars: []string{"SECSTREAM_COMPRESSION"}},
		}, accessFlags()...),
		Action: func(c *cli.Context) error {
			o := probeOptions{
				targets: c.Args().Slice(), track: c.String("track"), long: c.Bool("long"), asJSON: c.Bool("json"),
				plan: c.Bool("plan"), pad: c.Bool("pad"), verify: c.Bool("verify"), slice: c.Duration("slice"),
				randomize: c.Bool("randomize"), variance: c.Float64("variance"), seed: c.String("seed"),
				compression: c.Int("compression"), width: terminalWidth(env),
				paint:  paint{on: env.StdoutTTY && colorWanted(os.Getenv)},
				access: accessOf(c),
			}
			if err := o.validate(); err != nil {
				return err
			}
			return runProbe(c.Context, env, o)
		},
	}
}

func (o probeOptions) validate() error {
	switch {
	case len(o.targets) == 0:
		return usageErrorf("secstream probe FILE, or secstream probe FOLDER", "probe needs files, folders or an address")
	case o.slice < slicer.MinMillis*time.Millisecond || o.slice > slicer.MaxMillis*time.Millisecond:
		return usageErrorf("as --slice 5s", "--slice %v: it must be between 1s and 30s", o.slice)
	case o.slice%time.Millisecond != 0:
		return usageErrorf("as --slice 2500ms", "--slice %v: only whole milliseconds", o.slice)
	case !(o.variance > 0 && o.variance <= 1):
		return usageErrorf("as --variance 0.4", "--variance %v: it must be above 0 and at most 1", o.variance)
	case o.compression < compress.MinLevel || o.compression > compress.MaxLevel:
		return usageErrorf("as --compression 6", "--compression %d: it must be between 0 and 9", o.compression)
	case o.track != "" && len(o.addresses()) == 0:
		return usageErrorf("name the file itself", "--track picks from a server's library, and no address is given")
	}
	return o.access.validate("probe", o.addresses())
}

// terminalWidth is how many cells a line of standard output has, 0 when it is
// no terminal.
func terminalWidth(env Env) int {
	f, ok := env.Stdout.(*os.File)
	if !ok || !env.StdoutTTY {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 {
		return 80
	}
	return max(w, 40) // below that nothing fits, whatever is left out
}

// colorWanted goes by no-color.org and by what terminals can do.
func colorWanted(getenv func(string) string) bool {
	if getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return false
	}
	return runtime.GOOS != "windows" || getenv("WT_SESSION") != "" // the old console prints the codes
}

// runProbe probes all targets and prints each as soon as those before it are
// printed.
func runProbe(ctx context.Context, env Env, o probeOptions) error {
	src, err := newProbeSource(o)
	if err != nil {
		return err
	}
	src.tell, src.env = newTeller(env, o.asJSON), env
	out := bufio.NewWriterSize(env.Stdout, 64<<10)
	bar := newProbeBar(env, src)
	printer := o.printer(out, src)
	tally := probeTally{noun: src.noun()}
	counting, stop := context.WithCancel(ctx)
	defer bar.wait()
	defer stop()
	bar.count(counting)
	queue := probeQueue{
		workers: runtime.GOMAXPROCS(0), find: src.find, begin: printer.begin, idle: bar.show,
		take: func(j *probeJob) error {
			bar.hide()
			tally.add(j)
			if err := printer.file(j); err != nil {
				return err
			}
			return out.Flush()
		},
	}
	err = queue.run(ctx)
	bar.hide()
	if err == nil {
		err = printer.end(&tally)
	} else if o.asJSON {
		_ = printer.end(nil) // what was written stays JSON; err is what counts
	}
	if e := out.Flush(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return tally.result()
}

// probePrinter shows files one after the other.
type probePrinter interface {
	// begin is called first, with the names that are known by then.
	begin(names []string)
	// file shows what a job found.
	file(j *probeJob) error
	// end closes the output; t is nil when not all was done.
	end(t *probeTally) error
}

func (o probeOptions) printer(w *bufio.Writer, src *probeSource) probePrinter {
	switch {
	case o.asJSON:
		return &probeJSON{w: w}
	case o.long || src.single():
		return &probeBlocks{single: src.single(), page: page{w: w, paint: o.paint, width: o.width}}
	}
	return &probeList{o: o, page: page{w: w, paint: o.paint, width: o.width}, under: src.folder(), remote: !slices.Contains(src.server, false)}
}
