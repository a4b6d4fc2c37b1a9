package decode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/format"
	"secstream/pkg/output"
	"secstream/pkg/pack"
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
		files[fmt.Sprintf("made-%dbit.flac", c.bits)] = run(t, raw(c.bytes, c.channels), "flac", "-s", "-c", "--force-raw-format", "--endian=little",
			"--sign=signed", fmt.Sprintf("--channels=%d", c.channels), fmt.Sprintf("--bps=%d", c.bits), "--sample-rate=11025", "-")
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

// cut is s as PCM in slices.
func cut(t testing.TB, s *source, o slicer.Options) *source {
	t.Helper()
	track, err := decode.AsWAV(s.track)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := slicer.Make(track.Cuts(), track.Info().SampleRate, o)
	if err != nil {
		t.Fatal(err)
	}
	return &source{track: track, r: s.r, plan: plan}
}

var cuttings = []slicer.Options{{Millis: 1000}, {Millis: 5000}, {Millis: 30000}, {Millis: 2000, Randomize: true, Variance: 0.4, Seed: "x"}}

// TestSlicesAreWhatIsPlayed: the sound of all slices, joined, is what playing
// the file writes, bit for bit, under the same description, however it is cut.
func TestSlicesAreWhatIsPlayed(t *testing.T) {
	files := public(t)
	for name, b := range made(t) {
		files[name] = b
	}
	for name, b := range files {
		s := index(t, b)
		form, sound := chunks(t, played(t, s))
		for _, o := range cuttings {
			as := cut(t, s, o)
			var joined []byte
			for i := range as.Len() {
				joined = append(joined, checked(t, name, as, i, form)...)
			}
			if !bytes.Equal(joined, sound) {
				t.Errorf("%s in slices of %d ms: %d bytes are not the %d of the file", name, o.Millis, len(joined), len(sound))
			}
		}
	}
}

// checked is the sound of slice i.
func checked(t *testing.T, name string, s *source, i int, form []byte) []byte {
	t.Helper()
	const before = "before"
	from, to := s.plan.Bounds(i)
	b, err := s.track.Carve([]byte(before), s.r, from, to)
	if err != nil {
		t.Fatalf("%s, slice %d: %v", name, i, err)
	}
	if string(b[:len(before)]) != before {
		t.Fatalf("%s, slice %d: what stood before is gone", name, i)
	}
	b = b[len(before):]
	if n := int64(len(b)); n != s.track.(interface {
		Size(from, to audio.Cut) int64
	}).Size(from, to) || n != int64(binary.LittleEndian.Uint32(b[4:]))+8 {
		t.Fatalf("%s, slice %d: %d bytes", name, i, n)
	}
	gotForm, got := chunks(t, b)
	if !bytes.Equal(gotForm, form) {
		t.Fatalf("%s, slice %d: described as\n% x, the file as\n% x", name, i, gotForm, form)
	}
	sound, err := decode.Unwrap(s.Params(), b, s.Span(i).Samples)
	if err != nil || !bytes.Equal(sound, got) || s.Span(i).Preroll != 0 {
		t.Fatalf("%s, slice %d: unwrapped to %d bytes of %d, %v", name, i, len(sound), len(got), err)
	}
	return got
}

