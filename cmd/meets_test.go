package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/identity"
	"secstream/pkg/wire"
)

// TestProbeMeetsTheServer: a list is shown of the server that it should be of,
// whatever becomes of the first tracks in it.
func TestProbeMeetsTheServer(t *testing.T) {
	old, changed := hosted(t, t.TempDir()), hosted(t, t.TempDir())
	var now atomic.Pointer[host]
	var left atomic.Int32 // tracks that are not opened
	var sessions atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/sessions" {
			sessions.Add(1)
			if left.Add(-1) >= 0 {
				http.Error(w, `{"error":"it is gone","code":"track_not_found"}`, http.StatusNotFound)
				return
			}
		}
		now.Load().handler.ServeHTTP(w, r)
	}))
	defer srv.Close()
	run := caller(t, t.TempDir())
	const nobody = "has not proved who it is"
	now.Store(old)
	if code, said := run("probe", srv.URL); code != exitOK || strings.Contains(said, nobody) || sessions.Load() != 1 {
		t.Fatalf("%d, %s", code, said)
	}
	accept := "secstream pins accept " + srv.URL + " " + changed.identity.Fingerprint().String()
	for _, c := range []struct {
		gone   int32
		server *host
		code   int
		says   string
	}{
		{0, changed, exitRefused, accept},
		{1, changed, exitRefused, accept},
		{1, old, exitOK, "speech-librivox-16k.wav"},
		{2, changed, exitOK, nobody},
	} {
		now.Store(c.server)
		for _, args := range [][]string{{"probe"}, {"probe", "--json"}} {
			left.Store(c.gone)
			code, said := run(append(args, srv.URL)...)
			if code != c.code || !strings.Contains(said, c.says) || (c.says != nobody) == strings.Contains(said, nobody) {
				t.Errorf("%d tracks gone, %q: %d, %s", c.gone, args, code, said)
			}
		}
	}
}

// many is a list of n tracks.
func many(n int) []wire.LibraryTrack {
	list := make([]wire.LibraryTrack, n)
	for i := range list {
		list[i].ID = strings.Repeat("0", 31) + string(rune('a'+i))
	}
	return list
}

