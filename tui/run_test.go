package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
)

// terminal takes what a program writes.
type terminal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

// lockedEngine is a fakeEngine for a running program.
type lockedEngine struct {
	*fakeEngine
	mu sync.Mutex
}

func (l *lockedEngine) State() player.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// start runs the screen with a keyboard and returns its end.
func start(ctx context.Context, keyboard io.Reader) (*lockedEngine, *terminal, chan error) {
	e := &lockedEngine{fakeEngine: &fakeEngine{events: make(chan player.Event, 8)}}
	out, done := &terminal{}, make(chan error, 1)
	go func() {
		done <- run(ctx, e, Config{Tracks: shelf(), Where: "here"}, tea.WithInput(keyboard), tea.WithOutput(out))
	}()
	return e, out, done
}

func wait(t *testing.T, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not return")
	}
}

func TestRunEnds(t *testing.T) {
	t.Run("user quits", func(t *testing.T) {
		_, _, done := start(context.Background(), strings.NewReader("q"))
		wait(t, done)
	})
	t.Run("events close", func(t *testing.T) {
		e, _, done := start(context.Background(), nil)
		e.events <- player.Event{Kind: player.Warning, Text: "4 channels are mixed to 2"}
		close(e.events)
		wait(t, done)
	})
	t.Run("context ends", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, _, done := start(ctx, nil)
		wait(t, done)
	})
	t.Run("no engine", func(t *testing.T) {
		if err := Run(context.Background(), Config{}); err == nil {
			t.Error("no error without an engine")
		}
	})
	t.Run("terminal breaks", func(t *testing.T) {
		broken := errors.New("gone")
		_, _, done := start(context.Background(), brokenKeyboard{broken})
		select {
		case err := <-done:
			if !errors.Is(err, broken) {
				t.Errorf("Run: %v, want %v", err, broken)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("Run does not return")
		}
	})
}

type brokenKeyboard struct{ err error }

func (b brokenKeyboard) Read([]byte) (int, error) { return 0, b.err }

func TestListenEndsWithTheScreen(t *testing.T) {
	quit := make(chan struct{})
	close(quit)
	if msg := listen(make(chan player.Event), quit)(); msg != nil {
		t.Errorf("message %v after the end", msg)
	}
}

func TestEventsAreHeardOneAfterTheOther(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.e.events <- player.Event{Kind: player.Warning, Text: "the output has \x1b[31mtwo\x07 channels"}
	close(s.e.events)
	msg := listen(s.e.events, nil)()
	s.send(msg)
	s.wantText("! the output has two channels")
	if msg := listen(s.e.events, nil)(); msg != (closedMsg{}) {
		t.Errorf("%#v after the channel closed", msg)
	}
	s.send(closedMsg{})
	if !says[tea.QuitMsg](s.last) {
		t.Error("the screen outlives the engine")
	}
}

func TestStatusExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, shelf(), 80, 24)
		close(s.e.events)
		s.send(eventMsg{Kind: player.Warning, Text: "first"})
		first := expired(s.last)
		time.Sleep(time.Second)
		s.send(eventMsg{Kind: player.Error, Track: 3, Err: errors.New("second")})
		second := expired(s.last)
		s.send(first...) // belongs to a status that is gone
		s.wantText("✗ cannot play Pulsewidth: second", "✗ Pulsewidth")
		s.send(second...)
		s.wantNoText("second")
		s.wantText("✗ Pulsewidth", "? help")
		s.keys("down down") // on the failed track: why
		s.wantText("✗ second")
		s.send(eventMsg{Kind: player.TrackChange, Track: 3})
		s.wantNoText("✗")
	})
}

// expired are the ends of status among what cmd says.
func expired(cmd tea.Cmd) (list []tea.Msg) {
	for _, msg := range msgs(cmd) {
		if e, ok := msg.(expiredMsg); ok {
			list = append(list, e)
		}
	}
	return list
}

// One chain of ticks lives at a time: fast while something moves, slow else.
func TestTickPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, shelf(), 80, 24)
		count := func(d time.Duration) (n int) {
			for end := time.Now().Add(d); time.Now().Before(end); n++ {
				all := msgs(s.last)
				if len(all) != 1 {
					t.Fatalf("%d commands where one tick should be", len(all))
				}
				s.send(all[0])
			}
			return n
		}
		if n := count(10 * time.Second); n < 50 || n > 100 {
			t.Errorf("%d ticks in 10 s of play", n)
		}
		stale := s.last
		s.keys("space")
		paused := s.last
		s.send(msgs(stale)...)
		if s.last != nil {
			t.Error("a tick of the old pace lives on")
		}
		s.last = paused
		if n := count(10 * time.Second); n > 11 {
			t.Errorf("%d ticks in 10 s of pause", n)
		}
		s.keys("space")
		if s.last == nil || s.model().every != movingPace {
			t.Error("play does not quicken the ticks")
		}
	})
}
