package output

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"secstream/pkg/player"
)

// child starts a program and ends it, by its own process, with the test.
func child(t *testing.T, out *os.File, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	return cmd
}

func end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// testServer is a PulseAudio that the environment points to, with sinks that go
// nowhere.
type testServer struct {
	t      *testing.T
	dir    string
	socket string
	cmd    *exec.Cmd
}

// pulseAudio runs a server with sinks, each given as module-null-sink takes it.
// norewinds keeps monitors whole: without it the first frames are lost.
func pulseAudio(t *testing.T, sinks ...string) *testServer {
	t.Helper()
	tool(t, "pulseaudio")
	// Unix socket paths are short: the usual test folder can be too long.
	dir, err := os.MkdirTemp("", "pa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &testServer{t: t, dir: dir, socket: filepath.Join(dir, "native")}
	t.Setenv("HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	t.Setenv("PULSE_SINK", "")
	t.Setenv("PULSE_SERVER", "unix:"+s.socket)
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.start(sinks...)
	return s
}

func (s *testServer) start(sinks ...string) {
	s.t.Helper()
	args := []string{"-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disallow-exit"}
	for _, sink := range sinks {
		args = append(args, "-L", "module-null-sink norewinds=1 "+sink)
	}
	s.cmd = child(s.t, nil, "pulseaudio", append(args, "-L", "module-native-protocol-unix socket="+s.socket+" auth-anonymous=1")...)
	for range 200 {
		if c, err := net.Dial("unix", s.socket); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	s.t.Fatal("the sound server does not come up")
}

// kill ends the server without a word to anybody.
func (s *testServer) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = os.Remove(s.socket)
}

// record starts a recording of a sink, and returns a function that stops it and
// gives what was played.
func (s *testServer) record(sink, format, rate, channels string) (recorded func() []byte) {
	s.t.Helper()
	tool(s.t, "parec")
	f, err := os.CreateTemp(s.dir, "cap")
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	order := "mono"
	switch channels {
	case "2":
		order = "front-left,front-right"
	case "6":
		order = "front-left,front-right,front-center,lfe,rear-left,rear-right"
	}
	rec := child(s.t, f, "parec", "--channel-map="+order, "-d", sink+".monitor", "--format="+format, "--rate="+rate, "--channels="+channels)
	size := func() int64 {
		info, err := os.Stat(f.Name())
		if err != nil {
			s.t.Fatal(err)
		}
		return info.Size()
	}
	for i := 0; size() == 0; i++ {
		if i == 400 {
			s.t.Fatal("nothing is recorded")
		}
		time.Sleep(25 * time.Millisecond)
	}
	return func() []byte {
		time.Sleep(time.Second)
		end(rec)
		b, err := os.ReadFile(f.Name())
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
}

// soundServer runs a server with one 16-bit stereo sink and returns a function
// that gives what was played on it.
func soundServer(t *testing.T, rate string) (recorded func() []byte) {
	t.Helper()
	tool(t, "parec")
	return pulseAudio(t, "sink_name=cap rate="+rate+" format=s16le channels=2").record("cap", "s16le", rate, "2")
}

// pieces writes p in pieces of n frames of stereo.
func pieces(t *testing.T, o player.Output, p []float64, n int) {
	t.Helper()
	for len(p) > 0 {
		k := min(2*n, len(p))
		if err := o.Write(p[:k]); err != nil {
			t.Fatal(err)
		}
		p = p[k:]
	}
}

// after strips leading zeros, then checks that b begins with want, and returns
// the rest.
func after(what string, b, want []byte) ([]byte, error) {
	b = b[(len(b)-len(bytes.TrimLeft(b, "\x00")))/4*4:]
	if len(b) < len(want) {
		return nil, fmt.Errorf("%s: %d bytes heard of %d", what, len(b), len(want))
	}
	for i := range want {
		if b[i] != want[i] {
			return nil, fmt.Errorf("%s: first difference in frame %d of %d", what, i/4, len(want)/4)
		}
	}
	return b[len(want):], nil
}

// steady tries up to three times: a sound server without real-time priority
// drops out on a machine that is busy enough, and that is not ours to fail for.
func steady(t *testing.T, try func() error) {
	t.Helper()
	for i := 1; ; i++ {
		err := try()
		if err == nil {
			return
		}
		if i == 3 {
			t.Fatal(err)
		}
		t.Logf("attempt %d: %v", i, err)
	}
}

// heard checks that the pieces come one after the other in b, with nothing but
// silence between and after them.
func heard(b []byte, pieces ...[]byte) error {
	var err error
	for i, p := range pieces {
		if b, err = after(fmt.Sprintf("piece %d", i+1), b, p); err != nil {
			return err
		}
	}
	if rest := bytes.TrimLeft(b, "\x00"); len(rest) > 0 {
		return fmt.Errorf("%d more bytes heard", len(rest))
	}
	return nil
}
