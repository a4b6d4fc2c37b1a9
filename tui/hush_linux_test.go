package tui

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// child is the variable that makes the test below look from inside.
const child = "SECSTREAM_TEST_ON_TERMINAL"

// No terminal is asked anything before main, and the environment is as it was.
func TestNothingIsAskedBeforeMain(t *testing.T) {
	if os.Getenv(child) != "" {
		if value, found := os.LookupEnv("CI"); found {
			t.Errorf("CI is %q", value)
		}
		return
	}
	ours, theirs := terminalPair(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingIsAskedBeforeMain$")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "CI=") || strings.HasPrefix(v, "TERM=") || strings.HasPrefix(v, "COLORFGBG=")
	})
	cmd.Env = append(cmd.Env, child+"=1", "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	said, _ := io.ReadAll(ours) // it ends with an error when nobody has the other end
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %q", err, said)
	}
	if !strings.Contains(string(said), "PASS") || strings.Contains(string(said), "\x1b") {
		t.Errorf("the terminal was told %q", said)
	}
}

// terminalPair is the two ends of a terminal on which nobody answers.
func terminalPair(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}
