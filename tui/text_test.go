package tui

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"plain":                        "plain",
		"  a\t b\r\n\n c  ":            "a b c",
		"\x1b[31mred\x1b[0m":           "red",
		"\x1b]0;title\x07after":        "after",
		"bell\x07 del\x7f c1\u009b31m": "bell del c131m",
		"\u202egpj.exe\u202c":          "gpj.exe",
		"a\u2028b":                     "a b",
		"bad\xffutf8":                  "bad\uFFFDutf8",
		"Zoe\u0308":                    "Zoë",
		"❤\ufe0f x":                    "❤ x",
		"👩\u200d👩\u200d👧":              "👩👩👧",
		"👍🏽":                           "👍",
		"\u0301alone":                  "alone",
		"क्\u200dष":                    "क्\u200dष",
		"\ue000private":                "private",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if n := utf8.RuneCountInString(clean(strings.Repeat("語", 1<<20))); n != maxText {
		t.Errorf("a megabyte is cut to %d runes", n)
	}
}

func TestFit(t *testing.T) {
	for _, s := range []string{"", "a", "abc", "日本語テキスト", "e\u0301e\u0301e\u0301e\u0301", "a日b本c"} {
		for n := range 20 {
			if got := width(fit(s, n)); got != n {
				t.Errorf("fit(%q, %d) is %d wide", s, n, got)
			}
			if got := width(fitRight(s, n)); got != n {
				t.Errorf("fitRight(%q, %d) is %d wide", s, n, got)
			}
		}
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0:00", 0: "0:00", 59_999 * time.Millisecond: "0:59", 10 * time.Minute: "10:00",
		time.Hour: "1:00:00", 100*time.Hour + 61*time.Second: "100:01:01",
	} {
		if got := clock(d); got != want {
			t.Errorf("clock(%v) = %s, want %s", d, got, want)
		}
	}
	if got := thousands(1234567) + thousands(999) + thousands(1000); got != "1,234,5679991,000" {
		t.Errorf("thousands: %s", got)
	}
}

// Every eighth of a cell has its own picture, and the width never changes.
func TestMeter(t *testing.T) {
	s := newScreen(t, nil, 0, 0).model().styles
	seen := map[string]bool{}
	for i := range 81 {
		m := meter(s, 10, float64(i)/80, make([]bool, 10))
		if width(m) != 10 || seen[m] {
			t.Errorf("%d/80: %q", i, m)
		}
		seen[m] = true
	}
	if m := meter(s, 3, 1, make([]bool, 3)); m != "███" {
		t.Errorf("full: %q", m)
	}
}

// painted is what styles add to text.
var painted = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Whatever a tag holds and whatever is typed, the screen keeps its shape.
func FuzzScreen(f *testing.F) {
	for _, tr := range shelf() {
		f.Add(tr.Title, tr.Artist, "jj/"+tr.Folder, 80, 24)
	}
	f.Add("\x1b[2Jx\u202e", "e\u0301\u0301", "?/a\x7f\x17\x15", 41, 11)
	f.Fuzz(func(t *testing.T, title, artist, keys string, w, h int) {
		w, h = min(max(w, 1), 130), min(max(h, 1), 45)
		tracks := []Track{{Title: title, Artist: artist}, {Title: artist, Album: title, Duration: 1e11}, {Folder: title}, {Folder: artist}}
		s := newScreen(t, tracks, w, h)
		if len(keys) > 30 {
			keys = keys[:30]
		}
		for _, r := range keys {
			s.send(keyMsg(string(r)))
		}
		s.keys("? G enter esc / a enter")
		for _, r := range painted.ReplaceAllString(s.raw(), "") {
			if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069) {
				t.Fatalf("%U reached the terminal from %q, %q", r, title, artist)
			}
		}
	})
}
