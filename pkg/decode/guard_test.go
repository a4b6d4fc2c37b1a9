package decode

import (
	"errors"
	"io"
	"os"
	"os/exec"
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

type readFunc func([]float64) (audio.Frames, error)

func (f readFunc) Read(p []float64) (audio.Frames, error) { return f(p) }

func guardOf(t *testing.T, p Params, f readFunc) Decoder {
	t.Helper()
	d, err := guarded(p, nil, func(Params, []byte) (Decoder, error) { return f, nil })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestGuardStopsBadDecoders(t *testing.T) {
	loop := input{}
	for name, f := range map[string]readFunc{
		"panic":    func([]float64) (audio.Frames, error) { var b []byte; return audio.Frames(b[3]), nil },
		"idle":     func([]float64) (audio.Frames, error) { return 0, nil },
		"overrun":  func(p []float64) (audio.Frames, error) { return audio.Frames(len(p)), nil },
		"negative": func([]float64) (audio.Frames, error) { return -1, nil },
		"end loop": func([]float64) (audio.Frames, error) {
			for {
				loop.Read(make([]byte, 1))
			}
		},
		"unlimited": func(p []float64) (audio.Frames, error) { return audio.Frames(len(p) / 2), nil },
	} {
		d := guardOf(t, Params{Codec: "test", Channels: 2, Limit: 1000}, f)
		out, err := readAll(d, 2)
		if !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("%s: error %v does not wrap ErrCorrupt", name, err)
		}
		if want := map[bool]int{true: 2000}[name == "unlimited"]; len(out) != want {
			t.Errorf("%s: %d samples, want %d", name, len(out), want)
		}
		if _, again := d.Read(make([]float64, 2)); !errors.Is(again, err) {
			t.Errorf("%s: the error is not final: %v", name, again)
		}
	}
}

func TestGuardOpenPanic(t *testing.T) {
	_, err := guarded(Params{Codec: "test", Channels: 1}, nil, func(Params, []byte) (Decoder, error) { panic("no") })
	if !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("error %v does not wrap ErrCorrupt", err)
	}
}

func TestGuardLimitAllowsTheExactCount(t *testing.T) {
	left := 10
	d := guardOf(t, Params{Codec: "test", Channels: 1, Limit: 10}, func(p []float64) (audio.Frames, error) {
		n := min(left, len(p))
		if left -= n; n == 0 {
			return 0, io.EOF
		}
		return audio.Frames(n), nil
	})
	out, err := readAll(d, 1)
	if err != nil || len(out) != 10 {
		t.Errorf("%d frames, %v", len(out), err)
	}
	if _, err := d.Read(nil); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestGuardRefusesBrokenFrames(t *testing.T) {
	d := guardOf(t, Params{Codec: "test", Channels: 2}, func(p []float64) (audio.Frames, error) { return 1, nil })
	if _, err := d.Read(make([]float64, 3)); err == nil {
		t.Error("a buffer of one and a half frames was taken")
	}
	if n, err := d.Read(make([]float64, 2)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
