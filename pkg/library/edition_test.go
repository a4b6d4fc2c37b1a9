package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Sizes of test files, in frames: one that its print covers whole, and one
// that it does not.
const (
	short = 1000
	long  = wholeBytes
)

// player opens one track again and again, as a session does.
type player struct {
	l   *Library
	was Edition
}

// begin opens the track at path. If it has copies it waits until that is known
// to be so, which a session does not: it takes a moment, once.
func begin(t *testing.T, l *Library, path string, copied bool) *player {
	t.Helper()
	f, err := l.Open(t.Context(), idOf(l, path))
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	p := &player{l, f.Edition()}
	if copied {
		p.prove(t)
	}
	return p
}

func (p *player) prove(t *testing.T) {
	t.Helper()
	until(t, soon, "the file to be read whole", func() bool {
		p.plays(t, p.was.entry.path)
		_, ok := p.l.cat.wholeOf(p.was.entry, p.was.stamp)
		return ok || p.was.stamp.size <= wholeBytes
	})
}

// plays fails the test unless the content goes on, from the file at path.
func (p *player) plays(t *testing.T, path string) {
	t.Helper()
	f, err := p.l.Reopen(t.Context(), p.was)
	if err != nil {
		t.Fatalf("from %q: %v", path, err)
	}
	defer f.Close()
	if f.Identity != p.was.identity || f.Track.Path != path {
		t.Fatalf("%q goes on as %q; same identity: %v", path, f.Track.Path, f.Identity == p.was.identity)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	p.was = f.Edition()
}

func (p *player) stops(t *testing.T) {
	t.Helper()
	if f, err := p.l.Reopen(t.Context(), p.was); !errors.Is(err, ErrChanged) {
		t.Fatalf("it goes on: %+v, %v", f, err)
	}
}

// playing runs test with a short and a long file at m.wav; edited is the same
// with a change in its middle.
func playing(t *testing.T, test func(t *testing.T, dir string, data, edited []byte, l *Library)) {
	t.Parallel()
	for _, frames := range []int{short, long} {
		t.Run(fmt.Sprint(frames, " frames"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data := makeWAV(frames, 1)
			edited := bytes.Clone(data)
			edited[44+frames]++ // between the blocks that a print reads
			write(t, data, dir, "m.wav")
			test(t, dir, data, edited, start(t, Config{Roots: []string{dir}}))
		})
	}
}

// The edit that playing makes is one that a print of a long file does not see.
func TestPrintsMissEdits(t *testing.T) {
	data := makeWAV(long, 1)
	edited := bytes.Clone(data)
	edited[44+long]++
	a, errA := takePrint(t.Context(), testKey, bytes.NewReader(data), int64(len(data)))
	b, errB := takePrint(t.Context(), testKey, bytes.NewReader(edited), int64(len(data)))
	if err := errors.Join(errA, errB); err != nil || a != b {
		t.Fatal("the edit shows in the print", err)
	}
	a, errA = takeWhole(t.Context(), testKey, bytes.NewReader(data), int64(len(data)))
	b, errB = takeWhole(t.Context(), testKey, bytes.NewReader(edited), int64(len(data)))
	if err := errors.Join(errA, errB); err != nil || a == b {
		t.Fatal("the edit does not show in all of the file", err)
	}
}

func TestPlaysOnWhenCopied(t *testing.T) {
	playing(t, func(t *testing.T, dir string, data, _ []byte, l *Library) {
		p := begin(t, l, "m.wav", false)
		write(t, data, dir, "a.wav")
		appear(t, l, "a.wav", "m.wav")
		p.plays(t, "m.wav")
		write(t, data, dir, "z.wav")
		appear(t, l, "a.wav", "m.wav", "z.wav")
		p.plays(t, "m.wav")
		remove(t, dir, "a.wav") // a copy goes
		p.plays(t, "m.wav")
		appear(t, l, "m.wav", "z.wav")
		p.plays(t, "m.wav")
		p.prove(t)
		remove(t, dir, "m.wav") // the original goes
		p.plays(t, "z.wav")
		appear(t, l, "z.wav")
		p.plays(t, "z.wav")
		remove(t, dir, "z.wav")
		l.moving = time.Second
		p.stops(t)
	})
}

// Sessions that hold on to their first edition, whatever happened since, and
// a file that had copies from the beginning.
func TestPlaysOnFromACopy(t *testing.T) {
	playing(t, func(t *testing.T, dir string, data, _ []byte, l *Library) {
		write(t, data, dir, "a.wav")
		appear(t, l, "a.wav", "m.wav")
		p := begin(t, l, "m.wav", true)
		old := *p
		remove(t, dir, "m.wav")
		p.plays(t, "a.wav")
		write(t, data, dir, "b.wav")
		appear(t, l, "a.wav", "b.wav")
		p.prove(t)
		remove(t, dir, "a.wav")
		p.plays(t, "b.wav")
		old.plays(t, "b.wav")
	})
}

func TestPlaysOnWhenRenamed(t *testing.T) {
	playing(t, func(t *testing.T, dir string, _, _ []byte, l *Library) {
		p := begin(t, l, "m.wav", false)
		old := *p
		move(t, dir, "m.wav", "z.wav")
		p.plays(t, "z.wav") // before the library has noticed
		move(t, dir, "z.wav", "0/x.wav")
		p.plays(t, "0/x.wav")
		move(t, dir, "0", "1/2")
		p.plays(t, "1/2/x.wav")
		old.plays(t, "1/2/x.wav")
	})
}

func TestPlaysOnWhenRenamedWithoutNotices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, makeWAV(long, 1), dir, "m.wav")
	l := start(t, Config{Roots: []string{dir}, Poll: true})
	p := begin(t, l, "m.wav", false)
	move(t, dir, "m.wav", "0/x.wav")
	p.plays(t, "0/x.wav")
}

