package flac

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
)

// decoded decodes a whole FLAC file to integers of bits bits.
func decoded(t testing.TB, data []byte, i audio.Info, limit audio.Frames) []int64 {
	t.Helper()
	d, err := decode.New(decode.Params{Codec: audio.Flac, SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth, Limit: limit}, data)
	if err != nil {
		t.Fatal(err)
	}
	var out []int64
	buf := make([]float64, 4096*i.Channels)
	for {
		n, err := d.Read(buf)
		for _, v := range buf[:int(n)*i.Channels] {
			out = append(out, int64(v*float64(int64(1)<<(i.BitDepth-1))))
		}
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// joined decodes slices one after the other, each with a decoder of its own.
func joined(t testing.TB, parts [][]byte, i audio.Info) []int64 {
	t.Helper()
	var out []int64
	for _, b := range parts {
		var si streamInfo
		if err := si.parse(b[8:]); err != nil {
			t.Fatal(err)
		}
		out = append(out, decoded(t, b, i, audio.Frames(si.total))...)
	}
	return out
}

func TestMadeSlicesJoinExactly(t *testing.T) {
	for name, m := range cases() {
		data := m.file(3)
		tr := index(t, data)
		if got := decoded(t, data, tr.Info(), 0); !slices.Equal(got, m.pcm) {
			t.Errorf("%s: the whole does not decode to what went in", name)
		}
		parts := carved(t, tr, data, 1500, 7000)
		if len(m.blocks) > 20 && len(parts) < 3 {
			t.Errorf("%s: only %d slices", name, len(parts))
		}
		if got := joined(t, parts, tr.Info()); !slices.Equal(got, m.pcm) {
			t.Errorf("%s: %d slices do not join", name, len(parts))
		}
	}
}

func TestPublicSlicesJoinExactly(t *testing.T) {
	for name, data := range publicFiles(t) {
		tr := index(t, data)
		whole := decoded(t, data, tr.Info(), 0)
		if !slices.Equal(joined(t, carved(t, tr, data, audio.Frames(tr.Info().SampleRate)), tr.Info()), whole) {
			t.Errorf("%s: slices of one second do not join", name)
		}
	}
}

// A file of the smallest frames must not have an index of its own size, and
// far into it slices must be as exact as anywhere.
func TestManyTinyFrames(t *testing.T) {
	m := &maker{bits: 8, channels: 1, rate: 1, blocks: slices.Repeat([]int{1}, 4*longCuts), verbatim: true}
	data := m.file(5)
	tr := index(t, data)
	if ix := tr.Cuts(); ix.Len() < longCuts || ix.Len() > 3*longCuts || ix.Size() > 4*ix.Len() {
		t.Errorf("%d cuts of %d frames, %d bytes", ix.Len(), len(m.blocks), ix.Size())
	}
	from := tr.Cuts().Find(tr.Cuts().Total() - 3000)
	for _, span := range []audio.Frames{1, 2, 5, 1000} {
		to := tr.Cuts().Find(from.At + span + 3)
		b, err := tr.Carve(nil, bytes.NewReader(data), from, to)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(joined(t, [][]byte{b}, tr.Info()), m.pcm[from.At:to.At]) {
			t.Errorf("frames %d to %d differ", from.At, to.At)
		}
		from = to
	}
}

// A slice is again a file whose frames are numbered from 0 in one way.
func TestSlicesAreOrdinaryFiles(t *testing.T) {
	for name, m := range cases() {
		data := m.file(4)
		for i, b := range carved(t, index(t, data), data, 5000) {
			tr := index(t, b)
			if info := tr.Info(); info.DamageN != 0 {
				t.Errorf("%s, slice %d: %v", name, i, info.Damage)
			}
			again, err := tr.Carve(nil, bytes.NewReader(b), tr.Cuts().Find(0), tr.Cuts().End())
			if err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s, slice %d: carved again it differs, %v", name, i, err)
			}
		}
	}
}

// reference decodes with flac to integers of the given size. It writes raw
// bytes for whole bytes only; other sizes come in a WAV file, shifted up and,
// in one byte, unsigned.
func reference(t *testing.T, name string, data []byte, bits int) []int64 {
	t.Helper()
	args := []string{"-d", "-s", "-c", "-"}
	if bits%8 == 0 {
		args = append(args, "--force-raw-format", "--endian=little", "--sign=signed")
	}
	cmd := exec.Command(tool(t, "flac"), args...)
	cmd.Stdin = bytes.NewReader(data)
	var said bytes.Buffer
	cmd.Stderr = &said
	raw, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: flac -d: %v: %s", name, err, said.Bytes())
	}
	size := (bits + 7) / 8
	if bits%8 != 0 {
		at := bytes.Index(raw, []byte("data"))
		n := int(binary.LittleEndian.Uint32(raw[at+4:]))
		raw = raw[at+8 : at+8+n]
	}
	out := make([]int64, len(raw)/size)
	for i := range out {
		var v uint64
		for k := range size {
			v |= uint64(raw[i*size+k]) << (8*k + 64 - 8*size)
		}
		if bits < 8 {
			v ^= 1 << 63
		}
		out[i] = int64(v) >> (64 - bits)
	}
	return out
}

// test runs flac -t, which must find nothing but the unset MD5 sum.
func test(t *testing.T, data []byte, what string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "slice.flac")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool(t, "flac"), "-t", "-s", path).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil || strings.Count(text, "\n") > 0 || text != "" && !strings.Contains(text, "MD5") {
		t.Errorf("%s: flac -t: %v: %s", what, err, text)
	}
}

