package tui

import (
	"io"
	"os"
	"testing"
)

// What is typed arrives, and the answer does not, however it is cut.
func TestKeyboardKeepsTheAnswer(t *testing.T) {
	for answer, want := range map[string]bool{
		"\x1b]11;rgb:ffff/ffff/ffff\x1b\\": false, "\x1b]11;rgb:1e1e/1e1e/2e2e\a": true, "\x1b]11;rgba:00/00/00/ff\a": true, "\x1b]11;rgb:f/f/e\x1b\\": false,
	} {
		all := "q\x1b[A" + answer + "\x1bj"
		for cut := range len(all) + 1 {
			if cut == len("q\x1b[A\x1b") || cut == len("q\x1b") || cut == len(all)-1 {
				continue // esc, pressed by itself
			}
			got, k := typedIn(t, all[:cut], all[cut:])
			if got != "q\x1b[A\x1bj" {
				t.Errorf("of %q cut at %d came %q", all, cut, got)
			}
			select {
			case dark := <-k.ground:
				if dark != want {
					t.Errorf("%q is dark: %v", answer, dark)
				}
			default:
				t.Errorf("%q, cut at %d, was not heard", answer, cut)
			}
		}
	}
	for _, other := range []string{"\x1b]x", "\x1b", "\x1b]", "\x1b]11;rgb:zz/00/00\a?", "\x1b]11;" + string(make([]byte, 300)) + "q"} {
		got, k := typedIn(t, other, "j")
		if got[len(got)-1] != 'j' || len(k.ground) != 0 {
			t.Errorf("of %q came %q, and %d answers", other, got, len(k.ground))
		}
	}
}

// typedIn is what a reader gets of these reads.
func typedIn(t *testing.T, reads ...string) (string, *keyboard) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k, got, buf := newKeyboard(r), "", make([]byte, 256)
	for _, text := range reads {
		if text == "" {
			continue
		}
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		for left := len(text); left > 0; {
			held := len(k.held)
			n, err := k.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += string(buf[:n])
			left -= min(left, len(buf)-held)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := k.Read(buf)
	if err != io.EOF {
		t.Fatal(err)
	}
	return got + string(buf[:n]), k
}

func FuzzKeyboard(f *testing.F) {
	f.Add([]byte("q\x1b]11;rgb:ffff/ffff/ffff\x1b\\j"), 7)
	f.Add([]byte("\x1b]11;rgba:0/1/2/3\a"), 1)
	f.Add([]byte("\x1b]11;\x1b]11;\x1b"), 3)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		k := newKeyboard(nil)
		cut = min(max(cut, 0), len(text))
		first := len(k.sift(append([]byte(nil), text[:cut]...)))
		held := k.held
		k.held = nil
		if first+len(held) > cut || len(held) > maxAnswer {
			t.Errorf("of %d bytes %d go on and %d are held", cut, first, len(held))
		}
		if k.answered {
			return
		}
		if n := len(k.sift(append(held, text[cut:]...))); n > len(held)+len(text)-cut || len(k.ground) > 1 {
			t.Errorf("%d bytes of %d", n, len(held)+len(text)-cut)
		}
	})
}
