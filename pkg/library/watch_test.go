package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// soon is how long a change may take to appear, and some more for a busy
// machine, or the race detector; two seconds do at rest.
const soon = 30 * time.Second

// changing runs test with notices from the system and without.
func changing(t *testing.T, test func(t *testing.T, dir string, l *Library)) {
	t.Parallel()
	for _, poll := range []bool{false, true} {
		t.Run(fmt.Sprintf("poll=%v", poll), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, makeWAV(100, 1), dir, "a.wav")
			write(t, makeWAV(100, 2), dir, "sub/b.wav")
			write(t, makeWAV(100, 3), dir, "sub/deep/c.wav")
			test(t, dir, start(t, Config{Roots: []string{dir}, Poll: poll}))
		})
	}
}

func appear(t *testing.T, l *Library, want ...string) {
	t.Helper()
	until(t, soon, fmt.Sprintf("want %q", want), func() bool { return slices.Equal(paths(l), want) })
}

func TestAdditions(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		v := l.Version()
		write(t, makeWAV(100, 4), dir, "new.wav")
		write(t, makeWAV(100, 5), dir, "x/y/z/new.wav")
		write(t, makeWAV(100, 6), dir, "sub/deep/d.wav")
		appear(t, l, "a.wav", "new.wav", "sub/b.wav", "sub/deep/c.wav", "sub/deep/d.wav", "x/y/z/new.wav")
		if l.Version() == v {
			t.Error("version stands still")
		}
		write(t, makeWAV(100, 7), dir, "x/y/z/late.wav") // in a folder that is new itself
		appear(t, l, "a.wav", "new.wav", "sub/b.wav", "sub/deep/c.wav", "sub/deep/d.wav", "x/y/z/late.wav", "x/y/z/new.wav")
	})
}

func TestRemovals(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		id := idOf(l, "sub/b.wav")
		if err := errors.Join(os.Remove(filepath.Join(dir, "a.wav")), os.RemoveAll(filepath.Join(dir, "sub"))); err != nil {
			t.Fatal(err)
		}
		appear(t, l)
		if _, err := l.Open(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		// The same names again: their watches went with the folders.
		write(t, makeWAV(100, 9), dir, "sub/b.wav")
		appear(t, l, "sub/b.wav")
		write(t, makeWAV(100, 10), dir, "sub/c.wav")
		appear(t, l, "sub/b.wav", "sub/c.wav")
	})
}

func TestRenames(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		a, b, c := idOf(l, "a.wav"), idOf(l, "sub/b.wav"), idOf(l, "sub/deep/c.wav")
		move := func(from, to string) {
			t.Helper()
			if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
		move("a.wav", "z.wav")
		move("sub", "sub2")
		appear(t, l, "z.wav", "sub2/b.wav", "sub2/deep/c.wav")
		if a != idOf(l, "z.wav") || b != idOf(l, "sub2/b.wav") || c != idOf(l, "sub2/deep/c.wav") {
			t.Error("a rename changed an ID")
		}
		write(t, makeWAV(100, 11), dir, "sub2/deep/new.wav") // still noticed below a folder that moved
		appear(t, l, "z.wav", "sub2/b.wav", "sub2/deep/c.wav", "sub2/deep/new.wav")
		if err := os.Mkdir(filepath.Join(dir, "0"), 0o755); err != nil {
			t.Fatal(err)
		}
		move("sub2/deep", "0/deep") // into a folder that is looked at first
		appear(t, l, "z.wav", "0/deep/c.wav", "0/deep/new.wav", "sub2/b.wav")
		write(t, makeWAV(100, 12), dir, "0/deep/more.wav")
		appear(t, l, "z.wav", "0/deep/c.wav", "0/deep/more.wav", "0/deep/new.wav", "sub2/b.wav")
	})
}

func TestContentChange(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		was := idOf(l, "a.wav")
		old, err := l.Open(t.Context(), was)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close() //nolint:errcheck // the test is over
		write(t, makeWAV(100, 77), dir, "a.wav")
		if err := old.Check(); !errors.Is(err, ErrChanged) {
			t.Errorf("Check: %v", err)
		}
		if _, err := l.Open(t.Context(), was); !errors.Is(err, ErrChanged) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open under the old ID: %v", err)
		}
		until(t, soon, "a new ID", func() bool { return idOf(l, "a.wav") != was })
		f, err := l.Open(t.Context(), idOf(l, "a.wav"))
		if err != nil {
			t.Fatal(err)
		}
		if f.Identity == old.Identity {
			t.Error("one identity for two versions")
		}
		_ = f.Close()
		// From sound to garbage and back.
		write(t, []byte("no sound"), dir, "a.wav")
		until(t, soon, "a refusal", func() bool { return reasonOf(l, "a.wav") != "" && idOf(l, "a.wav") == "" })
		write(t, makeWAV(100, 1), dir, "a.wav")
		until(t, soon, "the first ID again", func() bool { return idOf(l, "a.wav") == was && reasonOf(l, "a.wav") == "" })
	})
}

