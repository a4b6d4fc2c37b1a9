package lyrics

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

const ms = time.Millisecond

// text writes lines as "seconds text", one a line.
func (l Lyrics) text() string {
	var b strings.Builder
	for _, line := range l.Lines {
		fmt.Fprintf(&b, "%g %s\n", line.At.Seconds(), line.Text)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		synced           bool
	}{
		{"plain", "One line\r\n\r\nAnother\r", "0 One line\n0 \n0 Another\n", false},
		{"nothing", " \n\n", "", false},
		{"times", "[00:01.50]One\n[00:03]Two\n[01:02.345]Three", "1.5 One\n3 Two\n62.345 Three\n", true},
		{"other ways to write them", "[0:01]a\n[00:02:50]b\n[00:03,5]c\n[120:00.00]d", "1 a\n2.5 b\n3.5 c\n7200 d\n", true},
		{"a refrain", "[00:10][00:30.0] Refrain\n[00:20]Verse", "10 Refrain\n20 Verse\n30 Refrain\n", true},
		{"notes", "[ti:Title]\n[ar: An artist]\n[length:03:20]\n[00:01]Words", "1 Words\n", true},
		{"notes of plain text", "[ti:Title]\nWords\n[Chorus: all]", "0 Words\n0 [Chorus: all]\n", false},
		{"offset", "[offset:+500]\n[00:01]a\n[00:00.2]b", "0 b\n0.5 a\n", true},
		{"offset back", "[00:01]a\n[offset: -250]", "1.25 a\n", true},
		{"a silly offset", "[offset:99999999999]\n[00:01]a", "1 a\n", true},
		{"an interlude", "[00:01]a\n[00:02]\n[00:03]b", "1 a\n2 \n3 b\n", true},
		{"lines between", "[00:01]a\nno time\n[00:02]b", "1 a\n2 b\n", true},
		{"no times", "[00:99]a\n[a:b]c\n[1:2:3:4]d\n[:10]\n[5:]", "0 [00:99]a\n0 [a:b]c\n0 [1:2:3:4]d\n0 [:10]\n0 [5:]\n", false},
		{"byte order mark", "\uFEFF[00:01]a", "1 a\n", true},
		{"escapes", "[00:01]\x1b[31mred\x1b]0;title\x07 \u202Eback\u0085\tand \x9bone", "1 red back and one\n", true},
		{"words", "[00:01.00] <00:01.00> When <00:01.40>shall <00:02.00>we", "1 When shall we\n", true},
		{"syllables", "[00:01]<00:01.00>Hal<00:01.40>le<00:02.00>lu<00:02.5> jah", "1 Hallelu jah\n", true},
		{"no words", "[00:01]a < b <3 and <i>c</i>", "1 a < b <3 and <i>c</i>\n", true},
	} {
		l := Parse(c.text)
		if got := l.text(); got != c.want || l.Synced() != c.synced {
			t.Errorf("%s: synced %v,\n%swant %v,\n%s", c.name, l.Synced(), got, c.synced, c.want)
		}
	}
	if l := Parse("[offset:+500]\n[00:01]a"); l.Offset != 500*ms {
		t.Errorf("offset is %v", l.Offset)
	}
}

func TestWords(t *testing.T) {
	l := Parse("[00:01.00][01:01.00]When <00:01.40>shall <00:02.00>we\n[00:05]plain\n[offset:1000]")
	want := []Line{
		{0, "When shall we", []Word{{0, "When "}, {400 * ms, "shall "}, {1000 * ms, "we"}}},
		{4000 * ms, "plain", nil},
		{60000 * ms, "When shall we", []Word{{60000 * ms, "When "}, {60400 * ms, "shall "}, {61000 * ms, "we"}}},
	}
	same := func(a, b Line) bool { return a.At == b.At && a.Text == b.Text && slices.Equal(a.Words, b.Words) }
	if !slices.EqualFunc(l.Lines, want, same) {
		t.Errorf("got  %v\nwant %v", l.Lines, want)
	}
}

