package mp3

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

// walk returns where the frames of a track begin, and their headers.
func walk(t testing.TB, data []byte, tr *Track) (out []frame) {
	t.Helper()
	sc := new(scratch)
	sc.start(bytes.NewReader(data), tr.ref, tr.Info().AudioOff, tr.end, tr.end)
	for {
		f, err := sc.next()
		if err != nil {
			return out
		}
		out = append(out, f)
	}
}

// TestSideDamage breaks single frames: each is told of with its byte, and
// nothing else is.
func TestSideDamage(t *testing.T) {
	drums := filepath.Join(t.TempDir(), "crc.mp3")
	encode(t, drums, "-b 128 -p")
	protected, err := os.ReadFile(drums)
	if err != nil {
		t.Fatal(err)
	}
	music, speech := load(t, "music-safari-cbr.mp3"), load(t, "speech-english-16k-mono.mp3")
	ones := func(from, to int) func([]byte) {
		return func(b []byte) {
			for i := range b[from:to] {
				b[from+i] = 0xFF
			}
		}
	}
	for _, c := range []struct {
		name   string
		data   []byte
		change func(frame []byte)
		what   string
	}{
		{"side information of ones", music, ones(4, 36), badSide},
		{"side information of ones", speech, ones(4, 13), badSide},
		{"lengths of ones", speech, func(b []byte) { b[5], b[6] = b[5]|127, b[6]|0xF8 }, long},
		{"length too long", music, func(b []byte) { b[6], b[7] = b[6]|15, 255 }, long},
		{"a bit of a CRC", protected, func(b []byte) { b[5] ^= 1 }, badCRC},
		{"the mode extension", protected, func(b []byte) { b[3] ^= 0x20 }, badCRC},
		{"the first bit of side information", protected, func(b []byte) { b[6] ^= 128 }, badCRC},
		{"the last bit of side information", protected, func(b []byte) { b[37] ^= 1 }, badCRC},
		{"a bit of main data", protected, func(b []byte) { b[38] ^= 128 }, ""},
	} {
		frames := walk(t, c.data, open(t, c.data))
		for _, at := range [][]int{{0}, {20, 21, 22, 90}, {len(frames) - 1}} {
			data := bytes.Clone(c.data)
			var want []audio.Damage
			for _, k := range at {
				f := frames[k]
				c.change(data[f.off : f.off+int64(f.n)])
				if c.what != "" {
					want = append(want, audio.Damage{Off: f.off, What: c.what})
				}
			}
			tr := open(t, data)
			if got := tr.Info(); !slices.Equal(got.Damage, want) || got.DamageN != len(want) || got.Frames != open(t, c.data).Info().Frames {
				t.Errorf("%s in frames %v: %v, want %v", c.name, at, got.Damage, want)
			}
		}
	}
}

// TestMissingIsDamage: what reaches back before the start is damage only where
// a frame with codes came before it.
func TestMissingIsDamage(t *testing.T) {
	data := load(t, "music-safari-cbr.mp3")
	frames := walk(t, data, open(t, data))
	reach := func(k int) []byte {
		b := bytes.Clone(data)
		b[frames[k].off+4], b[frames[k].off+5] = 255, b[frames[k].off+5]|128
		return b
	}
	if in := open(t, reach(0)).Info(); in.DamageN != 0 {
		t.Errorf("in the first frame: %v", in.Damage)
	}
	want := []audio.Damage{{Off: frames[1].off, What: missing}}
	if in := open(t, reach(1)).Info(); !slices.Equal(in.Damage, want) {
		t.Errorf("in the second frame: %v", in.Damage)
	}
}

// TestManyAtFault: damage beyond the bound is counted.
func TestManyAtFault(t *testing.T) {
	data := load(t, "music-safari-cbr.mp3")
	for _, f := range walk(t, data, open(t, data))[100:] {
		for i := range data[f.off+4 : f.off+36] {
			data[f.off+4+int64(i)] = 0xFF
		}
	}
	if in := open(t, data).Info(); in.DamageN != 208 || len(in.Damage) != audio.MaxDamage {
		t.Errorf("%d faults, %d listed", in.DamageN, len(in.Damage))
	}
}

// TestCutOutIsSound: a file cut out of a longer one begins with frames whose
// reservoir is missing, which is no damage.
func TestCutOutIsSound(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range []string{"music-march-vbr.mp3", "music-safari-cbr.mp3", "speech-english-16k-mono.mp3"} {
		files[name] = load(t, name)
	}
	for _, args := range []string{"-b 128 -p", "-b 32 --resample 44.1", "-V 2 -p", "--abr 150", "--resample 24 -b 8 -p -m j", "--resample 8 -b 8 -m m"} {
		file := filepath.Join(t.TempDir(), "a.mp3")
		encode(t, file, args)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[args] = b
	}
	for name, data := range files {
		for i, f := range walk(t, data, open(t, data))[:80] {
			if in := open(t, data[f.off:]).Info(); in.DamageN != 0 {
				t.Errorf("%s from frame %d on: %v", name, i, in.Damage)
			}
		}
	}
}

// TestOtherEncoders: ffmpeg's are no more damaged than LAME's, which
// TestEncodingsExact covers.
func TestOtherEncoders(t *testing.T) {
	known := string(run(t, false, "ffmpeg", "-v", "error", "-encoders"))
	for _, codec := range []string{"libmp3lame", "libshine"} {
		if !strings.Contains(known, codec) {
			continue
		}
		for _, more := range []string{"-b:a 128k", "-b:a 64k -ac 1", "-b:a 320k -ar 48000", "-b:a 192k -ar 44100"} {
			file := filepath.Join(t.TempDir(), "a.mp3")
			args := []string{"-v", "error", "-i", filepath.Join(testAudio, "music-drums.wav"), "-c:a", codec}
			run(t, false, "ffmpeg", append(append(args, strings.Fields(more)...), file)...)
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if in := open(t, data).Info(); in.DamageN != 0 {
				t.Errorf("%s %s: %v", codec, more, in.Damage)
			}
		}
	}
}

// TestLocate finds every frame from a sample of it, those in the delay and the
// padding too.
func TestLocate(t *testing.T) {
	data := load(t, "music-safari-cbr.mp3")
	at := len(data) / 2
	data = append(data[:at:at], append(junk(700), data[at:]...)...)
	tr := open(t, data)
	for k, f := range walk(t, data, tr) {
		for _, in := range []audio.Frames{0, 1151} {
			got, err := tr.Locate(bytes.NewReader(data), audio.Frames(k)*1152+in-tr.trim)
			if err != nil || got != f.off {
				t.Fatalf("frame %d: %d, %v, want %d", k, got, err, f.off)
			}
		}
	}
	if _, err := tr.Locate(bytes.NewReader(data), 1<<40); err == nil {
		t.Error("a sample past the end was found")
	}
}
