package tui

import (
	"context"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// frame is a picture of the screen: at most h lines for a terminal of w×h cells.
// One without text is none.
type frame struct {
	text string
	w, h int
}

// painting is a model whose frames are painted when there are some, by a painter
// of ours. Bubble Tea 1 would look for them at a fixed rate: a process that shows
// a screen on which nothing moves would be woken as often.
type painting struct{ model }

// frames is how often Bubble Tea looks for a frame of its own, in Hz: as seldom
// as it can.
const frames = 1

func (p painting) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m, cmd := p.model.Update(msg)
	return painting{m.(model)}, cmd
}

// View hands the frame over and leaves nothing for Bubble Tea to paint.
func (p painting) View() string {
	p.out.show(frame{p.model.View(), p.w, p.h})
	return ""
}

// show has a frame painted. It waits for nothing; of two that come fast the first
// may be left out.
func (o *output) show(f frame) {
	o.mu.Lock()
	o.next = f
	o.mu.Unlock()
	o.wake()
}

// wake has the painter look.
func (o *output) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default: // it will look, or there is none
	}
}

// paintTime is the least time between two frames: more than a terminal shows are
// no use to anybody.
const paintTime = 12 * time.Millisecond

// painter paints what is shown, until ctx ends.
func (o *output) painter(ctx context.Context) {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-o.news:
		case <-ctx.Done():
			return
		}
		if o.paint() {
			rest.Reset(paintTime)
			select {
			case <-rest.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// paint writes what of the newest frame is not on the screen yet, and says whether
// there was something to write. A terminal that is gone is noticed by those who
// read from it.
func (o *output) paint() bool {
	o.writing.Lock()
	defer o.writing.Unlock()
	o.mu.Lock()
	f := o.next
	o.mu.Unlock()
	if !o.there || f.text == "" {
		return false
	}
	lines := strings.Split(f.text, "\n")
	if f.w != o.width || f.h != o.height {
		o.painted = nil // what a terminal makes of its lines when it gets another size is its own affair
	}
	text := o.told() + changes(o.painted, lines, f.w, f.h)
	o.painted, o.width, o.height = lines, f.w, f.h
	if text != "" {
		_, _ = o.terminal().Write([]byte(text))
	}
	return text != ""
}

// changes turn the lines that are on a screen of w×h cells into others. Of a
// screen that nothing is known of there are none.
func changes(old, lines []string, w, h int) string {
	var b strings.Builder
	for i, line := range lines {
		if i < len(old) && old[i] == line {
			continue
		}
		b.WriteString("\x1b[" + strconv.Itoa(i+1) + ";1H")
		if width(line) > w { // it would begin the next line
			line = ansi.Truncate(line, w, "")
		}
		b.WriteString(line)
		if width(line) < w { // at the right edge it would take the last cell away
			b.WriteString(ansi.EraseLineRight)
		}
	}
	if len(lines) < h && (len(lines) < len(old) || old == nil) {
		b.WriteString("\x1b[" + strconv.Itoa(len(lines)+1) + ";1H" + ansi.EraseScreenBelow)
	}
	return b.String()
}
