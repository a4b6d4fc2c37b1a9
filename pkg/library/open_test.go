package library

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

// counter reads files as package format does and counts.
type counter struct {
	opens, indexed, cancelled atomic.Int64

	gate chan struct{} // when set, an index waits for it
}

func (c *counter) open(r io.ReaderAt, size int64) (audio.Stream, error) {
	c.opens.Add(1)
	s, err := format.Open(r, size)
	if err != nil {
		return nil, err
	}
	return &slowStream{s, c}, nil
}

type slowStream struct {
	audio.Stream
	c *counter
}

func (s *slowStream) Index(ctx context.Context, r io.ReaderAt) (audio.Track, error) {
	s.c.indexed.Add(1)
	if s.c.gate != nil {
		select {
		case <-s.c.gate:
		case <-ctx.Done():
			s.c.cancelled.Add(1)
			return nil, ctx.Err()
		}
	}
	return s.Stream.Index(ctx, r)
}

func TestIndexIsRemembered(t *testing.T) {
	dir := t.TempDir()
	write(t, sound(t, "music-guitar.flac"), dir, "a.flac")
	write(t, sound(t, "music-march-vbr.mp3"), dir, "b.mp3")
	c := &counter{}
	l := startWith(t, Config{Roots: []string{dir}}, c.open)
	for _, tr := range l.Tracks() {
		for range 5 {
			f, err := l.Open(t.Context(), tr.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Check(), f.Close()); err != nil {
				t.Error(err)
			}
		}
	}
	if n := c.indexed.Load(); n != 2 { // the MP3 while scanning, the FLAC when first opened
		t.Errorf("%d indexes made", n)
	}
}

func TestIndexesAreBounded(t *testing.T) {
	dir := t.TempDir()
	flac := sound(t, "speech-french-8k.flac")
	for i := range 8 {
		write(t, append(flac[:len(flac):len(flac)], byte(i)), dir, fmt.Sprint(i, ".flac"))
	}
	probe := start(t, Config{Roots: []string{dir}})
	f, err := probe.Open(t.Context(), idOf(probe, "0.flac"))
	if err != nil {
		t.Fatal(err)
	}
	cost := costOf(f.Audio)
	_ = f.Close()

	c := &counter{}
	l := startWith(t, Config{Roots: []string{dir}, IndexBytes: 3*cost + 100}, c.open)
	open := func(i int) {
		t.Helper()
		f, err := l.Open(t.Context(), idOf(l, fmt.Sprint(i, ".flac")))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		if x := l.index; x.used > x.limit || x.used != cost*int64(x.recent.Len()) || len(x.byKey) != x.recent.Len() {
			t.Fatalf("%d bytes of %d in %d indexes", x.used, x.limit, x.recent.Len())
		}
	}
	for i := range 8 {
		open(i)
	}
	made := c.indexed.Load()
	open(5) // 5, 6 and 7 are left
	open(1) // 6 goes
	open(5)
	open(7)
	if got := c.indexed.Load() - made; got != 1 {
		t.Errorf("%d indexes made anew, 1 expected", got)
	}
	open(6)
	if got := c.indexed.Load() - made; got != 2 {
		t.Errorf("%d indexes made anew, 2 expected", got)
	}
	l.index.put(indexKey{open: "huge"}, &bigTrack{f.Audio})
	if l.index.byKey[indexKey{open: "huge"}] != nil {
		t.Error("an index beyond the limit was kept")
	}
}

type bigTrack struct{ audio.Track }

// Cuts are so many that no cache of a few indexes has room for them.
func (bigTrack) Cuts() *audio.Index {
	var b audio.IndexBuilder
	for i := range int64(100_000) {
		b.Add(audio.Cut{Off: i * 1000, At: audio.Frames(i * 1000)})
	}
	return b.Finish(audio.Cut{Off: 1e8, At: 1e8})
}

func TestIndexIsShared(t *testing.T) {
	dir := t.TempDir()
	write(t, sound(t, "speech-french-8k.flac"), dir, "a.flac")
	c := &counter{gate: make(chan struct{})}
	l := startWith(t, Config{Roots: []string{dir}}, c.open)
	id := idOf(l, "a.flac")

	first, cancel := context.WithCancel(t.Context())
	firstDone := make(chan error, 1)
	go func() {
		_, err := l.Open(first, id)
		firstDone <- err
	}()
	until(t, soon, "the first index", func() bool { return c.indexed.Load() == 1 })
	var wg sync.WaitGroup
	var good atomic.Int64
	for range 20 {
		wg.Go(func() {
			f, err := l.Open(t.Context(), id)
			if err != nil {
				t.Error(err)
				return
			}
			good.Add(1)
			_ = f.Close()
		})
	}
	until(t, soon, "21 waiting", func() bool {
		l.index.mu.Lock()
		defer l.index.mu.Unlock()
		for _, f := range l.index.flights {
			return f.waiters == 21
		}
		return false
	})
	cancel()
	if err := <-firstDone; !errors.Is(err, context.Canceled) {
		t.Errorf("first caller: %v", err)
	}
	close(c.gate)
	wg.Wait()
	if c.indexed.Load() != 1 || good.Load() != 20 || c.cancelled.Load() != 0 {
		t.Errorf("%d indexes for %d callers, %d cancelled", c.indexed.Load(), good.Load(), c.cancelled.Load())
	}
}

