package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

// TestMain makes the test binary double as the program, so that scripts run
// the real thing.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"secstream": func() { os.Exit(Run()) },
	})
}

func TestScripts(t *testing.T) {
	public, err := filepath.Abs("../testdata/audio")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "../testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("AUDIO", public)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("SECSTREAM_CONFIG_DIR", filepath.Join(e.WorkDir, "config"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  cmdExits,
			"server": cmdServer,
			"stop":   cmdStop,
			"same":   cmdSame,
			"frames": cmdFrames,
			"damage": cmdDamage,
		},
	})
}

// exits CODE PROGRAM ARG... runs a program and asserts its exit code.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// running is the server a script started.
type running struct {
	cmd    *exec.Cmd
	output *bytes.Buffer
	done   chan struct{} // closed when its standard output has ended
}

// scripts maps a script's folder to its *running server.
var scripts sync.Map

// server ARG... starts "secstream serve" on a free port and sets $ADDR.
func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	cmd := exec.Command(lookup(ts, "secstream"), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "SECSTREAM_CONFIG_DIR="+ts.Getenv("SECSTREAM_CONFIG_DIR"))
	r := &running{cmd: cmd, output: new(bytes.Buffer), done: make(chan struct{})}
	cmd.Stderr = r.output
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			ts.Setenv("ADDR", addr)
			break
		}
	}
	go func() { defer close(r.done); _, _ = io.Copy(io.Discard, out) }()
	if ts.Getenv("ADDR") == "" {
		_ = cmd.Wait()
		ts.Fatalf("the server did not start: %s", r.output)
	}
	ts.Setenv("SERVER_PID", strconv.Itoa(cmd.Process.Pid))
	scripts.Store(ts.Getenv("WORK"), r)
}

func lookup(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, name); isExecutable(p) {
			return p
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

func isExecutable(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0
}

// stop [KILL] ends the server with an interrupt and asserts that it drains
// and exits with 0, or kills it.
func cmdStop(ts *testscript.TestScript, neg bool, args []string) {
	v, ok := scripts.LoadAndDelete(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("no server runs")
	}
	r := v.(*running)
	if len(args) > 0 {
		ts.Check(r.cmd.Process.Kill())
		<-r.done
		_ = r.cmd.Wait()
		return
	}
	ts.Check(r.cmd.Process.Signal(os.Interrupt))
	select {
	case <-r.done:
	case <-time.After(15 * time.Second):
		ts.Fatalf("the server does not end")
	}
	if err := r.cmd.Wait(); err != nil {
		ts.Fatalf("the server ended with %v: %s", err, r.output)
	}
}

// same A B asserts that two WAV files hold the same samples in the same shape.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] same A B")
	}
	ia, a := samples(ts, args[0])
	ib, b := samples(ts, args[1])
	equal := bytes.Equal(a, b) && ia.SampleRate == ib.SampleRate && ia.Channels == ib.Channels && ia.Sample == ib.Sample
	if equal == neg {
		ts.Fatalf("%s: %d bytes of %s, %s: %d bytes of %s", args[0], len(a), ia.Sample, args[1], len(b), ib.Sample)
	}
}

// frames FILE N asserts the length of a WAV file.
func cmdFrames(ts *testscript.TestScript, neg bool, args []string) {
	info, _ := samples(ts, args[0])
	if got := fmt.Sprint(info.Frames); (got == args[1]) == neg {
		ts.Fatalf("%s has %s frames", args[0], got)
	}
}

func samples(ts *testscript.TestScript, name string) (audio.Info, []byte) {
	f, err := os.Open(ts.MkAbs(name))
	ts.Check(err)
	defer f.Close()
	fi, err := f.Stat()
	ts.Check(err)
	s, err := format.Open(f, fi.Size())
	ts.Check(err)
	track, err := s.Index(context.Background(), f)
	ts.Check(err)
	ix := track.Cuts()
	data, err := track.Carve(nil, f, ix.Find(0), ix.End())
	ts.Check(err)
	return track.Info(), data
}

// damage FILE OFFSET flips a byte.
func cmdDamage(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	off, err := strconv.Atoi(args[1])
	ts.Check(err)
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[off] ^= 0xff
	ts.Check(os.WriteFile(path, b, 0o600))
}
