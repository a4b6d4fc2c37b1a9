package art

import (
	"flag"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

// wheel is a picture of many colours in which no two corners are alike.
func wheel(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(255 - x*255/w), 255})
		}
	}
	return img
}

// apart is how far two pictures are apart: the mean of what channels differ by.
func apart(t *testing.T, a, b image.Image) float64 {
	t.Helper()
	if a.Bounds().Size() != b.Bounds().Size() {
		t.Fatalf("sizes %v and %v", a.Bounds().Size(), b.Bounds().Size())
	}
	sum, size := 0.0, a.Bounds().Size()
	for y := range size.Y {
		for x := range size.X {
			p := color.RGBAModel.Convert(a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y)).(color.RGBA)
			q := color.RGBAModel.Convert(b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y)).(color.RGBA)
			sum += math.Abs(float64(p.R)-float64(q.R)) + math.Abs(float64(p.G)-float64(q.G)) + math.Abs(float64(p.B)-float64(q.B))
		}
	}
	return sum / float64(3*size.X*size.Y)
}

func TestRenderFillsExactlyTheCells(t *testing.T) {
	cell := image.Pt(9, 19)
	for _, mode := range []Mode{None, Blocks, Kitty, KittyTmux, Sixel} {
		for _, profile := range []termenv.Profile{termenv.TrueColor, termenv.ANSI256, termenv.ANSI, termenv.Ascii} {
			for _, size := range []image.Point{{1, 1}, {60, 60}, {180, 20}, {3, 100}} {
				p := Terminal{Mode: mode, Profile: profile, Cell: cell}.Render(wheel(size.X, size.Y), 24, 11)
				if len(p.Lines) != 11 {
					t.Fatalf("%v %v: %d lines", mode, profile, len(p.Lines))
				}
				for i, l := range p.Lines {
					if w := ansi.StringWidth(l); w != 24 {
						t.Fatalf("%v %v %v: line %d is %d cells wide: %q", mode, profile, size, i, w, l)
					}
					if l != ansi.Truncate(l, 24, "") || strings.Contains(l, "\n") {
						t.Fatalf("%v: line %d does not survive a screen: %q", mode, i, l)
					}
				}
				if sends := mode == Kitty || mode == KittyTmux; (p.Setup != "") != sends || (p.Remove != "") != sends {
					t.Fatalf("%v: setup %q remove %q", mode, p.Setup, p.Remove)
				}
			}
		}
	}
	for _, p := range []Picture{Render(wheel(9, 9), Blocks, 0, 5, termenv.TrueColor), Render(wheel(9, 9), Kitty, 5, -1, termenv.TrueColor)} {
		if p.Lines != nil || p.Setup != "" {
			t.Errorf("without room: %+v", p)
		}
	}
	huge := Terminal{Mode: Sixel, Cell: image.Pt(127, 127)}.Render(wheel(64, 64), 5000, 5000)
	if len(huge.Lines) != 5000 || len(strings.Join(huge.Lines, "")) > 5000*5000+4<<20 {
		t.Errorf("a huge screen: %d lines", len(huge.Lines))
	}
}

func TestBlocksShowThePicture(t *testing.T) {
	img := wheel(640, 640)
	want := scale(img, 32, 32)
	for _, c := range []struct {
		profile     termenv.Profile
		off, blurry float64 // each pixel, and seen from where 16 are one
	}{{termenv.TrueColor, 0, 0}, {termenv.ANSI256, 20, 3}, {termenv.ANSI, 62, 16}} {
		got := readBlocks(t, Render(img, Blocks, 32, 16, c.profile).Lines)
		if off := apart(t, got, want); off > c.off {
			t.Errorf("%s: colours are off by %.1f on the mean, want at most %.0f", c.profile.Name(), off, c.off)
		}
		if off := apart(t, scale(got, 8, 8), scale(want, 8, 8)); off > c.blurry {
			t.Errorf("%s: from afar colours are off by %.1f on the mean, want at most %.0f", c.profile.Name(), off, c.blurry)
		}
	}
	for _, l := range Render(img, Blocks, 32, 16, termenv.Ascii).Lines {
		if strings.TrimSpace(l) != "" {
			t.Errorf("without colour: %q", l)
		}
	}
}

