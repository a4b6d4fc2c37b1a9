package cmd

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"secstream/pkg/buffer"
	"secstream/pkg/client"
	"secstream/pkg/config"
	"secstream/pkg/player"
)

// tuning is how a player fetches and plays, whatever it is that it plays.
type tuning struct {
	buffer   string
	prefetch string
	room     string
	gain     string
	preamp   float64 // dB
	repeat   string
	shuffle  bool
}

// names are how the values of an option are called, by value.
func names[T fmt.Stringer](values ...T) (list []string) {
	for _, v := range values {
		list = append(list, v.String())
	}
	return list
}

var (
	gains   = []player.ReplayGain{player.GainOff, player.GainTrack, player.GainAlbum}
	repeats = []player.Repeat{player.RepeatOff, player.RepeatAll, player.RepeatOne}
)

// maxPreamp is more than any recording needs, either way, in dB.
const maxPreamp = 30

func tuningFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "buffer", Value: buffer.Balanced.String(), Usage: "which slices are kept, `STRATEGY`: balanced, conservative, aggressive", EnvVars: []string{"SECSTREAM_BUFFER"}},
		&cli.StringFlag{Name: "prefetch", Value: buffer.Linear.String(), Usage: "which slices are fetched ahead, `STRATEGY`: linear, adaptive, none", EnvVars: []string{"SECSTREAM_PREFETCH"}},
		&cli.StringFlag{Name: "buffer-size", Value: "64MB", Usage: "most bytes of slices in the clear, besides the one that plays, `SIZE` in bytes or with KB, MB, GB", EnvVars: []string{"SECSTREAM_BUFFER_SIZE"}},
		&cli.StringFlag{Name: "replaygain", Value: player.GainOff.String(), Usage: "loudness by the files' tags, `WAY`: off, track, album", EnvVars: []string{"SECSTREAM_REPLAYGAIN"}},
		&cli.Float64Flag{Name: "preamp", Usage: "`DB` added to what ReplayGain asks for, -30 to 30", EnvVars: []string{"SECSTREAM_PREAMP"}},
		&cli.StringFlag{Name: "repeat", Value: player.RepeatOff.String(), Usage: "`WHAT` is played again: off, all, one; a file repeats nothing"},
		&cli.BoolFlag{Name: "shuffle", Usage: "in an order by chance"},
	}
}

func tuningOf(c *cli.Context) tuning {
	return tuning{
		buffer: c.String("buffer"), prefetch: c.String("prefetch"), room: c.String("buffer-size"),
		gain: c.String("replaygain"), preamp: c.Float64("preamp"), repeat: c.String("repeat"), shuffle: c.Bool("shuffle"),
	}
}

// tuningSettings are those of them that a player's file may hold.
func tuningSettings() config.Schema {
	return config.Schema{"buffer": "", "prefetch": "", "buffer-size": config.Size(""), "replaygain": "", "preamp": 0.0}
}

// set takes one setting of the file.
func (t *tuning) set(name string, v any) {
	switch name {
	case "buffer":
		t.buffer = v.(string)
	case "prefetch":
		t.prefetch = v.(string)
	case "buffer-size":
		t.room = string(v.(config.Size))
	case "replaygain":
		t.gain = v.(string)
	case "preamp":
		t.preamp = v.(float64)
	}
}

func (t *tuning) validate() error {
	if err := t.client(&client.Config{}); err != nil {
		return err
	}
	switch {
	case !slices.Contains(names(gains...), t.gain):
		return usageErrorf("it is off, track or album", "--replaygain %q is not known", t.gain)
	case !(t.preamp >= -maxPreamp && t.preamp <= maxPreamp):
		return usageErrorf("as --preamp -6", "--preamp %v: it must be between -%d and %d", t.preamp, maxPreamp, maxPreamp)
	case !slices.Contains(names(repeats...), t.repeat):
		return usageErrorf("it is off, all or one", "--repeat %q is not known", t.repeat)
	}
	return nil
}

// client tunes what fetches.
func (t *tuning) client(cfg *client.Config) (err error) {
	if cfg.Buffer, err = buffer.ParseStrategy(t.buffer); err != nil {
		return usageErrorf("as --buffer balanced", "--buffer: %v", err)
	}
	if cfg.Prefetch, err = buffer.ParsePrefetch(t.prefetch); err != nil {
		return usageErrorf("as --prefetch linear", "--prefetch: %v", err)
	}
	if cfg.BufferBytes, err = parseSize(t.room); err != nil {
		return usageErrorf("as --buffer-size 64MB", "--buffer-size: %v", err)
	}
	return nil
}

// engine tunes what plays; t was validated.
func (t *tuning) engine(cfg *player.Config) {
	cfg.ReplayGain = gains[slices.Index(names(gains...), t.gain)]
	cfg.Repeat = repeats[slices.Index(names(repeats...), t.repeat)]
	cfg.Preamp, cfg.Shuffle = t.preamp, t.shuffle
}
