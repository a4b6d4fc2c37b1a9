// Package caught turns a panic in a goroutine that handles what comes from
// outside into an error of what it was about, so that the rest goes on.
//
// It imports none of our packages.
package caught

import (
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
)

// Panic is a panic that was turned into an error.
type Panic struct {
	Value any    // what the code panicked with
	Where string // the line it did so at, as "decode/flac.go:12"
	Stack []byte // of the goroutine, as runtime/debug writes it
}

func (p *Panic) Error() string { return fmt.Sprintf("internal error: %v (at %s)", p.Value, p.Where) }

// Unwrap is the value, where that is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Into is to be deferred. Where there is a panic it ends it and makes *err a
// *Panic; log, if it is not nil, is told of the stack at level debug.
func Into(err *error, log *slog.Logger) {
	value := recover()
	if value == nil {
		return
	}
	p := &Panic{Value: value, Where: where(), Stack: debug.Stack()}
	if log != nil {
		log.Debug("a panic was caught", "value", fmt.Sprint(value), "where", p.Where, "stack", string(p.Stack))
	}
	*err = p
}

// Do runs do, and returns its error or the panic it ended by.
func Do(log *slog.Logger, do func() error) (err error) {
	defer Into(&err, log)
	return do()
}

// where is the line that panicked, seen from Into: the innermost that is not of
// the standard library, whose packages have no dot in front, nor our name.
func where() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)]) // without Callers, where and Into
	for {
		f, more := frames.Next()
		if first, _, _ := strings.Cut(f.Function, "/"); first == "secstream" || first != f.Function && strings.Contains(first, ".") {
			return fmt.Sprintf("%s/%s:%d", path.Base(path.Dir(f.File)), path.Base(f.File), f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
