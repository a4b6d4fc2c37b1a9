package tui

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares the screen with testdata/name.golden. Spaces at the ends of
// lines do not count, so that editors cannot spoil the files.
func (s *screen) golden(name string) {
	s.t.Helper()
	lines := strings.Split(s.View(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	got := strings.Join(lines, "\n") + "\n"
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatalf("%v (go test ./tui -update writes it)", err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		s.t.Errorf("screen is not %s:\n%s", file, got)
	}
}

func TestGolden(t *testing.T) {
	failure := eventMsg{Kind: player.Error, Track: 4, Err: errors.New("ogg: at byte 4096: page CRC does not match")}
	for _, c := range []struct {
		name string
		w, h int
		do   func(*screen)
	}{
		{"playing-80x24", 80, 24, nil},
		{"playing-40x10", 40, 10, nil},
		{"playing-120x40", 120, 40, nil},
		{"playing-80x16", 80, 16, nil},
		{"playing-100x12", 100, 12, nil},
		{"tiny-39x10", 39, 10, nil},
		{"tiny-80x9", 80, 9, nil},
		{"paused-muted-80x24", 80, 24, func(s *screen) { s.keys("space - - - m down") }},
		{"buffering-80x24", 80, 24, func(s *screen) { s.e.state.Buffering, s.e.state.Info = true, audio.Info{}; s.send(nil) }},
		{"finished-80x24", 80, 24, func(s *screen) { s.send(eventMsg{Kind: player.Ended}) }},
		{"failed-80x24", 80, 24, func(s *screen) { s.send(failure) }},
		{"failed-current-80x24", 80, 24, func(s *screen) {
			s.e.state.Buffering, s.e.state.Position = true, 0
			s.send(eventMsg{Kind: player.Error, Track: 1, Err: errors.New("open a session on http://127.0.0.1:8420: the server does not answer: connection refused")})
		}},
		{"failed-40x10", 40, 10, func(s *screen) { s.send(failure) }},
		{"filter-typing-80x24", 80, 24, func(s *screen) { s.keys("/ o n space") }},
		{"filter-kept-80x24", 80, 24, func(s *screen) { s.keys("/ b j o r k enter") }},
		{"filter-nothing-40x10", 40, 10, func(s *screen) { s.keys("/ z z z") }},
		{"help-80x24", 80, 24, func(s *screen) { s.keys("?") }},
		{"help-40x10", 40, 10, func(s *screen) { s.keys("?") }},
		{"help-120x40", 120, 40, func(s *screen) { s.keys("?") }},
		{"wide-60x20", 60, 20, func(s *screen) { s.keys("G up enter") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScreen(t, shelf(), c.w, c.h)
			if c.do != nil {
				c.do(s)
			}
			s.golden(c.name)
		})
	}
}

func TestEmptyLibrary(t *testing.T) {
	s := newScreen(t, nil, 80, 24)
	s.wantText("no tracks", "0 tracks")
	s.keys("down up G g pgdown enter n b 5 / x enter esc space")
	s.send(eventMsg{Kind: player.Error, Track: 7}, eventMsg{Kind: player.TrackChange, Track: -1})
}

func TestNothingBeforeTheFirstSize(t *testing.T) {
	s := newScreen(t, shelf(), 0, 0)
	s.keys("j ? / a esc n")
	if v := s.View(); v != "" {
		t.Errorf("shown before a size was known: %q", v)
	}
}

// Every line of every size must fit, also in the middle of a filter or help.
func TestEverySizeFits(t *testing.T) {
	s := styledScreen(t, shelf(), 80, 24, termenv.TrueColor)
	for _, keys := range []string{"", "? G", "? /", "a", "enter ?"} {
		s.keys(keys)
		for w := 1; w <= 130; w += 1 + w/8 {
			for h := 1; h <= 44; h += 1 + h/20*5 {
				s.send(tea.WindowSizeMsg{Width: w, Height: h})
			}
		}
	}
	s.send(tea.WindowSizeMsg{Width: 1000, Height: 400})
}

// Rules, selected rows and bars reach exactly the right margin.
func TestLinesEndAtTheMargin(t *testing.T) {
	for _, w := range []int{40, 59, 60, 80, 81, 99, 120, 233} {
		s := newScreen(t, shelf(), w, 24)
		for y, l := range strings.Split(s.View(), "\n") {
			l = strings.TrimRight(l, " ")
			if n := width(l); strings.HasSuffix(l, ":00") && n != w-2 || strings.HasPrefix(l, " ─") && n != w-1 {
				t.Errorf("width %d: line %d ends at %d: %q", w, y, n, l)
			}
		}
	}
}

// What colours say is also said without them.
func TestColourIsNotNeeded(t *testing.T) {
	for _, p := range []termenv.Profile{termenv.ANSI, termenv.ANSI256, termenv.TrueColor} {
		coloured, plain := styledScreen(t, shelf(), 80, 24, p), newScreen(t, shelf(), 80, 24)
		if !strings.Contains(coloured.View(), "\x1b[") {
			t.Errorf("profile %v has no colour", p)
		}
		got := strings.ReplaceAll(ansi.Strip(coloured.View()), " ", "")
		if want := strings.NewReplacer(" ", "", "░", "").Replace(plain.View()); got != want {
			t.Errorf("profile %v: text differs:\n%s", p, ansi.Strip(coloured.View()))
		}
	}
	if v := newScreen(t, shelf(), 80, 24).View(); strings.Contains(v, "\x1b") {
		t.Errorf("escape sequences without colour: %q", v)
	}
}

func TestFacts(t *testing.T) {
	for want, i := range map[string]audio.Info{
		"FLAC · 96 kHz · 6 ch · 24 bit":        {Codec: audio.Flac, Container: audio.FLAC, SampleRate: 96000, Channels: 6, BitDepth: 24},
		"WAV · 22.05 kHz · 1 ch · 8 bit":       {Codec: audio.PCM, Container: audio.WAV, Sample: audio.U8, SampleRate: 22050, Channels: 1, BitDepth: 8},
		"WAV · 48 kHz · 2 ch · 32 bit float":   {Codec: audio.PCM, Container: audio.WAV, Sample: audio.F32, SampleRate: 48000, Channels: 2, BitDepth: 32},
		"WAV · 8 kHz · 1 ch · mu-law":          {Codec: audio.PCM, Container: audio.WAV, Sample: audio.ULaw, SampleRate: 8000, Channels: 1, BitDepth: 16},
		"MP3 · 44.1 kHz · 2 ch · 192 kbit/s":   {Codec: audio.Layer3, Container: audio.MP3, SampleRate: 44100, Channels: 2, BitDepth: 16, BitRate: 191_899},
		"Ogg Vorbis · 44.1 kHz · 2 ch":         {Codec: audio.Vorbis, Container: audio.Ogg, SampleRate: 44100, Channels: 2, BitDepth: 16},
		"Ogg Opus · 48 kHz · 1 ch · 64 kbit/s": {Codec: audio.Opus, Container: audio.Ogg, SampleRate: 48000, Channels: 1, BitDepth: 16, BitRate: 64000},
		"WAV · 8 kHz · 1 ch · A-law":           {Codec: audio.PCM, Container: audio.WAV, Sample: audio.ALaw, SampleRate: 8000, Channels: 1, BitDepth: 16},
	} {
		if got := (nowPlaying{state: player.State{Info: i}}).facts(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const steer = "\x1b]0;mine\x07wav\x1b[2J"
	for _, i := range []audio.Info{{Codec: audio.PCM, Container: steer, SampleRate: 1}, {Codec: steer, Container: steer, SampleRate: 1}} {
		if got, want := (nowPlaying{state: player.State{Info: i}}).facts(), "WAV · 0.001 kHz · 0 ch"; got != want {
			t.Errorf("of a server that steers: %q", got)
		}
	}
}

// A window of a long list costs what the window costs.
func TestManyTracksStayQuick(t *testing.T) {
	s := newScreen(t, pile(10_000), 120, 40)
	s.wantText("10,000 tracks")
	start := time.Now()
	for range 200 {
		s.keys("pgdown")
	}
	if d := time.Since(start) / 200; d > 100*time.Millisecond {
		t.Errorf("a key takes %v", d)
	}
	start = time.Now()
	s.keys("/ T r a c k space 9 9 9 9")
	if d := time.Since(start) / 11; d > 500*time.Millisecond {
		t.Errorf("a letter of the filter takes %v", d)
	}
	s.wantText("1 of 10,000", "Track 9999")
}
