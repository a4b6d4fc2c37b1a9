package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/wire"
)

// answers is a server without a network: it answers what it is told to, by
// the number of the request.
type answers func(n int) string

type canned struct {
	answer answers
	n      int
}

func (c *canned) RoundTrip(*http.Request) (*http.Response, error) {
	c.n++
	return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: io.NopCloser(strings.NewReader(c.answer(c.n)))}, nil
}

// scanning is the list of a server that has found n tracks.
func scanning(n int, still bool) string {
	l := wire.Library{Scanning: still, Tracks: []wire.LibraryTrack{}}
	for i := range n {
		l.Tracks = append(l.Tracks, wire.LibraryTrack{ID: fmt.Sprintf("%032x", i), Path: fmt.Sprintf("%d.wav", i)})
	}
	b, _ := json.Marshal(l)
	return string(b)
}

// A server may scan for as long as it finds something, within reason; one that
// only says so is not waited for, and whoever waits is told.
func TestScanIsNotWaitedForEver(t *testing.T) {
	for name, c := range map[string]struct {
		answer    answers
		own       bool
		least     time.Duration
		most      time.Duration
		tracks    int
		scans     bool
		said      string
		saidFirst string
	}{
		"at once":        {answer: func(int) string { return scanning(2, false) }, tracks: 2},
		"stuck":          {func(int) string { return scanning(2, true) }, false, scanQuiet, scanQuiet + 2*lastPoll, 2, true, "going on with 2 tracks", "waiting: h is still being scanned, 2 tracks so far"},
		"stuck, nothing": {func(int) string { return scanning(0, true) }, false, scanQuiet, scanQuiet + 2*lastPoll, 0, true, "waiting", "0 tracks so far"},
		"large":          {func(n int) string { return scanning(n, n < 150) }, false, 4 * time.Minute, 5 * time.Minute, 150, false, "waiting", "so far"},
		"for ever":       {func(n int) string { return scanning(n, true) }, false, scanLongest, scanLongest + lastPoll, 306, true, "going on with", "so far"},
		"our own":        {func(n int) string { return scanning(1, n < 60) }, true, time.Minute, 2 * time.Minute, 1, false, "waiting", "1 track so far"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl, err := client.New("h", client.Config{Transport: &canned{answer: c.answer}})
				if err != nil {
					t.Fatal(err)
				}
				var said bytes.Buffer
				s := scan{client: cl, name: "h", own: c.own, tell: newTeller(Env{Stderr: &said}, false)}
				begin := time.Now()
				list, err := s.list(t.Context(), func(*wire.Library) bool { return false })
				if err != nil || len(list.Tracks) != c.tracks || list.Scanning != c.scans {
					t.Fatalf("%d tracks, %v", len(list.Tracks), err)
				}
				if d := time.Since(begin); d < c.least || d > c.most {
					t.Errorf("after %v", d)
				}
				if !strings.Contains(said.String(), c.said) || !strings.Contains(said.String(), c.saidFirst) || (c.most == 0) != (said.Len() == 0) {
					t.Errorf("said: %s", &said)
				}
			})
		})
	}
}

// What is missing may still come: the error says so.
func TestNothingYet(t *testing.T) {
	l := &listener{name: "h"}
	for list, which := range map[*wire.Library]string{
		{Scanning: true}: "",
		{Scanning: true, Tracks: []wire.LibraryTrack{{ID: "a"}}}: "b",
	} {
		if _, err := l.choose(list, which); err == nil || !strings.Contains(err.Error(), "still being scanned") {
			t.Errorf("%q: %v", which, err)
		}
	}
}

