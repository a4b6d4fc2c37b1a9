package library

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

var testKey = []byte("an ID key for the tests only")

// soundDir holds the public test audio.
const soundDir = "../../testdata/audio"

// makeWAV is a mono 16-bit WAV file of n frames; seed makes it differ from others.
func makeWAV(n int, seed uint32) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data")
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for range n {
		seed = seed*1664525 + 1013904223
		b = binary.LittleEndian.AppendUint16(b, uint16(seed>>16))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// write makes a file, its folders included, that was last changed a minute
// ago, so that no test waits for it to come to rest.
func write(t *testing.T, data []byte, parts ...string) string {
	t.Helper()
	name := filepath.Join(parts...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
	return name
}

func sound(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(soundDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func symlink(t *testing.T, to string, parts ...string) {
	t.Helper()
	name := filepath.Join(parts...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		t.Skip("no links here:", err)
	}
}

// start runs a library until the test ends and waits for its first pass.
func start(t *testing.T, cfg Config) *Library {
	t.Helper()
	return startWith(t, cfg, format.Open)
}

type opener = func(io.ReaderAt, int64) (audio.Stream, error)

// startWith is start with another way to read files. It polls faster than
// people need.
func startWith(t *testing.T, cfg Config, open opener) *Library {
	t.Helper()
	cfg.IDKey, cfg.Open = testKey, open
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	return l
}

// run runs l until the test ends and waits for its first pass.
func run(t *testing.T, l *Library) {
	t.Helper()
	l.every = 200 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error("Run:", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run does not return")
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-l.Ready():
	case <-time.After(20 * time.Second):
		t.Fatalf("not ready: %+v", l.Scanned())
	}
}

func paths(l *Library) []string {
	var out []string
	for _, tr := range l.Tracks() {
		out = append(out, tr.Path)
	}
	return out
}

func idOf(l *Library, path string) string {
	for _, tr := range l.Tracks() {
		if tr.Path == path {
			return tr.ID
		}
	}
	return ""
}

func reasonOf(l *Library, path string) string {
	list, _ := l.Refused()
	for _, r := range list {
		if r.Path == path {
			return r.Reason
		}
	}
	return ""
}

// until waits for cond, at most within.
func until(t *testing.T, within time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain: ", what)
		}
	}
}

func wantPaths(t *testing.T, l *Library, want ...string) {
	t.Helper()
	if got := paths(l); !slices.Equal(got, want) {
		t.Errorf("tracks\n got %q\nwant %q", got, want)
	}
}

func TestRealFiles(t *testing.T) {
	l := start(t, Config{Roots: []string{soundDir}})
	if n := len(l.Tracks()); n != 12 {
		list, _ := l.Refused()
		t.Fatalf("%d tracks of 12; refused %v", n, list)
	}
	for _, tr := range l.Tracks() {
		if tr.Info.Frames <= 0 || tr.Info.SampleRate <= 0 || tr.Size <= 0 || tr.ModTime.IsZero() || len(tr.ID) != 32 {
			t.Errorf("%s: %+v", tr.Path, tr)
		}
		f, err := l.Open(t.Context(), tr.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Audio.Cuts().Total(); got != tr.Info.Frames {
			t.Errorf("%s: listed with %d frames, indexed with %d", tr.Path, tr.Info.Frames, got)
		}
		first, end := f.Audio.Cuts().Find(0), f.Audio.Cuts().Find(f.Audio.Cuts().Total()/2)
		if b, err := f.Audio.Carve(nil, f, first, end); err != nil || len(b) == 0 {
			t.Errorf("%s: carved %d bytes, %v", tr.Path, len(b), err)
		}
		if err := errors.Join(f.Check(), f.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestOrderAndNesting(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"10.wav", "2.wav", "b/1.wav", "B10/x.wav", "b2/x.wav", "b/c/d/e/deep.WAV", "a.wav", "b.flac/in a folder.wav"} {
		write(t, makeWAV(100, uint32(i)), dir, name)
	}
	write(t, []byte("words"), dir, "notes.txt")
	write(t, makeWAV(9, 9), dir, ".hidden.wav")
	write(t, makeWAV(9, 9), dir, ".hidden/x.wav")
	write(t, makeWAV(9, 9), dir, "b/.git/x.wav")
	l := start(t, Config{Roots: []string{dir}})
	wantPaths(t, l, "2.wav", "10.wav", "a.wav", "b/1.wav", "b/c/d/e/deep.WAV", "b.flac/in a folder.wav", "b2/x.wav", "B10/x.wav")
	if _, n := l.Refused(); n != 0 {
		t.Errorf("%d refused", n)
	}
	if p := l.Scanned(); p.Files != 8 || p.Tracks != 8 || p.Waiting != 0 || !p.Ready {
		t.Errorf("progress %+v", p)
	}
}

func TestRefusals(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	write(t, makeWAV(100, 1), out, "secret.wav")
	write(t, makeWAV(100, 2), dir, "good.wav")
	write(t, []byte(strings.Repeat("garbage ", 4000)), dir, "garbage.mp3")
	write(t, nil, dir, "empty.flac")
	write(t, makeWAV(0, 0), dir, "silent.wav")
	write(t, makeWAV(1000, 3)[:30], dir, "cut.wav")
	if err := os.Mkdir(filepath.Join(dir, "x.wav"), 0o755); err != nil {
		t.Fatal(err)
	}
	symlink(t, filepath.Join(out, "secret.wav"), dir, "out.wav")
	symlink(t, out, dir, "out")
	symlink(t, "../"+filepath.Base(out)+"/secret.wav", dir, "relative.wav")
	symlink(t, "/etc", dir, "etc")
	symlink(t, "nowhere.wav", dir, "dangling.wav")
	symlink(t, "itself.wav", dir, "itself.wav")
	special(t, dir)
	l := start(t, Config{Roots: []string{dir}})
	wantPaths(t, l, "good.wav")
	for _, p := range []string{
		"garbage.mp3", "empty.flac", "silent.wav", "cut.wav", "out.wav", "out", "relative.wav", "etc", "dangling.wav", "itself.wav",
	} {
		if reasonOf(l, p) == "" {
			t.Errorf("%s is not refused", p)
		}
	}
	list, total := l.Refused()
	if len(list) != total || l.Scanned().Refused != total {
		t.Errorf("%d refusals, total %d, progress %+v", len(list), total, l.Scanned())
	}
	for _, r := range list {
		if t.Logf("%s: %s", r.Path, r.Reason); strings.Contains(r.Reason, dir) || strings.Contains(r.Reason, out) {
			t.Errorf("%s: reason tells where it lies: %s", r.Path, r.Reason)
		}
	}
}

func TestSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "lib") // a short path: sockets want one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := net.Listen("unix", filepath.Join(dir, "s.wav"))
	if err != nil {
		t.Skip("no sockets here:", err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	l := start(t, Config{Roots: []string{dir}})
	if got := reasonOf(l, "s.wav"); got != "not a regular file" {
		t.Errorf("socket: %q", got)
	}
}

func TestLinksInside(t *testing.T) {
	dir := t.TempDir()
	write(t, makeWAV(100, 1), dir, "album/1.wav")
	write(t, makeWAV(100, 2), dir, "album/2.wav")
	write(t, makeWAV(100, 3), dir, ".store/3.wav")
	symlink(t, "../album/1.wav", dir, "best/one.wav")
	symlink(t, filepath.Join(dir, "album", "2.wav"), dir, "best/two.wav") // absolute, inside
	symlink(t, "../.store/3.wav", dir, "best/three.wav")
	symlink(t, "album", dir, "again")
	symlink(t, "..", dir, "album/up") // loops
	symlink(t, ".", dir, "self")
	symlink(t, "../best", dir, "best2/x")
	l := start(t, Config{Roots: []string{dir}})
	wantPaths(t, l, "again/1.wav", "again/2.wav", "album/1.wav", "album/2.wav",
		"best/one.wav", "best/three.wav", "best/two.wav", "best2/x/one.wav", "best2/x/three.wav", "best2/x/two.wav")
	for _, p := range []string{"album/up", "self"} {
		if got := reasonOf(l, p); got != errLoop.Error() {
			t.Errorf("%s: %q", p, got)
		}
	}
	seen := map[string]bool{}
	for _, tr := range l.Tracks() {
		if seen[tr.ID] {
			t.Errorf("%s shares its ID", tr.Path)
		}
		seen[tr.ID] = true
		f, err := l.Open(t.Context(), tr.ID)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}

// Links that all lead to each other's folders must not multiply.
func TestManyLinks(t *testing.T) {
	dir := t.TempDir()
	const n = 12
	for i := range n {
		write(t, makeWAV(10, uint32(i)), dir, fmt.Sprint("d", i), "x.wav")
		for k := range n {
			symlink(t, fmt.Sprint("../d", k), dir, fmt.Sprint("d", i), fmt.Sprint("to", k))
		}
	}
	l := start(t, Config{Roots: []string{dir}})
	if got := len(l.Tracks()); got != n*n { // itself and each other once, no deeper
		t.Errorf("%d tracks", got)
	}
}

func TestRoots(t *testing.T) {
	base := t.TempDir()
	write(t, makeWAV(100, 1), base, "one/Music/a.wav")
	write(t, makeWAV(100, 2), base, "two/Music/b.wav")
	single := write(t, makeWAV(100, 3), base, "files/song.wav")
	write(t, []byte("\xff\xd8\xff picture"), base, "files/cover.jpg")
	write(t, makeWAV(100, 4), base, "files/other.wav")
	noExt := write(t, makeWAV(100, 5), base, "files/noext")
	song2 := write(t, makeWAV(100, 6), base, "more/song.wav")
	symlink(t, song2, base, "link.wav")
	l := start(t, Config{Roots: []string{
		filepath.Join(base, "one/Music"), filepath.Join(base, "two/Music"), single, noExt, song2, single, filepath.Join(base, "one/Music/"),
	}})
	wantPaths(t, l, "noext", "song (2).wav", "song.wav", "Music/a.wav", "Music (2)/b.wav")
	wantRoots(t, l, map[string]int{"Music/a.wav": 0, "Music (2)/b.wav": 1, "song.wav": 2, "noext": 3, "song (2).wav": 4})
	if tr := l.Track(idOf(l, "song.wav")); tr.HasCover {
		t.Error("a single file found a picture beside it")
	}

	l = start(t, Config{Roots: []string{filepath.Join(base, "link.wav")}})
	wantPaths(t, l, "link.wav")
	wantRoots(t, l, map[string]int{"link.wav": 0})
	if _, err := l.Open(t.Context(), l.Tracks()[0].ID); err != nil {
		t.Error(err)
	}

	for _, cfg := range []Config{
		{IDKey: testKey},
		{IDKey: testKey[:15], Roots: []string{base}},
		{IDKey: testKey, Roots: []string{filepath.Join(base, "nowhere")}},
		{IDKey: testKey, Roots: []string{base, filepath.Join(base, "nowhere.wav")}},
		{IDKey: testKey, Roots: []string{os.DevNull}},
		{IDKey: testKey, Roots: []string{base}, Workers: -1},
	} {
		if l, err := New(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
			_ = l.Close()
		} else {
			t.Log(err)
		}
	}
}

func wantRoots(t *testing.T, l *Library, want map[string]int) {
	t.Helper()
	if len(l.Tracks()) != len(want) {
		t.Errorf("tracks %q", paths(l))
	}
	for _, tr := range l.Tracks() {
		if at, ok := want[tr.Path]; !ok || tr.Root != at {
			t.Errorf("%s: found under root %d, want %d", tr.Path, tr.Root, at)
		}
	}
}

// Roots that lie in each other, are named twice, or by a link.
func TestOverlappingRoots(t *testing.T) {
	base := t.TempDir()
	write(t, makeWAV(100, 1), base, "all/z.wav")
	write(t, makeWAV(100, 2), base, "all/album/a.wav")
	write(t, makeWAV(100, 3), base, "all/album/cd/b.wav")
	symlink(t, "all", base, "link")
	in := func(p string) string { return filepath.Join(base, p) }
	l := start(t, Config{Roots: []string{in("all/z.wav"), in("all/album"), in("all"), in("link"), in("link/z.wav"), in("all/album/a.wav"), in("all/album/")}})
	wantRoots(t, l, map[string]int{
		"z.wav": 0, "a.wav": 5,
		"album/a.wav": 1, "album/cd/b.wav": 1,
		"all/z.wav": 2, "all/album/a.wav": 2, "all/album/cd/b.wav": 2,
	})
	// It stays when the facts of a track are replaced.
	write(t, makeWAV(200, 4), base, "all/album/a.wav")
	until(t, soon, "the new a.wav", func() bool {
		tr := l.Track(idOf(l, "a.wav"))
		return tr != nil && tr.Info.Frames == 200 && tr.Root == 5
	})
	write(t, []byte("\xff\xd8\xff picture"), base, "all/album/cover.jpg")
	until(t, soon, "a cover", func() bool {
		tr := l.Track(idOf(l, "album/cd/b.wav"))
		return tr != nil && l.Track(idOf(l, "album/a.wav")).HasCover && tr.Root == 1
	})
}

func TestBounds(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		write(t, makeWAV(100, uint32(i)), dir, fmt.Sprint(i, ".wav"))
	}
	deep := dir
	for range maxDepth + 3 {
		deep = filepath.Join(deep, "d")
	}
	write(t, makeWAV(10, 99), deep, "x.wav")
	l := start(t, Config{Roots: []string{dir}, MaxFiles: 20})
	if p := l.Scanned(); p.Files != 20 || p.Tracks != 20 {
		t.Errorf("%+v", p)
	}
	l = start(t, Config{Roots: []string{dir}})
	list, n := l.Refused()
	if n != 1 || list[0].Reason != errDeep.Error() || len(l.Tracks()) != 30 {
		t.Errorf("%d tracks, refused %v", len(l.Tracks()), list)
	}
}

func TestRefusedAreBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range maxRefused + 50 {
		write(t, []byte("no"), dir, fmt.Sprint(i, ".wav"))
	}
	l := start(t, Config{Roots: []string{dir}})
	if list, n := l.Refused(); len(list) != maxRefused || n != maxRefused+50 {
		t.Errorf("%d listed of %d", len(list), n)
	}
}

func TestRunOnce(t *testing.T) {
	l, err := New(Config{Roots: []string{t.TempDir()}, IDKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing to lose
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := l.Run(ctx); err == nil {
		t.Error("ran twice")
	}
	if _, err := l.Open(t.Context(), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A library that is cancelled in the middle of a large folder stops at once.
func TestCancelDuringScan(t *testing.T) {
	const files, workers = 200, 3
	dir := t.TempDir()
	for i := range files {
		write(t, makeWAV(100, uint32(i)), dir, fmt.Sprint(i, ".wav"))
	}
	l, err := New(Config{Roots: []string{dir}, IDKey: testKey, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	opened, gate := make(chan struct{}, files), make(chan struct{})
	l.open = func(io.ReaderAt, int64) (audio.Stream, error) {
		opened <- struct{}{}
		<-gate
		return nil, audio.ErrNotAudio
	}
	defer l.Close() //nolint:errcheck // nothing to lose
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	until(t, soon, "all workers to be busy, and more to wait", func() bool { return len(opened) == workers && l.Scanned().Waiting > workers })
	cancel()
	close(gate)
	select {
	case err := <-done:
		if n := len(opened); err != nil || n > workers || l.Scanned().Ready {
			t.Errorf("%v, %d files opened, %+v", err, n, l.Scanned())
		}
	case <-time.After(soon):
		t.Fatal("Run does not return")
	}
	until(t, soon, "all goroutines to be gone", func() bool { return runtime.NumGoroutine() <= before })
}
