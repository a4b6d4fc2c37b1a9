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

	writing sync.Mutex // held while the terminal takes its time

	mu     sync.Mutex // guards what follows, and is never held for long
	before string     // told, and not written yet
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

// Write writes a frame, or a sequence.
func (o *output) Write(p []byte) (int, error) {
	o.writing.Lock()
	defer o.writing.Unlock()
	if first := o.told(); first != "" {
		if _, err := o.file.WriteString(first); err != nil {
			return 0, err
		}
	}
	return o.file.Write(p)
}

// forget writes what makes the terminal forget pictures, after the last frame.
func (o *output) forget(remove string) {
	o.writing.Lock()
	defer o.writing.Unlock()
	if o.file != nil && remove != "" {
		_, _ = o.file.WriteString(remove) // the screen is gone, and so may be the terminal
	}
}

func (o *output) Read(p []byte) (int, error) { return o.file.Read(p) }
func (o *output) Close() error               { return o.file.Close() }
func (o *output) Fd() uintptr                { return o.file.Fd() }
