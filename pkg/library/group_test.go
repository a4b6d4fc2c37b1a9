package library

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

// move renames a file or folder, and makes the folder it goes to.
func move(t *testing.T, dir, from, to string) {
	t.Helper()
	to = filepath.Join(dir, to)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, from), to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, parts ...string) {
	t.Helper()
	if err := os.Remove(filepath.Join(parts...)); err != nil {
		t.Fatal(err)
	}
}

// ids is by path.
func ids(l *Library) map[string]string {
	out := map[string]string{}
	for _, tr := range l.Tracks() {
		out[tr.Path] = tr.ID
	}
	return out
}

// An ID stays with its file, whatever copies come and go around it.
func TestCopiesKeepTheirIDs(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		copied := makeWAV(100, 2) // what sub/b.wav holds
		b := idOf(l, "sub/b.wav")
		write(t, copied, dir, "sub/a.wav") // before it, then after it
		appear(t, l, "a.wav", "sub/a.wav", "sub/b.wav", "sub/deep/c.wav")
		write(t, copied, dir, "sub/z.wav")
		appear(t, l, "a.wav", "sub/a.wav", "sub/b.wav", "sub/z.wav", "sub/deep/c.wav")
		a, z := idOf(l, "sub/a.wav"), idOf(l, "sub/z.wav")
		if idOf(l, "sub/b.wav") != b || a == b || z == b || a == z {
			t.Fatalf("copies took IDs: %v", ids(l))
		}
		remove(t, dir, "sub/a.wav") // a copy
		appear(t, l, "a.wav", "sub/b.wav", "sub/z.wav", "sub/deep/c.wav")
		if idOf(l, "sub/b.wav") != b || idOf(l, "sub/z.wav") != z || l.Track(a) != nil {
			t.Fatalf("without a: %v", ids(l))
		}
		remove(t, dir, "sub/b.wav") // the original
		appear(t, l, "a.wav", "sub/z.wav", "sub/deep/c.wav")
		if idOf(l, "sub/z.wav") != z || l.Track(b) != nil {
			t.Fatalf("without b: %v", ids(l))
		}
		move(t, dir, "sub/z.wav", "sub/y.wav") // alone, with an ID that is not the first
		appear(t, l, "a.wav", "sub/y.wav", "sub/deep/c.wav")
		if idOf(l, "sub/y.wav") != z {
			t.Fatalf("z renamed to y: %v", ids(l))
		}
	})
}

// A rename keeps the ID, whichever of the folders is looked at first, and with
// copies around.
func TestRenamedCopiesKeepTheirIDs(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		for _, name := range []string{"sub/b1.wav", "sub/b2.wav", "sub/b3.wav"} {
			write(t, makeWAV(100, 2), dir, name)
		}
		appear(t, l, "a.wav", "sub/b.wav", "sub/b1.wav", "sub/b2.wav", "sub/b3.wav", "sub/deep/c.wav")
		was := ids(l)
		move(t, dir, "sub/b3.wav", "0/first.wav")
		move(t, dir, "sub/b1.wav", "sub/deep/last.wav")
		move(t, dir, "sub/b.wav", "sub/b9.wav")
		appear(t, l, "a.wav", "0/first.wav", "sub/b2.wav", "sub/b9.wav", "sub/deep/c.wav", "sub/deep/last.wav")
		for from, to := range map[string]string{
			"sub/b3.wav": "0/first.wav", "sub/b1.wav": "sub/deep/last.wav", "sub/b.wav": "sub/b9.wav", "sub/b2.wav": "sub/b2.wav",
		} {
			if got := idOf(l, to); got != was[from] {
				t.Errorf("%s, now %s: ID %s, was %s", from, to, got, was[from])
			}
		}
		move(t, dir, "sub", "moved")
		appear(t, l, "a.wav", "0/first.wav", "moved/b2.wav", "moved/b9.wav", "moved/deep/c.wav", "moved/deep/last.wav")
		for from, to := range map[string]string{"sub/b1.wav": "moved/deep/last.wav", "sub/b.wav": "moved/b9.wav", "sub/b2.wav": "moved/b2.wav"} {
			if got := idOf(l, to); got != was[from] {
				t.Errorf("%s, now %s: ID %s, was %s", from, to, got, was[from])
			}
		}
	})
}

// Another name for the same file is a copy, not a rename.
func TestHardLinksKeepTheirIDs(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		a := idOf(l, "a.wav")
		if err := os.Link(filepath.Join(dir, "a.wav"), filepath.Join(dir, "0.wav")); err != nil {
			t.Skip("no hard links here:", err)
		}
		appear(t, l, "0.wav", "a.wav", "sub/b.wav", "sub/deep/c.wav")
		link := idOf(l, "0.wav")
		if idOf(l, "a.wav") != a || link == a {
			t.Fatalf("the link took the ID: %v", ids(l))
		}
		remove(t, dir, "a.wav")
		appear(t, l, "0.wav", "sub/b.wav", "sub/deep/c.wav")
		if idOf(l, "0.wav") != link {
			t.Error("the ID moved to the link")
		}
	})
}

