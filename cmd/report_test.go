package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/output"
)

// told is what a person reads of err.
func told(t *testing.T, err error) string {
	t.Helper()
	var stderr bytes.Buffer
	report(context.Background(), Env{Stderr: &stderr}, false, err)
	return stderr.String()
}

// TestNoSoundSaysWhatToDo: whoever has no sound learns what to start, what to
// install, and how to play without.
func TestNoSoundSaysWhatToDo(t *testing.T) {
	text := told(t, fmt.Errorf("open: %w", output.ErrNoDevice))
	for _, want := range []string{"PulseAudio", "alsa-utils", "--output null", "--output wav:FILE"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in: %s", want, text)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	listening := func(why error) error {
		return cannotListen("there:80", &net.OpError{Op: "listen", Net: "tcp", Err: why})
	}
	for name, c := range map[string]struct {
		err   error
		text  string
		hints []string
	}{
		"no such name": {listening(&net.DNSError{Err: "no such host", Name: "there"}), "cannot listen on there:80: lookup there: no such host",
			[]string{"an address of this machine", "--listen 127.0.0.1:8420"}},
		"low port": {listening(os.NewSyscallError("bind", syscall.EACCES)), "cannot listen on there:80: bind: permission denied",
			[]string{"below 1024", "--listen :8420"}},
		"taken": {listening(os.NewSyscallError("bind", syscall.EADDRINUSE)), "cannot listen on there:80: ",
			[]string{"another program"}},
		"other": {listening(errors.New("odd")), "cannot listen on there:80: odd", []string{"--listen :8420"}},
		"denied": {fmt.Errorf("open %q: %w", "a.wav", syscall.EACCES), `open "a.wav": permission denied`,
			[]string{"permissions"}},
		"too many slices": {tell(&probeJob{path: "a.wav", err: fmt.Errorf("slice a track: %w: too many", audio.ErrUnsupported)}), `cannot slice "a.wav": `,
			[]string{"--slice 30s"}},
	} {
		text := told(t, c.err)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "secstream: error: "+c.text) || strings.Contains(text, "%!") {
			t.Errorf("%s: %s", name, text)
			continue
		}
		for _, hint := range c.hints {
			if !strings.Contains(lines[1], hint) {
				t.Errorf("%s: %q is not in: %s", name, hint, lines[1])
			}
		}
	}
}

// TestRefusedAudio: a reason that came as text is the same kind of error as
// where it arose.
func TestRefusedAudio(t *testing.T) {
	for reason, want := range map[string]string{
		(&audio.Error{Format: "audio", Off: -1, Err: audio.ErrNotAudio}).Error(): "unreadable",
		"mp2: at byte 0: MPEG audio layer II: not supported":                     "unsupported",
		"wav: at byte 12: no data":                                               "damaged",
		"permission denied":                                                      "permission",
	} {
		if got := outcomeOf(unreadable("cannot read not supported.wav", reason, "not supported.wav")).name; got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
	}
}

// denied is a regular file that may not be read, whoever runs the test.
func denied(t *testing.T) string {
	t.Helper()
	own := filepath.Join(t.TempDir(), "denied.wav")
	if err := os.WriteFile(own, nil, 0o200); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{own, "/proc/sys/vm/compact_memory"} { // the second is for root
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrPermission) {
			return path
		}
		if err == nil {
			_ = f.Close()
		}
	}
	if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
		t.Fatal("every file may be read")
	}
	t.Skip("every file may be read")
	return ""
}

// TestDeniedFile: a named file that may not be read is told of at the end, as
// one that is damaged is, and keeps nothing else from being played.
func TestDeniedFile(t *testing.T) {
	no, good, out := denied(t), "../testdata/audio/music-drums.wav", filepath.Join(t.TempDir(), "out.wav")
	var stdout, stderr bytes.Buffer
	env := Env{Stdout: &stdout, Stderr: &stderr, Width: func() int { return 80 }, ConfigDir: func() (string, error) { return t.TempDir(), nil }}
	code := Main(t.Context(), []string{"secstream", "play", "--output", "wav:" + out, no, good}, env)
	if code != exitFailed || !strings.Contains(stdout.String(), "music-drums.wav") || !strings.Contains(stderr.String(), "hint: look at the permissions") {
		t.Errorf("exit code %d\n%s%s", code, &stdout, &stderr)
	}
	if _, err := os.Stat(out); err != nil {
		t.Error(err)
	}
	for _, command := range []string{"play", "probe", "bench", "serve"} {
		stderr.Reset()
		env.ConfigDir = func() (string, error) { return t.TempDir(), nil }
		if code := Main(t.Context(), []string{"secstream", command, no}, env); code != exitFailed {
			t.Errorf("%s: exit code %d", command, code)
		}
		if text := stderr.String(); !strings.Contains(text, "permission denied") || !strings.Contains(text, "hint: look at the permissions") {
			t.Errorf("%s: %s", command, text)
		}
	}
}

// TestServeOfNothing: a server without tracks says so, and what to do, even
// when it is to be quiet.
func TestServeOfNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	logs, stderr := io.Pipe()
	config := t.TempDir()
	env := Env{Stdout: io.Discard, Stderr: stderr, ConfigDir: func() (string, error) { return config, nil }}
	done := make(chan int, 1)
	go func() {
		done <- Main(ctx, []string{"secstream", "serve", "--quiet", "--listen", "127.0.0.1:0", t.TempDir()}, env)
		_ = stderr.Close()
	}()
	line, err := bufio.NewReader(logs).ReadString('\n')
	if err != nil || !strings.Contains(line, "level=WARN") || !strings.Contains(line, "nothing to serve") || !strings.Contains(line, "put some into the folder") {
		t.Errorf("%v: %s", err, line)
	}
	cancel()
	go func() { _, _ = io.Copy(io.Discard, logs) }()
	if code := <-done; code != exitOK && code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}

// TestLibraryKey: what keeps the key from being kept is told with a way to
// mend it, and keeps no server from starting.
func TestLibraryKey(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "library.key")
	var lines bytes.Buffer
	log := newLogger(&lines, "text", slog.LevelInfo)
	env := Env{ConfigDir: func() (string, error) { return dir, nil }}
	first := libraryKey(env, log)
	if again := libraryKey(env, log); !bytes.Equal(first, again) || lines.Len() > 0 {
		t.Fatalf("the key is not kept: %s", &lines)
	}
	for name, spoil := range map[string]func() error{
		"short":      func() error { return os.WriteFile(path, []byte("short"), 0o600) },
		"unreadable": func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o600), spoil()); err != nil {
			t.Fatal(err)
		}
		lines.Reset()
		key := libraryKey(env, log)
		if len(key) != libraryKeySize || !strings.Contains(lines.String(), "level=WARN") || !strings.Contains(lines.String(), "remove it") {
			t.Errorf("%s: %d bytes: %s", name, len(key), &lines)
		}
	}
	lines.Reset()
	env.ConfigDir = func() (string, error) { return "", os.ErrNotExist }
	if key := libraryKey(env, log); len(key) != libraryKeySize || !strings.Contains(lines.String(), "SECSTREAM_CONFIG_DIR") {
		t.Errorf("no folder: %s", &lines)
	}
}
