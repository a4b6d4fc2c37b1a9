package tui

import (
	"os"
	"sync"
)

// output is the terminal that frames are written to, each in one Write. What
// else it is to be told goes before the next of them, never into the midst of
// one. The zero output takes what it is told and has nowhere to write it. It is
// safe for concurrent use, and a term.File, as Bubble Tea asks of a terminal.
type output struct {
	file *os.File

	mu     sync.Mutex
	before string // told, and not written yet
}

// tell has text written before the next frame.
func (o *output) tell(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.before += text
}

// Write writes a frame, or a sequence.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.before != "" {
		if _, err := o.file.WriteString(o.before); err != nil {
			return 0, err
		}
		o.before = ""
	}
	return o.file.Write(p)
}

// forget writes what makes the terminal forget pictures, after the last frame.
func (o *output) forget(remove string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil && remove != "" {
		_, _ = o.file.WriteString(remove) // the screen is gone, and so may be the terminal
	}
}

func (o *output) Read(p []byte) (int, error) { return o.file.Read(p) }
func (o *output) Close() error               { return o.file.Close() }
func (o *output) Fd() uintptr                { return o.file.Fd() }
