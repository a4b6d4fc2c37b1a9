package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
)

// transport is what the screen needs of an engine. No method blocks, so the
// model calls them where it stands: as commands, which run side by side, two
// fast key presses could change places.
type transport interface {
	Events() <-chan player.Event
	State() player.State
	Toggle()
	Pause(on bool)
	Next()
	Prev()
	Jump(i int)
	Seek(to time.Duration)
	SeekBy(d time.Duration)
	SetVolume(amplitude float64)
	Mute(on bool)
}

// listen waits for one event. The model arms it again after each.
func listen(events <-chan player.Event, quit <-chan struct{}) tea.Cmd {
	return func() tea.Msg {
		select {
		case e, ok := <-events:
			if !ok {
				return closedMsg{}
			}
			return eventMsg(e)
		case <-quit:
			return nil
		}
	}
}

// tick asks for a look at the engine after a while.
func tick(after time.Duration, generation int) tea.Cmd {
	return tea.Tick(after, func(time.Time) tea.Msg { return tickMsg{generation} })
}

// expire ends the status with this number after a while.
func expire(after time.Duration, id int) tea.Cmd {
	return tea.Tick(after, func(time.Time) tea.Msg { return expiredMsg{id} })
}
