package cmd

import (
	"io"
	"os"

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
}

// SystemEnv is the process's own world.
func SystemEnv() Env {
	tty := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdoutTTY: tty(os.Stdout), StderrTTY: tty(os.Stderr), StdinTTY: tty(os.Stdin),
		Width: width, ConfigDir: configDir,
	}
}

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