// TestSlicesAgainstReference holds FLAC slices against what flac -d writes, and
// lets ffmpeg read slices of every kind.
func TestSlicesAgainstReference(t *testing.T) {
	files := public(t)
	delete(files, "flac-4bit.flac") // flac has no WAV file for it
	for name, b := range made(t) {
		files[name] = b
	}
	for name, b := range files {
		as := cut(t, index(t, b), slicer.Options{Millis: 5000})
		var joined []byte
		for i := range as.Len() {
			slice, err := as.Slice(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			_, sound := chunks(t, slice)
			joined = append(joined, sound...)
			if i != 0 && i != as.Len()-1 {
				continue
			}
			kind := map[audio.Sample]string{audio.U8: "u8", audio.S16: "s16le", audio.S24: "s24le", audio.S32: "s32le"}[as.Info().Sample]
			if got := run(t, slice, "ffmpeg", "-v", "error", "-xerror", "-i", "-", "-c:a", "pcm_"+kind, "-f", kind, "-"); !bytes.Equal(got, sound) {
				t.Errorf("%s, slice %d: ffmpeg reads %d bytes of %d", name, i, len(got), len(sound))
			}
		}
		if filepath.Ext(name) == ".flac" {
			out := filepath.Join(t.TempDir(), "ref.wav")
			run(t, b, "flac", "-s", "-d", "-f", "-o", out, "-")
			ref, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if _, want := chunks(t, ref); !bytes.Equal(joined, want) {
				t.Errorf("%s: flac -d writes something else", name)
			}
		}
	}
}

func TestInfoOfSlices(t *testing.T) {
	for name, want := range map[string]struct {
		sample audio.Sample
		depth  int
	}{
		"music-guitar.flac": {audio.S16, 16}, "flac-4bit.flac": {audio.U8, 4}, "music-march-vbr.mp3": {audio.S16, 16}, "music-chimes.ogg": {audio.S16, 16},
	} {
		s := index(t, public(t)[name])
		was := s.Info()
		track, err := decode.AsWAV(s.track)
		if err != nil {
			t.Fatal(err)
		}
		i := track.Info()
		if i.Container != audio.RIFF || i.Codec != audio.PCM || i.Sample != want.sample || i.BitDepth != want.depth ||
			i.SampleRate != was.SampleRate || i.Channels != was.Channels || i.Frames != was.Frames || i.Tags != was.Tags ||
			i.Delay != 0 || i.Padding != 0 || track.Cuts() != s.track.Cuts() {
			t.Errorf("%s: %+v", name, i)
		}
		if again, err := decode.AsWAV(track); again != track || err != nil {
			t.Errorf("%s: PCM is converted again: %v", name, err)
		}
	}
}

func TestWhatCannotBeDecodedIsRefused(t *testing.T) {
	b, err := os.ReadFile("../../testdata/audio/music-guitar.opus")
	if err != nil {
		t.Fatal(err)
	}
	opus := index(t, b)
	if track, err := decode.AsWAV(opus.track); !errors.Is(err, audio.ErrUnsupported) || track != nil {
		t.Errorf("opus: %v, %v", track, err)
	}
	strange := &broken{Track: opus.track, codec: "aac"}
	if _, err := decode.AsWAV(strange); !errors.Is(err, audio.ErrUnsupported) {
		t.Errorf("aac: %v", err)
	}
	if decode.MaxSlice != pack.MaxPlain {
		t.Errorf("a slice of %d bytes may be made, and %d be sent", decode.MaxSlice, pack.MaxPlain)
	}
	s := cut(t, index(t, public(t)["music-guitar.flac"]), slicer.Options{Millis: 30000})
	from, to := s.plan.Bounds(0)
	to.At = from.At + decode.MaxSlice/4
	for _, end := range []audio.Cut{to, from, {At: from.At - 1}, {At: math.MaxInt64}} {
		if got, err := s.track.Carve(nil, s.r, from, end); err == nil || len(got) != 0 {
			t.Errorf("%d frames: %d bytes, %v", end.At-from.At, len(got), err)
		}
	}
}

// broken is a track whose slices are changed after they are carved.
type broken struct {
	audio.Track
	codec  audio.Codec
	change func([]byte) ([]byte, error)
}

func (t *broken) Info() audio.Info {
	i := t.Track.Info()
	if t.codec != "" {
		i.Codec = t.codec
	}
	return i
}

func (t *broken) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	dst, err := t.Track.Carve(dst, r, from, to)
	if err != nil {
		return dst, err
	}
	return t.change(dst)
}