// proven checks a file's slices against flac and against our decoder.
func proven(t *testing.T, name string, data []byte, n ...audio.Frames) {
	t.Helper()
	tr := index(t, data)
	i := tr.Info()
	want := reference(t, name, data, i.BitDepth)
	if int(i.Frames)*i.Channels != len(want) {
		t.Errorf("%s: %d frames, flac decodes %d", name, i.Frames, len(want)/i.Channels)
	}
	parts := carved(t, tr, data, n...)
	var got []int64
	for _, b := range parts {
		test(t, b, name)
		got = append(got, reference(t, name, b, i.BitDepth)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d slices decoded by flac do not join", name, len(parts))
	}
	if !slices.Equal(joined(t, parts, i), want) {
		t.Errorf("%s: %d slices decoded by us do not join", name, len(parts))
	}
}

func TestSlicesAgainstReference(t *testing.T) {
	tool(t, "flac")
	for name, data := range publicFiles(t) {
		proven(t, name, data, 3000, 70000, 9999, 25000)
		proven(t, name, data, 220500)
	}
	for name, m := range cases() {
		if len(m.blocks) < 1000 {
			proven(t, name, m.file(5), 6000, 9000)
		}
	}
}

// encoded runs flac on raw samples.
func encoded(t *testing.T, pcm []byte, bits, channels, rate int, opts ...string) []byte {
	t.Helper()
	args := append([]string{"-s", "-c", "--force-raw-format", "--endian=little", "--sign=signed",
		"--lax", "--no-padding"}, opts...)
	cmd := exec.Command(tool(t, "flac"), append(args, "--bps="+itoa(bits), "--channels="+itoa(channels), "--sample-rate="+itoa(rate), "-")...)
	cmd.Stdin = bytes.NewReader(pcm)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("flac %v: %v", opts, err)
	}
	return out
}

func TestEncoderOutputAgainstReference(t *testing.T) {
	tool(t, "flac")
	rng := rand.New(rand.NewSource(6))
	raw := func(bits, channels, frames int) []byte {
		m := &maker{bits: bits, channels: channels}
		m.signal(rng, frames)
		var out []byte
		for _, v := range m.pcm {
			out = append(out, binary.LittleEndian.AppendUint64(nil, uint64(v))[:(bits+7)/8]...)
		}
		return out
	}
	for level := range 9 {
		proven(t, "level", encoded(t, raw(16, 2, 60000), 16, 2, 44100, "-"+itoa(level)), 20000)
	}
	for _, bits := range []int{8, 16, 24, 32} {
		for _, ch := range []int{1, 2, 6, 8} {
			proven(t, "depth", encoded(t, raw(bits, ch, 20000), bits, ch, 96000), 9000)
		}
	}
	for _, block := range []int{16, 17, 192, 4608, 16384, 65535} {
		proven(t, "block", encoded(t, raw(16, 2, 70000), 16, 2, 44100, "-b", itoa(block)), 30000)
	}
	for _, rate := range []int{1, 4001, 24000, 176400, 655350, 1048575} {
		proven(t, "rate", encoded(t, raw(16, 1, 20000), 16, 1, rate), 9000)
	}
	proven(t, "no seek table", encoded(t, raw(24, 2, 50000), 24, 2, 48000, "--no-seektable", "-8"), 20000)
}

func TestFFmpegOutputAgainstReference(t *testing.T) {
	tool(t, "flac")
	ffmpeg := tool(t, "ffmpeg")
	wav, err := filepath.Abs("../../../testdata/audio/music-drums.wav")
	if err != nil {
		t.Fatal(err)
	}
	for _, opts := range [][]string{{}, {"-lpc_type", "cholesky", "-compression_level", "12"}, {"-frame_size", "777"}, {"-ar", "22050", "-ac", "1"}} {
		path := filepath.Join(t.TempDir(), "f.flac")
		args := append([]string{"-v", "error", "-i", wav}, append(opts, path)...)
		if out, err := exec.Command(ffmpeg, args...).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, out)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		proven(t, strings.Join(opts, " "), data, 50000)
	}
}

// The encoder's own MD5 sum of the samples proves the joined slices without
// any tool (RFC 9639 §8.2: little-endian, whole bytes, interleaved).
func TestJoinedSlicesHaveTheMD5OfTheFile(t *testing.T) {
	for name, data := range publicFiles(t) {
		tr := index(t, data)
		want, ok := tr.MD5()
		if !ok {
			t.Errorf("%s has no MD5 sum", name)
		}
		sum := md5.New()
		for _, v := range joined(t, carved(t, tr, data, 30000), tr.Info()) {
			sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(v))[:(tr.Info().BitDepth+7)/8])
		}
		if !bytes.Equal(sum.Sum(nil), want[:]) {
			t.Errorf("%s: MD5 %x, want %x", name, sum.Sum(nil), want)
		}
	}
}

func TestCarveConcurrently(t *testing.T) {
	data := publicFiles(t)["music-tabla.flac"]
	tr := index(t, data)
	want := carved(t, tr, data, 44100)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := carved(t, tr, data, 44100); !slices.EqualFunc(got, want, bytes.Equal) {
				t.Error("slices differ when carved at the same time")
			}
		})
	}
	wg.Wait()
}
