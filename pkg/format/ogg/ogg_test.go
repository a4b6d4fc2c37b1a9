package ogg

import (
	"bytes"
	"context"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
)

var (
	_ audio.Stream = (*Stream)(nil)
	_ audio.Track  = (*Track)(nil)
)

const audioDir = "../../../testdata/audio"

// tool finds an external program, or skips the test. With
// SECSTREAM_REQUIRE_TOOLS=1 a missing program fails it.
func tool(t testing.TB, name string) string {
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

// run runs a program and returns what it wrote to its standard output.
func run(t testing.TB, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, errs.Bytes())
	}
	return out.Bytes()
}

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(audioDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func index(t testing.TB, b []byte) *Track {
	t.Helper()
	s, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := s.Index(context.Background(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return tr.(*Track)
}

// plan cuts a track near the given length; 0 varies the length.
func plan(tr *Track, target audio.Frames) []audio.Cut {
	rng := rand.New(rand.NewSource(7))
	ix := tr.Cuts()
	cuts := []audio.Cut{ix.Find(0)}
	breaks := ix.Breaks()
	for last := cuts[0]; last.At < ix.Total(); {
		step := target
		if step == 0 {
			step = audio.Frames(rng.Intn(3 * tr.info.SampleRate))
		}
		c := ix.Find(last.At + step)
		for _, b := range breaks {
			if b > last.At && b < c.At {
				c = ix.Find(b)
			}
		}
		if c.At <= last.At { // no cut within the step
			for c.At <= last.At {
				step += audio.Frames(tr.info.SampleRate / 20)
				c = ix.Find(last.At + step)
			}
		}
		cuts = append(cuts, c)
		last = c
	}
	return cuts
}

// slices carves a whole track.
func slices(t testing.TB, tr *Track, b []byte, target audio.Frames) [][]byte {
	t.Helper()
	cuts := plan(tr, target)
	var all [][]byte
	for i := range len(cuts) - 1 {
		s, err := tr.Carve(nil, bytes.NewReader(b), cuts[i], cuts[i+1])
		if err != nil {
			t.Fatalf("slice %d from %+v to %+v: %v", i, cuts[i], cuts[i+1], err)
		}
		all = append(all, s)
	}
	return all
}
