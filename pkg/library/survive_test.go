package library

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

// fragile panics where it is told to.
type fragile struct {
	audio.Stream
	index, noTrack, unknown bool
}

func (s *fragile) Info() audio.Info {
	info := s.Stream.Info()
	if s.unknown {
		info.Frames = -1
	}
	return info
}

func (s *fragile) Index(ctx context.Context, r io.ReaderAt) (audio.Track, error) {
	switch {
	case s.index:
		panic("index goes wrong")
	case s.noTrack:
		return nil, nil
	}
	return s.Stream.Index(ctx, r)
}

// One file that a parser cannot bear costs that file and nothing else.
func TestParserPanics(t *testing.T) {
	dir := t.TempDir()
	var closed atomic.Bool
	at := map[int64]fragile{} // by file size; not changed while read
	sized := func(name string, frames int, how fragile) int64 {
		data := makeWAV(frames, uint32(frames))
		write(t, data, dir, name)
		at[int64(len(data))] = how
		return int64(len(data))
	}
	headers := sized("headers.wav", 100, fragile{})
	sized("scan.wav", 101, fragile{index: true, unknown: true})
	sized("open.wav", 102, fragile{index: true})
	sized("nothing.wav", 103, fragile{noTrack: true})
	later := sized("later.wav", 104, fragile{})
	sized("good.wav", 105, fragile{})
	var said lines
	l := startWith(t, Config{Roots: []string{dir}, Logger: slog.New(slog.NewTextHandler(&said, nil))},
		func(r io.ReaderAt, size int64) (audio.Stream, error) {
			if size == headers || size == later && closed.Load() {
				var none []int
				_ = none[size] // a runtime error, as parsers make them
			}
			s, err := format.Open(r, size)
			if err != nil {
				return nil, err
			}
			how := at[size]
			how.Stream = s
			return &how, nil
		})
	wantPaths(t, l, "good.wav", "later.wav", "nothing.wav", "open.wav")
	closed.Store(true)
	if _, _, err := l.Cover(t.Context(), idOf(l, "later.wav")); !errors.Is(err, ErrNoCover) {
		t.Error(err)
	}
	for _, name := range []string{"later.wav", "nothing.wav", "open.wav"} {
		_, err := l.Open(t.Context(), idOf(l, name))
		if !errors.Is(err, audio.ErrCorrupt) || strings.Contains(err.Error(), "goroutine") {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantPaths(t, l, "good.wav")
	for name, step := range map[string]string{
		"headers.wav": readingHeaders, "later.wav": readingHeaders, "scan.wav": indexing, "open.wav": indexing, "nothing.wav": indexing,
	} {
		if got, want := reasonOf(l, name), "damaged: the parser broke down while "+step; got != want {
			t.Errorf("%s: %q", name, got)
		}
		if said.count(`level=ERROR msg="parser panicked" path=`+name) == 0 {
			t.Errorf("%s: not in the log", name)
		}
	}
	for _, what := range []string{"index goes wrong", "index out of range", "goroutine ", "(*fragile).Index"} {
		if said.count(what) == 0 {
			t.Errorf("%q is not in the log", what)
		}
	}
	f, err := l.Open(t.Context(), idOf(l, "good.wav"))
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if flights, _ := underWay(l); flights != 0 || len(l.index.busy) != 0 {
		t.Errorf("%d under way", flights)
	}
}