func TestKittySendsThePicture(t *testing.T) {
	img := wheel(640, 640)
	term := Terminal{Mode: Kitty, Cell: image.Pt(8, 16)}
	p := term.Render(img, 40, 12)
	sent, keys := readKitty(t, p.Setup)
	if off := apart(t, sent, scale(img, 192, 192)); off > 0 {
		t.Errorf("the picture sent is off by %.1f", off)
	}
	for k, want := range map[string]string{"a": "T", "U": "1", "f": "100", "c": "24", "r": "12"} {
		if keys[k] != want {
			t.Errorf("key %s is %q, want %q", k, keys[k], want)
		}
	}
	for y, line := range p.Lines {
		id, row, cols := placed(t, line)
		if row != y || cols != 24 || keys["i"] != itoa(id) {
			t.Fatalf("line %d is row %d of %d columns of picture %d, want %s", y, row, cols, id, keys["i"])
		}
		if !strings.Contains(p.Remove, "d=I,q=2,i="+itoa(id)) {
			t.Fatalf("remove is %q", p.Remove)
		}
	}
	if other := term.Render(wheel(640, 639), 40, 12); other.Lines[0] == p.Lines[0] {
		t.Error("another picture has the same lines: a screen would not draw it")
	}
	small, _ := readKitty(t, term.Render(wheel(20, 20), 40, 12).Setup)
	if small.Bounds().Dx() != 20 {
		t.Errorf("a small picture is sent as %v: the terminal makes it larger itself", small.Bounds())
	}
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func TestTmuxHandsThrough(t *testing.T) {
	img := wheel(640, 640)
	direct := Terminal{Mode: Kitty}.Render(img, 20, 10)
	through := Terminal{Mode: KittyTmux}.Render(img, 20, 10)
	var out strings.Builder
	for s := through.Setup; s != ""; { // as tmux does: what is between, each ESC ESC as one
		if !strings.HasPrefix(s, "\x1bPtmux;") {
			t.Fatalf("outside: %.40q", s)
		}
		s = s[len("\x1bPtmux;"):]
		for !strings.HasPrefix(s, "\x1b\\") {
			if s[0] == '\x1b' {
				if s[1] != '\x1b' {
					t.Fatalf("an escape is not doubled: %.20q", s)
				}
				s = s[1:]
			}
			out.WriteByte(s[0])
			s = s[1:]
		}
		s = s[2:]
	}
	if out.String() != direct.Setup {
		t.Error("what tmux hands through is not what a terminal is sent")
	}
	if strings.Join(through.Lines, "\n") != strings.Join(direct.Lines, "\n") {
		t.Error("the lines differ")
	}
}

func TestSixelShowsThePicture(t *testing.T) {
	img, cell := wheel(640, 640), image.Pt(9, 19) // 19 is no multiple of 6
	p := Terminal{Mode: Sixel, Cell: cell}.Render(img, 19, 9)
	got := readSixel(t, p.Lines, cell)
	if off := apart(t, got, scale(img, 19*9, 9*19)); off > 8 {
		t.Errorf("the picture is off by %.1f", off)
	}
	flat := image.NewRGBA(image.Rect(0, 0, 50, 50))
	for i := range flat.Pix {
		flat.Pix[i] = 255
	}
	p = Terminal{Mode: Sixel, Cell: cell}.Render(flat, 19, 9)
	if off := apart(t, readSixel(t, p.Lines, cell), scale(flat, 19*9, 9*19)); off > 0 {
		t.Errorf("white is off by %.1f", off)
	}
	if p := Render(img, Sixel, 19, 9, termenv.TrueColor); !strings.Contains(p.Lines[4], "▀") {
		t.Error("with cells of unknown size there are no blocks")
	}
}

func TestScaleKeepsTheMean(t *testing.T) {
	board := image.NewRGBA(image.Rect(0, 0, 97, 61))
	for i := range board.Pix {
		board.Pix[i] = 255 * uint8(i/4%2) // stripes
	}
	for _, size := range []image.Point{{10, 10}, {33, 7}, {1, 1}} {
		small := scale(board, size.X, size.Y)
		sum := 0
		for i := 0; i < len(small.Pix); i += 4 {
			sum += int(small.Pix[i])
		}
		if mean := float64(sum) / float64(size.X*size.Y); math.Abs(mean-127.5) > 3 {
			t.Errorf("%v: mean %.1f", size, mean)
		}
	}
	img := wheel(64, 64)
	if off := apart(t, scale(img, 64, 64), img); off > 0 {
		t.Errorf("the same size is off by %.2f", off)
	}
	clear := scale(image.NewNRGBA(image.Rect(0, 0, 4, 4)), 2, 2)
	if c := clear.RGBAAt(0, 0); c != (color.RGBA{A: 255}) {
		t.Errorf("what is transparent is %v", c)
	}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		env  string
		want Mode
	}{
		{"TERM=xterm-kitty", Kitty},
		{"TERM=xterm-256color KITTY_WINDOW_ID=1", Kitty},
		{"TERM=xterm-ghostty TERM_PROGRAM=ghostty", Kitty},
		{"TERM=tmux-256color TMUX=/run/x,1,0 TERM_PROGRAM=tmux KITTY_WINDOW_ID=1", KittyTmux},
		{"TERM=tmux-256color TMUX=/run/x,1,0 TERM_PROGRAM=tmux", Blocks},
		{"TERM=screen-256color STY=1.x KITTY_WINDOW_ID=1", Blocks},
		{"TERM=xterm-kitty ZELLIJ=0", Blocks},
		{"TERM=xterm-256color TERM_PROGRAM=WezTerm COLORTERM=truecolor", Blocks},
		{"TERM=xterm-256color TERM_PROGRAM=iTerm.app", Blocks},
		{"TERM=linux", Blocks},
		{"TERM=xterm-kitty NO_COLOR=1", None},
		{"TERM=dumb KITTY_WINDOW_ID=1", None},
		{"", None},
	} {
		env := map[string]string{}
		for _, kv := range strings.Fields(c.env) {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
		get := func(k string) string { return env[k] }
		if got := Detect(get); got != c.want {
			t.Errorf("%q: %v (%d), want %v (%d)", c.env, got, got, c.want, c.want)
		}
		if got, err := Choose("auto", get); got != c.want || err != nil {
			t.Errorf("auto with %q: %v, %v", c.env, got, err)
		}
		want := Kitty
		if env["TMUX"] != "" {
			want = KittyTmux
		}
		if got, err := Choose("kitty", get); got != want || err != nil {
			t.Errorf("kitty with %q: %v, %v", c.env, got, err)
		}
	}
	if _, err := Choose("ascii", os.Getenv); err == nil || !strings.Contains(err.Error(), `"ascii"`) {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestGolden(t *testing.T) {
	img := wheel(96, 96)
	for name, p := range map[string]Picture{
		"blocks-true": Render(img, Blocks, 12, 5, termenv.TrueColor),
		"blocks-256":  Render(img, Blocks, 12, 5, termenv.ANSI256),
		"blocks-16":   Render(img, Blocks, 12, 5, termenv.ANSI),
		"kitty":       Render(wheel(8, 8), Kitty, 6, 2, termenv.TrueColor),
		"sixel":       Terminal{Mode: Sixel, Cell: image.Pt(4, 8)}.Render(img, 6, 2),
	} {
		lines := p.Lines
		if name == "kitty" { // the bytes of a PNG are its encoder's affair
			lines = append(lines, p.Setup[:strings.Index(p.Setup, ";")])
		}
		got := strings.ReplaceAll(strings.Join(lines, "\n"), "\x1b", "␛") + "\n"
		file := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v (go test ./tui/art -update writes it)", err)
		}
		if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
			t.Errorf("%s is not\n%s", file, got)
		}
	}
}
