package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// Env is the world a command runs in. Tests give their own.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	StdoutTTY      bool // a person watches standard output
	StderrTTY      bool
	StdinTTY       bool
	// Width is the number of columns of the terminal people watch, 80 when
	// that cannot be told.
	Width func() int
	// ConfigDir returns the folder for files that outlive the program.
	ConfigDir func() (string, error)
	// Hangups begins to take the signal that asks to read settings again, and
	// otherwise ends the process, until stop is called. nil: there is none.
	Hangups func() (c <-chan os.Signal, stop func())
	// Deserted tells whether the terminal that standard input was is gone. nil:
	// it is not.
	Deserted func() bool
}

// errNoConfig: there is no folder for what a user keeps.
var errNoConfig = errors.New("there is no configuration folder")

// configDir is ConfigDir with an error for people, which wraps errNoConfig.
func (e Env) configDir() (string, error) {
	if e.ConfigDir == nil {
		return "", errNoConfig
	}
	dir, err := e.ConfigDir()
	if err != nil {
		return "", withHint(fmt.Errorf("%w: %w", errNoConfig, err), "set SECSTREAM_CONFIG_DIR")
	}
	return dir, nil
}

// SystemEnv is the process's own world.
func SystemEnv() Env {
	tty := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	wasTTY := tty(os.Stdin)
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdoutTTY: tty(os.Stdout), StderrTTY: tty(os.Stderr), StdinTTY: wasTTY,
		Width: width, ConfigDir: configDir, Hangups: hangups,
		Deserted: func() bool { return wasTTY && !tty(os.Stdin) },
	}
}

// hangups takes SIGHUP, which ends nothing from then on. Windows has none: there
// it never comes.
func hangups() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 1) // one asks for all that was changed so far
	signal.Reset(syscall.SIGHUP)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

func (e Env) hangups() (<-chan os.Signal, func()) {
	if e.Hangups == nil {
		return nil, func() {}
	}
	return e.Hangups()
}

func (e Env) deserted() bool { return e.Deserted != nil && e.Deserted() }

func width() int {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// configDir is SECSTREAM_CONFIG_DIR, or "secstream" in the user's usual place.
func configDir() (string, error) {
	if dir := os.Getenv("SECSTREAM_CONFIG_DIR"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return dir + string(os.PathSeparator) + "secstream", nil
}
