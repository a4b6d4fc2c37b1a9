package probe

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"secstream/pkg/audio"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"b.wav", "a.mp3", "notes.txt", ".hidden.wav", "sub/deep/c.flac", "sub/d.m4a", ".git/e.wav", "none/readme.md",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a.mp3", "b.wav", "sub/d.m4a", "sub/deep/c.flac"}
	if os.Symlink(dir, filepath.Join(dir, "loop.wav")) == nil { // a folder, whatever it is called
		_ = os.Symlink("b.wav", filepath.Join(dir, "link.wav"))
		_ = os.Symlink("nowhere", filepath.Join(dir, "dead.wav"))
		want = []string{"a.mp3", "b.wav", "link.wav", "sub/d.m4a", "sub/deep/c.flac"}
	}
	found := func(path string) (names []string, reasons []error) {
		err := Find(context.Background(), path, func(p string, why error) bool {
			rel, _ := filepath.Rel(dir, p)
			names, reasons = append(names, filepath.ToSlash(rel)), append(reasons, why)
			return true
		})
		if err != nil {
			t.Error(err)
		}
		return names, reasons
	}
	names, reasons := found(dir)
	if !slices.Equal(names, want) || slices.ContainsFunc(reasons, func(err error) bool { return err != nil }) {
		t.Errorf("found %v %v", names, reasons)
	}
	if names, _ := found(filepath.Join(dir, "notes.txt")); !slices.Equal(names, []string{"notes.txt"}) {
		t.Errorf("a file named itself: %v", names)
	}
	if _, reasons := found(filepath.Join(dir, "none")); len(reasons) != 1 || !errors.Is(reasons[0], ErrNoAudio) {
		t.Errorf("a folder without audio: %v", reasons)
	}
	if _, reasons := found(filepath.Join(dir, "missing")); len(reasons) != 1 || !errors.Is(reasons[0], fs.ErrNotExist) {
		t.Errorf("what is missing: %v", reasons)
	}
	if names, _ := found(filepath.Join(dir, ".git")); !slices.Equal(names, []string{".git/e.wav"}) {
		t.Errorf("a hidden folder named itself: %v", names)
	}
}

func TestFindEnds(t *testing.T) {
	n := 0
	err := Find(context.Background(), "../../testdata/audio", func(string, error) bool { n++; return n < 3 })
	if err != nil || n != 3 {
		t.Errorf("%d found, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Find(ctx, "../../testdata/audio", func(string, error) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, _, err := Open(t.TempDir()); !errors.Is(err, audio.ErrNotAudio) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := os.Stat("/dev/null"); err == nil {
		if _, _, err := Open("/dev/null"); !errors.Is(err, audio.ErrNotAudio) {
			t.Errorf("a device: %v", err)
		}
	}
	if _, _, err := Open("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is missing: %v", err)
	}
}
