package cmd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"secstream/pkg/client"
)

// tool skips the test when an outside program is missing, or fails it where
// none may be.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed, and SECSTREAM_REQUIRE_TOOLS is 1", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

// program builds secstream as it is shipped.
func program(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secstream")
	cmd := exec.Command("go", "build", "-o", path, "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// serveFolder runs the program's server and returns its address.
func serveFolder(t testing.TB, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), "SECSTREAM_CONFIG_DIR="+t.TempDir())
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v\n%s", err, log.Bytes())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return addr
		}
	}
	t.Fatal("the server did not start")
	return ""
}

// TestPlayedIsWhatReferenceDecodersSay plays public and generated files of
// every kind through a running server and holds what comes out against the
// decoders of others.
func TestPlayedIsWhatReferenceDecodersSay(t *testing.T) {
	for _, name := range []string{"ffmpeg", "flac", "lame", "oggenc", "oggdec", "mpg123", "sox"} {
		tool(t, name)
	}
	dir := t.TempDir()
	generate(t, dir)
	secstream := program(t)
	refs := map[string]reference{}
	cuttings := [][]string{{"--slice", "5s"}, {"--slice", "1s", "--compression", "0"}, {"--slice", "30s"}, {"--slice", "2s", "--randomize"}}
	if raceEnabled {
		cuttings = cuttings[:1] // the program under test is as it is shipped: the detector sees nothing of it
	}
	for _, c := range cuttings {
		addr := serveFolder(t, secstream, append(slices.Clone(c), dir)...)
		lengths := listed(t, addr)
		t.Run(strings.Join(c, " "), func(t *testing.T) {
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) < 60 || len(lengths) != len(entries) {
				t.Fatalf("%d files, %d tracks, %v", len(entries), len(lengths), err)
			}
			for _, e := range entries {
				t.Run(e.Name(), func(t *testing.T) {
					src := filepath.Join(dir, e.Name())
					ref, ok := refs[e.Name()]
					if !ok {
						ref = refer(t, src)
						refs[e.Name()] = ref
					}
					full := play(t, secstream, addr, e.Name(), "0", ref)
					ref.compare(t, full)
					middle := fmt.Sprintf("%.3fs", lengths[e.Name()]*0.61) // in a slice that is not the first, if there are several
					rest := play(t, secstream, addr, e.Name(), middle, ref)
					if !bytes.HasSuffix(full, rest) || len(rest) == 0 || len(rest) == len(full) {
						t.Errorf("from the middle: %d bytes are not the end of %d", len(rest), len(full))
					}
				})
			}
		})
	}
}

// listed returns the seconds each track of a server takes, by its path, when
// the server has seen its whole folder.
func listed(t *testing.T, addr string) map[string]float64 {
	t.Helper()
	c, err := client.New(addr, client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		list, err := c.Library(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !list.Scanning {
			lengths := map[string]float64{}
			for _, track := range list.Tracks {
				lengths[track.Path] = track.Duration
			}
			return lengths
		}
		if time.Now().After(end) {
			t.Fatal("the server is still looking through its folder")
		}
	}
}

func play(t *testing.T, program, addr, track, start string, ref reference) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.wav")
	cmd := exec.Command(program, "play", "--no-tui", "--track", track, "--start", start, "--output", "wav:"+out, addr)
	cmd.Env = append(os.Environ(), "SECSTREAM_CONFIG_DIR="+t.TempDir()) // not that of whoever runs this
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("play: %v\n%s", err, text)
	}
	return pcm(t, out, ref.kind)
}

// reference is what another decoder makes of a file.
type reference struct {
	kind    string // as ffmpeg names raw PCM
	samples []byte
	lsb     int // how far a 16-bit sample may be off
}

// pcm reads any audio file as raw PCM of a kind wide enough to lose nothing.
func pcm(t testing.TB, path, kind string) []byte {
	t.Helper()
	return run(t, "ffmpeg", "-v", "error", "-i", path, "-f", kind, "-")
}