func TestManyOpens(t *testing.T) {
	dir := t.TempDir()
	names := []string{"music-guitar.flac", "speech-russian-8k.ogg", "speech-english-16k-mono.mp3", "speech-librivox-16k.wav"}
	for _, n := range names {
		write(t, sound(t, n), dir, n)
	}
	l := start(t, Config{Roots: []string{dir}, IndexBytes: 20_000}) // too little for all
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for k := range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(i+k)%3*2000)*time.Millisecond)
				f, err := l.Open(ctx, idOf(l, names[(i+k)%len(names)]))
				cancel()
				switch {
				case err == nil:
					_ = f.Close()
				case !errors.Is(err, context.DeadlineExceeded):
					t.Error(err)
				}
				_, _, _ = l.Cover(t.Context(), idOf(l, names[i%len(names)]))
				_, _ = l.Scanned(), l.Version()
			}
		})
	}
	wg.Wait()
	until(t, soon, "nothing under way", func() bool {
		flights, adrift := underWay(l)
		return flights == 0 && adrift == 0 && len(l.index.busy) == 0
	})
}

func TestVanishedFile(t *testing.T) {
	dir := t.TempDir()
	name := write(t, makeWAV(100, 1), dir, "a.wav")
	l := start(t, Config{Roots: []string{dir}, Poll: true, Rescan: time.Hour})
	id := idOf(l, "a.wav")
	f, err := l.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // the test is over
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Errorf("a removed file that is open: %v", err)
	}
	_, err = l.Open(t.Context(), id)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	until(t, soon, "an empty list", func() bool { return len(l.Tracks()) == 0 }) // Open asked for a look
}

// A file replaced by a link out of the folder after it was listed.
func TestReplacedByLink(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	data := makeWAV(100, 1)
	name := write(t, data, dir, "a.wav")
	secret := write(t, data, out, "a.wav") // even the same content
	l := start(t, Config{Roots: []string{dir}, Poll: true, Rescan: time.Hour})
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	id := idOf(l, "a.wav")
	symlink(t, secret, name)
	if f, err := l.Open(t.Context(), id); err == nil {
		_ = f.Close()
		t.Error("opened a file out of the folder")
	}
}

