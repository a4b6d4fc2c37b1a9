package cmd

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"secstream/pkg/identity"
)

// home is an Env whose configuration is in dir.
func home(dir string, stdout, stderr *bytes.Buffer) Env {
	return Env{
		Stdin: &bytes.Buffer{}, Stdout: stdout, Stderr: stderr, Width: func() int { return 80 },
		ConfigDir: func() (string, error) { return dir, nil },
	}
}

// hosted is what "secstream serve" answers with, with the identity in dir.
func hosted(t *testing.T, dir string) *host {
	t.Helper()
	h, err := newHost(home(dir, nil, nil), serveOptions{
		paths: []string{"../testdata/audio/speech-russian-8k.ogg", "../testdata/audio/speech-librivox-16k.wav"}, slice: 5 * time.Second, variance: .4,
	}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	scanned := make(chan struct{})
	go func() { defer close(scanned); _ = h.lib.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-scanned; h.close() })
	<-h.lib.Ready()
	return h
}

// caller calls the program as somebody at home in dir.
func caller(t *testing.T, dir string) func(args ...string) (code int, said string) {
	out := filepath.Join(t.TempDir(), "out.wav")
	return func(args ...string) (int, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if args[0] == "play" {
			args = append([]string{"play", "--output", "wav:" + out}, args[1:]...)
		}
		code := Main(t.Context(), append([]string{"secstream"}, args...), home(dir, &stdout, &stderr))
		if _, err := os.Stat(out); args[0] == "play" && (err == nil) != (code == exitOK) {
			t.Errorf("%q: exit code %d, and sound: %t", args, code, err == nil)
		}
		_ = os.Remove(out)
		return code, stdout.String() + stderr.String()
	}
}

// TestChangedIdentityIsRefused: a server that has another identity than before
// is not played, and the command that is printed takes it after all.
func TestChangedIdentityIsRefused(t *testing.T) {
	old, changed := hosted(t, t.TempDir()), hosted(t, t.TempDir())
	var now atomic.Pointer[host]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now.Load().handler.ServeHTTP(w, r) }))
	defer srv.Close()
	was, is := old.identity.Fingerprint().String(), changed.identity.Fingerprint().String()
	run := caller(t, t.TempDir())

	now.Store(old)
	if code, stderr := run("play", "--track", "1", srv.URL); code != exitOK || !strings.Contains(stderr, "for the first time; it is "+was) {
		t.Fatalf("the first time: %d, %s", code, stderr)
	}
	if code, stderr := run("play", "--track", "1", srv.URL); code != exitOK || strings.Contains(stderr, "SHA256") {
		t.Fatalf("the second time: %d, %s", code, stderr)
	}
	now.Store(changed)
	for _, args := range [][]string{{"play", "--track", "1"}, {"play"}, {"play", "--json"}, {"probe", "--verify", "--track", "1"}} {
		code, stderr := run(append(args, srv.URL)...)
		if args[len(args)-1] != "--json" && strings.Count(stderr, "is another than before") != 1 {
			t.Errorf("%q: it is not told once: %s", args, stderr)
		}
		if code != exitRefused || !strings.Contains(stderr, was) || !strings.Contains(stderr, is) || !strings.Contains(stderr, "secstream pins accept "+srv.URL+" "+is) {
			t.Errorf("%q: %d, %s", args, code, stderr)
		}
	}
	if code, stderr := run("play", "--fingerprint", is, srv.URL); code != exitRefused || !strings.Contains(stderr, "pins accept") {
		t.Errorf("a pin is not replaced by an option: %d, %s", code, stderr)
	}
	_, stderr := run("play", "--track", "1", srv.URL)
	_, call, _ := strings.Cut(stderr, "is its identity now: secstream ")
	if code, stderr := run(strings.Fields(call)...); code != exitOK {
		t.Fatalf("%q: %d, %s", call, code, stderr)
	}
	if code, stderr := run("play", "--track", "1", srv.URL); code != exitOK {
		t.Errorf("accepted: %d, %s", code, stderr)
	}
	now.Store(old)
	if code, stderr := run("play", "--track", "1", srv.URL); code != exitRefused || !strings.Contains(stderr, "pins accept "+srv.URL+" "+was) {
		t.Errorf("and back: %d, %s", code, stderr)
	}
}

