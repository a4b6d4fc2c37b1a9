package library

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unicode/utf8"
)

// The print is what its comment says, computed here in another way.
func TestPrint(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, size := range []int{0, 1, 65535, 65536, 65537, 131072, wholeBytes, wholeBytes + 1, 1 << 20} {
		data := make([]byte, size)
		rng.Read(data)
		mac := hmac.New(sha256.New, testKey)
		fmt.Fprintf(mac, "secstream track 1\x00%s", binary.BigEndian.AppendUint64(nil, uint64(size)))
		if size <= 192<<10 {
			mac.Write(data)
		} else {
			mac.Write(data[:64<<10])
			for i := range 16 {
				at := 64<<10 + (size-128<<10-4<<10)/15*i
				mac.Write(data[at : at+4<<10])
			}
			mac.Write(data[size-64<<10:])
		}
		p, err := takePrint(t.Context(), testKey, bytes.NewReader(data), int64(size))
		if err != nil || !bytes.Equal(p[:], mac.Sum(nil)) {
			t.Errorf("%d bytes: %v, print differs from its definition", size, err)
		}
		if got := p.id(testKey, 0); got != hex.EncodeToString(p[:16]) {
			t.Errorf("id %s", got)
		}
		if _, err := takePrint(t.Context(), testKey, bytes.NewReader(data), int64(size)+1); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: a file that shrank gives %v", size, err)
		}
	}
}

func TestDuplicates(t *testing.T) {
	dir := t.TempDir()
	same := makeWAV(500, 1)
	for _, n := range []string{"c.wav", "a.wav", "b/x.wav"} {
		write(t, same, dir, n)
	}
	write(t, makeWAV(500, 2), dir, "other.wav")
	l := start(t, Config{Roots: []string{dir}})
	a, b, c, other := idOf(l, "a.wav"), idOf(l, "b/x.wav"), idOf(l, "c.wav"), idOf(l, "other.wav")
	if ids := slices.Compact(slices.Sorted(slices.Values([]string{a, b, c, other}))); len(ids) != 4 || ids[0] == "" {
		t.Fatalf("IDs %q", ids)
	}
	again := start(t, Config{Roots: []string{dir}})
	if a != idOf(again, "a.wav") || b != idOf(again, "b/x.wav") || c != idOf(again, "c.wav") {
		t.Error("a restart changed IDs")
	}
	cfg := Config{Roots: []string{dir}, IDKey: []byte("another key for the IDs")}
	stranger, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close() //nolint:errcheck // nothing to lose
	if p, err := takePrint(t.Context(), cfg.IDKey, bytes.NewReader(same), int64(len(same))); err != nil || p.id(cfg.IDKey, 0) == a {
		t.Error("the key does not matter")
	}
	// Nobody takes over the ID of one that goes.
	if err := os.Remove(filepath.Join(dir, "a.wav")); err != nil {
		t.Fatal(err)
	}
	appear(t, l, "c.wav", "other.wav", "b/x.wav")
	if idOf(l, "b/x.wav") != b || idOf(l, "c.wav") != c || l.Track(a) != nil {
		t.Error("IDs moved")
	}
	// A new one gets it, and the rest stays.
	write(t, same, dir, "0.wav")
	appear(t, l, "0.wav", "c.wav", "other.wav", "b/x.wav")
	if idOf(l, "0.wav") != a || idOf(l, "b/x.wav") != b || idOf(l, "c.wav") != c {
		t.Error("IDs moved")
	}
	f, err := l.Open(t.Context(), a)
	if err != nil || f.Track.Path != "0.wav" {
		t.Fatal(f, err)
	}
	_ = f.Close()
	// A restart has the same three.
	again = start(t, Config{Roots: []string{dir}})
	for i, name := range []string{"0.wav", "b/x.wav", "c.wav"} {
		if got, want := idOf(again, name), []string{a, b, c}[i]; got != want {
			t.Errorf("%s: ID %s after a restart, want %s", name, got, want)
		}
	}
}

