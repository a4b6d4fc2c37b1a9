package tui

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/charmbracelet/x/ansi"
)

// output is the terminal. Bubble Tea tells it of modes and of the screen it wants;
// frames are painted into it by paint, each in one Write. What else the terminal
// is to be told goes before a frame, never into the midst of one. The zero output
// takes what it is told and has nowhere to write it. It is safe for concurrent
// use, and a term.File, as Bubble Tea asks of a terminal.
type output struct {
	file *os.File
	to   io.Writer // in place of file, where there is none

	writing sync.Mutex // guards what follows; held while the terminal takes its time
	there   bool       // the screen for frames is shown
	painted []string   // lines on it
	width   int        // of it in cells, when they were painted
	height  int

	mu     sync.Mutex    // guards what follows, and is never held for long
	before string        // told, and not written yet
	next   frame         // to be painted
	news   chan struct{} // wakes the painter; nil while there is none
}

// tell has text written before the next frame. It waits for nothing.
func (o *output) tell(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.before += text
}

// told takes what is to be written first.
func (o *output) told() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.before
	o.before = ""
	return text
}

// Sequences of Bubble Tea's that have to do with frames. One of its own frames
// begins with home and says more; it holds nothing, as screen.View returns
// nothing, and would wipe the first line.
var (
	seqEnter = []byte("\x1b[?1049h")
	seqLeave = []byte("\x1b[?1049l")
	seqClear = []byte(ansi.EraseEntireScreen)
	seqHome  = []byte(ansi.CursorHomePosition)
)

// Write writes a sequence.
func (o *output) Write(p []byte) (int, error) {
	o.writing.Lock()
	defer o.writing.Unlock()
	told := len(p)
	if bytes.HasPrefix(p, seqHome) && told > len(seqHome) {
		return told, nil
	}
	switch {
	case bytes.Contains(p, seqLeave):
		o.there = false
		if o.height > 0 { // where there is one screen alone, what comes now goes below the frame
			p = append([]byte("\x1b["+strconv.Itoa(o.height)+";1H\r\n"), p...)
		}
	case bytes.Contains(p, seqEnter):
		o.there, o.painted = true, nil
	case bytes.Contains(p, seqClear):
		o.painted = nil
	}
	_, err := o.terminal().Write(p)
	o.wake()
	return told, err
}

func (o *output) terminal() io.Writer {
	if o.to != nil {
		return o.to
	}
	return o.file
}

// forget writes what makes the terminal forget pictures, after the last frame.
func (o *output) forget(remove string) {
	o.writing.Lock()
	defer o.writing.Unlock()
	if (o.file != nil || o.to != nil) && remove != "" {
		_, _ = io.WriteString(o.terminal(), remove) // the screen is gone, and so may be the terminal
	}
}

func (o *output) Read(p []byte) (int, error) { return o.file.Read(p) }
func (o *output) Close() error               { return o.file.Close() }
func (o *output) Fd() uintptr                { return o.file.Fd() }