// What comes in place of the file is not played, not even if the old content
// is still to be had.
func TestReplacedFileStops(t *testing.T) {
	playing(t, func(t *testing.T, dir string, data, edited []byte, l *Library) {
		other := makeWAV(len(data)/2-22, 9)
		if len(other) != len(data) {
			t.Fatal("the sizes differ")
		}
		for name, replace := range map[string]func(name string){
			"other content":           func(name string) { write(t, other, dir, name) },
			"an edit":                 func(name string) { write(t, edited, dir, name) },
			"other content by rename": func(name string) { write(t, other, dir, ".new"); move(t, dir, ".new", name) },
			"an edit by rename":       func(name string) { write(t, edited, dir, ".new"); move(t, dir, ".new", name) },
			"garbage":                 func(name string) { write(t, []byte("no sound"), dir, name) },
			"old one kept":            func(name string) { move(t, dir, name, "kept.wav"); write(t, other, dir, name) },
		} {
			file := name + ".wav"
			write(t, data, dir, file)
			until(t, soon, "the file", func() bool { return idOf(l, file) != "" })
			p := begin(t, l, file, true)
			was := idOf(l, file)
			replace(file)
			p.stops(t)
			if name != "garbage" { // until the library knows, too
				until(t, soon, "the new version", func() bool {
					tr := l.Track(idOf(l, file))
					return tr != nil && tr.ModTime.Equal(stat(t, filepath.Join(dir, file)).ModTime()) && (tr.ID != was || len(data) > wholeBytes)
				})
			}
			p.stops(t)
			remove(t, dir, file)
		}
	})
}

// A file that has the print and not the content takes nothing over.
func TestEditedCopyDoesNotTakeOver(t *testing.T) {
	playing(t, func(t *testing.T, dir string, data, edited []byte, l *Library) {
		l.moving = 2 * time.Second
		write(t, edited, dir, "edited.wav")
		appear(t, l, "edited.wav", "m.wav")
		p := begin(t, l, "m.wav", len(data) > wholeBytes)
		old := *p
		remove(t, dir, "m.wav")
		p.stops(t)
		write(t, data, dir, "m2.wav") // the content comes back
		appear(t, l, "edited.wav", "m2.wav")
		old.plays(t, "m2.wav")
	})
}

// A long file that nobody could read whole in time is not taken for its copy.
func TestUnprovenCopyDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, makeWAV(long, 1), dir, "m.wav")
	l := start(t, Config{Roots: []string{dir}})
	l.moving = time.Second
	p := begin(t, l, "m.wav", false)
	write(t, makeWAV(long, 1), dir, "z.wav")
	appear(t, l, "m.wav", "z.wav")
	remove(t, dir, "m.wav")
	p.stops(t)
}

// What only touches a file changes nothing if the print can vouch for that, or
// the whole file was read before.
func TestTouchedFilePlaysOn(t *testing.T) {
	playing(t, func(t *testing.T, dir string, data, _ []byte, l *Library) {
		write(t, data, dir, "copy.wav")
		appear(t, l, "copy.wav", "m.wav")
		p := begin(t, l, "m.wav", true)
		past := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "m.wav"), past, past); err != nil {
			t.Fatal(err)
		}
		p.plays(t, "m.wav")
	})
}

func TestReopenEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	write(t, makeWAV(short, 1), dir, "m.wav")
	l := start(t, Config{Roots: []string{dir}})
	p := begin(t, l, "m.wav", false)
	remove(t, dir, "m.wav")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Reopen(ctx, p.was); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
