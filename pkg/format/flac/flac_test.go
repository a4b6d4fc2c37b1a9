package flac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"github.com/mewkiz/flac/frame"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"secstream/pkg/audio"
)

// tool finds an external program, or skips the test. With
// SECSTREAM_REQUIRE_TOOLS=1 a missing program fails it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is required here: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// publicFiles are the FLAC files of the public set.
func publicFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob("../../../testdata/audio/*.flac")
	if len(names) == 0 {
		t.Fatal("no FLAC file in testdata/audio")
	}
	files := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	return files
}

func index(t testing.TB, data []byte) *Track {
	t.Helper()
	s, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := s.Index(context.Background(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return tr.(*Track)
}

// frames are the frame starts that a walk of the whole file finds.
func frames(t testing.TB, data []byte) (offs []int64, blocks []int) {
	t.Helper()
	s, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var w walker
	w.reset(bytes.NewReader(data), &s.si, s.start, s.end)
	for {
		at, err := w.next()
		if err != nil {
			t.Fatal(err)
		}
		switch at {
		case atEnd:
			return offs, blocks
		case atFrame:
			offs, blocks = append(offs, w.off), append(blocks, w.head.block)
		}
	}
}

// carved cuts the track into slices of about span frames each; spans take turns.
func carved(t testing.TB, tr *Track, data []byte, spans ...audio.Frames) [][]byte {
	t.Helper()
	var out [][]byte
	ix := tr.Cuts()
	from := ix.Find(0)
	for i := 0; from.At < ix.Total(); i++ {
		span := spans[i%len(spans)]
		to := ix.Find(from.At + span)
		for to.At <= from.At {
			span *= 2
			to = ix.Find(from.At + span)
		}
		b, err := tr.Carve(nil, bytes.NewReader(data), from, to)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
		from = to
	}
	return out
}

// cases are made streams of every shape.
func cases() map[string]*maker {
	blocks := func(n int, sizes ...int) (out []int) {
		for i := range n {
			out = append(out, sizes[i%len(sizes)])
		}
		return out
	}
	c := map[string]*maker{
		"fixed 16":          {bits: 16, channels: 2, rate: 44100, blocks: append(blocks(30, 1024), 77)},
		"one short block":   {bits: 16, channels: 1, rate: 8000, blocks: []int{5}},
		"one-sample blocks": {bits: 16, channels: 1, rate: 8000, blocks: append(blocks(5, 16), 1)},
		"largest block":     {bits: 16, channels: 2, rate: 96000, blocks: append(blocks(3, 65535), 100)},
		"variable":          {bits: 16, channels: 2, rate: 44100, variable: true, blocks: blocks(40, 4096, 16, 333, 1152, 20)},
		"old variable":      {bits: 16, channels: 2, rate: 44100, bySample: true, blocks: blocks(40, 4096, 512, 1152)},
		"many small":        {bits: 12, channels: 1, rate: 8000, blocks: blocks(3000, 16)},
		"no total":          {bits: 24, channels: 2, rate: 96000, noTotal: true, blocks: blocks(10, 4608)},
	}
	for _, bits := range []int{4, 5, 8, 12, 15, 16, 20, 23, 24, 25, 31, 32} {
		c[fmt.Sprintf("%d bits", bits)] = &maker{bits: bits, channels: 2, rate: 48000, bare: bits%4 != 0 || bits == 4, blocks: append(blocks(8, 2000), 999)}
	}
	for ch := 1; ch <= 8; ch++ {
		c[fmt.Sprintf("%d channels", ch)] = &maker{bits: 16, channels: ch, rate: 192000, blocks: blocks(8, 1500)}
	}
	return c
}

func TestWalkFindsMadeFrames(t *testing.T) {
	for name, m := range cases() {
		data := m.file(1)
		offs, sizes := frames(t, data)
		if !slices.Equal(offs, m.offs) || !slices.Equal(sizes, m.blocks) {
			t.Errorf("%s: %d frames found, %d made", name, len(offs), len(m.offs))
		}
		i := index(t, data).Info()
		if i.DamageN != 0 || int(i.Frames)*m.channels != len(m.pcm) {
			t.Errorf("%s: %d frames, damage %v", name, i.Frames, i.Damage)
		}
	}
}

// Boundaries must be those that a decoder sees.
func TestWalkAgreesWithLibrary(t *testing.T) {
	files := publicFiles(t)
	for name, m := range cases() {
		if m.bits <= 24 && (!m.bare) {
			files[name] = m.file(2)
		}
	}
	for name, data := range files {
		offs, _ := frames(t, data)
		r := bytes.NewReader(data)
		r.Seek(offs[0], io.SeekStart)
		for _, off := range append(offs, int64(len(data))) {
			if at := int64(len(data) - r.Len()); at != off {
				t.Fatalf("%s: the library is at byte %d, the walk at %d", name, at, off)
			}
			if _, err := frame.Parse(r); err != nil && !errors.Is(err, io.EOF) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}
