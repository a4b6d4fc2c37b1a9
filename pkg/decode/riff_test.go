package decode_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/pack"
	"secstream/pkg/slicer"
)

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

var cuttings = []slicer.Options{{Millis: 2000, Randomize: true, Variance: 0.4, Seed: "x"}, {Millis: 1000}, {Millis: 5000}, {Millis: 30000}}

// TestSlicesAreWhatIsPlayed: the sound of all slices, joined, is what playing
// the file writes, bit for bit, under the same description, however it is cut.
func TestSlicesAreWhatIsPlayed(t *testing.T) {
	for name, b := range all(t) {
		s := index(t, b)
		form, sound := chunks(t, played(t, s))
		for i, o := range cuttings {
			if raceEnabled && i > 0 {
				break
			}
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
	files := all(t)
	delete(files, "flac-4bit.flac") // flac has no WAV file for it
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
