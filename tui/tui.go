// Package tui is the player's full screen: a list of tracks, what plays now,
// and the keys and the mouse that steer it.
//
// A list of tracks and an engine flow in; orders to the engine and a picture
// of the terminal flow out. The package opens no files and no connections and
// must never import net/http; it neither starts nor stops the engine. Nothing
// is written to the terminal but what View returns.
package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"secstream/pkg/player"
)

// Config is what a screen shows and steers.
type Config struct {
	Engine *player.Engine
	// Tracks are the engine's tracks, in the engine's order.
	Tracks []Track
	// Where the tracks come from, for the header: a server or a folder.
	Where string
	// Volume is the control's position the engine began with, 0 to 1; the
	// amplitude is player.Percent of a hundred times it.
	Volume float64
}

// Track is one line of the list. Every text may be empty; control characters
// in it are not shown.
type Track struct {
	Title, Artist, Album string
	Folder               string        // where it lies, as "Artist/Album"; "" is the top
	Format               string        // "flac", shown until the engine knows more
	Duration             time.Duration // 0 when unknown
}

// maxFPS bounds how often the screen is compared with what it should show.
const maxFPS = 30

// Run shows the screen on the process's own terminal until the user quits,
// ctx ends or the engine's Events are closed; in all three cases it returns
// nil. It is the one listener of Events while it runs. It does not stop the
// engine. An error means the terminal could not be used.
func Run(ctx context.Context, c Config) error {
	if c.Engine == nil {
		return errors.New("tui: no engine")
	}
	return run(ctx, c.Engine, c, tea.WithAltScreen(), tea.WithMouseCellMotion())
}

// run is Run for any engine and terminal.
func run(ctx context.Context, e transport, c Config, options ...tea.ProgramOption) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // frees the command that waits for events
	m := newModel(e, c, newStyles(lipgloss.DefaultRenderer()), ctx.Done())
	// Signals are the caller's: it ends ctx.
	options = append(options, tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(maxFPS))
	_, err := tea.NewProgram(m, options...).Run()
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil
	}
	return fmt.Errorf("show the player: %w", err)
}