func TestOrderKey(t *testing.T) {
	want := []string{
		"1.wav", "2.wav", "02.wav", "10.wav", "99999999999999999999999.wav", "100000000000000000000000.wav", "a.wav", "B.wav", "c.wav",
		"a/z.wav", "a/1/x.wav", "a/1/2/x.wav", "a/1/10/x.wav", "a/2/x.wav", "a b/x.wav", "CD 1/01.wav", "CD 1/2.wav", "cd 10/1.wav",
		"é/x.wav", "É/y.wav",
	}
	got := slices.Clone(want)
	rand.New(rand.NewSource(2)).Shuffle(len(got), func(i, k int) { got[i], got[k] = got[k], got[i] })
	slices.SortStableFunc(got, func(a, b string) int {
		if c := bytes.Compare([]byte(orderKey(a)), []byte(orderKey(b))); c != 0 {
			return c
		}
		return bytes.Compare([]byte(b), []byte(a)) // "2" before "02" here only to have one order
	})
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"a/b.wav", "\x1b[31mred", "\xff\xfe", "\u202egpj.wav", "x\ny", "9/09/90.mp3", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_ = orderKey(s)
		_ = artRank(s)
		c := clean(s)
		if !utf8.ValidString(c) || clean(c) != c {
			t.Errorf("clean(%q) = %q", s, c)
		}
		for _, r := range c {
			if r < ' ' || r == 0x7f || r == 0x202e {
				t.Errorf("clean(%q) keeps %q", s, r)
			}
		}
		if n := len(cut(c, 10)); n > 10 || !utf8.ValidString(cut(c, 10)) {
			t.Errorf("cut is %d bytes", n)
		}
	})
}

// A large folder: the time it takes is printed, the bounds are wide.
func TestLargeFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := t.TempDir()
	const n = 5000
	for i := range n {
		write(t, makeWAV(2000, uint32(i)), dir, fmt.Sprint("album ", i/20), fmt.Sprint(i%20, ".wav"))
	}
	c := &counter{}
	began := time.Now()
	l := startWith(t, Config{Roots: []string{dir}}, c.open)
	first := time.Since(began)
	if got := len(l.Tracks()); got != n {
		t.Fatalf("%d tracks", got)
	}
	began = time.Now()
	l.touchAll()
	write(t, makeWAV(10, 1), dir, "new.wav")
	until(t, soon, "a new file", func() bool { return len(l.Tracks()) == n+1 })
	t.Logf("%d files: first pass %v, a new file among them listed after %v", n, first, time.Since(began))
	if got := c.opens.Load(); got != n+1 {
		t.Errorf("%d files were opened", got)
	}
}

// BenchmarkRescan is the pass over a folder in which nothing changed.
func BenchmarkRescan(b *testing.B) {
	const n = 5000
	dir := b.TempDir()
	for i := range n {
		name := filepath.Join(dir, fmt.Sprint("album ", i/20), fmt.Sprint(i%20, ".wav"))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	l, err := New(Config{Roots: []string{dir}, IDKey: testKey, Poll: true})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing to lose
	found := make(chan *entry, n)
	s := newScan(l, found)
	for len(found) < n { // until all are at rest
		s.sweep(b.Context())
	}
	for b.Loop() {
		s.sweep(b.Context())
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/file")
}

// Many files with one content: IDs still cost linear time.
func TestManyDuplicates(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := t.TempDir()
	const n = 5000
	one := write(t, makeWAV(100, 1), dir, "one.wav")
	for i := range n - 1 {
		if err := os.Link(one, filepath.Join(dir, fmt.Sprint(i, ".wav"))); err != nil {
			t.Skip("no hard links here:", err)
		}
	}
	began := time.Now()
	l := start(t, Config{Roots: []string{dir}})
	for range 20 {
		_ = l.Tracks()
	}
	ids := map[string]bool{}
	for _, tr := range l.Tracks() {
		ids[tr.ID] = true
	}
	if len(ids) != n {
		t.Errorf("%d IDs for %d files", len(ids), n)
	}
	t.Logf("%d copies in %v", n, time.Since(began))
}
