package probe

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"secstream/pkg/decode/layer3"
)

// mp3Frames are the bytes at which the frames of an MP3 file begin that hold
// sound.
func mp3Frames(t testing.TB, b []byte) (at []int) {
	t.Helper()
	f := mustRead(t, b, Options{})
	for i := int(f.AudioOffset); i < int(f.AudioEnd); {
		h, ok := layer3.ParseHeader(b[i:])
		if !ok {
			t.Fatalf("no frame at byte %d", i)
		}
		at = append(at, i)
		i += h.Size()
	}
	return at
}

// Frames that no decoder can play as they were meant are told of, each with
// its byte in the file and none twice, wherever the slices begin.
func TestDamagedFrames(t *testing.T) {
	sound := public(t, "music-safari-cbr.mp3")
	at := mp3Frames(t, sound)
	ones := func(b []byte) { copy(b[4:], strings.Repeat("\xff", 32)) }
	short := func(b []byte) { b[6], b[7] = b[6]&0xF0, 90 } // part2_3_length of the first granule
	for _, c := range []struct {
		name   string
		spoil  func(frame []byte)
		faults bool // told by decoding, not by the index
		what   string
	}{
		{"side information", ones, false, "impossible side information"},
		{"length", short, true, "codes that run past"},
	} {
		for _, millis := range []int{1000, 1700} {
			o := all(t)
			o.Slices.Millis = millis
			b := bytes.Clone(sound)
			for _, k := range at[100:139] {
				c.spoil(b[k:])
			}
			f := mustRead(t, b, o)
			list, n := f.Damage, f.DamageCount
			if c.faults {
				list, n = f.Verify.Faults, f.Verify.FaultCount
			}
			if n != 39 || len(list) != 39 || f.Verify.OK || f.DamageCount+f.Verify.FaultCount != 39 || f.Verify.Samples != f.TotalSamples {
				t.Fatalf("%s: %d places, %d faults in verifying", c.name, f.DamageCount, f.Verify.FaultCount)
			}
			for i, d := range list {
				if d.Offset != int64(at[100+i]) || !strings.Contains(d.What, c.what) {
					t.Errorf("%s: %v, want it at %d", c.name, d, at[100+i])
				}
			}
		}
	}
	b := bytes.Clone(sound)
	short(b[at[0]:])
	if v := mustRead(t, b, all(t)).Verify; v.FaultCount != 1 || v.Faults[0].Offset != int64(at[0]) {
		t.Errorf("the first frame: %+v", v.Faults)
	}
}

// A file cut out of a longer one is sound, though its first frames draw on
// bytes before it.
func TestCutOut(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range []string{"music-safari-cbr.mp3", "music-march-vbr.mp3", "speech-english-16k-mono.mp3"} {
		files[name] = public(t, name)
	}
	if lame, err := exec.LookPath("lame"); err == nil {
		for _, args := range []string{"-b 128 -p", "-b 32 --resample 44.1", "-V 0 -p"} {
			file := filepath.Join(t.TempDir(), "a.mp3")
			cmd := exec.Command(lame, append(strings.Fields("--quiet "+args), "../../testdata/audio/music-drums.wav", file)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files[args] = b
		}
	}
	o := all(t)
	o.Plan = false
	for name, b := range files {
		t.Run(name, func(t *testing.T) {
			at := mp3Frames(t, b)
			for _, k := range []int{0, 1, 2, 3, 5, 8, 30, 31, 32, 33, 100, 150} {
				end := at[min(k+90, len(at)-1)]
				if f := mustRead(t, b[at[k]:end], o); f.Damaged() || f.Verify.Samples == 0 {
					t.Errorf("frames from %d on: %v, %+v", k, f.Damage, *f.Verify)
				}
			}
		})
	}
}
