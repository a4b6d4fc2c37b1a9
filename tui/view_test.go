package tui

import (
	"context"
	"errors"
	"flag"
	"image"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/colorprofile"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares the screen with testdata/name.golden. Spaces at the ends of
// lines do not count, so that editors cannot spoil the files.
func (s *screen) golden(name string) {
	s.t.Helper()
	lines := strings.Split(s.text(), "\n")
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

// sealed is a connection in the middle of a track.
func sealed() Protection {
	p := Protection{
		Peer: "http://127.0.0.1:8420", Fingerprint: "SHA256" + strings.Repeat(":94:1C:47:4F:A5:AC:61:8A", 4),
		Protocol: "secstream v2", Cipher: "ChaCha20-Poly1305", Compression: "zstd",
		KeySince: time.Now().Add(-754 * time.Second), Exchanges: 2,
		Verified: 23, Retried: 1, Fetched: 24, WireBytes: 3_412_990, BufferedBytes: 1_204_331,
		Latency: 4300 * time.Microsecond, MeanLatency: 12 * time.Millisecond,
	}
	for i := range 59 {
		state := SliceWaiting
		switch {
		case i < 16:
			state = SliceWiped
		case i == 16:
			state = SlicePlaying
		case i < 23:
			state = SliceOpened
		case i == 23:
			state = SliceFetching
		}
		p.Slices, p.SliceStarts = append(p.Slices, state), append(p.SliceStarts, time.Duration(i)*5*time.Second)
	}
	return p
}

// plainLooks is a terminal without colours.
var plainLooks = looks{dark: true, profile: colorprofile.ASCII}

func TestGolden(t *testing.T) {
	failure := eventMsg{Kind: player.Error, Track: 4, Err: errors.New("ogg: at byte 4096: page CRC does not match")}
	for _, c := range []struct {
		name string
		w, h int
		do   func(*screen)
	}{
		{"library-80x24", 80, 24, nil},
		{"library-40x10", 40, 10, nil},
		{"library-120x40", 120, 40, nil},
		{"library-80x16", 80, 16, nil},
		{"library-100x12", 100, 12, nil},
		{"artists-80x24", 80, 24, func(s *screen) { s.keys("t") }},
		{"albums-80x24", 80, 24, func(s *screen) { s.keys("t t") }},
		{"tracks-80x24", 80, 24, func(s *screen) { s.keys("t t t o") }},
		{"dates-80x24", 80, 24, func(s *screen) { s.keys("t o o") }},
		{"dates-40x10", 40, 10, func(s *screen) { s.keys("t t t o o") }},
		{"folded-80x24", 80, 24, func(s *screen) { s.keys("z g") }},
		{"tiny-39x10", 39, 10, nil},
		{"tiny-80x9", 80, 9, nil},
		{"queue-80x24", 80, 24, func(s *screen) { s.keys("Q n n s r j") }},
		{"queue-40x10", 40, 10, func(s *screen) { s.keys("Q") }},
		{"queue-120x40", 120, 40, func(s *screen) { s.keys("Q r r") }},
		{"now-80x24", 80, 24, func(s *screen) { s.keys("N") }},
		{"now-40x10", 40, 10, func(s *screen) { s.keys("N") }},
		{"now-120x40", 120, 40, func(s *screen) { s.keys("N") }},
		{"protection-80x24", 80, 24, func(s *screen) { s.keys("P") }},
		{"protection-40x10", 40, 10, func(s *screen) { s.keys("P") }},
		{"protection-120x40", 120, 40, func(s *screen) { s.keys("P") }},
		{"lyrics-80x24", 80, 24, func(s *screen) { s.keys("Y"); s.send(lyricsMsg{track: 1, text: song}) }},
		{"lyrics-40x10", 40, 10, func(s *screen) { s.keys("Y"); s.send(lyricsMsg{track: 1, text: song}) }},
		{"paused-muted-80x24", 80, 24, func(s *screen) { s.keys("space - - - m down") }},
		{"buffering-80x24", 80, 24, func(s *screen) { s.e.state.Buffering, s.e.state.Info = true, audio.Info{}; s.send(nil) }},
		{"finished-80x24", 80, 24, func(s *screen) { s.e.state.Ended = true; s.send(nil) }},
		{"failed-80x24", 80, 24, func(s *screen) { s.send(failure) }},
		{"failed-current-80x24", 80, 24, func(s *screen) {
			s.e.state.Buffering, s.e.state.Position = true, 0
			s.send(eventMsg{Kind: player.Error, Track: 1, Err: errors.New("open a session on http://127.0.0.1:8420: the server does not answer: connection refused")})
		}},
		{"failed-40x10", 40, 10, func(s *screen) { s.send(failure) }},
		{"filter-typing-80x24", 80, 24, func(s *screen) { s.keys("/ o n space") }},
		{"filter-loose-80x24", 80, 24, func(s *screen) { s.keys("/ p l s w") }},
		{"filter-nothing-40x10", 40, 10, func(s *screen) { s.keys("/ z z z") }},
		{"help-80x24", 80, 24, func(s *screen) { s.keys("?") }},
		{"help-40x10", 40, 10, func(s *screen) { s.keys("? j") }},
		{"help-120x40", 120, 40, func(s *screen) { s.keys("?") }},
		{"wide-60x20", 60, 20, func(s *screen) { s.keys("G k enter") }},
		{"number-80x24", 80, 24, func(s *screen) { s.keys("2 5") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the age of the key stands still
				lyrics := func(context.Context, int) (string, error) { return song, nil }
				s := configured(t, Config{Tracks: shelf(), Protection: sealed, Lyrics: lyrics}, c.w, c.h, plainLooks)
				if c.do != nil {
					c.do(s)
				}
				s.golden(c.name)
			})
		})
	}
}

