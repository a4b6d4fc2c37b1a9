package layer3

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tool returns the path of an external program. Without it the test is
// skipped, or fails where SECSTREAM_REQUIRE_TOOLS is 1.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// decodeAll decodes frames lying end to end, none of which may be at fault.
func decodeAll(t testing.TB, stream []byte) []float32 {
	t.Helper()
	var d Decoder
	var out []float32
	for len(stream) > 0 {
		h, ok := ParseHeader(stream)
		if !ok || h.Size() > len(stream) {
			t.Fatalf("no frame %d bytes before the end", len(stream))
		}
		var pcm [MaxSamples]float32
		n, err := d.Frame(pcm[:], stream[:h.Size()])
		if err != nil {
			t.Fatal(err)
		}
		if d.Fault() != Sound {
			t.Fatalf("%v in a sound frame, %d bytes before the end", d.Fault(), len(stream))
		}
		out = append(out, pcm[:n*h.Channels]...)
		stream = stream[h.Size():]
	}
	return out
}

func run(t testing.TB, name string, args ...string) []float32 {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

func mpg123(t testing.TB, file string) []float32 {
	return run(t, "mpg123", "-q", "--no-gapless", "-e", "f32", "-s", file)
}

func ffmpeg(t testing.TB, file string) []float32 {
	return run(t, "ffmpeg", "-v", "error", "-flags2", "+skip_manual", "-f", "mp3", "-i", file, "-f", "f32le", "-")
}

// difference is the largest one between a and b and where it is.
func difference(a, b []float32) (worst float64, at int) {
	for i := range min(len(a), len(b)) {
		if d := math.Abs(float64(a[i]) - float64(b[i])); d > worst || math.IsNaN(d) {
			worst, at = d, i
		}
	}
	return worst, at
}

// TestMade compares streams of random frames with two judges. They are not
// without fault: ffmpeg wants block types in the order encoders use and has a
// long band of 24 kHz begin at line 330, where the standard, encoders and mpg123
// say 332; mpg123 misplaces intensity stereo in mixed blocks of LSF and where
// the right channel reaches into the top band of short blocks.
func TestMade(t *testing.T) {
	unmixed := allBlocks[:4]
	all := []uint8{0, 1, 2, 3}
	for _, c := range []struct {
		name           string
		mode           Mode
		ext            []uint8
		blocks         []made
		legal, narrow  bool
		mpg123, ffmpeg bool
	}{
		{"mono in any order", Mono, nil, allBlocks, false, false, true, false},
		{"stereo in any order", Stereo, nil, allBlocks, false, false, true, false},
		{"mid side in any order", JointStereo, []uint8{0, 2}, allBlocks, false, false, true, false},
		{"mono", Mono, nil, allBlocks, true, false, true, true},
		{"dual", DualChannel, nil, allBlocks, true, false, true, true},
		{"joint", JointStereo, all, allBlocks, true, false, false, true},
		{"joint, not mixed", JointStereo, all, unmixed, true, true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for rate := range rates {
				m := newMaker(int64(rate), rate, c.mode, c.ext...)
				m.blocks, m.legal, m.narrow = c.blocks, c.legal, c.narrow
				m.protect = rate&1 == 1
				name := fmt.Sprint(rates[rate], " Hz")
				compare(t, name, m.make(24), c.mpg123, c.ffmpeg && rates[rate] != 24000)
			}
		})
	}
}

// tolerance is what may lie between two decoders, for samples up to full
// scale: 0.65 units of 16 bits. Louder samples are judged in proportion.
const tolerance = 2e-5

// compare has the judges decode stream and reports the worst difference.
func compare(t *testing.T, name string, stream []byte, byMpg123, byFFmpeg bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.mp3")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	got := decodeAll(t, stream)
	peak := 1.0
	for _, v := range got {
		peak = max(peak, math.Abs(float64(v)))
	}
	judge := func(who string, want []float32) {
		t.Helper()
		d, at := difference(got, want)
		t.Logf("%s: %s: worst difference %.2f units of 16 bits in %d samples up to %.2f", name, who, d*32768, len(got), peak)
		if len(got) != len(want) || !(d <= tolerance*peak) {
			t.Errorf("%s: %s: %d samples for %d, worst difference %g at %d", name, who, len(got), len(want), d, at)
		}
	}
	if byMpg123 {
		judge("mpg123", mpg123(t, file))
	}
	if byFFmpeg {
		judge("ffmpeg", ffmpeg(t, file))
	}
}

