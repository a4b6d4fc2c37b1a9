package wavfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

// tool finds an external program; without it the test is skipped, or fails
// when SECSTREAM_REQUIRE_TOOLS=1.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// disk is a file in memory that keeps only what is written below keep, so that
// a test can write past 4 GiB.
type disk struct {
	head []byte
	pos  int64
	size int64
	fail int64 // Write fails past this size, if > 0
}

const keep = 4096

func (d *disk) Write(p []byte) (int, error) {
	if d.fail > 0 && d.pos+int64(len(p)) > d.fail {
		return 0, errors.New("disk full")
	}
	if d.pos < keep {
		d.head = append(d.head, make([]byte, max(0, min(keep, d.pos+int64(len(p)))-int64(len(d.head))))...)
		copy(d.head[d.pos:], p)
	}
	d.pos += int64(len(p))
	d.size = max(d.size, d.pos)
	return len(p), nil
}

func (d *disk) Seek(off int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		off += d.pos
	}
	d.pos = off
	return off, nil
}

func TestHeaderLayout(t *testing.T) {
	d := &disk{}
	w, err := NewWriter(d, Format{SampleRate: 44100, Channels: 1, Sample: audio.U8})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.head[4:8]; !bytes.Equal(got, []byte("\xFF\xFF\xFF\xFF")) {
		t.Errorf("RIFF size of an unfinished file is %x", got)
	}
	if _, err := w.Write([]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := "RIFF\x4c\x00\x00\x00WAVEJUNK\x1c\x00\x00\x00" + strings.Repeat("\x00", 28) +
		"fmt \x10\x00\x00\x00\x01\x00\x01\x00\x44\xac\x00\x00\x44\xac\x00\x00\x01\x00\x08\x00" +
		"data\x03\x00\x00\x00\x01\x02\x03\x00"
	if string(d.head) != want {
		t.Errorf("got  %q\nwant %q", d.head, want)
	}
	if d.pos != d.size {
		t.Errorf("left at %d of %d", d.pos, d.size)
	}
}

// TestAppendHeader: what stands in front of sound of known length is what a
// Writer puts there that cannot go back, with the sizes filled in.
func TestAppendHeader(t *testing.T) {
	for _, c := range []struct {
		f       Format
		frames  audio.Frames
		code    uint16
		head    int
		sound   uint32
		padding uint32
	}{
		{Format{SampleRate: 44100, Channels: 2, Sample: audio.S16}, 1000, 1, 44, 4000, 0},
		{Format{SampleRate: 8000, Channels: 1, Sample: audio.U8}, 333, 1, 44, 333, 1},
		{Format{SampleRate: 8000, Channels: 1, Sample: audio.U8, ValidBits: 4}, 2, 0xFFFE, 80, 2, 0},
		{Format{SampleRate: 96000, Channels: 2, Sample: audio.S24}, 10, 0xFFFE, 80, 60, 0},
		{Format{SampleRate: 48000, Channels: 6, Sample: audio.S16}, 10, 0xFFFE, 80, 120, 0},
		{Format{SampleRate: 48000, Channels: 2, Sample: audio.F32}, 10, 3, 58, 80, 0},
	} {
		b, err := AppendHeader([]byte("x"), c.f, c.frames)
		if err != nil {
			t.Fatal(err)
		}
		b = b[1:]
		u32 := binary.LittleEndian.Uint32
		if len(b) != c.head || u32(b[4:]) != uint32(c.head)-8+c.sound+c.padding || u32(b[len(b)-4:]) != c.sound ||
			binary.LittleEndian.Uint16(b[20:]) != c.code {
			t.Errorf("%+v: % x", c.f, b)
		}
		var piped bytes.Buffer
		if _, err := NewWriter(&piped, c.f); err != nil || piped.Len() != len(b) {
			t.Errorf("%+v: a pipe gets %d bytes, %v", c.f, piped.Len(), err)
		}
	}
	if _, err := AppendHeader(nil, Format{}, 1); err == nil {
		t.Error("no format at all was taken")
	}
}

func TestPast4GiB(t *testing.T) {
	block := make([]byte, 1<<20)
	for _, c := range []struct {
		blocks int
		kind   string
	}{{4095, "RIFF"}, {4097, "RF64"}} {
		d := &disk{}
		w, err := NewWriter(d, Format{SampleRate: 48000, Channels: 2, Sample: audio.F32})
		if err != nil {
			t.Fatal(err)
		}
		for range c.blocks {
			if _, err := w.Write(block); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		n := uint64(c.blocks) << 20
		if got := string(d.head[:4]); got != c.kind {
			t.Fatalf("%d MiB: %s, want %s", c.blocks, got, c.kind)
		}
		if c.kind == "RIFF" {
			continue
		}
		if string(d.head[12:16]) != "ds64" || binary.LittleEndian.Uint64(d.head[20:]) != uint64(d.size)-8 ||
			binary.LittleEndian.Uint64(d.head[28:]) != n || binary.LittleEndian.Uint64(d.head[36:]) != n/8 {
			t.Errorf("ds64 is wrong: %x", d.head[12:48])
		}
	}
}

func TestPipeKeepsUnknownSizes(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Format{SampleRate: 8000, Channels: 1, Sample: audio.S16})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte{1, 2, 3, 4})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() != 48 || string(b.Bytes()[36:]) != "data\xFF\xFF\xFF\xFF\x01\x02\x03\x04" {
		t.Errorf("%q", b.Bytes())
	}
}

