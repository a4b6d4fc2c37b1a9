package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode/layer3"
)

// mp3Public lists the public files and what mpg123 (float output, nothing
// trimmed) makes of them: samples in all, and 16 of them at even distances in
// units of 2^-20.
var mp3Public = []struct {
	name     string
	channels int
	samples  int
	known    [16]int32
}{
	{"music-march-vbr.mp3", 2, 4149504, [16]int32{67646, 79114, -27603, -32348, 18141, -97418, 5002, 32, 37899, 273158, -73757, 739, -6156, -151677, 39537, 36}},
	{"music-safari-cbr.mp3", 2, 709632, [16]int32{93009, 6137, 551, 59044, -41797, -10178, 14064, -1138, -96958, -17537, -9965, 3044, -172323, -4094, 14318, 79503}},
	{"speech-english-16k-mono.mp3", 1, 486144, [16]int32{-136167, 189, -2049, -487, 97572, 28888, 198901, 431, -283722, -49266, 133984, -22946, 1060, 7336, 237, -194584}},
}

func mp3File(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/audio", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mp3All decodes data, asking for step frames at a time.
func mp3All(t testing.TB, data []byte, channels, step int) []float64 {
	t.Helper()
	d, err := New(Params{Codec: audio.Layer3, Channels: channels}, data)
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	p := make([]float64, step*channels)
	for {
		n, err := d.Read(p)
		out = append(out, p[:int(n)*channels]...)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestMP3Known(t *testing.T) {
	for _, c := range mp3Public {
		out := mp3All(t, mp3File(t, c.name), c.channels, 4096)
		if len(out) != c.samples {
			t.Fatalf("%s: %d samples, not %d", c.name, len(out), c.samples)
		}
		for i, want := range c.known {
			got := out[len(out)/17*(i+1)]
			if math.Abs(got-float64(want)/(1<<20)) > 2e-6 {
				t.Errorf("%s: sample %d of 16 is %g, not %g", c.name, i, got, float64(want)/(1<<20))
			}
		}
	}
}

// TestMP3Mpg123 compares every sample, with the tag frames encoders write.
func TestMP3Mpg123(t *testing.T) {
	mpg123, lame := tool(t, "mpg123"), tool(t, "lame")
	dir := t.TempDir()
	files := map[string]int{}
	for _, c := range mp3Public[1:] { // the first is long
		files[filepath.Join("../../testdata/audio", c.name)] = c.channels
	}
	for name, args := range map[string][]string{
		"cbr": {"-b128"}, "vbr": {"-V4"}, "crc": {"-V2", "-p"}, "lsf": {"-b64", "--resample", "22.05"},
		"tagged": {"-b96", "--tt", "a title", "--add-id3v2"}, "mono": {"-b48", "-mm"},
	} {
		out := filepath.Join(dir, name+".mp3")
		cmd := exec.Command(lame, append(append([]string{"--quiet", "-r", "-s", "44.1"}, args...), "-", out)...)
		cmd.Stdin = bytes.NewReader(mp3File(t, "music-drums.wav")[44:300044])
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", cmd, err, b)
		}
		files[out] = 2
		if name == "mono" {
			files[out] = 1
		}
	}
	for file, channels := range files {
		raw, err := exec.Command(mpg123, "-q", "--no-gapless", "-e", "f32", "-s", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := mp3All(t, data, channels, 4096)
		if len(raw) != 4*len(got) {
			t.Errorf("%s: %d samples, not %d", file, len(got), len(raw)/4)
			continue
		}
		worst := 0.0
		for i, v := range got {
			worst = max(worst, math.Abs(v-float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))))
		}
		t.Logf("%s: worst difference %.3f units of 16 bits", filepath.Base(file), worst*32768)
		if worst > 2e-5 {
			t.Errorf("%s: worst difference %g", file, worst)
		}
	}
}

// mp3Frames cuts the first n frames out of a public file.
func mp3Frames(t testing.TB, name string, n int) [][]byte {
	t.Helper()
	d := &mp3{data: mp3File(t, name)}
	d.off = id3v2End(d.data)
	var frames [][]byte
	for range n + 1 {
		f, h := d.next()
		if f == nil {
			t.Fatalf("%s: only %d frames", name, len(frames))
		}
		if len(frames) > 0 || !describes(f, h) {
			frames = append(frames, f)
		}
	}
	return frames[:n]
}

func TestMP3Finding(t *testing.T) {
	frames := mp3Frames(t, "music-safari-cbr.mp3", 30)
	plain := bytes.Join(frames, nil)
	want := mp3All(t, plain, 2, 1152)
	if len(want) != 2*1152*30 {
		t.Fatalf("%d samples", len(want))
	}
	tag := append([]byte("ID3\x04\x00\x00\x00\x00\x02\x10"), bytes.Repeat([]byte{0xff, 0xfb, 0x90, 0x64}, 68)...)
	foot := append([]byte("ID3\x04\x00\x10\x00\x00\x00\x20"), make([]byte, 42)...)
	head, _ := layer3.ParseHeader(frames[0])
	info := append(append([]byte(nil), frames[0][:4]...), make([]byte, head.Size()-4)...)
	copy(info[4+head.SideInfo():], "Info")
	junk := []byte("junk \xff\xfb\x90\x64 between \xff\xff frames \xff\xe3")
	for name, data := range map[string][]byte{
		"tag frame":   append(info, plain...),
		"ID3v2":       append(append(append([]byte(nil), tag...), foot...), plain...),
		"ID3v1":       append(append([]byte(nil), plain...), append([]byte("TAG"), make([]byte, 125)...)...),
		"junk first":  append(append([]byte(nil), junk...), plain...),
		"junk inside": bytes.Join([][]byte{bytes.Join(frames[:11], nil), junk, bytes.Join(frames[11:], nil)}, nil),
		"cut off":     append(append([]byte(nil), plain...), frames[0][:100]...),
	} {
		same(t, name, mp3All(t, data, 2, 1152), want)
	}
	for _, step := range []int{1, 7, 1151, 5000} {
		same(t, "other steps", mp3All(t, plain, 2, step), want)
	}
	for _, data := range []string{"", "\xff", "\xff\xfb\x90\x64", "RIFF....WAVE", "ID3\x04\x00\x00\x7f\x7f\x7f\x7f"} {
		if _, err := New(Params{Codec: audio.Layer3, Channels: 2}, []byte(data)); !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("%q: %v", data, err)
		}
	}
	if _, err := New(Params{Codec: audio.Layer3, Channels: 2, SampleRate: 48000}, plain); !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("frames of another rate: %v", err)
	}
}

