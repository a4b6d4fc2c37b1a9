package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
)

// absent stands for an engine while there is none.
type absent struct{}

func (absent) Events() <-chan player.Event       { return nil }
func (absent) State() player.State               { return player.State{Track: -1} }
func (absent) Toggle()                           {}
func (absent) Pause(bool)                        {}
func (absent) Next()                             {}
func (absent) Prev()                             {}
func (absent) Jump(int)                          {}
func (absent) Seek(time.Duration)                {}
func (absent) SeekBy(time.Duration)              {}
func (absent) SetVolume(float64)                 {}
func (absent) Mute(bool)                         {}
func (absent) SetRepeat(player.Repeat)           {}
func (absent) SetShuffle(bool)                   {}
func (absent) Queue() player.Queue               { return player.Queue{Current: -1} }
func (absent) QueueVersion() uint64              { return 0 }
func (absent) Add(...int)                        {}
func (absent) PlayNext(...int)                   {}
func (absent) Remove(uint64)                     {}
func (absent) Move(uint64, int)                  {}
func (absent) Clear()                            {}
func (absent) JumpTo(uint64)                     {}
func (absent) Scope([]float64) (n int, rate int) { return 0, 0 }

// arrival is the wait for an engine.
type arrival struct {
	waiting bool
	since   time.Time
	text    string // what is done meanwhile
	lasting string // what matters afterwards
	err     error  // why it ended in vain
}

// connect gets what is to be shown.
func connect(ctx context.Context, get func(context.Context) (Config, error)) tea.Cmd {
	return func() tea.Msg {
		c, err := get(ctx)
		return connectedMsg{c, err}
	}
}

// hear waits for one word. The model arms it again after each.
func hear(quit <-chan struct{}, told <-chan Word) tea.Cmd {
	if told == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case word, ok := <-told:
			if !ok {
				return nil
			}
			return toldMsg(word)
		case <-quit:
			return nil
		}
	}
}

// view is what is shown meanwhile, in h lines of w cells.
func (a arrival) view(s styles, w, h int, where string, wait Waiting) []string {
	lines := make([]string, 0, h)
	for range max(h/2-2, 0) {
		lines = append(lines, "")
	}
	middle := func(style func(...string) string, text string) {
		text = cut(text, w)
		lines = append(lines, blank((w-width(text))/2)+style(text))
	}
	middle(s.title.Render, "connecting")
	middle(s.plain.Render, where)
	lines = append(lines, "")
	if a.text != "" {
		middle(s.dim.Render, a.text)
	}
	if wait.Tries > 0 {
		middle(s.warn.Render, hold{Waiting: wait}.trouble())
	}
	if d := time.Since(a.since); d >= time.Second {
		middle(s.dim.Render, clock(d))
	}
	return fill(lines, h)[:h]
}
