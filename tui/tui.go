// Package tui is the player's full screen: the library, the queue, what plays
// now, its lyrics, how it is protected, and the keys and the mouse that steer
// it.
//
// A list of tracks and an engine flow in; orders to the engine and a picture
// of the terminal flow out. The package opens no files and no connections and
// must never import net/http; it neither starts nor stops the engine. What
// lies elsewhere (lyrics, covers, what is known of the connection) it gets by
// the functions of its Config. Nothing is written to the terminal but what
// View returns, and before it what output was told: pictures, and one question.
package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"

	"secstream/pkg/caught"
	"secstream/pkg/player"
	"secstream/tui/art"
	"secstream/tui/keys"
)

// Config is what a screen shows and steers. Functions may be nil; the screen
// calls them from goroutines of its own, but Protection and Waiting where it draws.
type Config struct {
	Engine *player.Engine
	// Tracks are the engine's tracks, in the engine's order.
	Tracks []Track
	// Where the tracks come from: a server or a folder.
	Where string
	// Volume is what the engine began with, in dB: -60 (silence) to 0.
	Volume float64
	// Theme is one of Themes, "" for the first.
	Theme string
	// Cover is how covers are shown, one of Covers, "" for auto.
	Cover string
	// Keys are other keys than the table's, by action; see docs/keys.md.
	Keys map[string][]string

	// Lyrics returns those of a track, LRC or plain text, "" for none.
	Lyrics func(ctx context.Context, track int) (string, error)
	// Art returns the cover of a track, JPEG, PNG, GIF or WebP, nil for none.
	Art func(ctx context.Context, track int) ([]byte, error)
	// Protection says what is known of the connection. It never blocks.
	Protection func() Protection
	// Waiting says which server is waited for, and why. It never blocks. While
	// Connect works that of the first Config is asked.
	Waiting func() Waiting
	// Save keeps where the listener is. It is called when another track plays,
	// about every 5 s of sound, and at the end.
	Save func(Resume)

	// Note is shown for a while at the start, "" for none.
	Note string

	// Connect, where Engine is nil, brings all of the above once the screen
	// stands. It is called once, and ctx ends with the screen. Its error is the
	// error of Run.
	Connect func(ctx context.Context) (Config, error)
	// Told are words for the listener, about what Connect waits for and about
	// the connection. Only that of the first Config is heard.
	Told <-chan Word
}

// Word is one thing for the listener to know.
type Word struct {
	Text    string
	Lasting bool // it matters once the connection stands, too
}

// Track is one line of the list. Every text may be empty; control characters
// in it are not shown.
type Track struct {
	Title, Artist, Album string
	Folder               string        // where it lies, as "Artist/Album"; "" is the top
	Date                 string        // as the tags have it: "1992", "1992-11-09"; what else it may be is made the best of
	Format               string        // "flac", shown until the engine knows more
	Duration             time.Duration // 0 when unknown
}

// Resume is where the listener is.
type Resume struct {
	Track    int // -1: all was played
	Position time.Duration
}

// Covers are the ways to show covers that Config.Cover takes.
func Covers() []string { return []string{"auto", "kitty", "sixel", "blocks", "none"} }

// KeyActions are the names that Config.Keys takes.
func KeyActions() []string { return keys.Actions() }

// CheckKeys says what is wrong with what is to be Config.Keys.
func CheckKeys(wishes map[string][]string) error {
	_, err := keys.New(wishes)
	return err
}

// Run shows the screen on the process's own terminal until the user quits,
// ctx ends or the engine's Events are closed; in all three cases it returns
// nil. It is the one listener of Events while it runs. It does not stop the
// engine. However it ends, by a panic too, the terminal is as it was before.
// An error is that of Connect, or means that the terminal could not be used.
func Run(ctx context.Context, c Config) error {
	if c.Engine == nil && c.Connect == nil {
		return errors.New("tui: no engine")
	}
	colours := os.Getenv("COLORFGBG")
	l := looks{themeCalled(c.Theme), darkGuess(colours), profileOf(os.Environ())}
	mode, err := art.Choose(c.Cover, os.Getenv)
	if err != nil {
		return err
	}
	m, err := newModel(c, l)
	if err != nil {
		return err
	}
	m.cover.mode, m.cover.cell = mode, art.CellSize(os.Stdout.Fd())
	m.out.file = os.Stdout
	var options []tea.ProgramOption
	if colours == "" && runtime.GOOS != "windows" && term.IsTerminal(int(os.Stdin.Fd())) {
		k := newKeyboard(os.Stdin)
		m.ground, options = k.ground, append(options, tea.WithInput(k))
	}
	return m.run(ctx, options...)
}

// darkGuess is whether the terminal says by its variable that it is dark, as
// most are.
func darkGuess(colours string) bool {
	ground := colours[strings.LastIndex(colours, ";")+1:]
	return ground != "7" && ground != "15"
}

// profileOf is how many colours the terminal has, by its variables alone: to
// ask somebody takes time. tmux makes of all colours those its terminals have.
func profileOf(environ []string) colorprofile.Profile {
	p := colorprofile.Env(environ)
	tmux, rich := false, false
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "NO_COLOR":
			if value != "" {
				p = min(p, colorprofile.ASCII)
			}
		case "TERM":
			tmux = strings.HasPrefix(value, "tmux")
		case "COLORTERM":
			rich = value == "truecolor" || value == "24bit"
		}
	}
	if tmux && rich && p == colorprofile.ANSI256 {
		return colorprofile.TrueColor
	}
	return p
}

// run shows m on any terminal.
func (m model) run(ctx context.Context, options ...tea.ProgramOption) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // frees the commands that wait
	m.ctx = ctx
	// Signals are the caller's: it ends ctx.
	options = append(options, tea.WithOutput(m.out), tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(frames), tea.WithAltScreen(), tea.WithMouseCellMotion())
	m.out.news = make(chan struct{}, 1)
	var painter sync.WaitGroup
	var broke error
	painter.Go(func() {
		if broke = caught.Do(nil, func() error { m.out.painter(ctx); return nil }); broke != nil {
			cancel()
		}
	})
	last, err := tea.NewProgram(painting{m}, options...).Run()
	if end, ok := last.(painting); ok {
		m = end.model
	}
	quit := ctx.Err()
	cancel()
	painter.Wait()
	m.out.forget(m.cover.remove)
	if m.config.Save != nil && m.now.state.Track >= 0 {
		m.config.Save(m.here())
	}
	switch {
	case broke != nil:
		return fmt.Errorf("show the player: %w", broke)
	case m.arrival.err != nil:
		return m.arrival.err
	case err == nil, quit != nil && errors.Is(err, quit):
		return nil
	}
	return fmt.Errorf("show the player: %w", err)
}
