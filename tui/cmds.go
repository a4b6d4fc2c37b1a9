package tui

import (
	"context"
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
	SetRepeat(r player.Repeat)
	SetShuffle(on bool)
	lister
	scope
}

// lister is the part of an engine that keeps the queue.
type lister interface {
	Queue() player.Queue
	QueueVersion() uint64
	Add(tracks ...int)
	PlayNext(tracks ...int)
	Remove(id uint64)
	Move(id uint64, by int)
	Clear()
	JumpTo(id uint64)
}

// scope is the part of an engine that shows its sound.
type scope interface {
	Scope(dst []float64) (n, rate int)
}

// listen waits for one event that the screen has to do with. The model arms it
// again after each.
func listen(events <-chan player.Event, quit <-chan struct{}) tea.Cmd {
	return func() tea.Msg {
		for {
			select {
			case e, ok := <-events:
				switch {
				case !ok:
					return closedMsg{}
				case e.Kind == player.TimeUpdate: // the ticks see to that
				default:
					return eventMsg(e)
				}
			case <-quit:
				return nil
			}
		}
	}
}

// sense waits for the terminal to tell whether it is dark, which it may never do.
func sense(quit <-chan struct{}, ground <-chan bool) tea.Cmd {
	if ground == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case dark := <-ground:
			return groundMsg{dark}
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

// wait ends a number that was typed, unless a key came after it.
func wait(after time.Duration, id int) tea.Cmd {
	return tea.Tick(after, func(time.Time) tea.Msg { return countedMsg{id} })
}

// fetchTime bounds one look for lyrics or a cover.
const fetchTime = 30 * time.Second

// fetch runs get, which may wait, but no longer than the screen is there.
func fetch(ctx context.Context, get func(context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		return get(ctx)
	}
}

// save keeps where the listener is.
func save(keep func(Resume), r Resume) tea.Cmd {
	return func() tea.Msg {
		keep(r)
		return nil
	}
}