// A change that keeps size and modification time, as tag editors make it.
func TestStealthyChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := write(t, makeWAV(100, 1), dir, "a.wav")
	if _, _, ctime := identify(stat(t, name)); ctime == 0 {
		t.Skip("this system does not tell")
	}
	l := start(t, Config{Roots: []string{dir}})
	was, fi := idOf(l, "a.wav"), stat(t, name)
	if err := os.WriteFile(name, makeWAV(100, 2), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
	until(t, soon, "a new ID", func() bool { return idOf(l, "a.wav") != was && idOf(l, "a.wav") != "" })
}

func stat(t *testing.T, name string) fs.FileInfo {
	t.Helper()
	fi, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return fi
}

// A file that is written slowly appears once, whole.
func TestGrowingFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, Config{Roots: []string{dir}})
	whole, name := makeWAV(60_000, 1), filepath.Join(dir, "slow.wav")
	for end := time.Now().Add(4 * soon); !grow(t, l, name, whole); {
		if time.Now().After(end) {
			t.Fatal("the machine keeps holding up the writer")
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		appear(t, l)
	}
	appear(t, l, "slow.wav")
	if got := l.Tracks()[0].Info.Frames; got != 60_000 {
		t.Errorf("%d frames", got)
	}
}

// grow writes whole to the file called name, the only one of l, bit by bit,
// and fails the test if it is listed before it is whole. It returns false if
// the machine held it up between two writes for so long that the file was at
// rest meanwhile, and listing it no mistake.
func grow(t *testing.T, l *Library, name string, whole []byte) bool {
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // everything is in the file by then
	wrote, paused, listed := time.Now(), time.Duration(0), []*Track(nil)
	for part := range slices.Chunk(whole, len(whole)/12) {
		before := time.Now()
		if _, err := f.Write(part); err != nil {
			t.Fatal(err)
		}
		paused = max(paused, time.Since(wrote)) // the file may have been seen until just now
		wrote = before
		for range 10 {
			time.Sleep(15 * time.Millisecond) // the writer's pace, and time to be caught in between
			if now := l.Tracks(); len(now) > 0 {
				listed = now
			}
		}
	}
	paused = max(paused, time.Since(wrote))
	switch {
	case paused >= quiet*9/10: // files' times are coarser than the clock
		return false
	case listed != nil:
		t.Fatalf("half a file is listed: %+v", *listed[0])
	}
	return true
}

func TestFreshFilesAreListedAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fresh.wav"), makeWAV(100, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	future := write(t, makeWAV(100, 2), dir, "future.wav")
	if err := os.Chtimes(future, time.Now().Add(time.Hour), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	l := start(t, Config{Roots: []string{dir}})
	wantPaths(t, l, "fresh.wav", "future.wav") // by the time it is ready
}

func TestBurst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, Config{Roots: []string{dir}})
	const n = 700
	for i := range n {
		write(t, makeWAV(10, uint32(i)), dir, fmt.Sprint(i%7), fmt.Sprint(i, ".wav"))
	}
	until(t, soon, "all files", func() bool { return len(l.Tracks()) == n })
	if err := os.RemoveAll(filepath.Join(dir, "3")); err != nil {
		t.Fatal(err)
	}
	until(t, soon, "fewer files", func() bool { return len(l.Tracks()) == n-n/7 })
}

// Lost notices lead to a look everywhere.
func TestOverflow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, Config{Roots: []string{dir}})
	for i := range maxTouched + 10 {
		l.touch(fmt.Sprint("/nowhere/", i))
	}
	until(t, soon, "rest", func() bool {
		l.touchMu.Lock()
		defer l.touchMu.Unlock()
		return len(l.touched) == 0 && !l.lost
	})
	write(t, makeWAV(100, 1), dir, "x/a.wav")
	appear(t, l, "x/a.wav")
}

// A root that is removed and comes back, as a disk that is unmounted.
func TestRootGoes(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "music")
	write(t, makeWAV(100, 1), dir, "a.wav")
	l := start(t, Config{Roots: []string{dir}, Poll: true})
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Fatal(err)
	}
	write(t, makeWAV(100, 2), dir, "b.wav")
	appear(t, l, "b.wav")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	appear(t, l)
	write(t, makeWAV(100, 3), dir, "c.wav")
	appear(t, l, "c.wav")
}

func TestFolderArtChanges(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		covered := func(path string) bool {
			tr := l.Track(idOf(l, path))
			return tr != nil && tr.HasCover
		}
		write(t, []byte("\xff\xd8\xff picture"), dir, "sub/Cover.JPG")
		until(t, soon, "a cover", func() bool { return covered("sub/b.wav") })
		if covered("a.wav") || covered("sub/deep/c.wav") {
			t.Error("a picture covers another folder")
		}
		if err := os.Remove(filepath.Join(dir, "sub/Cover.JPG")); err != nil {
			t.Fatal(err)
		}
		until(t, soon, "no cover", func() bool { return !covered("sub/b.wav") })
	})
}

