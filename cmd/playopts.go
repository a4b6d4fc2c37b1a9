package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"secstream/pkg/config"
	"secstream/pkg/output"
	"secstream/tui"
)

type playOptions struct {
	targets  []string
	output   string
	track    string
	start    time.Duration
	started  bool    // a start was asked for
	volume   float64 // percent of the control's way
	theme    string
	cover    string
	keys     map[string][]string // by action, those that are other than usual
	noResume bool
	noTUI    bool
	asJSON   bool
	plain    bool // whole lines, also on a terminal
	tuning
	access
}

// playerFile is what a player's settings are called, in the configuration
// folder.
const playerFile = "player.toml"

// keyPrefix is how a setting begins that gives an action its keys.
const keyPrefix = "key-"

func playFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "output", Value: "auto", Usage: "where the sound goes, `OUTPUT`", EnvVars: []string{"SECSTREAM_OUTPUT"}},
		&cli.StringFlag{Name: "track", Usage: "play only `TRACK`: a number in the list, an ID, a path, or part of a title"},
		&cli.StringFlag{Name: "start", Value: "0", Usage: "begin at `TIME` of the first track: 1:23, 1:02:03, 83, 83.5s"},
		&cli.Float64Flag{Name: "volume", Value: 100, Usage: "`PERCENT`, 0 to 100", EnvVars: []string{"SECSTREAM_VOLUME"}},
		&cli.StringFlag{Name: "theme", Value: tui.Themes()[0], Usage: "colours of the full screen, `THEME`: " + strings.Join(tui.Themes(), ", "), EnvVars: []string{"SECSTREAM_THEME"}},
		&cli.StringFlag{Name: "cover", Value: tui.Covers()[0], Usage: "how the full screen shows covers, `WAY`: " + strings.Join(tui.Covers(), ", "), EnvVars: []string{"SECSTREAM_COVER"}},
		&cli.BoolFlag{Name: "no-resume", Usage: "begin with the first track, and do not go on where the full screen was left", EnvVars: []string{"SECSTREAM_NO_RESUME"}},
		&cli.BoolFlag{Name: "no-tui", Usage: "one status line instead of the full screen", EnvVars: []string{"SECSTREAM_NO_TUI"}},
		&cli.BoolFlag{Name: "plain", Usage: "a line for each change and nothing else, as screen readers want it", EnvVars: []string{"SECSTREAM_PLAIN"}},
		&cli.BoolFlag{Name: "json", Usage: "events as JSON, one a line, on standard output"},
		&cli.StringFlag{Name: "config", Usage: "settings and keys from `FILE`; " + playerFile + " in the configuration folder if it is not given", EnvVars: []string{"SECSTREAM_PLAYER_CONFIG"}},
		&cli.StringFlag{Name: "name", Usage: "what this player calls itself to a server that it pairs with, `NAME`; that of this machine if it is not given"},
	}, tuningFlags(), accessFlags())
}

// playSettings are what a player's file may hold.
func playSettings() config.Schema {
	s := config.Schema{"output": "", "volume": 0.0, "theme": "", "cover": "", "no-resume": false, "no-tui": false, "plain": false}
	maps.Copy(s, tuningSettings())
	for _, action := range tui.KeyActions() {
		s[keyPrefix+action] = []string(nil)
	}
	return s
}