// TestProbeGivesUp: of a server that opens nothing a few tracks are asked for, and
// nothing once the person has gone.
func TestProbeGivesUp(t *testing.T) {
	h := hosted(t, t.TempDir())
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h.handler.ServeHTTP(w, r)
	}))
	defer srv.Close()
	said := ""
	tell := func(kind, text string) { said += kind + ": " + text }
	c := mustClient(t, srv.URL)
	if err := meets(t.Context(), c, many(20), false, tell); err != nil || asked.Load() != maxMeets || !strings.Contains(said, "warning: the server has not proved") {
		t.Errorf("%d requests, %q, %v", asked.Load(), said, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := meets(ctx, c, many(20), false, tell); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := errors.Join(meets(t.Context(), c, nil, false, tell), meets(t.Context(), c, many(3), true, tell)); err != nil || asked.Load() != maxMeets {
		t.Errorf("%d requests, %v", asked.Load(), err)
	}
}

// TestAcceptForgetsTheToken: what one server gave is not for another that takes
// its place, and is kept while it is the same.
func TestAcceptForgetsTheToken(t *testing.T) {
	w := welcome(t)
	l := newListening(t)
	l.play(exitOK, "--name", "a", w.address.Reveal())
	secret := l.token(w.url)
	if code, said := l.run("pins", "accept", w.url, w.address.Fingerprint.String()); code != exitOK || l.token(w.url) != secret || strings.Contains(said, "token") {
		t.Errorf("the same: %d, %s", code, said)
	}
	l.play(exitOK, w.url)
	other, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	// A token that cannot be forgotten is not left for another server.
	paired, pins := filepath.Join(l.config, "paired"), filepath.Join(l.config, "pins")
	kept, errKept := os.ReadFile(paired)
	before, errPins := os.ReadFile(pins)
	if err := errors.Join(errKept, errPins, os.WriteFile(paired, append(kept, "damage\n"...), 0o600)); err != nil {
		t.Fatal(err)
	}
	code, said := l.run("pins", "accept", w.url, other.Fingerprint().String())
	if after, err := os.ReadFile(pins); code != exitFailed || !strings.Contains(said, "it is damaged") || strings.Contains(said, secret) || err != nil || !bytes.Equal(after, before) {
		t.Errorf("a damaged file: %d, %s; %s, %v", code, said, after, err)
	}
	if err := os.WriteFile(paired, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := l.run("pins", "accept", w.url, other.Fingerprint().String()); code != exitOK || l.token(w.url) != "" || !strings.Contains(said, "pair it again") || strings.Contains(said, secret) {
		t.Errorf("another: %d, %s", code, said)
	}
	l.play(exitRefused, w.url)
	kept, err = os.ReadFile(paired)
	if err != nil || bytes.Contains(kept, []byte(secret)) {
		t.Errorf("%s, %v", kept, err)
	}
	// Nor is one for whose server there is no pin any more.
	err = openPairedAt(t, paired).Keep(t.Context(), "http://192.0.2.2", "sst_x")
	if code, _ := l.run("pins", "accept", "http://192.0.2.2", other.Fingerprint().String()); err != nil || code != exitOK || l.token("http://192.0.2.2") != "" {
		t.Errorf("without a pin: %d, %v", code, err)
	}
	if code, said := l.run("pins", "accept", "http://192.0.2.1", other.Fingerprint().String()); code != exitOK || strings.Contains(said, "token") {
		t.Errorf("one that was never met: %d, %s", code, said)
	}
}

// TestPairingNeedsAFolder: without a configuration folder nothing could be kept, so
// nobody is asked; a fingerprint is enough to play by.
func TestPairingNeedsAFolder(t *testing.T) {
	w := welcome(t)
	env := func(out io.Writer) Env {
		return Env{Stdin: strings.NewReader(""), Stdout: out, Stderr: out, ConfigDir: func() (string, error) { return "", errNoConfig }}
	}
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := Main(t.Context(), append([]string{"secstream", "play", "--output", "null"}, args...), env(&out))
		return code, out.String()
	}
	if code, said := run("--name", "a", w.address.Reveal()); code == exitOK || !strings.Contains(said, "configuration folder") || strings.Contains(said, w.address.Pair.Text()) {
		t.Errorf("%d, %s", code, said)
	}
	if n := len(w.names()); n != 1 {
		t.Fatalf("%d tokens", n)
	}
	l := newListening(t)
	l.play(exitOK, "--name", "a", w.address.Reveal()) // the address is as good as before
	h := hosted(t, t.TempDir())
	srv := httptest.NewServer(h.handler)
	defer srv.Close()
	who := h.identity.Fingerprint()
	for _, args := range [][]string{
		{"--fingerprint", who.String(), srv.URL}, {identity.Address{URL: srv.URL, Fingerprint: who}.String()},
	} {
		code, said := run(append([]string{"--json", "--track", "1", "--output", "wav:" + filepath.Join(t.TempDir(), "out.wav")}, args...)...)
		if code != exitOK || !strings.Contains(said, `"status":"given"`) {
			t.Errorf("%q: %d, %s", args, code, said)
		}
	}
	if code, said := run("--fingerprint", w.address.Fingerprint.String(), srv.URL); code != exitRefused || !strings.Contains(said, who.String()) {
		t.Errorf("another: %d, %s", code, said)
	}
	if code, said := run(srv.URL); code == exitOK || !strings.Contains(said, "configuration folder") {
		t.Errorf("neither: %d, %s", code, said)
	}
}

// TestWithoutSecret: what a person typed is told of without what may be a secret,
// whatever is wrong with it.
func TestWithoutSecret(t *testing.T) {
	secret := identity.NewSecret().Text()
	for text, want := range map[string]string{
		"song.wav":                 "song.wav",
		"what?.wav":                "what?.wav",
		"":                         "",
		"nas:8420/?pair=" + secret: "nas:8420/?...",
		"secstream//nas/?pair=" + secret + "#SHA256:00": "secstream//nas/?...#SHA256:00",
		"?pair=" + secret + "?pair=" + secret:           "?...",
		"nas#SHA256:00?pair=" + secret:                  "nas#SHA256:00?...",
		"pair=" + secret:                                "pair=...",
	} {
		if got := withoutSecret(text); got != want || strings.Contains(got, secret) {
			t.Errorf("%q: %q", text, got)
		}
	}
	for _, text := range []string{
		"nas:8420/?pair=" + secret, "secstream//nas/?pair=" + secret, "./?pair=" + secret, "secstream:/nas?pair=" + secret + "#", "pair=" + secret,
		"ftp://nas/?pair=" + secret, "http://nas/?pair=" + secret, "secstream://nas/?pair=" + secret, "secstreams://nas/?pair=" + secret + "#SHA256:00",
		"secstream://nas/#SHA256:00?pair=" + secret, "SECSTREAM://nas:0/?pair=" + secret + "#SHA256:00",
	} {
		for _, args := range [][]string{{"play"}, {"play", "--json"}, {"probe"}, {"probe", "--json", "../testdata/audio/music-drums.wav"}, {"pins", "remove"}, {"pins", "accept"}} {
			if args[len(args)-1] == "accept" {
				text += " SHA256:00"
			}
			code, said := newListening(t).run(append(args, strings.Fields(text)...)...)
			if code == exitOK || strings.Contains(said, secret) {
				t.Errorf("%q %q: %d, %s", args, text, code, said)
			}
			if args[len(args)-1] == "--json" && !json.Valid([]byte(strings.TrimSpace(said))) {
				t.Errorf("%q %q: %s", args, text, said)
			}
		}
	}
}

func mustClient(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Config{Patience: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
