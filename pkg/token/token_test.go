package token_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/token"
)

func add(t *testing.T, path, name string) string {
	t.Helper()
	text, err := token.Add(t.Context(), path, name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func open(t *testing.T, path string) *token.File {
	t.Helper()
	f, err := token.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// line is what a person would write for a token by means of sha256sum.
func line(name, text string) string {
	return fmt.Sprintf("%s sha256:%x 2026-01-31\n", name, sha256.Sum256([]byte(text)))
}

func TestAddedTokensAreKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "tokens")
	ann, bob := add(t, path, "ann"), add(t, path, "bob.2_x-")
	if len(ann) != token.Length || !strings.HasPrefix(ann, token.Prefix) || ann == bob {
		t.Fatalf("%q and %q", ann, bob)
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, []byte(ann)) || bytes.Contains(text, []byte(ann[len(token.Prefix):])) {
		t.Fatalf("the file holds the token: %v", err)
	}
	if !bytes.Contains(text, fmt.Appendf(nil, "sha256:%x", sha256.Sum256([]byte(ann)))) {
		t.Fatal("the file does not hold the hash of the token's text")
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]fs.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700} {
			if fi, err := os.Stat(name); err != nil || fi.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", name, fi.Mode(), err)
			}
		}
	}
	f := open(t, path)
	for text, want := range map[string]string{
		ann: "ann", bob: "bob.2_x-", "": "", ann[:len(ann)-1]: "", ann + "A": "", strings.Repeat("x", 1<<20): "",
		strings.ToUpper(ann): "", token.Prefix + strings.Repeat("A", 43): "", strings.Repeat("\x00", token.Length): "",
	} {
		if name, ok := f.Check(text); name != want || ok != (want != "") {
			t.Errorf("%.60q is of %q, %v; want %q", text, name, ok, want)
		}
	}
	if _, err := token.Add(t.Context(), path, "ann"); !errors.Is(err, token.ErrTaken) {
		t.Errorf("a second ann: %v", err)
	}
	for _, name := range []string{"", "a b", "a\nb", "ä", "#a", "a:b", strings.Repeat("n", 65)} {
		if _, err := token.Add(t.Context(), path, name); !errors.Is(err, token.ErrName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if f := open(t, path); f.Len() != 2 {
		t.Errorf("%d tokens after refusals", f.Len())
	}
}

func TestRemoveLeavesTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	ann, bob := token.Prefix+strings.Repeat("a", 43), token.Prefix+strings.Repeat("b", 43)
	head, tail := "# ours\n\n  # and more\r\n", strings.TrimSuffix(line("bob", bob), "\n")
	write(t, path, head+line("ann", ann)+tail)
	for _, name := range []string{"eve", ""} {
		if err := token.Remove(t.Context(), path, name); !errors.Is(err, token.ErrUnknown) {
			t.Fatalf("%q: %v", name, err)
		}
	}
	if err := token.Remove(t.Context(), path, "ann"); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != head+tail {
		t.Fatalf("left is %q", text)
	}
	cal := add(t, path, "cal")
	set, err := token.List(path)
	if err != nil || len(set) != 2 || set[0].Name != "bob" || set[0].Made.Format(time.DateOnly) != "2026-01-31" || set[1].Name != "cal" {
		t.Fatalf("%v, %v", set, err)
	}
	f := open(t, path)
	if name, _ := f.Check(cal); name != "cal" {
		t.Error("cal is not known")
	}
	if name, _ := f.Check(ann); name != "" {
		t.Error("ann is known still")
	}
	none := filepath.Join(t.TempDir(), "none", "tokens")
	if err := token.Remove(t.Context(), none, "ann"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := token.List(none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestDamagedFiles: whoever mends one is told where.
func TestDamagedFiles(t *testing.T) {
	good := token.Prefix + strings.Repeat("a", 43)
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"no hash":         {"# x\nann\n", 2},
		"short hash":      {"ann sha256:abcd 2026-01-31\n", 1},
		"another hash":    {strings.Replace(line("ann", good), "sha256:", "sha512:", 1), 1},
		"no day":          {strings.Replace(line("ann", good), "2026-01-31", "2026-02-30", 1), 1},
		"more words":      {strings.Replace(line("ann", good), "\n", " x\n", 1), 1},
		"bad name":        {line("ann", good) + "\n" + line("b/b", good+"x"), 3},
		"twice the name":  {line("ann", good) + line("ann", "x"), 2},
		"twice the token": {line("ann", good) + line("bob", good), 2},
		"the token":       {good + "\n", 1},
		"too long":        {strings.Repeat("#", 1<<20) + "\n", 0},
	} {
		path := filepath.Join(t.TempDir(), "tokens")
		write(t, path, c.text)
		_, opened := token.Open(path, nil)
		_, listed := token.List(path)
		_, added := token.Add(t.Context(), path, "new")
		for what, err := range map[string]error{"open": opened, "list": listed, "add": added, "remove": token.Remove(t.Context(), path, "ann")} {
			e := new(token.Error)
			if !errors.As(err, &e) || e.Line != c.line || e.Path != path || strings.Contains(err.Error(), good) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if text, _ := os.ReadFile(path); string(text) != c.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := token.Open(t.TempDir(), nil); err == nil {
		t.Error("a folder was read")
	}
}

func TestTooManyTokensAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	var text strings.Builder
	for i := range 4096 {
		text.WriteString(line(fmt.Sprint(i), fmt.Sprint(i)))
	}
	write(t, path, text.String())
	open(t, path)
	if _, err := token.Add(t.Context(), path, "one-more"); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Fatal(err)
	}
}

func TestWritableByOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no such rights there
	}
	path := filepath.Join(t.TempDir(), "tokens")
	add(t, path, "ann")
	for mode, want := range map[fs.FileMode]error{
		0o600: nil, 0o640: nil, 0o644: nil, 0o620: token.ErrWritable, 0o602: token.ErrWritable, 0o666: token.ErrWritable,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := token.Open(path, nil); !errors.Is(err, want) {
			t.Errorf("%#o: %v", mode, err)
		}
	}
}

