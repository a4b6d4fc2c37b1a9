package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"secstream/pkg/client"
	"secstream/pkg/output"
	"secstream/pkg/player"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

func playCommand(env Env) *cli.Command {
	return &cli.Command{
		Name:      "play",
		Usage:     "play a server's library, or local files, through the protected path",
		ArgsUsage: "ADDRESS|PATH...",
		Description: "ADDRESS is that of a server, as \"secstream serve\" prints it. With ?pair=... in it the server is\n" +
			"asked for a token first, which is kept. For a PATH a server runs inside the process and\n" +
			"everything goes the same protected way.\n\n" +
			"On a terminal there is a full screen; ? shows its keys.\n\n" +
			"Outputs: auto (the sound card), pulse[:SINK], alsa[:DEVICE], null, null:fast, wav:FILE, raw:FILE,\n" +
			"raw:- (standard output). \"secstream devices\" lists sinks and devices.\n\n" +
			"Exit codes: 0 played to the end, 1 failed, 2 wrong usage, 3 audio that cannot be decoded,\n" +
			"4 server unreachable, 5 refused or forged, 130 interrupted.",
		Flags: playFlags(),
		Action: func(c *cli.Context) error {
			o, err := playOptionsOf(env, c)
			if err != nil {
				return err
			}
			return runPlay(c.Context, env, o)
		},
	}
}

func runPlay(ctx context.Context, env Env, o playOptions) error {
	if o.full(env) {
		return playScreen(ctx, env, o)
	}
	return playLines(ctx, env, o)
}

// playback is all that plays: where tracks come from, the engine, and where it
// was left.
type playback struct {
	*listener
	tracks []wire.LibraryTrack
	engine *player.Engine
	resume *resume
	opened opened
	note   string // that it goes on where it was left, or ""
}

// screenTold is how often the screen hears of a scan that it waits for.
const screenTold = 250 * time.Millisecond

// screenPatience is how long a server that was there and is gone is waited for
// where the listener sees it and can quit, or choose something else: it plays on
// from the same sample once it is back.
const screenPatience = 12 * time.Hour

// newPlayback connects source, engine and output. ctx must outlive the playback;
// whoever gets one closes it, once the engine has run. heard, unless it is nil,
// gets the line to the server before it is waited for, in place of tell.
func newPlayback(ctx context.Context, env Env, o playOptions, tell teller, heard func(line)) (_ *playback, err error) {
	lis, err := listen(ctx, env, o.targets, o.access, o.tuning, tell)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lis.close()
		}
	}()
	lis.tell = tell
	if o.full(env) {
		lis.every = screenTold
	}
	p := &playback{listener: lis}
	if p.tracks, err = p.list(ctx, o, heard); err != nil {
		return nil, err
	}
	if err := lis.spare(o.output, p.tracks); err != nil {
		return nil, err
	}
	if length := seconds(p.tracks[0].Duration); o.start > 0 && o.start >= length {
		return nil, usageErrorf("begin before that, as --start "+clock(length/2), "--start %v: %s is %s long", o.start, label(p.tracks[0]), clock(length))
	}
	first := 0
	if o.full(env) {
		first, o.start = p.goOn(env, o)
		p.client.SetPatience(screenPatience)
	}
	out, err := output.Open(o.output, output.Options{Stdout: env.Stdout})
	if err != nil && output.File(o.output) {
		return nil, withHint(err, "name a file in a folder that is there, as --output wav:song.wav")
	}
	if err != nil {
		return nil, err
	}
	if p.engine, err = p.newEngine(o, out, first, o.full(env)); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return p, nil
}

// list is what is to be played. What is waited for meanwhile is told.
func (p *playback) list(ctx context.Context, o playOptions, heard func(line)) ([]wire.LibraryTrack, error) {
	l := lineOf(p.client)
	if heard != nil {
		heard(l)
		return p.listener.tracks(ctx, o.track)
	}
	telling, stop := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { (&waiter{line: l}).tellOf(telling, p.tell) })
	defer told.Wait()
	defer stop()
	return p.listener.tracks(ctx, o.track)
}

// goOn is where to begin: where the listener left, unless another start was
// asked for.
func (p *playback) goOn(env Env, o playOptions) (first int, start time.Duration) {
	p.resume = openResume(env, o, p.listener)
	if o.started {
		return 0, o.start
	}
	track, at := p.resume.find(p.tracks)
	if track < 0 {
		return 0, o.start
	}
	p.note = "going on at " + clock(at) + " of " + title(p.tracks[track]) + ", where it was left"
	return track, at
}

func (p *playback) newEngine(o playOptions, out player.Output, first int, stay bool) (*player.Engine, error) {
	loud := player.Percent(o.volume)
	p.opened.peer = p.name
	cfg := player.Config{
		Output: out, Tracks: len(p.tracks), First: first, Start: o.start, Stay: stay,
		Fatal: func(err error) bool { return hopeless(err, stay) }, Skip: spoiled, Stale: func(err error) bool { return errors.Is(err, client.ErrRecut) },
		Volume: loud, Muted: loud == 0,
		Open: func(ctx context.Context, i int) (player.Source, error) {
			t, err := p.client.Open(ctx, p.tracks[i].ID, p.tracks[i].Tags.Audio())
			if err != nil {
				return nil, err
			}
			p.opened.add(i, t)
			return t, nil
		},
	}
	o.engine(&cfg)
	return player.New(cfg)
}

// hopeless says that no other track of this server would play either. A server
// that does not answer may yet be back for whoever stays to try again.
func hopeless(err error, stay bool) bool {
	return errors.Is(err, client.ErrUnreachable) && !stay || errors.Is(err, client.ErrTokenOver) || stranger(err)
}

// spoiled says that a slice was forged or damaged, which tells nothing of those
// after it.
func spoiled(err error) bool {
	return errors.Is(err, seal.ErrForged) || errors.Is(err, client.ErrDamaged)
}

// playLines plays to the end and tells of it in lines.
func playLines(ctx context.Context, env Env, o playOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := newPlayback(ctx, env, o, newTeller(env, o.asJSON), nil)
	if err != nil {
		return err
	}
	defer p.close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return playError(p.engine.Run(ctx)) })
	if !o.asJSON && o.track == "" {
		for _, r := range p.refused {
			fmt.Fprintf(env.Stderr, "secstream: warning: passed over %q: %s\n", r.Path, r.Reason)
		}
	}
	failed := watch(env, o, p.engine, p.tracks, lineOf(p.client))
	return cmp.Or(g.Wait(), failed, p.missed())
}

func playError(err error) error {
	if errors.Is(err, player.ErrStopped) {
		return nil
	}
	return err
}
