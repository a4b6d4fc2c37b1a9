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

	"secstream/pkg/audio"
	"secstream/pkg/caught"
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

func (t *terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
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
	e := &lockedEngine{fakeEngine: &fakeEngine{events: make(chan player.Event, 8), queue: player.Queue{Current: -1}}}
	out, done := &terminal{}, make(chan error, 1)
	m := adopted(e, Config{Tracks: shelf(), Where: "here"}, plainLooks)
	m.out.to = out
	go func() { done <- m.run(ctx, tea.WithInput(keyboard)) }()
	return e, out, done
}

func ends(t *testing.T, done chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not return")
		return nil
	}
}

func TestRunEnds(t *testing.T) {
	t.Run("user quits", func(t *testing.T) {
		_, out, done := start(context.Background(), strings.NewReader("q"))
		if err := ends(t, done); err != nil {
			t.Error(err)
		}
		restored(t, out)
	})
	t.Run("events close", func(t *testing.T) {
		e, _, done := start(context.Background(), nil)
		e.events <- player.Event{Kind: player.Warning, Text: "4 channels are mixed to 2"}
		close(e.events)
		if err := ends(t, done); err != nil {
			t.Error(err)
		}
	})
	t.Run("context ends", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, out, done := start(ctx, nil)
		if err := ends(t, done); err != nil {
			t.Error(err)
		}
		restored(t, out)
	})
	t.Run("no engine", func(t *testing.T) {
		if err := Run(context.Background(), Config{}); err == nil {
			t.Error("no error without an engine")
		}
	})
	t.Run("terminal breaks", func(t *testing.T) {
		broken := errors.New("gone")
		_, out, done := start(context.Background(), brokenKeyboard{broken})
		if err := ends(t, done); !errors.Is(err, broken) {
			t.Errorf("Run: %v, want %v", err, broken)
		}
		restored(t, out)
	})
}

// restored checks that a program took back all that it changed.
func restored(t *testing.T, out *terminal) {
	t.Helper()
	for _, mode := range []string{"?1049", "?25", "?1002", "?1006", "?2004"} {
		text := out.String()
		on, off := strings.LastIndex(text, "\x1b["+mode+"h"), strings.LastIndex(text, "\x1b["+mode+"l")
		if mode == "?25" {
			on, off = off, on // the cursor is there, and hidden meanwhile
		}
		if on >= 0 && off < on {
			t.Errorf("mode %s stays changed", mode)
		}
	}
}

type brokenKeyboard struct{ err error }

func (b brokenKeyboard) Read([]byte) (int, error) { return 0, b.err }

// A panic in a message or in a command ends the screen with an error, and the
// terminal is as it was.
func TestPanicRestoresTheTerminal(t *testing.T) {
	for name, get := range map[string]func(){
		"in Update":    func() {},
		"in a command": func() { panic("the cover fell off the wall") },
		"in a frame":   func() {},
	} {
		t.Run(name, func(t *testing.T) {
			e := &fakeEngine{events: make(chan player.Event, 8), queue: player.Queue{Current: -1}}
			out, keyboard := &terminal{}, make(slow, 1) // it may be over before it reads
			m := adopted(e, Config{Tracks: shelf(), Protection: func() Protection {
				if name == "in Update" && out.String() != "" { // once the screen stands
					panic("the cover fell off the wall")
				}
				return Protection{}
			}, Lyrics: func(context.Context, int) (string, error) { get(); return "", nil }}, plainLooks)
			done := make(chan error, 1)
			m.out.to = out
			if name == "in a frame" {
				m.out.to, m.w, m.h = &cracked{Writer: out}, 80, 24
			}
			go func() { done <- m.run(context.Background(), tea.WithInput(keyboard)) }()
			if name != "in Update" {
				keyboard <- 'Y'
			} else {
				keyboard <- 'j'
			}
			err, bug := ends(t, done), new(caught.Panic)
			if name == "in a frame" && !errors.As(err, &bug) || name != "in a frame" && !errors.Is(err, tea.ErrProgramPanic) {
				t.Errorf("Run: %v", err)
			}
			close(keyboard)
			restored(t, out)
		})
	}
}

// cracked is a terminal that the first frame breaks.
type cracked struct {
	io.Writer
	broken bool
}

func (c *cracked) Write(p []byte) (int, error) {
	if !c.broken && bytes.Contains(p, []byte("\x1b[2;1H")) {
		c.broken = true
		panic("the glass has a crack")
	}
	return c.Writer.Write(p)
}

// slow is a keyboard on which keys are pressed one by one.
type slow chan byte

func (s slow) Read(p []byte) (int, error) {
	b, ok := <-s
	if !ok {
		return 0, io.EOF
	}
	p[0] = b
	return 1, nil
}

func TestListenEndsWithTheScreen(t *testing.T) {
	quit := make(chan struct{})
	close(quit)
	if msg := listen(make(chan player.Event), quit)(); msg != nil {
		t.Errorf("message %v after the end", msg)
	}
}