// TestNoReservoir starts in the middle of streams, where main data is missing.
func TestNoReservoir(t *testing.T) {
	for rate := range rates {
		stream := newMaker(int64(rate), rate, Stereo).make(24)
		for range 9 {
			h, _ := ParseHeader(stream)
			stream = stream[h.Size():]
		}
		compare(t, fmt.Sprint(rates[rate], " Hz"), stream, true, false)
	}
}

// TestLame compares what a real encoder writes.
func TestLame(t *testing.T) {
	lame := tool(t, "lame")
	dir := t.TempDir()
	for _, c := range []struct {
		sound string
		args  [][]string
	}{
		{"music", [][]string{
			{"-b32"}, {"-b64"}, {"-b128"}, {"-b192"}, {"-b320"}, {"-V0"}, {"-V2"}, {"-V5"}, {"-V9"}, {"--abr", "150"},
			{"-b128", "-mf"}, {"-b128", "-mj"}, {"-b128", "-ms"}, {"-b128", "-md"}, {"-b64", "-mm"}, {"-b128", "-p"}, {"-b128", "--nores"},
			{"-b16", "--resample", "8"}, {"-b24", "--resample", "11.025"}, {"-b32", "--resample", "12"}, {"-b48", "--resample", "16"},
			{"-b80", "--resample", "22.05"}, {"-V4", "--resample", "24"}, {"-b160", "--resample", "32"}, {"-V2", "--resample", "48"},
		}},
		{"clicks", [][]string{{"-b128", "-mj"}, {"-b128", "-mf"}, {"-V2"}, {"-b320"}, {"-b56", "--resample", "24"}, {"-b32", "--resample", "11.025"}}},
		{"silence", [][]string{{"-b128"}, {"-V4"}}},
		{"square", [][]string{{"-b128"}, {"-b320", "-ms"}, {"-b40", "--resample", "16"}}},
	} {
		wav := filepath.Join(dir, c.sound+".wav")
		if err := os.WriteFile(wav, sound(t, c.sound), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range c.args {
			out := filepath.Join(dir, "out.mp3")
			cmd := exec.Command(lame, append(append([]string{"--quiet", "-t"}, args...), wav, out)...)
			if b, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", cmd, err, b)
			}
			stream, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, fmt.Sprint(c.sound, " ", args), stream, true, false)
		}
	}
}

// sound makes a stereo WAV file of 44.1 kHz and one second.
func sound(t testing.TB, kind string) []byte {
	const n = 44000
	rng := rand.New(rand.NewSource(1))
	wav := make([]byte, 44, 44+4*n)
	copy(wav, "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00data")
	binary.LittleEndian.PutUint32(wav[4:], 36+4*n)
	binary.LittleEndian.PutUint32(wav[40:], 4*n)
	if kind == "music" {
		b, err := os.ReadFile(filepath.Join(publicDir, "music-drums.wav"))
		if err != nil || len(b) < 100+4*n {
			t.Fatal("no music: ", err)
		}
		return append(wav, b[100:100+4*n]...)
	}
	level := 0.0
	for i := range n {
		var l, r float64
		switch kind {
		case "clicks":
			if i%3100 == 0 || rng.Intn(9000) == 0 {
				level = 30000
			}
			l, r = level*(rng.Float64()*2-1), level*(rng.Float64()-0.5)
			level *= 0.985
		case "square":
			l, r = 32767, -32768
			if i/50%2 == 0 {
				l, r = -32768, 32767
			}
			if i > n/2 {
				r = l
			}
		}
		wav = binary.LittleEndian.AppendUint16(wav, uint16(int16(l)))
		wav = binary.LittleEndian.AppendUint16(wav, uint16(int16(r)))
	}
	return wav
}