// TestChangesKeepRightsAndLinks: a server that runs as another user goes on
// reading the file.
func TestChangesKeepRightsAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no such rights there
	}
	dir := t.TempDir()
	path, link := filepath.Join(dir, "tokens"), filepath.Join(dir, "link")
	add(t, path, "ann")
	if err := errors.Join(os.Chmod(path, 0o640), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(path, 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := os.Stat(path)
	add(t, link, "bob")
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		t.Fatalf("the link is gone: %v", err)
	}
	after, err := os.Stat(path)
	if err != nil || after.Mode() != before.Mode() || owner(after) != owner(before) {
		t.Errorf("%v is %v: %v", before, after, err)
	}
	if open(t, path).Len() != 2 {
		t.Error("bob is missing")
	}
}

// TestManyAtOnce: none of what several do at a time is lost.
func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	texts := make([]string, 12)
	var wg sync.WaitGroup
	for i := range texts {
		wg.Go(func() {
			texts[i], _ = token.Add(t.Context(), path, fmt.Sprintf("n%d", i))
			if i%3 == 0 {
				if err := token.Remove(t.Context(), path, fmt.Sprintf("n%d", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f := open(t, path)
	for i, text := range texts {
		if _, ok := f.Check(text); ok != (i%3 != 0) {
			t.Errorf("token %d: %v", i, ok)
		}
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".tokens-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestReload follows a file as its owner works on it, with time of our own.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tokens")
		ann := add(t, path, "ann")
		var logs bytes.Buffer
		f, err := token.Open(path, slog.New(slog.NewTextHandler(&logs, nil)))
		if err != nil {
			t.Fatal(err)
		}
		knows := func(text string, want bool) {
			t.Helper()
			if _, ok := f.Check(text); ok != want {
				t.Fatalf("known: %v", ok)
			}
		}
		told := func(want int) {
			t.Helper()
			if n := strings.Count(logs.String(), "level=WARN"); n != want {
				t.Fatalf("%d warnings, want %d: %s", n, want, &logs)
			}
		}
		later := func() { time.Sleep(1100 * time.Millisecond) }

		bob := add(t, path, "bob")
		knows(bob, false) // not within the same second
		later()
		knows(bob, true)

		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, "nonsense\n")
		for range 3 {
			later()
			knows(ann, true)
		}
		told(1)
		write(t, path, "other nonsense\n")
		later()
		knows(ann, true)
		told(2)
		if err := f.Reload(); err == nil {
			t.Fatal("a damaged file was read")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			later()
			knows(ann, true)
		}
		told(3)
		write(t, path, string(good))
		if err := token.Remove(t.Context(), path, "ann"); err != nil {
			t.Fatal(err)
		}
		if err := f.Reload(); err != nil {
			t.Fatal(err)
		}
		knows(ann, false)
		knows(bob, true)
		write(t, path, "")
		later()
		knows(bob, false) // an empty file lets nobody in
		told(3)
		for _, text := range []string{ann, bob} {
			if strings.Contains(logs.String(), text) {
				t.Error("a token is in the log")
			}
		}
	})
}

// TestConcurrentChecks is for the race detector.
func TestConcurrentChecks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	ann := add(t, path, "ann")
	f := open(t, path)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if _, ok := f.Check(ann); !ok {
					t.Error("ann is not known")
				}
			}
		})
	}
	for i := range 5 {
		add(t, path, fmt.Sprint(i))
		if err := f.Reload(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestCheckAllocatesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	ann := add(t, path, "ann")
	f := open(t, path)
	wrong := strings.Repeat("x", token.Length)
	if n := testing.AllocsPerRun(1000, func() { f.Check(ann); f.Check(wrong); f.Check("") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheck(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tokens")
	for _, n := range []int{1, 100, 4096} {
		var text strings.Builder
		for i := range n {
			text.WriteString(line(fmt.Sprint(i), fmt.Sprint(i)))
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		f, err := token.Open(path, nil)
		if err != nil {
			b.Fatal(err)
		}
		wrong := strings.Repeat("x", token.Length)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				f.Check(wrong)
			}
		})
	}
}