func TestErrors(t *testing.T) {
	for _, f := range []Format{
		{},
		{SampleRate: 44100, Channels: 2, Sample: "s20"},
		{SampleRate: 0, Channels: 2, Sample: audio.S16},
		{SampleRate: 44100, Channels: 256, Sample: audio.S16},
		{SampleRate: 44100, Channels: 2, Sample: audio.S16, ValidBits: 17},
	} {
		if _, err := NewWriter(io.Discard, f); err == nil {
			t.Errorf("%+v accepted", f)
		}
	}
	d := &disk{fail: 100}
	w, err := NewWriter(d, Format{SampleRate: 44100, Channels: 2, Sample: audio.S16})
	if err != nil {
		t.Fatal(err)
	}
	_, first := w.Write(make([]byte, 200))
	if first == nil || !errors.Is(w.Close(), first) {
		t.Errorf("a full disk was forgotten: %v", first)
	}
	w, _ = NewWriter(&disk{}, Format{SampleRate: 44100, Channels: 2, Sample: audio.S16})
	_, _ = w.Write(make([]byte, 6))
	if err := w.Close(); err == nil {
		t.Error("half a frame at the end went unnoticed")
	}
	if _, err := w.Write(nil); err == nil {
		t.Error("Write after Close went unnoticed")
	}
}

// TestForeignReader lets ffmpeg read every kind back.
func TestForeignReader(t *testing.T) {
	ffmpeg := tool(t, "ffmpeg")
	for sample, raw := range map[audio.Sample]string{
		audio.U8: "u8", audio.S16: "s16le", audio.S24: "s24le", audio.S32: "s32le",
		audio.F32: "f32le", audio.F64: "f64le", audio.ALaw: "alaw", audio.ULaw: "mulaw",
	} {
		for _, channels := range []int{1, 2, 6} {
			f := Format{SampleRate: 32000, Channels: channels, Sample: sample}
			sound := make([]byte, f.align()*333)
			for i := range sound {
				sound[i] = byte(i*7 + i/256) // no NaN comes of this
			}
			path := filepath.Join(t.TempDir(), "x.wav")
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			w, err := NewWriter(file, f)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(sound)
			if err := errors.Join(w.Close(), file.Close()); err != nil {
				t.Fatal(err)
			}
			codec := "pcm_" + raw
			out, err := exec.Command(ffmpeg, "-v", "error", "-i", path, "-c:a", codec, "-f", raw, "-").Output()
			if err != nil {
				t.Fatalf("%s %d channels: %v", sample, channels, err)
			}
			same := bytes.Equal(out, sound)
			if sample == audio.ALaw || sample == audio.ULaw {
				same = len(out) == len(sound) // some codes have two spellings
			}
			if !same {
				t.Errorf("%s, %d channels: ffmpeg read something else (%d bytes, want %d)", sample, channels, len(out), len(sound))
			}
		}
	}
}
