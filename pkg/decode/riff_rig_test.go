package decode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/format"
	"secstream/pkg/output"
	"secstream/pkg/player"
	"secstream/pkg/slicer"
)

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

func run(t testing.TB, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

// source is a track cut into slices, and its file.
type source struct {
	track audio.Track
	r     *bytes.Reader
	plan  slicer.Plan
}

func (s *source) Info() audio.Info { return s.track.Info() }

func (s *source) Params() decode.Params {
	i := s.track.Info()
	return decode.Params{Codec: i.Codec, Sample: i.Sample, SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth}
}

func (s *source) Len() int { return s.plan.Len() }

func (s *source) Span(i int) audio.Span {
	from, to := s.plan.Bounds(i)
	return audio.Span{Start: from.At, Samples: to.At - from.At, Preroll: s.track.Preroll(from)}
}

func (s *source) Slice(_ context.Context, i int) ([]byte, error) {
	from, to := s.plan.Bounds(i)
	return s.track.Carve(nil, s.r, from, to)
}

func (s *source) Release(int)  {}
func (s *source) Close() error { return nil }

// index reads the file b.
func index(t testing.TB, b []byte) *source {
	t.Helper()
	r := bytes.NewReader(b)
	stream, err := format.Open(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	track, err := stream.Index(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return &source{track: track, r: r}
}

// public are the coded files of the repository that can be decoded.
func public(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"audio/*.flac", "audio/*.mp3", "audio/*.ogg", "made/*.flac"} {
		names, err := filepath.Glob("../../testdata/" + pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no file is called %s", pattern)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = b
		}
	}
	return files
}

// made are files of kinds that are not among the public ones.
func made(t *testing.T) map[string][]byte {
	t.Helper()
	raw := func(bytes, channels int) []byte {
		var b []byte
		for i := range 30000 * channels {
			v := uint32(int32(math.MaxInt32 * 0.9 * math.Sin(float64(i)*float64(1+i%channels)/61)))
			b = append(b, binary.LittleEndian.AppendUint32(nil, v)[4-bytes:]...)
		}
		return b
	}
	files := map[string][]byte{}
	for _, c := range []struct{ bits, bytes, channels int }{{8, 1, 1}, {16, 2, 6}, {24, 3, 2}, {32, 4, 2}} {
		args := []string{
			"-s", "-c", "--force-raw-format", "--endian=little", "--sign=signed", fmt.Sprintf("--channels=%d", c.channels),
			fmt.Sprintf("--bps=%d", c.bits), "--sample-rate=11025", "-",
		}
		if c.channels == 6 { // surrounds at the sides
			args = append(args, "--tag=WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x060F")
		}
		files[fmt.Sprintf("made-%dbit.flac", c.bits)] = run(t, raw(c.bytes, c.channels), "flac", args...)
	}
	for _, bits := range []int{12, 20} {
		b := raw((bits+7)/8, 2)
		for i := 0; i < len(b); i += (bits + 7) / 8 {
			b[i] &= 0xf0 // 4 bits are none
		}
		files[fmt.Sprintf("made-%dbit.flac", bits)] = run(t, extensible(b, bits), "flac", "-s", "-c", "-")
	}
	files["made-6.ogg"] = run(t, raw(2, 6), "oggenc", "-Q", "-r", "-C", "6", "-B", "16", "-R", "11025", "-o", "-", "-")
	return files
}

// all are the public files and the made ones; under the race detector those
// that take it seconds, not minutes.
func all(t *testing.T) map[string][]byte {
	t.Helper()
	files := made(t)
	for name, b := range public(t) {
		if !raceEnabled || len(b) < 150_000 {
			files[name] = b
		}
	}
	return files
}

// extensible is a WAV file of stereo with so many valid bits.
func extensible(data []byte, bits int) []byte {
	size := (bits + 7) / 8
	le16, le32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	b := le32([]byte("RIFF"), uint32(60+len(data)))
	b = le32(append(b, "WAVEfmt "...), 40)
	b = le32(le32(le16(le16(b, 0xFFFE), 2), 11025), uint32(11025*2*size))
	b = le16(le16(b, uint16(2*size)), uint16(8*size))
	b = le32(le16(le16(b, 22), uint16(bits)), 3)
	b = append(b, "\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71data"...)
	return append(le32(b, uint32(len(data))), data...)
}

// chunks takes a WAV file apart.
func chunks(t testing.TB, b []byte) (form, data []byte) {
	t.Helper()
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		t.Fatalf("no WAV file: % x", b[:min(len(b), 16)])
	}
	for b = b[12:]; len(b) >= 8; {
		n := int(binary.LittleEndian.Uint32(b[4:]))
		switch string(b[:4]) {
		case "fmt ":
			form = b[8 : 8+n]
		case "data":
			return form, b[8 : 8+n]
		}
		b = b[8+n+n&1:]
	}
	t.Fatal("no data chunk")
	return nil, nil
}

// played is the file that playing s as one slice writes.
func played(t *testing.T, s *source) []byte {
	t.Helper()
	whole := *s
	whole.plan = slicer.Plan{Cuts: []audio.Cut{s.track.Cuts().Find(0), s.track.Cuts().End()}}
	path := filepath.Join(t.TempDir(), "out.wav")
	out, err := output.Open("wav:"+path, output.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := player.New(player.Config{Output: out, Tracks: 1, Open: func(context.Context, int) (player.Source, error) { return &whole, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