func refer(t *testing.T, path string) reference {
	t.Helper()
	out := filepath.Join(t.TempDir(), "ref.wav")
	switch filepath.Ext(path) {
	case ".flac":
		run(t, "flac", "-sdf", "-o", out, path)
		return reference{kind: "f64le", samples: pcm(t, out, "f64le")}
	case ".mp3":
		run(t, "mpg123", "-q", "-w", out, path)
		lame := filepath.Join(t.TempDir(), "lame.wav")
		run(t, "lame", "--quiet", "--decode", path, lame)
		ref := reference{kind: "s16le", samples: pcm(t, out, "s16le"), lsb: 2}
		compareWithLame(t, path, len(ref.samples), len(pcm(t, lame, "s16le")))
		return ref
	case ".ogg":
		run(t, "oggdec", "-Q", "-o", out, path)
		return reference{kind: "s16le", samples: pcm(t, out, "s16le"), lsb: 1}
	}
	return reference{kind: "f64le", samples: pcm(t, path, "f64le")}
}

// compareWithLame asserts that lame yields as much as mpg123. Only in a file
// without a tag that tells its delay does lame take off its own decoder's.
func compareWithLame(t *testing.T, path string, mpg123, lame int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const decoderDelay = 529 * 2 // bytes of a channel
	head := b[:min(len(b), 8192)]
	tagged := bytes.Contains(head, []byte("Xing")) || bytes.Contains(head, []byte("Info"))
	if d := mpg123 - lame; d != 0 && (tagged || d != decoderDelay && d != 2*decoderDelay) {
		t.Errorf("lame yields %d bytes, mpg123 %d; the file tells its delay: %v", lame, mpg123, tagged)
	}
}

func (r reference) compare(t *testing.T, got []byte) {
	t.Helper()
	if len(got) != len(r.samples) {
		t.Fatalf("%d bytes of %s, the reference has %d", len(got), r.kind, len(r.samples))
	}
	if r.lsb == 0 {
		if !bytes.Equal(got, r.samples) {
			t.Fatal("the samples differ")
		}
		return
	}
	worst := 0
	for i := 0; i+1 < len(got); i += 2 {
		a, b := int16(binary.LittleEndian.Uint16(got[i:])), int16(binary.LittleEndian.Uint16(r.samples[i:]))
		worst = max(worst, int(math.Abs(float64(a)-float64(b))))
	}
	if worst > r.lsb {
		t.Errorf("%d LSB off, %d are allowed", worst, r.lsb)
	}
}

