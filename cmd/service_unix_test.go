//go:build unix

package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what takes a moment at rest.
const patience = 20 * time.Second

// process is a "secstream serve" of its own.
type process struct {
	*exec.Cmd
	t        *testing.T
	out, log chan string // lines; closed at the end
}

// spawn starts the program with args, in a folder of its own.
func spawn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &process{t: t, Cmd: &exec.Cmd{
		Path: self, Args: append([]string{"secstream"}, args...), Dir: dir,
		Env: append(os.Environ(), append([]string{"SECSTREAM_CONFIG_DIR=" + dir, "TMPDIR=" + dir}, env...)...),
	}}
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.out, p.log = lines(stdout), lines(stderr)
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	return p
}

func lines(r io.Reader) chan string {
	c := make(chan string, 1000)
	go func() {
		defer close(c)
		for s := bufio.NewScanner(r); s.Scan(); {
			c <- s.Text()
		}
	}()
	return c
}

// line waits for a line with all parts in it.
func (p *process) line(c chan string, parts ...string) string {
	p.t.Helper()
	var seen []string
	limit := time.After(patience)
	for {
		select {
		case l, ok := <-c:
			if !ok {
				p.t.Fatalf("no line with %q before the end:\n%s", parts, strings.Join(seen, "\n"))
			}
			seen = append(seen, l)
			if containsAll(l, parts) {
				return l
			}
		case <-limit:
			p.t.Fatalf("no line with %q:\n%s", parts, strings.Join(seen, "\n"))
		}
	}
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// address is where the server listens.
func (p *process) address() string {
	p.t.Helper()
	return strings.TrimPrefix(p.line(p.out, "listening on "), "listening on ")
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ended waits for the end and returns the exit code, or -1 after a signal.
func (p *process) ended() int {
	p.t.Helper()
	stuck := time.AfterFunc(patience, func() { _ = p.Process.Kill(); p.t.Error("it does not end") })
	defer stuck.Stop()
	for range p.out {
	}
	for range p.log {
	}
	_ = p.Wait() // the code tells
	return p.ProcessState.ExitCode()
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func save(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReload: a real process reads its file again on SIGHUP, says what takes a
// restart, and keeps what it has when the file is broken.
func TestReload(t *testing.T) {
	file := save(t, filepath.Join(t.TempDir(), "s.toml"), "slice = '5s'\nlisten = '127.0.0.1:0'\n")
	p := spawn(t, nil, "serve", "--config", file, t.TempDir())
	addr := p.address()

	save(t, file, "slice = '6s'\nlisten = '127.0.0.1:1'\nverbose = true\n")
	p.signal(syscall.SIGHUP)
	p.line(p.log, "level=WARN", "with a restart only", `settings="listen, slice"`)
	p.line(p.log, "reload: done")
	fetch(t, addr+"/health")
	p.line(p.log, "level=DEBUG", "GET /health", "status=200")

	save(t, file, "verbose = false\nslize = '6s'\n")
	p.signal(syscall.SIGHUP)
	p.line(p.log, "level=ERROR", "stay as they were", `s.toml:2: there is no setting \"slize\"`)
	fetch(t, addr+"/health")
	p.line(p.log, "level=DEBUG", "GET /health") // verbose as before

	save(t, file, "quiet = true\nslice = '5s'\nlisten = '127.0.0.1:0'\n")
	p.signal(syscall.SIGHUP)
	save(t, file, "compression = 10")
	p.signal(syscall.SIGHUP)
	if l := p.line(p.log, "s.toml:1: compression 10"); !strings.Contains(l, "level=ERROR") {
		t.Error(l)
	}
	p.signal(syscall.SIGTERM)
	if code := p.ended(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestSecondSignal: the first lets a request finish, the second does not.
func TestSecondSignal(t *testing.T) {
	p := spawn(t, nil, "serve", "--listen", "127.0.0.1:0", t.TempDir())
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.address(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A request that never ends keeps the server draining.
	if _, err := io.WriteString(conn, "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if l, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(l, "100") {
		t.Fatalf("%v: %s", err, l)
	}
	p.signal(os.Interrupt)
	begun := time.Now()
	for { // until it drains: who comes then is turned away
		c, err := net.Dial("tcp", conn.RemoteAddr().String())
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) { // closed before, or just now
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if time.Since(begun) > patience {
			t.Fatal("it goes on listening")
		}
	}
	p.signal(os.Interrupt)
	if code := p.ended(); code != -1 || time.Since(begun) > drainTime-time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(begun))
	}
}

// manager is a service manager's socket.
type manager struct {
	*net.UnixConn
	t *testing.T
}

func newManager(t *testing.T) (m manager, env string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return manager{c, t}, "NOTIFY_SOCKET=" + path
}

// told waits for a message with all parts in it.
func (m manager) told(parts ...string) string {
	m.t.Helper()
	_ = m.SetReadDeadline(time.Now().Add(patience))
	var seen []string
	buf := make([]byte, 4096)
	for {
		n, err := m.Read(buf)
		if err != nil {
			m.t.Fatalf("not told %q: %v; told %q", parts, err, seen)
		}
		seen = append(seen, string(buf[:n]))
		if containsAll(string(buf[:n]), parts) {
			return string(buf[:n])
		}
	}
}

// TestServiceManager: every step is told over a real socket, in order, as
// sd_notify(3) has it.
func TestServiceManager(t *testing.T) {
	m, env := newManager(t)
	music := t.TempDir()
	file := save(t, filepath.Join(t.TempDir(), "s.toml"), "")
	p := spawn(t, []string{env, "WATCHDOG_USEC=400000"}, "serve", "--config", file, "--listen", "127.0.0.1:0", music)
	addr := strings.TrimPrefix(p.address(), "http://")
	if first := m.told(""); first != "READY=1\nSTATUS=listening on "+addr {
		t.Errorf("first: %q", first)
	}
	m.told("STATUS=serving 0 tracks")
	m.told("WATCHDOG=1")
	p.signal(syscall.SIGHUP)
	if l := strings.Split(m.told("RELOADING=1"), "\n"); l[0] != "RELOADING=1" || !strings.HasPrefix(l[1], "MONOTONIC_USEC=") || len(l[1]) < 18 {
		t.Errorf("%q", l)
	}
	m.told("READY=1\n", "STATUS=settings read again")
	save(t, file, "nonsense")
	p.signal(syscall.SIGHUP)
	m.told("RELOADING=1")
	m.told("READY=1\n", "STATUS=settings stay as they were: ", "s.toml:1: ")
	p.signal(syscall.SIGTERM)
	m.told("STOPPING=1")
	if code := p.ended(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestDeserted: SIGHUP of a terminal that is gone ends the server, since
// nobody is left to.
func TestDeserted(t *testing.T) {
	hang, gone := make(chan os.Signal, 1), false
	env := Env{
		Stdout: io.Discard, Stderr: io.Discard, ConfigDir: func() (string, error) { return t.TempDir(), nil },
		Hangups:  func() (<-chan os.Signal, func()) { return hang, func() {} },
		Deserted: func() bool { return gone },
	}
	gone = true
	hang <- syscall.SIGHUP
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if code := Main(ctx, []string{"secstream", "serve", "--listen", "127.0.0.1:0", t.TempDir()}, env); code != exitOK || ctx.Err() != nil {
		t.Errorf("exit code %d, %v", code, ctx.Err())
	}
}

// TestOperators: metrics, health and readiness of a real server, on an address
// of their own.
func TestOperators(t *testing.T) {
	music := t.TempDir()
	sound, err := os.ReadFile("../testdata/audio/music-drums.wav")
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(music, "drums.wav"), string(sound))
	p := spawn(t, nil, "serve", "--listen", "127.0.0.1:0", "--metrics", "0", music)
	addr := p.address()
	operators := strings.TrimSuffix(strings.TrimPrefix(p.line(p.out, "metrics on "), "metrics on "), "/metrics")
	p.line(p.out, "serving 1 track")
	if code, text := fetch(t, operators+"/ready"); code != http.StatusOK || text != "{\"status\":\"ready\"}\n" {
		t.Errorf("ready: %d %s", code, text)
	}
	if code, text := fetch(t, operators+"/health"); code != http.StatusOK || !strings.Contains(text, `"status":"ok"`) {
		t.Errorf("health: %d %s", code, text)
	}
	code, text := fetch(t, operators+"/metrics")
	for _, line := range []string{"secstream_library_tracks 1", "secstream_library_ready 1", "secstream_sessions 0", `secstream_build_info{`, "process_open_fds "} {
		if code != http.StatusOK || !strings.Contains(text, "\n"+line) {
			t.Errorf("%d: no %q in\n%s", code, line, text)
		}
	}
	for path, want := range map[string]int{operators + "/api/library": http.StatusNotFound, addr + "/metrics": http.StatusNotFound} {
		if code, _ := fetch(t, path); code != want {
			t.Errorf("%s: %d", path, code)
		}
	}
	if err := os.RemoveAll(music); err != nil {
		t.Fatal(err)
	}
	if code, text := fetch(t, operators+"/ready"); code != http.StatusServiceUnavailable || !strings.Contains(text, "path 1 of 1 cannot be read") {
		t.Errorf("without its folder: %d %s", code, text)
	}
	req, err := http.NewRequest(http.MethodGet, operators+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("another host: %d", res.StatusCode)
	}
	p.signal(syscall.SIGTERM)
	if code := p.ended(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestUnit: systemd understands the unit in the docs.
func TestUnit(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	text, err := os.ReadFile("../docs/secstream.service")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := string(text)
	replace := func(old, now string) {
		if strings.Count(unit, old) != 1 {
			t.Fatalf("%q is not once in the unit", old)
		}
		unit = strings.Replace(unit, old, now, 1)
	}
	replace("\nExecStart=/usr/local/bin/secstream ", "\nExecStart="+self+" ") // it has to be there
	if out, err := exec.Command(verify, "--version").Output(); err != nil || systemdVersion(out) < 253 {
		replace("\nType=notify-reload\n", "\nType=notify\nExecReload=/bin/kill -HUP $MAINPID\n") // as the unit says
	}
	path := save(t, filepath.Join(t.TempDir(), "secstream.service"), unit)
	out, err := exec.Command(verify, "verify", "--man=no", path).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err != nil || strings.Contains(string(out), "secstream.service:") {
		t.Errorf("%v\n%s", err, out)
	}
}

// systemdVersion reads "systemd 252 (...)".
func systemdVersion(text []byte) (n int) {
	_, _ = fmt.Sscanf(string(text), "systemd %d", &n) // 0 is old
	return n
}
