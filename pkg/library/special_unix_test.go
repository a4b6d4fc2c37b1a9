//go:build unix

package library

import (
	"path/filepath"
	"syscall"
	"testing"
)

// special puts a pipe into dir under a name that promises sound. Opening it
// for reading blocks until somebody writes.
func special(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.wav"), 0o644); err != nil {
		t.Fatal(err)
	}
}