// TestGivenFingerprint: who gives a fingerprint trusts nobody else, at the first
// contact either.
func TestGivenFingerprint(t *testing.T) {
	h, other := hosted(t, t.TempDir()), hosted(t, t.TempDir())
	srv := httptest.NewServer(h.handler)
	defer srv.Close()
	right, wrong := h.identity.Fingerprint(), other.identity.Fingerprint()
	claim := func(f identity.Fingerprint) string { return identity.Address{URL: srv.URL, Fingerprint: f}.String() }
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
		pins bool
	}{
		"right":           {[]string{"--fingerprint", right.String(), srv.URL}, exitOK, nil, true},
		"wrong":           {[]string{"--fingerprint", wrong.String(), srv.URL}, exitRefused, []string{right.String(), wrong.String(), "on another way"}, false},
		"right address":   {[]string{claim(right)}, exitOK, nil, true},
		"wrong address":   {[]string{claim(wrong)}, exitRefused, []string{right.String(), wrong.String()}, false},
		"half":            {[]string{"--fingerprint", right.String()[:20], srv.URL}, exitUsage, nil, false},
		"both":            {[]string{"--fingerprint", right.String(), claim(right)}, exitUsage, []string{"has one of its own"}, false},
		"v1":              {[]string{"--protocol", "1", srv.URL}, exitOK, nil, false},
		"v1, fingerprint": {[]string{"--protocol", "1", "--fingerprint", right.String(), srv.URL}, exitUsage, []string{"protocol 1 does not tell"}, false},
		"v1, address":     {[]string{"--protocol", "1", claim(right)}, exitUsage, []string{"protocol 1 does not tell"}, false},
		"v3":              {[]string{"--protocol", "3", srv.URL}, exitUsage, []string{"there are 1 and 2"}, false},
	} {
		dir := t.TempDir()
		code, stderr := caller(t, dir)(append([]string{"play", "--track", "1"}, c.args...)...)
		if code != c.code || code == exitOK && strings.Contains(stderr, "first time") {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
		for _, text := range c.says {
			if !strings.Contains(stderr, text) {
				t.Errorf("%s: %q is not in: %s", name, text, stderr)
			}
		}
		pins, err := os.ReadFile(filepath.Join(dir, "pins"))
		if (err == nil && bytes.Contains(pins, []byte(srv.URL))) != c.pins {
			t.Errorf("%s: pins: %s, %v", name, pins, err)
		}
	}
}

// TestStatus: programs are told who the server is, once a run; people of what is
// new.
func TestStatus(t *testing.T) {
	h := hosted(t, t.TempDir())
	srv := httptest.NewServer(h.handler)
	defer srv.Close()
	fingerprint := h.identity.Fingerprint().String()
	run := caller(t, t.TempDir())
	event := func(status string) string { return `"status":"` + status + `","fingerprint":"` + fingerprint + `"}` }
	for i, c := range []struct {
		args []string
		says string
		not  string
	}{
		{[]string{"play", "--json"}, event("new"), "secstream: "},
		{[]string{"play", "--json"}, event("known"), "secstream: "},
		{[]string{"play", "--json", "--fingerprint", fingerprint}, event("known"), "given"},
		{[]string{"play"}, "", "SHA256"},
		{[]string{"probe", "--json", "--verify"}, event("known"), "secstream: "},
		{[]string{"play", "--json", "--protocol", "1"}, `{"warning":"this server has proved who it is before, and by protocol 1 it does not`, `"status"`},
		{[]string{"play", "--protocol", "1"}, "secstream: warning: this server has proved who it is before, and by protocol 1 it does not", "SHA256"},
	} {
		code, said := run(append(c.args, "--track", "1", srv.URL)...)
		if code != exitOK || !strings.Contains(said, c.says) || strings.Contains(said, c.not) || strings.Count(said, `"status":"`) > 1 {
			t.Errorf("%d, %q: %d, %s", i, c.args, code, said)
		}
	}
	if code, said := caller(t, t.TempDir())("play", "--json", "--track", "1", "--protocol", "1", srv.URL); code != exitOK || strings.Contains(said, "warning") {
		t.Errorf("protocol 1, of a server that was never met: %d, %s", code, said)
	}
	if code, said := caller(t, t.TempDir())("play", "--json", "--track", "1", "--fingerprint", fingerprint, srv.URL); code != exitOK || !strings.Contains(said, event("given")) {
		t.Errorf("given: %d, %s", code, said)
	}
	w := welcome(t)
	l := newListening(t)
	for _, status := range []string{"given", "known"} {
		if said := l.play(exitOK, "--json", w.address.Reveal()); strings.Count(said, `"status":"`) != 1 || !strings.Contains(said, `"status":"`+status+`"`) {
			t.Errorf("paired, %s: %s", status, said)
		}
	}
}

// TestStatusOfTrust: the same for who asks within the program.
func TestStatusOfTrust(t *testing.T) {
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	pins, err := identity.Open(filepath.Join(t.TempDir(), "pins"))
	if err != nil {
		t.Fatal(err)
	}
	want := id.Fingerprint()
	told := 0
	for _, c := range []struct {
		trust *trust
		want  string
		told  int
	}{
		{&trust{want: &want}, statusGiven, 0},
		{&trust{pins: pins}, statusNew, 1},
		{&trust{pins: pins}, statusKnown, 0},
		{&trust{pins: pins, want: &want}, statusKnown, 0},
	} {
		tr := c.trust
		told = 0
		tr.address, tr.tell = "http://h:1", func(string, string) { told++ }
		for range 2 { // tracks
			if err := tr.Check(id.Public()); err != nil {
				t.Fatal(err)
			}
		}
		if tr.Status() != "" || told > 0 {
			t.Errorf("%q before anything is proved", tr.Status())
		}
		for range 2 {
			if err := tr.Met(t.Context(), id.Public()); err != nil {
				t.Fatal(err)
			}
		}
		if tr.Status() != c.want || told != c.told {
			t.Errorf("%q, told %d times, want %q", tr.Status(), told, c.want)
		}
	}
}
