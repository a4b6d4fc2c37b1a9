package tui

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// glass is a terminal of one-cell signs that obeys what frames are painted with.
type glass struct {
	t    *testing.T
	rows [][]rune
}

func newGlass(t *testing.T, w, h int) *glass {
	g := &glass{t: t}
	for range h {
		g.rows = append(g.rows, slices.Repeat([]rune{'#'}, w)) // what was there before
	}
	return g
}

func (g *glass) write(text string) {
	g.t.Helper()
	y, x := 0, 0
	for text != "" {
		seq, w, n, _ := ansi.DecodeSequence(text, 0, nil)
		text = text[n:]
		at := func(from int) { copy(g.rows[y][from:], slices.Repeat([]rune{' '}, len(g.rows[y])-from)) }
		switch {
		case w > 0:
			g.rows[y][x] = []rune(seq)[0]
			x++ // after the last cell it waits, and is moved before anything else
		case seq == "\x1b[K":
			at(x)
		case seq == "\x1b[J":
			for at(x); y < len(g.rows)-1; {
				y++
				at(0)
			}
		case strings.HasSuffix(seq, ";1H"):
			row, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(seq, "\x1b["), ";1H"))
			if err != nil {
				g.t.Fatal(err)
			}
			y, x = min(row, len(g.rows))-1, 0
		default:
			g.t.Fatalf("%q", seq)
		}
	}
}

func (g *glass) String() string {
	var lines []string
	for _, r := range g.rows {
		lines = append(lines, strings.TrimRight(string(r), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Whatever was on the screen, after the changes there is what should be.
func TestChanges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(w, h int) []string {
		lines := make([]string, 1+random.IntN(h))
		for i := range lines {
			lines[i] = strings.Repeat([]string{"a", "b", " "}[random.IntN(3)], random.IntN(w+3))
		}
		return lines
	}
	for range 300 {
		w, h := 1+random.IntN(6), 1+random.IntN(5)
		g := newGlass(t, w, h)
		var old []string
		for range 4 {
			lines := some(w, h)
			g.write(changes(old, lines, w, h))
			old = lines
			want := slices.Clone(lines)
			for i := range want {
				want[i] = strings.TrimRight(want[i][:min(len(want[i]), w)], " ")
			}
			if want := strings.TrimRight(strings.Join(want, "\n"), "\n"); g.String() != want {
				t.Fatalf("%d × %d: %q, want %q", w, h, g.String(), want)
			}
		}
		if text := changes(old, old, w, h); text != "" {
			t.Fatalf("%q for nothing", text)
		}
	}
}

// Frames are painted on the screen for them alone, anew when it was cleared or
// has another size, and what is told goes before them.
func TestPaint(t *testing.T) {
	to := &terminal{}
	o := &output{to: to}
	write := func(p string) {
		t.Helper()
		if n, err := o.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	paint := func(want string) {
		t.Helper()
		o.paint()
		if got := to.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		to.buf.Reset()
	}
	const both = "\x1b[1;1Hone\x1b[K\x1b[2;1Htwo\x1b[K"
	o.show(frame{"one\ntwo", 10, 2})
	o.tell("picture")
	paint("")
	write("\x1b[?1049h")
	paint("\x1b[?1049hpicture" + both)
	write("\x1b[H\r \x1b[K\x1b[0;1H") // a frame of Bubble Tea's
	paint("")
	o.tell("another")
	paint("another")
	o.show(frame{"one\n2", 10, 2})
	paint("\x1b[2;1H2\x1b[K")
	write("\x1b[2J")
	write("\x1b[H")
	o.show(frame{"one\ntwo", 10, 2})
	paint("\x1b[2J\x1b[H" + both)
	o.show(frame{"one\ntwo", 9, 2})
	paint(both)
	o.show(frame{"one\ntwo", 9, 3})
	paint(both + "\x1b[3;1H\x1b[J")
	o.show(frame{"", 0, 0})
	paint("")
	write("\x1b[?1049l")
	o.show(frame{"last", 9, 3})
	paint("\x1b[3;1H\r\n\x1b[?1049l") // below it, where there is no other screen
	write("\x1b[?1049h")              // back from the shell
	paint("\x1b[?1049h\x1b[1;1Hlast\x1b[K\x1b[2;1H\x1b[J")
}

// The first frame is painted at once; of many those are that there is time for,
// and the last of all. Where nothing moves nothing wakes.
func TestPainterKeepsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		to := &terminal{}
		o := &output{to: to, there: true, news: make(chan struct{}, 1)}
		done := make(chan struct{})
		go func() { o.painter(ctx); close(done) }()
		o.show(frame{"begin", 10, 1})
		synctest.Wait()
		if !strings.Contains(to.String(), "begin") {
			t.Error("it is not painted at once")
		}
		for i := range 1000 {
			o.show(frame{fmt.Sprint(i), 10, 1})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(paintTime)
		synctest.Wait()
		text := to.String()
		if n := strings.Count(text, "\x1b[1;1H"); n < 70 || n > 100 || !strings.HasSuffix(text, "\x1b[1;1H999\x1b[K") {
			t.Errorf("%d frames in a second, the last %q", n, text[len(text)-20:])
		}
		o.show(frame{"999", 10, 1})
		o.tell("a picture")
		o.wake()
		time.Sleep(paintTime)
		synctest.Wait()
		if !strings.HasSuffix(to.String(), "999\x1b[Ka picture") {
			t.Errorf("%q", to.String()[len(text)-5:])
		}
		cancel()
		<-done
	})
}