// A file whose headers are fine and whose sound is not: found out when it is
// first opened, and refused from then on.
func TestFoundBadWhenOpened(t *testing.T) {
	dir := t.TempDir()
	data := sound(t, "music-tabla.flac")
	clear(data[200:]) // frames begin within the first 200 bytes
	write(t, data[:9000], dir, "a.flac")
	l := start(t, Config{Roots: []string{dir}})
	id := idOf(l, "a.flac")
	if id == "" {
		t.Skip("its headers give it away")
	}
	if _, err := l.Open(t.Context(), id); !errors.Is(err, audio.ErrCorrupt) {
		t.Fatal(err)
	}
	if reasonOf(l, "a.flac") == "" || len(l.Tracks()) != 0 {
		t.Errorf("still listed: %q", paths(l))
	}
	if _, err := l.Open(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func BenchmarkOpen(b *testing.B) {
	l, err := New(Config{Roots: []string{soundDir}, IDKey: testKey})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing to lose
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	<-l.Ready()
	id := idOf(l, "music-guitar.flac")
	for b.Loop() {
		f, err := l.Open(ctx, id)
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
	cancel()
	<-done
}

func TestTouchedFileOpens(t *testing.T) {
	dir := t.TempDir()
	name := write(t, makeWAV(100, 1), dir, "a.wav")
	l := start(t, Config{Roots: []string{dir}})
	id := idOf(l, "a.wav")
	if err := os.Chtimes(name, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	f, err := l.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

const (
	pngBytes = "\x89PNG\r\n\x1a\n and so on"
	jpgBytes = "\xff\xd8\xff\xe0 and so on"
)

// coverTree fills dir with files and returns an opener that gives them
// pictures.
func coverTree(t *testing.T, dir string) opener {
	embedded := map[string][]audio.Picture{
		"front.wav": {
			{Kind: "file icon", Data: []byte(pngBytes)},
			{Kind: "other", Data: []byte(pngBytes + "other")},
			{Kind: "front cover", Data: []byte(jpgBytes + "front")},
		},
		"other.wav": {{Kind: "artist", Data: []byte(pngBytes)}, {Kind: "other", Data: []byte(pngBytes + "other")}},
		"evil.wav":  {{Kind: "front cover", MIME: "image/svg+xml", Data: []byte("<svg><script>")}},
		"html.wav":  {{Kind: "front cover", MIME: "image/jpeg", Data: []byte("<html>")}},
		"huge.wav":  {{Kind: "front cover", Data: append([]byte(jpgBytes), make([]byte, MaxCover)...)}},
	}
	bySize := map[int64][]audio.Picture{}
	for name, pics := range embedded {
		data := makeWAV(100+len(bySize), uint32(len(bySize)))
		for i := range pics {
			pics[i].Size = len(pics[i].Data)
		}
		bySize[int64(len(data))] = pics
		write(t, data, dir, name)
		write(t, data, dir, "art", name)
	}
	write(t, []byte(pngBytes), dir, "art/folder.png")
	write(t, []byte(jpgBytes), dir, "art/FOLDER.jpg")
	write(t, []byte("<svg>"), dir, "art/front.webp")
	write(t, []byte(jpgBytes), dir, "art/cover.txt")
	write(t, makeWAV(50, 50), dir, "fake/x.wav")
	write(t, []byte("<html>"), dir, "fake/cover.jpg")
	return func(r io.ReaderAt, size int64) (audio.Stream, error) {
		s, err := format.Open(r, size)
		if err != nil {
			return nil, err
		}
		return &pictured{s, bySize[size]}, nil
	}
}

func TestCover(t *testing.T) {
	dir := t.TempDir()
	l := startWith(t, Config{Roots: []string{dir}}, coverTree(t, dir))
	for _, c := range []struct{ path, data, mime string }{
		{"front.wav", jpgBytes + "front", "image/jpeg"},
		{"art/front.wav", jpgBytes + "front", "image/jpeg"},
		{"other.wav", pngBytes + "other", "image/png"},
		{"evil.wav", "", ""},
		{"html.wav", "", ""},
		{"huge.wav", "", ""},
		{"fake/x.wav", "", ""},
		{"art/evil.wav", jpgBytes, "image/jpeg"},
		{"art/huge.wav", jpgBytes, "image/jpeg"},
	} {
		data, mime, err := l.Cover(t.Context(), idOf(l, c.path))
		if string(data) != c.data || mime != c.mime || (err == nil) != (c.data != "") || err != nil && !errors.Is(err, ErrNoCover) {
			t.Errorf("%s: %d bytes of %q, %v", c.path, len(data), mime, err)
		}
	}
	for _, tr := range l.Tracks() {
		for _, p := range tr.Info.Pictures {
			if p.Data != nil {
				t.Errorf("%s keeps a picture", tr.Path)
			}
		}
	}
	if !l.Track(idOf(l, "front.wav")).HasCover || l.Track(idOf(l, "huge.wav")).HasCover || l.Track(idOf(l, "html.wav")).HasCover || !l.Track(idOf(l, "art/huge.wav")).HasCover {
		t.Error("HasCover is wrong")
	}
	if _, _, err := l.Cover(t.Context(), "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

type pictured struct {
	audio.Stream
	pics []audio.Picture
}

func (p *pictured) Info() audio.Info {
	info := p.Stream.Info()
	info.Pictures = slices.Clone(p.pics)
	for k := range info.Pictures { // package tag names what the bytes are
		pic := &info.Pictures[k]
		pic.MIME = cmp.Or(imageType(pic.Data), "application/octet-stream")
	}
	return info
}

func TestBigArtIsNotRead(t *testing.T) {
	dir := t.TempDir()
	name := write(t, []byte("\xff\xd8\xff"), dir, "cover.jpg")
	write(t, makeWAV(10, 1), dir, "a.wav")
	if err := os.Truncate(name, MaxCover+1); err != nil {
		t.Fatal(err)
	}
	l := start(t, Config{Roots: []string{dir}})
	if _, _, err := l.Cover(t.Context(), l.Tracks()[0].ID); !errors.Is(err, ErrNoCover) {
		t.Error(err)
	}
	if data, _ := l.roots[0].picture("cover.jpg"); data != nil {
		t.Error("a picture beyond the limit was read")
	}
}

// Pictures in real files, put there by the tools people use.
func TestCoverInRealFiles(t *testing.T) {
	lame, flac := tool(t, "lame"), tool(t, "flac")
	dir := t.TempDir()
	var pic bytes.Buffer
	if err := jpeg.Encode(&pic, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	src, art := write(t, makeWAV(16000, 1), dir, "src", "a.wav"), write(t, pic.Bytes(), dir, "src", "p.jpg")
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{lame, "--quiet", "--ti", art, src, filepath.Join(out, "a.mp3")},
		{flac, "-s", "--picture", art, "-o", filepath.Join(out, "a.flac"), src},
	} {
		if msg, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, msg)
		}
	}
	l := start(t, Config{Roots: []string{out}})
	if len(l.Tracks()) != 2 {
		t.Fatal(l.Refused())
	}
	for _, tr := range l.Tracks() {
		data, mime, err := l.Cover(t.Context(), tr.ID)
		if err != nil || mime != "image/jpeg" || !bytes.Equal(data, pic.Bytes()) || !tr.HasCover {
			t.Errorf("%s: %d bytes of %s, HasCover %v, %v", tr.Path, len(data), mime, tr.HasCover, err)
		}
	}
}

// tool finds a program. CI asks for all of them.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}