// The address of the player's own server is a secret of its own.
func TestOwnServerIsNotTold(t *testing.T) {
	l, err := listen(t.Context(), Env{}, []string{"../testdata/audio/music-drums.wav"}, access{}, usual, newTeller(Env{Stderr: io.Discard}, false))
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(l.client.Address(), "127.0.0.1")
	_, secret, _ = strings.Cut(secret, "/")
	_, unknown := l.client.Open(t.Context(), "nonesuch", audio.Tags{})
	l.close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, gone := l.client.Library(ctx)
	for _, err := range []error{unknown, gone} {
		if err == nil || len(secret) != 32 || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
}

// hostile serves a list whose every text would steer a terminal.
func hostile(t *testing.T) string {
	t.Helper()
	const steer = "x\u009b2J\u007f\u202e\x1b[2J"
	b, err := json.Marshal(wire.Library{Tracks: []wire.LibraryTrack{{
		ID: steer, Path: steer, Folder: steer, Format: steer, Codec: steer, SampleRate: 8000, Channels: 1, TotalSamples: 1,
		Tags: wire.Tags{Title: steer, Artist: steer, Genre: steer},
	}}, Refused: []wire.Refusal{{Path: steer, Reason: steer}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wire.LibraryPath {
			w.WriteHeader(http.StatusNotFound)
			b, _ := json.Marshal(wire.Error{Message: steer})
			_, _ = w.Write(b)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// Nothing a server says steers the terminal, in text or in JSON.
func TestNothingSteers(t *testing.T) {
	address := hostile(t)
	for _, args := range [][]string{
		{"probe", address}, {"probe", "--long", address}, {"probe", "--json", address}, {"probe", "--json", "--plan", address},
		{"play", "--output", "null", address}, {"play", "--output", "null", "--json", address},
	} {
		var out, errs bytes.Buffer
		Main(t.Context(), append([]string{"secstream"}, args...), Env{Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, Width: func() int { return 80 }, ConfigDir: func() (string, error) { return t.TempDir(), nil }})
		if out.Len()+errs.Len() == 0 {
			t.Errorf("%q says nothing", args)
		}
		for _, r := range out.String() + errs.String() {
			if r != '\n' && steers(r) {
				t.Errorf("%q: %U reaches the terminal:\n%q\n%q", args, r, &out, &errs)
				break
			}
		}
	}
}

// What is escaped in JSON is read as it was.
func TestJSONKeepsWhatItEscapes(t *testing.T) {
	const text = "<a&b>\u007f\u0080\u009b\u00a0ü\u202e\u2066語\U0001f600\n\x1b"
	var b bytes.Buffer
	if err := newJSON(&b).Encode(event{ID: text}); err != nil {
		t.Fatal(err)
	}
	var back event
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.ID != text || !strings.Contains(b.String(), `"<a&b>\u007f\u0080\u009b`+"\u00a0ü") {
		t.Errorf("%q, %v", &b, err)
	}
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if steers(r) {
			t.Errorf("%U is not escaped", r)
		}
	}
}

func TestQuoting(t *testing.T) {
	for word, want := range map[string]string{
		"":                      "''",
		"http://[::1]:8420/a":   "'http://[::1]:8420/a'",
		"http://h:1/a_b@c=%2F+": "http://h:1/a_b@c=%2F+",
		"--track":               "--track",
		"it's":                  `'it'\''s'`,
		"ü":                     "'ü'",
	} {
		if got := quoteAll([]string{word}); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
	for c := rune(1); c < 0x100; c++ {
		plain := c < 0x80 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_./:=@%+-", c))
		if got := quoteAll([]string{"a" + string(c) + "b"}); strings.HasPrefix(got, "'") == plain {
			t.Errorf("%q becomes %s", c, got)
		}
	}
	words := []string{"a b"}
	if quoteAll(words); words[0] != "a b" {
		t.Error("the words themselves are changed")
	}
}

// A long text costs what it is long, not the square of it.
func TestLongTextsAreQuick(t *testing.T) {
	begin := time.Now()
	for _, text := range []string{strings.Repeat("x", 1<<17), strings.Repeat("語", 1<<17)} {
		if got := shorten(text, 40); cells(got) > 40 {
			t.Errorf("%d cells", cells(got))
		}
		if lines := wrap(text, 40); len(lines) < len(text)/3/40 {
			t.Errorf("%d lines", len(lines))
		}
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("it takes %v", d)
	}
}