func TestBounds(t *testing.T) {
	l := Parse(strings.Repeat("[00:01]", 20000) + "much")
	if len(l.Lines) > maxStamps {
		t.Errorf("one line is %d lines", len(l.Lines))
	}
	l = Parse(strings.Repeat("[00:01][00:02]a\n", 60000))
	if len(l.Lines) != maxLines {
		t.Errorf("%d lines", len(l.Lines))
	}
	l = Parse("[00:01]" + strings.Repeat("word ", 100000))
	if len(l.Lines) != 1 || len(l.Lines[0].Text) > maxLine {
		t.Errorf("a line of %d bytes", len(l.Lines[0].Text))
	}
	if n := testing.AllocsPerRun(1, func() { Parse(strings.Repeat("<", maxText)) }); n > 100 {
		t.Errorf("%g allocations for a row of signs", n)
	}
}

func TestLineThatIsDue(t *testing.T) {
	l := Parse("[00:01]a\n[00:02]b\n[00:02]c\n[00:04]d")
	for at, want := range map[time.Duration]int{0: -1, 999 * ms: -1, 1000 * ms: 0, 1999 * ms: 0, 2000 * ms: 2, 3999 * ms: 2, time.Hour: 3} {
		if got := l.Line(at); got != want {
			t.Errorf("at %v line %d is due, want %d", at, got, want)
		}
	}
	if got := Parse("a\nb").Line(time.Hour); got != -1 {
		t.Errorf("without times line %d is due", got)
	}
}

func TestView(t *testing.T) {
	l := Parse("[00:01]one\n[00:02]a long line that takes three rows\n[00:03]three\n[00:04]四行目です")
	for _, c := range []struct {
		line, h  int
		from, to int
		want     string
	}{
		{-1, 3, 1, 1, "          |one       |a long    "},
		{0, 3, 1, 2, "          |one       |a long    "},
		{1, 5, 0, 4, "a long    |line that |takes     |three rows|three     "},
		{1, 6, 1, 5, "one       |a long    |line that |takes     |three rows|three     "},
		{2, 3, 1, 2, "three rows|three     |四行目です"},
		{3, 4, 1, 2, "three     |四行目です|          |          "},
		{9, 1, 0, 1, "四行目です"},
	} {
		rows, from, to := l.View(c.line, 10, c.h)
		if got := strings.Join(rows, "|"); got != c.want || from != c.from || to != c.to {
			t.Errorf("line %d over %d rows: [%d:%d]\n%q, want [%d:%d]\n%q", c.line, c.h, from, to, got, c.from, c.to, c.want)
		}
	}
	p := Parse("one\ntwo\nthree")
	rows, from, to := p.View(1, 5, 3)
	if got := strings.Join(rows, "|"); got != "two  |three|     " || from != to {
		t.Errorf("plain text: %q [%d:%d]", got, from, to)
	}
	if rows, _, _ := p.View(0, 0, 3); rows != nil {
		t.Errorf("no width: %q", rows)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"[ti:T]\n[offset:+10]\n[00:01.00][00:02]a <00:01.5>b\n", "plain\n\ntext", "[00:01]\x1b[31m四行目 e\u0301\u0301",
		"[99:59.999999999]x\r[0:0]\r\n<00:00>", "\uFEFF[00:00.00]" + strings.Repeat("w ", 50), "[:]<:>[]<>\xff\xfe",
	} {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, s string, w int) {
		l := Parse(s)
		if len(l.Lines) > maxLines || !l.synced && l.Offset != 0 {
			t.Fatalf("%d lines, offset %v", len(l.Lines), l.Offset)
		}
		last := time.Duration(0)
		for _, line := range l.Lines {
			if line.At < last || len(line.Text) > maxLine+1 || clean(line.Text) != line.Text {
				t.Fatalf("line %v %q after %v", line.At, line.Text, last)
			}
			last = line.At
			if line.Words != nil {
				all := ""
				for _, word := range line.Words {
					all += word.Text
				}
				if all != line.Text {
					t.Fatalf("words %q of %q", all, line.Text)
				}
			}
		}
		w = max(min(w, 40), 1)
		rows, from, to := l.View(l.Line(last), w, 5)
		if len(rows) != 5 || from < 0 || to < from || to > 5 {
			t.Fatalf("%d rows, [%d:%d]", len(rows), from, to)
		}
		for _, r := range rows {
			if ansi.StringWidth(r) != w {
				t.Fatalf("row %q is %d cells, want %d", r, ansi.StringWidth(r), w)
			}
		}
	})
}