func TestEventsAreHeardOneAfterTheOther(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.e.events <- player.Event{Kind: player.TimeUpdate} // of no concern
	s.e.events <- player.Event{Kind: player.Warning, Text: "the output has \x1b[31mtwo\x07 channels"}
	close(s.e.events)
	s.send(listen(s.e.events, nil)())
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
		s.wantText("✗ cannot play Pulsewidth: second; enter tries again", "✗ Pulsewidth")
		s.send(second...)
		s.wantNoText("second")
		s.wantText("✗ Pulsewidth", "? help")
		s.keys("down down") // on the failed track: why
		s.wantText("✗ second; enter tries again")
		s.send(eventMsg{Kind: player.TrackChange, Track: 3})
		s.wantNoText("✗")
		s.send(eventMsg{Kind: player.Error, Skipped: true, Slice: 4, Track: 3, Err: errors.New("forged")})
		s.wantText("! slice 4 of Pulsewidth is left out: forged")
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

// One chain of ticks lives at a time: fast while something moves; none when
// nothing does.
func TestTickPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, shelf(), 80, 24)
		count := func(d time.Duration) (n int) {
			for end := time.Now().Add(d); time.Now().Before(end) && s.last != nil; n++ {
				all := msgs(s.last)
				if len(all) != 1 {
					t.Fatalf("%d commands where one tick should be", len(all))
				}
				s.send(all[0])
			}
			return n
		}
		if n := count(10 * time.Second); n < 20 || n > 50 {
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
		if n := count(10 * time.Second); n > 2 {
			t.Errorf("%d ticks in 10 s of pause", n)
		}
		s.keys("space")
		if s.last == nil || s.model().every != movingPace {
			t.Error("play does not quicken the ticks")
		}
		s.e.sound = []float64{0.5, -0.5}
		s.keys("N")
		if got := s.model().every; got != barsPace {
			t.Errorf("a tick each %v with a spectrum", got)
		}
		s.keys("space")
		if n := count(10 * time.Second); n > 60 {
			t.Errorf("%d ticks after the bars fell", n)
		}
		if s.last != nil {
			t.Error("ticks go on in a pause")
		}
	})
}

func TestConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan Word, 2)
		told <- Word{Text: "it is still being scanned, 12 tracks so far"}
		c := Config{Where: "music.example:8420", Told: told, Connect: func(context.Context) (Config, error) {
			return Config{}, errors.New("no such host")
		}}
		m, err := newModel(c, plainLooks)
		if err != nil {
			t.Fatal(err)
		}
		s := &screen{t: t, Model: m, e: &fakeEngine{}}
		s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
		s.wantText("connecting", "music.example:8420", "q quit")
		s.keys("n space 5 j / P Q L") // nothing there yet to obey them
		time.Sleep(3 * time.Second)
		s.send(tickMsg{s.model().generation})
		s.wantText("0:03")
		s.send(hear(nil, told)())
		s.wantText("12 tracks so far")
		s.golden("connecting-80x24")
		s.send(connect(t.Context(), c.Connect)())
		if s.model().arrival.err == nil || !says[tea.QuitMsg](s.last) {
			t.Error("the error is lost")
		}
		close(told)
		if msg := hear(nil, told)(); msg != nil {
			t.Errorf("%v after all was told", msg)
		}
	})
}

func TestWarningsOfTheConnection(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.send(toldMsg{Text: "met this server \x1b[2Jfor the first time", Lasting: true})
	s.wantText("! met this server for the first time")

	m, err := newModel(Config{Connect: func(context.Context) (Config, error) { return Config{}, nil }}, plainLooks)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := player.New(player.Config{
		Output: quiet{}, Tracks: 1, Open: func(context.Context, int) (player.Source, error) { return nil, errors.New("none") },
	})
	if err != nil {
		t.Fatal(err)
	}
	s = &screen{t: t, Model: m, e: &fakeEngine{}}
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24}, toldMsg{Text: "met this server", Lasting: true}, toldMsg{Text: "being scanned"})
	s.wantNoText("met this server")
	s.send(connectedMsg{config: Config{Engine: engine, Tracks: shelf()[:1], Note: "going on at 0:07"}})
	s.wantText("! met this server", "top.wav")
}

// quiet is an output for an engine that never runs.
type quiet struct{}

func (quiet) Open(player.Spec) error { return nil }
func (quiet) Write([]float64) error  { return nil }
func (quiet) Buffered() audio.Frames { return 0 }
func (quiet) Flush()                 {}
func (quiet) Drain() error           { return nil }
func (quiet) Close() error           { return nil }
func (quiet) Paced() bool            { return true }

func TestSave(t *testing.T) {
	var saved []Resume
	s := configured(t, Config{Tracks: shelf(), Save: func(r Resume) { saved = append(saved, r) }}, 80, 24, plainLooks)
	close(s.e.events)
	at := func(d time.Duration) {
		s.e.state.Position = d
		s.send(tickMsg{})
		run(s.last)
	}
	at(84 * time.Second)
	at(87 * time.Second)
	if len(saved) != 0 {
		t.Errorf("saved %v within 5 s", saved)
	}
	at(89 * time.Second)
	s.e.turnTo(3)
	at(time.Second)
	s.e.state.Ended = true
	at(time.Second)
	want := []Resume{{1, 89 * time.Second}, {3, time.Second}, {Track: -1}}
	if len(saved) != 3 || saved[0] != want[0] || saved[1] != want[1] || saved[2] != want[2] {
		t.Errorf("saved %v, want %v", saved, want)
	}
}

// run does what cmd holds, but for what waits.
func run(cmd tea.Cmd) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if cmd == nil {
			return
		}
		if batch, ok := cmd().(tea.BatchMsg); ok {
			for _, c := range batch {
				run(c)
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(300 * time.Millisecond):
	}
}