func TestMP3Channels(t *testing.T) {
	mono := bytes.Join(mp3Frames(t, "speech-english-16k-mono.mp3", 40), nil)
	one, two := mp3All(t, mono, 1, 1000), mp3All(t, mono, 2, 1000)
	if len(two) != 2*len(one) {
		t.Fatalf("%d and %d samples", len(one), len(two))
	}
	for i, v := range one {
		if two[2*i] != v || two[2*i+1] != v {
			t.Fatalf("frame %d: %g became %g and %g", i, v, two[2*i], two[2*i+1])
		}
	}
	d, err := New(Params{Codec: audio.Layer3, Channels: 1}, bytes.Join(mp3Frames(t, "music-safari-cbr.mp3", 3), nil))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := d.Read(make([]float64, 100)); n != 0 || !errors.Is(err, errStereo) || !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("stereo into mono: %d frames, %v", n, err)
	}
	if _, err := New(Params{Codec: audio.Layer3, Channels: 6}, mono); !errors.Is(err, audio.ErrUnsupported) {
		t.Errorf("six channels: %v", err)
	}
}

func TestMP3Limit(t *testing.T) {
	d, err := New(Params{Codec: audio.Layer3, Channels: 2, Limit: 2000}, bytes.Join(mp3Frames(t, "music-safari-cbr.mp3", 3), nil))
	if err != nil {
		t.Fatal(err)
	}
	total := audio.Frames(0)
	for err == nil {
		var n audio.Frames
		n, err = d.Read(make([]float64, 2*512))
		total += n
	}
	if total != 2000 || !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("%d frames, then %v", total, err)
	}
}

// TestMP3Allocs: a decoder is made once a slice; reading must cost nothing.
func TestMP3Allocs(t *testing.T) {
	d, err := newMP3(Params{Channels: 2}, mp3File(t, "music-march-vbr.mp3"))
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float64, 2*1152)
	if n := testing.AllocsPerRun(50, func() { _, err = d.Read(p) }); n != 0 || err != nil {
		t.Errorf("%v allocations, %v", n, err)
	}
}

// mp3Junk decodes b without a guard, so that a panic shows, and checks that
// there are no more samples than b has bytes for.
func mp3Junk(t *testing.T, b []byte, channels int) {
	d, err := newMP3(Params{Channels: channels}, b)
	if err != nil {
		return
	}
	p := make([]float64, 3000*channels)
	total := 0
	for {
		n, err := d.Read(p)
		total += int(n)
		if total > len(b)/24*1152 {
			t.Fatalf("%d frames of sound in %d bytes", total, len(b))
		}
		if n == 0 && err == nil {
			t.Fatal("no progress")
		}
		if err != nil {
			return
		}
	}
}

// mp3Seeds are short: the fuzzer takes long to make long inputs small.
func mp3Seeds(t testing.TB) [][]byte {
	var seeds [][]byte
	for _, c := range mp3Public {
		seeds = append(seeds, mp3File(t, c.name)[:2500])
	}
	return seeds
}

func TestMP3Damage(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	seeds := mp3Seeds(t)
	for i := range 1000 {
		b := mutate(rng, seeds[i%len(seeds)])
		if i%10 == 0 {
			copy(b, "ID3\x04\x00\x10\x00")
		}
		start := time.Now()
		mp3Junk(t, b, 1+i%2)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("mutation %d took %v", i, took)
		}
	}
}

func FuzzMP3(f *testing.F) {
	for _, s := range mp3Seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 30000)]
		mp3Junk(t, b, 1+len(b)%2)
	})
}