// Which copy is read first is chance; the IDs of the first pass are not, even
// if somebody asks for them meanwhile.
func TestFirstPassGoesByPath(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		write(t, makeWAV(100, 1), dir, fmt.Sprintf("%02d.wav", i))
	}
	want := ids(start(t, Config{Roots: []string{dir}}))
	for range 3 {
		var turn atomic.Int64
		var l *Library
		l, err := New(Config{Roots: []string{dir}, IDKey: testKey, Open: func(r io.ReaderAt, size int64) (audio.Stream, error) {
			time.Sleep(time.Duration(turn.Add(1)%3) * 5 * time.Millisecond)
			_ = l.Tracks()
			return format.Open(r, size)
		}})
		if err != nil {
			t.Fatal(err)
		}
		run(t, l)
		for name, id := range ids(l) {
			if id != want[name] {
				t.Errorf("%s has ID %s, want %s", name, id, want[name])
			}
		}
	}
}

// Groups that nobody is in are not remembered without end.
func TestIdleGroupsAreBounded(t *testing.T) {
	c := newCatalogue(testKey)
	c.keep()
	f := &folder{root: &root{}, shown: "x"}
	for i := range maxIdle + 10 {
		var both []*entry
		p := fingerprint{byte(i), byte(i >> 8)}
		for k := range 2 {
			e := c.add(f, fmt.Sprint(i, "-", k), 1<<20)
			s := stamp{size: 1, ino: uint64(2*i + k)}
			c.expect(e, e.name, s)
			c.publish(e, s, p, Track{}, false)
			both = append(both, e)
		}
		list := c.tracks()
		if len(list) != 2 || list[0].ID == list[1].ID {
			t.Fatalf("%d tracks", len(list))
		}
		for _, e := range both {
			c.remove(e)
		}
		_ = c.tracks()
	}
	if len(c.idle) != maxIdle || len(c.groups) != maxIdle || len(c.byID) != 0 {
		t.Errorf("%d groups, %d idle, %d IDs", len(c.groups), len(c.idle), len(c.byID))
	}
}

// Folders of one content cost time by their number, not by its square.
func TestSeatsAreQuick(t *testing.T) {
	c := newCatalogue(testKey)
	f := &folder{root: &root{}, shown: "x"}
	const n = 100_000
	var all []*entry
	for i := range n {
		e := c.add(f, fmt.Sprint(i), n)
		s := stamp{size: 1, ino: uint64(i)}
		c.expect(e, e.name, s)
		c.publish(e, s, fingerprint{}, Track{}, false)
		all = append(all, e)
	}
	began := time.Now()
	c.keep()
	was := c.tracks()[7].ID
	for _, e := range slices.Backward(all[n/2:]) {
		c.remove(e)
	}
	if got := c.tracks()[7].ID; got != was || len(c.byID) != n/2 {
		t.Errorf("ID %s, was %s; %d IDs", got, was, len(c.byID))
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A file that is moved may be listed where it is now before it is missed where
// it was, and somebody may ask for the list in between.
func TestMovedFileIsMissedLate(t *testing.T) {
	dir := t.TempDir()
	write(t, makeWAV(100, 1), dir, "one/a.wav")
	write(t, makeWAV(100, 1), dir, "one/b.wav")
	write(t, makeWAV(100, 2), dir, "two/c.wav")
	l, err := New(Config{Roots: []string{filepath.Join(dir, "one"), filepath.Join(dir, "two")}, IDKey: testKey, Poll: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing to lose
	found := make(chan *entry, 10)
	s := newScan(l, found)
	look := func(root int) {
		s.walk(t.Context(), s.tops[root], true)
		_ = l.Tracks()
		for len(found) > 0 {
			l.examine(t.Context(), <-found)
		}
	}
	look(0)
	look(1)
	l.cat.keep()
	was := ids(l)
	move(t, dir, "one/b.wav", "two/b.wav")
	look(1)
	wantPaths(t, l, "one/a.wav", "two/b.wav", "two/c.wav")
	look(0)
	wantPaths(t, l, "one/a.wav", "two/b.wav", "two/c.wav")
	if now := ids(l); now["two/b.wav"] != was["one/b.wav"] || now["one/a.wav"] != was["one/a.wav"] {
		t.Errorf("was %v, now %v", was, now)
	}
	// And back, before the first move was noticed by a look at the old folder.
	move(t, dir, "two/b.wav", "one/b.wav")
	look(0)
	look(1)
	if now := ids(l); now["one/b.wav"] != was["one/b.wav"] || len(now) != 3 {
		t.Errorf("was %v, now %v", was, now)
	}
	// Missed before it is listed again, and without copies by then.
	remove(t, dir, "one/a.wav")
	look(0)
	move(t, dir, "one/b.wav", "one/d.wav")
	look(0)
	if now := ids(l); now["one/d.wav"] != was["one/b.wav"] || len(now) != 2 {
		t.Errorf("was %v, now %v", was, now)
	}
}