// generate fills dir with the public files that can be decoded and with files
// of every kind the encoders at hand can write.
func generate(t *testing.T, dir string) {
	t.Helper()
	public, err := filepath.Glob("../testdata/*/*-*.*")
	public = slices.DeleteFunc(public, func(p string) bool { return filepath.Ext(p) == ".mjs" })
	if err != nil || len(public) < 14 {
		t.Fatalf("%d files in the repository, %v", len(public), err)
	}
	for _, p := range public {
		if filepath.Ext(p) == ".opus" {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(p)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	work := t.TempDir()
	cd := filepath.Join(work, "cd.wav") // 4 s with transients
	run(t, "sox", "../testdata/audio/music-drums.wav", cd, "trim", "0", "4")
	hires := filepath.Join(work, "hires.wav") // 24 bit with real low bits
	run(t, "sox", cd, "-b", "24", hires, "rate", "96k", "vol", "0.77")
	mono := filepath.Join(work, "mono.wav")
	run(t, "sox", "-D", cd, mono, "remix", "1")
	at := func(name string) string { return filepath.Join(dir, name) }
	ff := func(src, name string, args ...string) {
		run(t, "ffmpeg", slices.Concat([]string{"-v", "error", "-i", src}, args, []string{at(name)})...)
	}
	for _, kind := range []string{"u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw"} {
		ff(hires, "wav-"+kind+".wav", "-c:a", "pcm_"+kind)
	}
	ff(hires, "wav-rf64.wav", "-rf64", "always", "-c:a", "pcm_s24le")
	ff(hires, "wav-wave64.w64", "-c:a", "pcm_s24le")
	ff(cd, "wav-51.wav", "-ac", "6", "-c:a", "pcm_s16le")
	for _, level := range []string{"0", "5", "8"} {
		run(t, "flac", "-s", "-"+level, "-o", at("flac-"+level+".flac"), cd)
	}
	run(t, "flac", "-s", "-5", "-o", at("flac-24bit-96k.flac"), hires)
	run(t, "flac", "-s", "--lax", "-b", "16384", "-o", at("flac-block16384.flac"), cd)
	run(t, "flac", "-s", "-b", "192", "--no-seektable", "-o", at("flac-block192-mono.flac"), mono)
	ff(cd, "flac-51.flac", "-ac", "6")
	eight := filepath.Join(work, "8bit.wav")
	run(t, "sox", "-D", cd, "-b", "8", eight)
	run(t, "flac", "-s", "-o", at("flac-8bit.flac"), eight)
	for _, bits := range []int{12, 20} {
		odd := filepath.Join(work, fmt.Sprintf("%dbit.wav", bits))
		extensible(t, odd, pcm(t, hires, "s32le"), bits)
		run(t, "flac", "-s", "-o", at(fmt.Sprintf("flac-%dbit.flac", bits)), odd)
	}
	raw := filepath.Join(work, "32bit.raw")
	if err := os.WriteFile(raw, pcm(t, hires, "s32le"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "flac", "-s", "--force-raw-format", "--endian=little", "--sign=signed", "--channels=2", "--bps=32", "--sample-rate=96000", "-o", at("flac-32bit.flac"), raw)
	long := filepath.Join(work, "long.wav") // more than two slices of 30 s
	run(t, "sox", "-D", mono, "-r", "16000", long, "repeat", "17")
	ff(long, "long.wav")
	run(t, "flac", "-s", "-o", at("long.flac"), long)
	run(t, "lame", "--quiet", "-V4", long, at("long.mp3"))
	run(t, "oggenc", "-Q", "-o", at("long.ogg"), long)
	piped := exec.Command(tool(t, "sh"), "-c", `flac -s -c --ignore-chunk-sizes - < "$0" > "$1"`, cd, at("flac-piped.flac"))
	if out, err := piped.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, args := range map[string][]string{
		"cbr128": {"-b", "128"}, "cbr320": {"-b", "320"}, "v0": {"-V0"}, "v9": {"-V9"}, "abr": {"--abr", "150"},
		"mono": {"-m", "m", "-b", "64"}, "forced-ms": {"-m", "f", "-b", "96"}, "crc": {"-p", "-b", "112"},
		"48k": {"--resample", "48"}, "32k": {"--resample", "32"}, "24k": {"--resample", "24"}, "22k": {"--resample", "22.05", "-b", "64"},
		"16k": {"--resample", "16"}, "12k": {"--resample", "12"}, "11k": {"--resample", "11.025"}, "8k": {"--resample", "8", "-b", "8", "-m", "m"},
		"no-tag": {"-t", "-b", "128"},
	} {
		run(t, "lame", slices.Concat([]string{"--quiet"}, args, []string{cd, at("mp3-" + name + ".mp3")})...)
	}
	for name, args := range map[string][]string{
		"low": {"-q", "-1"}, "mid": {"-q", "4"}, "high": {"-q", "10"}, "22k": {"--resample", "22050"}, "mono": {"--downmix"},
	} {
		run(t, "oggenc", slices.Concat([]string{"-Q"}, args, []string{"-o", at("vorbis-" + name + ".ogg"), cd})...)
	}
}

// extensible writes 96 kHz stereo samples, given with 32 bits, as a WAV file
// of so many valid bits in the next larger container.
func extensible(t *testing.T, path string, samples []byte, bits int) {
	t.Helper()
	size := (bits + 7) / 8
	var data []byte
	for i := 0; i+4 <= len(samples); i += 4 {
		v := binary.LittleEndian.Uint32(samples[i:]) >> (32 - bits) << (32 - bits) >> (32 - 8*size)
		data = append(data, binary.LittleEndian.AppendUint32(nil, v)[:size]...)
	}
	le16, le32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	b := le32([]byte("RIFF"), uint32(60+len(data)))
	b = le32(append(b, "WAVEfmt "...), 40)
	b = le32(le32(le16(le16(b, 0xFFFE), 2), 96000), uint32(96000*2*size))
	b = le16(le16(b, uint16(2*size)), uint16(8*size))
	b = le32(le16(le16(b, 22), uint16(bits)), 3)
	b = append(b, "\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71data"...)
	b = append(le32(b, uint32(len(data))), data...)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
