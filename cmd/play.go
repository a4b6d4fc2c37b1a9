package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"secstream/pkg/client"
	"secstream/pkg/output"
	"secstream/pkg/player"
	"secstream/pkg/wire"
	"secstream/tui"
)

type playOptions struct {
	targets []string
	output  string
	track   string
	start   time.Duration
	volume  float64 // percent of the control's way
	noTUI   bool
	asJSON  bool
	plain   bool // whole lines, also on a terminal
	access
}

func playCommand(env Env) *cli.Command {
	return &cli.Command{
		Name:      "play",
		Usage:     "play a server's library, or local files, through the protected path",
		ArgsUsage: "ADDRESS|PATH...",
		Description: "ADDRESS is that of a server, as \"secstream serve\" prints it. With ?pair=... in it the server is\n" +
			"asked for a token first, which is kept. For a PATH a server runs inside the process and\n" +
			"everything goes the same protected way.\n\n" +
			"Outputs: auto (the sound card), pulse[:SINK], alsa[:DEVICE], null, null:fast, wav:FILE, raw:FILE,\n" +
			"raw:- (standard output). \"secstream devices\" lists sinks and devices.\n\n" +
			"Exit codes: 0 played to the end, 1 failed, 2 wrong usage, 3 audio that cannot be decoded,\n" +
			"4 server unreachable, 5 refused or forged, 130 interrupted.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "output", Value: "auto", Usage: "where the sound goes, `OUTPUT`", EnvVars: []string{"SECSTREAM_OUTPUT"}},
			&cli.StringFlag{Name: "track", Usage: "play only `TRACK`: a number in the list, an ID, a path, or part of a title"},
			&cli.StringFlag{Name: "start", Value: "0", Usage: "begin at `TIME` of the first track: 1:23, 1:02:03, 83, 83.5s"},
			&cli.Float64Flag{Name: "volume", Value: 100, Usage: "`PERCENT`, 0 to 100", EnvVars: []string{"SECSTREAM_VOLUME"}},
			&cli.BoolFlag{Name: "no-tui", Usage: "one status line instead of the full screen", EnvVars: []string{"SECSTREAM_NO_TUI"}},
			&cli.BoolFlag{Name: "json", Usage: "events as JSON, one a line, on standard output"},
			&cli.StringFlag{Name: "name", Usage: "what this player calls itself to a server that it pairs with, `NAME`; that of this machine if it is not given"},
		}, accessFlags()...),
		Action: func(c *cli.Context) error {
			start, err := parseTime(c.String("start"))
			if err != nil {
				return usageErrorf("as --start 1:23", "--start: %v", err)
			}
			o := playOptions{
				targets: c.Args().Slice(), output: c.String("output"), track: c.String("track"), start: start,
				volume: c.Float64("volume"), noTUI: c.Bool("no-tui"), asJSON: c.Bool("json"),
				access: accessOf(c),
			}
			if err := o.validate(); err != nil {
				return err
			}
			return runPlay(c.Context, env, o)
		},
	}
}

func (o playOptions) validate() error {
	switch {
	case len(o.targets) == 0:
		return usageErrorf("secstream play http://127.0.0.1:8420, or secstream play FILE", "play needs an address or a path")
	case !(o.volume >= 0 && o.volume <= 100):
		return usageErrorf("as --volume 80", "--volume %v: it must be between 0 and 100", o.volume)
	case output.Check(o.output) != nil:
		return usageErrorf("\"secstream devices\" lists sound cards; others are null, wav:FILE and raw:FILE", "--%v", output.Check(o.output))
	case o.asJSON && o.dataOnStdout():
		return usageErrorf("write the sound to a file", "--json and --output %s both want standard output", o.output)
	}
	return nil
}

// dataOnStdout: the sound itself goes to standard output.
func (o playOptions) dataOnStdout() bool { return o.output == "raw:-" || o.output == "wav:-" }

// runPlay connects source, engine, output and screen, and plays to the end.
func runPlay(ctx context.Context, env Env, o playOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tell := newTeller(env, o.asJSON)
	lis, err := listen(ctx, env, o.targets, o.access, tell)
	if err != nil {
		return err
	}
	defer lis.close()
	lis.tell = tell
	tracks, err := lis.tracks(ctx, o.track)
	if err != nil {
		return err
	}
	if err := lis.spare(o.output, tracks); err != nil {
		return err
	}
	if o.start > 0 && o.start >= seconds(tracks[0].Duration) {
		return usageErrorf("begin before that, as --start "+clock(seconds(tracks[0].Duration)/2), "--start %v: %s is %s long", o.start, label(tracks[0]), clock(seconds(tracks[0].Duration)))
	}
	out, err := output.Open(o.output, output.Options{Stdout: env.Stdout})
	if err != nil && output.File(o.output) {
		return withHint(err, "name a file in a folder that is there, as --output wav:song.wav")
	}
	if err != nil {
		return err
	}
	full := env.StdoutTTY && env.StdinTTY && !o.noTUI && !o.asJSON && !o.dataOnStdout() && out.Paced()
	engine, err := player.New(player.Config{
		Output: out, Tracks: len(tracks), Start: o.start, Stay: full,
		Fatal:  func(err error) bool { return errors.Is(err, client.ErrUnreachable) || stranger(err) },
		Volume: player.Percent(o.volume), Muted: player.Percent(o.volume) == 0,
		Open: func(ctx context.Context, i int) (player.Source, error) {
			return lis.client.Open(ctx, tracks[i].ID, tracks[i].Tags.Audio())
		},
	})
	if err != nil {
		return errors.Join(err, out.Close())
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer cancel() // the screen ends with the sound
		return playError(engine.Run(ctx))
	})
	if full {
		g.Go(func() error {
			defer engine.Stop()
			return tui.Run(ctx, tui.Config{Engine: engine, Tracks: tuiTracks(tracks), Where: lis.name, Volume: o.volume / 100})
		})
		return g.Wait()
	}
	if !o.asJSON && o.track == "" {
		for _, r := range lis.refused {
			fmt.Fprintf(env.Stderr, "secstream: warning: passed over %q: %s\n", r.Path, r.Reason)
		}
	}
	failed := watch(env, o, engine, tracks)
	return cmp.Or(g.Wait(), failed, lis.missed())
}

func playError(err error) error {
	if errors.Is(err, player.ErrStopped) {
		return nil
	}
	return err
}

func tuiTracks(tracks []wire.LibraryTrack) []tui.Track {
	list := make([]tui.Track, len(tracks))
	for i, t := range tracks {
		list[i] = tui.Track{
			Title: title(t), Artist: t.Tags.Artist, Album: t.Tags.Album, Folder: t.Folder,
			Duration: seconds(t.Duration), Format: t.Format,
		}
	}
	return list
}