// TestDamagedSlicesKeepTheirLength: what is lost is silence, and what comes
// before the damage is as it was.
func TestDamagedSlicesKeepTheirLength(t *testing.T) {
	half := func(b []byte) ([]byte, error) { return b[:len(b)/2], nil }
	zeros := func(b []byte) ([]byte, error) { clear(b[len(b)/2:]); return b, nil }
	page := func(b []byte) ([]byte, error) { return b[:bytes.LastIndex(b, []byte("OggS"))], nil } // half a page is an error of its own
	for _, c := range []struct {
		name, what string
		change     func([]byte) ([]byte, error)
	}{
		{"music-tabla.flac", "cut off", half}, {"music-tabla.flac", "spoiled", zeros}, {"flac-variable.flac", "cut off", half},
		{"music-safari-cbr.mp3", "cut off", half}, {"music-safari-cbr.mp3", "spoiled", zeros}, {"music-chimes.ogg", "cut off", page},
	} {
		s := index(t, public(t)[c.name])
		whole := cut(t, s, slicer.Options{Millis: 5000})
		want, err := whole.Slice(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		track, err := decode.AsWAV(&broken{Track: s.track, change: c.change})
		if err != nil {
			t.Fatal(err)
		}
		bad := &source{track: track, r: s.r, plan: whole.plan}
		got, err := bad.Slice(t.Context(), 0)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s, %s: %d bytes of %d, %v", c.name, c.what, len(got), len(want), err)
		}
		same := 0
		for same < len(got) && got[same] == want[same] {
			same++
		}
		if same < 1000 || same > len(got)*9/10 || len(bytes.Trim(got[same+(len(got)-same)/2:], "\x00\x80")) > 0 {
			t.Errorf("%s, %s: alike for %d bytes of %d", c.name, c.what, same, len(got))
		}
	}
}

// TestUnreadableSlices: what is not damage of the sound is told, and leaves no
// sound behind.
func TestUnreadableSlices(t *testing.T) {
	fire := errors.New("disk on fire")
	for _, name := range []string{"music-tabla.flac", "music-safari-cbr.mp3", "music-chimes.ogg"} {
		s := index(t, public(t)[name])
		for what, change := range map[string]func([]byte) ([]byte, error){
			"not read":  func(b []byte) ([]byte, error) { return b, fire },
			"no header": func(b []byte) ([]byte, error) { clear(b); return b, nil },
		} {
			track, err := decode.AsWAV(&broken{Track: s.track, change: change})
			if err != nil {
				t.Fatal(err)
			}
			ix := track.Cuts()
			dst := make([]byte, 3, 8<<20)
			got, err := track.Carve(dst, s.r, ix.Find(0), ix.Find(audio.Frames(3*s.Info().SampleRate)))
			if len(got) != 3 || what == "not read" && !errors.Is(err, fire) || what == "no header" && !errors.Is(err, audio.ErrCorrupt) {
				t.Errorf("%s %s: %d bytes, %v", name, what, len(got), err)
			}
			if rest := bytes.Trim(dst[3:cap(dst)], "\x00"); len(rest) > 0 {
				t.Errorf("%s %s: %d bytes are left behind", name, what, len(rest))
			}
		}
	}
}

// FuzzAsWAV changes carved slices: a slice of the length announced comes out, or
// an error.
func FuzzAsWAV(f *testing.F) {
	var sources []*source
	for _, name := range []string{"speech-french-8k.flac", "speech-english-16k-mono.mp3", "speech-russian-8k.ogg"} {
		sources = append(sources, index(f, public(f)[name]))
	}
	for k := range sources {
		f.Add(byte(k), uint32(0), []byte{})
		f.Add(byte(k), uint32(500), []byte{0xff, 0xfb, 0x90, 0})
		f.Add(byte(k), uint32(3), []byte{0x80, 1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, k byte, at uint32, noise []byte) {
		s := sources[int(k)%len(sources)]
		track, err := decode.AsWAV(&broken{Track: s.track, change: func(b []byte) ([]byte, error) {
			copy(b[int(at)%len(b):], noise)
			return b, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		from, to := track.Cuts().Find(0), track.Cuts().Find(audio.Frames(s.Info().SampleRate))
		b, err := track.Carve(nil, s.r, from, to)
		if err != nil {
			return
		}
		i := track.Info()
		p := decode.Params{Codec: i.Codec, Sample: i.Sample, SampleRate: i.SampleRate, Channels: i.Channels}
		if _, err := decode.Unwrap(p, b, to.At-from.At); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkAsWAV(b *testing.B) {
	for _, name := range []string{"music-tabla.flac", "music-march-vbr.mp3", "music-chimes.ogg"} {
		b.Run(filepath.Ext(name)[1:], func(b *testing.B) {
			s := cut(b, index(b, public(b)[name]), slicer.Options{Millis: 5000})
			i := min(1, s.Len()-1)
			from, to := s.plan.Bounds(i)
			dst, err := s.track.Carve(nil, s.r, from, to)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.track.Carve(dst[:0], s.r, from, to); err != nil {
					b.Fatal(err)
				}
			}
			seconds := (to.At - from.At).Duration(s.Info().SampleRate).Seconds()
			b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x_real_time")
		})
	}
}