// A look at what has not changed opens nothing.
func TestUnchangedFilesStayShut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 50 {
		write(t, makeWAV(100, uint32(i)), dir, fmt.Sprint(i, ".wav"))
	}
	write(t, []byte("no sound"), dir, "bad.wav")
	c := &counter{}
	l := startWith(t, Config{Roots: []string{dir}}, c.open)
	v := l.Version()
	for range 3 {
		l.touchAll()
		l.touchMu.Lock()
		l.touched[dir] = struct{}{}
		l.touchMu.Unlock()
		write(t, makeWAV(100, 99), dir, "new.wav")
		until(t, soon, "the new file", func() bool { return idOf(l, "new.wav") != "" })
		if err := os.Remove(filepath.Join(dir, "new.wav")); err != nil {
			t.Fatal(err)
		}
		until(t, soon, "it gone", func() bool { return idOf(l, "new.wav") == "" })
	}
	if n := c.opens.Load(); n != 51+3 {
		t.Errorf("%d files were opened", n)
	}
	if l.Version() == v {
		t.Error("version stands still")
	}
	if n := len(l.Tracks()); n != 50 {
		t.Errorf("%d tracks", n)
	}
}

// Where the system gives no more watches, looking takes their place.
func TestWatchesRunOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, makeWAV(100, 1), dir, "x/a.wav")
	var said lines
	l, err := New(Config{Roots: []string{dir}, IDKey: testKey, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	l.every = 200 * time.Millisecond
	found := make(chan *entry)
	s := newScan(l, found)
	if s.watch == nil {
		t.Skip("nothing to run out of here")
	}
	s.watch.close() // every add fails from now on
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.drive(ctx, s, found) }()
	until(t, soon, "the first file", func() bool { return l.Scanned().Ready && l.Scanned().Tracks == 1 })
	write(t, makeWAV(100, 2), dir, "y/b.wav")
	appear(t, l, "x/a.wav", "y/b.wav")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := said.count("looking for changes instead"); n != 1 || !l.Scanned().Polling {
		t.Errorf("said %d times; %+v", n, l.Scanned())
	}
}

// lines counts what a logger writes.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (w *lines) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(p)
}

func (w *lines) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.all.String(), what)
}

// A refused file is named in the log once, whatever goes on around it.
func TestRefusalIsLoggedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, []byte("no sound"), dir, "bad.mp3")
	symlink(t, "/etc/passwd", dir, "link.wav")
	var said lines
	l := start(t, Config{Roots: []string{dir}, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	for i := range 3 {
		write(t, makeWAV(100, uint32(i)), dir, fmt.Sprint(i, ".wav"))
		until(t, soon, "the next file", func() bool { return len(l.Tracks()) == i+1 })
	}
	if said.count("bad.mp3") != 1 || said.count("link.wav") != 1 || said.count("\n") != 2 {
		t.Error(said.all.String())
	}
}

// A folder that is shown more than once changes everywhere.
func TestChangesShowEverywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, makeWAV(100, 1), dir, "top/album/a.wav")
	symlink(t, "album", dir, "top/link")
	symlink(t, "../album/a.wav", dir, "top/best/one.wav")
	l := start(t, Config{Roots: []string{filepath.Join(dir, "top"), filepath.Join(dir, "top/album"), filepath.Join(dir, "top/album/a.wav")}})
	appear(t, l, "a.wav", "album/a.wav", "top/album/a.wav", "top/best/one.wav", "top/link/a.wav")
	write(t, makeWAV(100, 2), dir, "top/album/b.wav")
	appear(t, l, "a.wav", "album/a.wav", "album/b.wav",
		"top/album/a.wav", "top/album/b.wav", "top/best/one.wav", "top/link/a.wav", "top/link/b.wav")
	was := map[string]string{}
	for _, p := range paths(l) {
		was[p] = idOf(l, p)
	}
	write(t, makeWAV(100, 3), dir, "top/album/a.wav") // through all its names
	until(t, soon, "five new IDs", func() bool {
		n := 0
		for _, p := range paths(l) {
			if idOf(l, p) != was[p] {
				n++
			}
		}
		return n == 5
	})
}

// TestRescan: whoever asks for it gets a look at everything.
func TestRescan(t *testing.T) {
	dir := t.TempDir()
	write(t, makeWAV(100, 1), dir, "a.wav")
	l := start(t, Config{Roots: []string{dir}, Rescan: time.Hour})
	first := l.Scanned().Last
	if first.IsZero() {
		t.Error("it is not told when the first look ended")
	}
	l.Rescan()
	until(t, soon, "another look", func() bool { return l.Scanned().Last.After(first) })
}