// song is lyrics with times; at 1:23 the third line is sung.
const song = "[00:10.00]First light on the water\n[01:00.00]The second line is rather longer than the first one was\n" +
	"[01:20.00]Third, and this is sung now\n[01:30.00]\n[01:40.00]戦場のメリークリスマス\n[02:00.00]The end\n"

func TestEmptyLibrary(t *testing.T) {
	s := newScreen(t, nil, 80, 24)
	s.wantText("no tracks", "0 tracks")
	s.keys("down up G g pgdown enter n b 5 enter 3 j a A t o z . / x enter esc space Q d J K c enter . N Y P ? esc")
	s.send(eventMsg{Kind: player.Error, Track: 7}, eventMsg{Kind: player.TrackChange, Track: -1})
}

func TestNothingBeforeTheFirstSize(t *testing.T) {
	s := newScreen(t, shelf(), 0, 0)
	s.keys("j ? / a esc n")
	if v := s.raw(); v != "" {
		t.Errorf("shown before a size was known: %q", v)
	}
}

// Every line of every size must fit, in each view, also in the middle of a
// filter or help.
func TestEverySizeFits(t *testing.T) {
	s := configured(t, Config{Tracks: shelf(), Protection: sealed, Lyrics: noLyrics}, 80, 24, looks{dark: true, profile: colorprofile.TrueColor})
	s.send(picturedMsg{track: -1, image: image.NewGray(image.Rect(0, 0, 4, 4))})
	for _, keys := range []string{"", "? G", "? /", "a", "enter ?", "esc Q", "N", "x", "Y", "P", "1 2"} {
		s.keys(keys)
		for w := 1; w <= 130; w += 1 + w/5 {
			for h := 1; h <= 44; h += 1 + h/8*2 {
				s.send(tea.WindowSizeMsg{Width: w, Height: h})
			}
		}
	}
	s.send(tea.WindowSizeMsg{Width: 1000, Height: 400})
}

func noLyrics(context.Context, int) (string, error) { return "", nil }

// Rules, selected rows and bars reach exactly the right margin.
func TestLinesEndAtTheMargin(t *testing.T) {
	for _, w := range []int{40, 59, 60, 80, 81, 99, 120, 233} {
		s := newScreen(t, shelf(), w, 24)
		for y, l := range strings.Split(s.text(), "\n") {
			l = strings.TrimRight(l, " ")
			if n := width(l); strings.HasSuffix(l, ":00") && n != w-2 || strings.HasPrefix(l, " ─") && n != w-1 {
				t.Errorf("width %d: line %d ends at %d: %q", w, y, n, l)
			}
		}
	}
}

// What colours say is also said without them.
func TestColourIsNotNeeded(t *testing.T) {
	bare := strings.NewReplacer(" ", "", "░", "", "▒", "")
	for _, p := range []colorprofile.Profile{colorprofile.ANSI, colorprofile.ANSI256, colorprofile.TrueColor} {
		for _, dark := range []bool{true, false} {
			coloured := configured(t, Config{Tracks: shelf(), Protection: sealed}, 80, 24, looks{dark: dark, profile: p})
			plain := configured(t, Config{Tracks: shelf(), Protection: sealed}, 80, 24, plainLooks)
			if !strings.Contains(coloured.raw(), "\x1b[3") {
				t.Errorf("profile %v has no colour", p)
			}
			if got, want := bare.Replace(coloured.text()), bare.Replace(plain.text()); got != want {
				t.Errorf("profile %v: text differs:\n%s", p, coloured.text())
			}
		}
	}
	s := configured(t, Config{Tracks: shelf(), Protection: sealed}, 80, 24, plainLooks)
	if left := regexp.MustCompile(`\x1b\[[0-9;]*[34][0-9;]*m`).FindString(s.raw()); left != "" {
		t.Errorf("colour without colours: %q", left)
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
