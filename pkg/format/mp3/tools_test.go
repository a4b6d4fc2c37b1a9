package mp3

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

const testAudio = "../../../testdata/audio"

// tool returns the path of a reference program, or skips the test.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1":
		t.Fatalf("%s is not installed", name)
	default:
		t.Skipf("%s is not installed", name)
	}
	return ""
}

// run runs a program and returns what it printed; anything on standard error
// fails the test when quiet is set.
func run(t testing.TB, quiet bool, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	if quiet && errs.Len() > 0 {
		t.Fatalf("%s %s: %s", name, strings.Join(args, " "), errs.String())
	}
	return out.Bytes()
}

func floats(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// ffmpeg decodes files, each by itself, in one run; any message fails the
// test when strict is set.
func ffmpeg(t testing.TB, strict bool, files ...string) [][]float32 {
	t.Helper()
	args, dir := []string{"-v", "error", "-xerror", "-nostdin"}, t.TempDir()
	for _, f := range files {
		args = append(args, "-i", f)
	}
	for i := range files {
		args = append(args, "-map", fmt.Sprintf("%d:a", i), "-f", "f32le", "-c:a", "pcm_f32le", filepath.Join(dir, strconv.Itoa(i)))
	}
	run(t, strict, "ffmpeg", args...)
	var out [][]float32
	for i := range files {
		b, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, floats(b))
	}
	return out
}

func mpg123(t testing.TB, files ...string) [][]float32 {
	t.Helper()
	var out [][]float32
	for _, f := range files {
		out = append(out, floats(run(t, false, "mpg123", "-q", "-e", "f32", "-s", f)))
	}
	return out
}

// lame decodes files to 16 bits and fails on any message.
func lame(t testing.TB, files ...string) [][]float32 {
	t.Helper()
	var out [][]float32
	for _, f := range files {
		b := run(t, true, "lame", "--silent", "--decode", "-t", f, "-")
		pcm := make([]float32, len(b)/2)
		for i := range pcm {
			pcm[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / 32768
		}
		out = append(out, pcm)
	}
	return out
}

func open(t testing.TB, data []byte) *Track {
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

func load(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testAudio, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// plan cuts a track into slices of about the given lengths in seconds, used
// in turn.
func plan(tr *Track, seconds ...float64) []audio.Cut {
	ix, rate := tr.Cuts(), float64(tr.Info().SampleRate)
	cuts := []audio.Cut{ix.Find(0)}
	for at := cuts[0].At; at < ix.Total(); {
		want := audio.Frames(seconds[len(cuts)%len(seconds)] * rate)
		next := ix.Find(at + want)
		for more := want; next.At <= at; more += audio.Frames(rate / 10) {
			next = ix.Find(at + more)
		}
		cuts = append(cuts, next)
		at = next.At
	}
	return cuts
}

// carveAll writes every slice to a file of its own.
func carveAll(t testing.TB, data []byte, tr *Track, cuts []audio.Cut) []string {
	t.Helper()
	dir, files := t.TempDir(), []string(nil)
	for i := range len(cuts) - 1 {
		b, err := tr.Carve(nil, bytes.NewReader(data), cuts[i], cuts[i+1])
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, fmt.Sprintf("%d.mp3", i)))
		if err := os.WriteFile(files[i], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// join checks that every slice decoded to as many frames as it holds, and
// puts them together.
func join(t testing.TB, what string, parts [][]float32, cuts []audio.Cut, channels int) []float32 {
	t.Helper()
	var all []float32
	for i, p := range parts {
		if want := int(cuts[i+1].At-cuts[i].At) * channels; len(p) != want {
			t.Errorf("%s: slice %d of %d at %d: %d samples, want %d", what, i, len(parts), cuts[i].At, len(p), want)
		}
		all = append(all, p...)
	}
	return all
}

// compare fails unless got and want have the same length and differ by no
// more than lsb sixteen-bit steps; it returns the largest difference found.
func compare(t testing.TB, what string, got, want []float32, lsb float64) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d samples, want %d", what, len(got), len(want))
	}
	most, at, bad := 0.0, 0, 0
	for i := range min(len(got), len(want)) {
		if d := math.Abs(float64(got[i])-float64(want[i])) * 32768; d > most || d != d {
			most, at = d, i
		}
		if math.Abs(float64(got[i])-float64(want[i]))*32768 > lsb {
			bad++
		}
	}
	if most > lsb || most != most {
		t.Errorf("%s: differs by %g LSB at sample %d, %d samples differ", what, most, at, bad)
	}
	return most
}
