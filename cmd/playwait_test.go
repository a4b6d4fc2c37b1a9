package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/output"
	"secstream/pkg/player"
	"secstream/pkg/wire"
)

// away is a tone whose second slice comes late, when its server is back.
type away struct {
	tone
	late time.Duration
}

func (a away) Slice(ctx context.Context, i int) ([]byte, error) {
	if i == 1 {
		time.Sleep(a.late)
	}
	return a.tone.Slice(ctx, i)
}

// waited is what watch prints of a server that is away for 5 s.
func waited(t *testing.T, o playOptions, tty bool) (text string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		out, err := output.Open("null", output.Options{})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		engine, err := player.New(player.Config{Output: out, Tracks: 1, Open: func(context.Context, int) (player.Source, error) { return away{late: 6 * time.Second}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- engine.Run(t.Context()) }()
		l := line{server: "music.example:8080", outage: func() client.Outage {
			if now := time.Since(begin); now < 5*time.Second {
				return client.Outage{Tries: int(now/time.Second) + 1, Err: fmt.Errorf("%w: %w", client.ErrUnreachable, syscall.ECONNREFUSED), Last: time.Now()}
			}
			return client.Outage{}
		}}
		var b bytes.Buffer
		watch(Env{Stdout: &b, StdoutTTY: tty, Width: func() int { return 100 }}, o, engine, []wire.LibraryTrack{{ID: "a", Path: "a.wav", Duration: 2}}, l)
		if err := <-done; err != nil {
			t.Error(err)
		}
		text = b.String()
	})
	return text
}

// A wait names the server, the try and the last error; gaps are counted.
func TestWatchWaits(t *testing.T) {
	text := waited(t, playOptions{plain: true}, true)
	want := `music.example:8080 does not serve, try 2: connection refused; what is here plays on
waiting for sound at 0:00, gap 1
waiting for music.example:8080, try 2: connection refused
waiting for music.example:8080, try 4: connection refused
music.example:8080 serves again
waiting for music.example:8080
playing on at 0:01
finished; 1 gap, 5.2 s of silence
`
	for line := range strings.Lines(want) {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if strings.Count(text, "try ") > 6 {
		t.Errorf("too many words:\n%s", text)
	}

	text = waited(t, playOptions{}, true)
	for _, want := range []string{"… 0:01 / 0:02  1 gap  waiting for music.example:8080, try 5: connection refused; ctrl+c ends", "▶ 0:01 / 0:02  1 gap  a.wav"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if !regexp.MustCompile(`\r\x1b\[K1 gap, 5\.\d s of silence\n$`).MatchString(text) {
		t.Errorf("the end is %q", text[max(len(text)-80, 0):])
	}
}

// So it is in JSON, where each try is an event.
func TestWatchWaitsInJSON(t *testing.T) {
	dec := json.NewDecoder(strings.NewReader(waited(t, playOptions{asJSON: true}, false)))
	dec.DisallowUnknownFields()
	most, serving := 0, 0
	for dec.More() {
		var e event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		switch e.Event {
		case eventWaiting:
			if e.Server != "music.example:8080" || e.Try > 1 && e.Text != "connection refused" || e.Try < 1 {
				t.Errorf("%+v", e)
			}
			most = max(most, e.Try)
		case eventServing:
			serving++
		}
	}
	if most != 6 || serving == 0 {
		t.Errorf("up to try %d, serving %d times", most, serving)
	}
}

func TestShortly(t *testing.T) {
	for want, err := range map[string]error{
		"":                               nil,
		"connection refused":             fmt.Errorf("%w: %w", client.ErrUnreachable, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
		"there is no host of that name":  &net.DNSError{Name: "nowhere.example", IsNotFound: true},
		"its name cannot be looked up":   &net.DNSError{Name: "nowhere.example"},
		"no answer in time":              fmt.Errorf("%w: %w", client.ErrUnreachable, os.ErrDeadlineExceeded),
		"the connection broke off":       fmt.Errorf("%w: %w", client.ErrUnreachable, io.ErrUnexpectedEOF),
		"it is silent for too long":      fmt.Errorf("%w: %w", client.ErrUnreachable, errors.New("it is silent for too long")),
		"Server is busy, ask again soon": wire.Errorf(wire.Busy, "Server is busy, ask again soon"),
	} {
		if got := shortly(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

// Who waits for the first answer is told of it, not of each try, and no longer
// than it lasts.
func TestTellOfAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := waiter{line: line{server: "music.example", outage: func() client.Outage {
			switch n := int(time.Since(begin) / time.Second); {
			case n >= 10:
				return client.Outage{}
			case n >= 2:
				return client.Outage{Tries: n, Err: syscall.ECONNREFUSED, Last: time.Now()}
			}
			return client.Outage{}
		}}}
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		var told []string
		w.tellOf(ctx, func(kind, text string) { told = append(told, kind+": "+text) })
		want := []string{"waiting: music.example", "waiting: music.example, try 3: connection refused", "waiting: music.example, try 4: connection refused", "waiting: music.example, try 8: connection refused"}
		if !slices.Equal(told, want) {
			t.Errorf("%q", told)
		}
	})
}

// A server that asked for time is said to be busy, and when it is tried again;
// where each line stays, the seconds are no news.
func TestTellOfABusyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := client.Outage{Tries: 1, Err: wire.Errorf(wire.Busy, "no"), Last: time.Now(), Until: time.Now().Add(2 * time.Minute)}
		w := waiter{line: line{server: "music.example", outage: func() client.Outage { return o }}}
		for want, silent := range map[string]bool{"waiting for music.example: busy, tries again in 120 s": true, "music.example: busy, tries again in 120 s; what is here plays on": false} {
			if got := w.look(silent).String(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		told := w.look(true)
		time.Sleep(100 * time.Second)
		now := w.look(true)
		if want := "waiting for music.example: busy, tries again in 20 s"; now.String() != want || now.worthTelling(told) {
			t.Errorf("%q, told again %t", now, now.worthTelling(told))
		}
		time.Sleep(time.Minute)
		if got := w.look(false); got != (wait{}) {
			t.Errorf("%q of one that nobody tries", got)
		}
	})
}