// playOptionsOf takes the options from the command line, then the environment,
// then the file.
func playOptionsOf(env Env, c *cli.Context) (playOptions, error) {
	start, err := parseTime(c.String("start"))
	if err != nil {
		return playOptions{}, usageErrorf("as --start 1:23", "--start: %v", err)
	}
	o := playOptions{
		targets: c.Args().Slice(), output: c.String("output"), track: c.String("track"), start: start, started: c.IsSet("start"),
		volume: c.Float64("volume"), theme: c.String("theme"), cover: c.String("cover"), keys: map[string][]string{},
		noResume: c.Bool("no-resume"), noTUI: c.Bool("no-tui"), plain: c.Bool("plain"), asJSON: c.Bool("json"),
		tuning: tuningOf(c), access: accessOf(c),
	}
	file, err := readPlayerFile(env, c.String("config"))
	if err != nil {
		return playOptions{}, err
	}
	for name, said := range file.Values {
		if action, isKey := strings.CutPrefix(name, keyPrefix); isKey {
			o.keys[action] = said.V.([]string)
		} else if !c.IsSet(name) {
			o.set(name, said.V)
		}
	}
	if err := tui.CheckKeys(o.keys); err != nil {
		return playOptions{}, usageErrorf("docs/keys.md has every action and its keys", "%s: %v", file.Path, err)
	}
	// A terminal that moves no cursor gets lines.
	o.plain = o.plain || os.Getenv("TERM") == "dumb"
	return o, o.validate()
}

// set takes one setting of the file.
func (o *playOptions) set(name string, v any) {
	switch name {
	case "output":
		o.output = v.(string)
	case "volume":
		o.volume = v.(float64)
	case "theme":
		o.theme = v.(string)
	case "cover":
		o.cover = v.(string)
	case "no-resume":
		o.noResume = v.(bool)
	case "no-tui":
		o.noTUI = v.(bool)
	case "plain":
		o.plain = v.(bool)
	default:
		o.tuning.set(name, v)
	}
}

// readPlayerFile reads the file at path, or where that is "" the one in the
// configuration folder, which need not be there.
func readPlayerFile(env Env, path string) (*config.File, error) {
	asked := path != ""
	if !asked {
		dir, err := env.configDir()
		if err != nil {
			return &config.File{}, nil //nolint:nilerr // without the folder there is no file in it
		}
		path = filepath.Join(dir, playerFile)
	}
	f, err := config.Read(path, playSettings())
	if !asked && errors.Is(err, fs.ErrNotExist) {
		return &config.File{}, nil
	}
	if e := new(config.Error); errors.As(err, &e) {
		hint := "docs/cli.md has every setting of play, docs/keys.md every key"
		if e.Near != "" {
			hint = fmt.Sprintf("did you mean %q? ", e.Near) + hint
		}
		return nil, usageErrorf(hint, "%s", e)
	}
	return f, err
}

func (o playOptions) validate() error {
	switch {
	case len(o.targets) == 0:
		return usageErrorf("secstream play http://127.0.0.1:8420, or secstream play FILE", "play needs an address or a path")
	case !(o.volume >= 0 && o.volume <= 100):
		return usageErrorf("as --volume 80", "--volume %v: it must be between 0 and 100", o.volume)
	case output.Check(o.output) != nil:
		return usageErrorf("\"secstream devices\" lists sound cards; others are null, wav:FILE and raw:FILE", "--%v", output.Check(o.output))
	case !slices.Contains(tui.Themes(), o.theme):
		return usageErrorf("themes are "+strings.Join(tui.Themes(), ", "), "--theme %q is not known", o.theme)
	case !slices.Contains(tui.Covers(), o.cover):
		return usageErrorf("ways are "+strings.Join(tui.Covers(), ", "), "--cover %q is not known", o.cover)
	case o.asJSON && o.dataOnStdout():
		return usageErrorf("write the sound to a file", "--json and --output %s both want standard output", o.output)
	}
	return o.tuning.validate()
}

// dataOnStdout: the sound itself goes to standard output.
func (o playOptions) dataOnStdout() bool { return o.output == "raw:-" || o.output == "wav:-" }

// toFile: the sound is written, as fast as it comes.
func (o playOptions) toFile() bool { return output.File(o.output) || o.output == "null:fast" }

// full: the full screen is shown.
func (o playOptions) full(env Env) bool {
	return env.StdoutTTY && env.StdinTTY && !o.noTUI && !o.asJSON && !o.plain && !o.toFile()
}
