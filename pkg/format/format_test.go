package format

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

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

// corpus is the public test audio by name.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	names, _ := filepath.Glob("../../testdata/audio/*.*")
	for _, name := range names {
		if !Known(name) {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	if len(files) == 0 {
		t.Fatal("no test audio found")
	}
	return files
}

func openBytes(b []byte) (audio.Stream, error) { return Open(bytes.NewReader(b), int64(len(b))) }

var byEnding = map[string]audio.Container{".wav": audio.WAV, ".mp3": audio.MP3, ".flac": audio.FLAC, ".ogg": audio.Ogg, ".opus": audio.Ogg}

func TestPublicFiles(t *testing.T) {
	id3 := []byte("ID3\x04\x00\x00\x00\x00\x01\x00" + strings.Repeat("\x00", 128))
	for name, file := range corpus(t) {
		want := byEnding[filepath.Ext(name)]
		for _, front := range [][]byte{nil, id3, append(bytes.Clone(id3), id3...)} {
			all := append(bytes.Clone(front), file...)
			s, err := openBytes(all)
			if err != nil {
				t.Errorf("%s behind %d bytes of ID3v2: %v", name, len(front), err)
				continue
			}
			if got := s.Info().Container; got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
			tr, err := s.Index(context.Background(), bytes.NewReader(all))
			if err != nil {
				t.Errorf("%s behind %d bytes of ID3v2: %v", name, len(front), err)
				continue
			}
			if i := tr.Info(); i.Frames < 1 || i.Frames != tr.Cuts().Total() {
				t.Errorf("%s: %d frames, %d in the index", name, i.Frames, tr.Cuts().Total())
			}
		}
	}
}

// refusedHeads are beginnings of formats that are refused, by the name that
// the error must carry.
var refusedHeads = []struct{ name, head string }{
	{"aiff", "FORM\x00\x00\x00\x20AIFFCOMM"}, {"aiff", "FORM\x00\x00\x00\x20AIFCFVER"}, {"8svx", "FORM\x00\x00\x00\x208SVXVHDR"},
	{"midi", "RIFF\x00\x00\x00\x20RMIDdata"}, {"midi", "MThd\x00\x00\x00\x06"}, {"avi", "RIFF\x00\x00\x00\x20AVI LIST"},
	{"m4a", "\x00\x00\x00\x20ftypM4A \x00"}, {"mp4", "\x00\x00\x00\x20ftypisom"}, {"mov", "\x00\x00\x00\x20ftypqt  "}, {"mov", "\x00\x00\x00\x20moov"},
	{"aac", "ADIF\x00\x00"}, {"aac", "\xFF\xF1\x50\x80\x01\x1F\xFC\x00\xFF\xF1\x50\x80\x01\x1F\xFC\x00"}, {"aac", "\x56\xE0\x01\x00\x56\xE0\x01"},
	{"caf", "caff\x00\x01"}, {"wavpack", "wvpk\x00"}, {"ape", "MAC \x96\x0F"}, {"musepack", "MPCKSH"}, {"musepack", "MP+\x07"}, {"tta", "TTA1\x01"},
	{"dsf", "DSD \x1C"}, {"dff", "FRM8\x00\x00"}, {"asf", "\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C"},
	{"matroska", "\x1A\x45\xDF\xA3\x01"}, {"amr", "#!AMR\n"}, {"amr", "#!AMR-WB\n"}, {"au", ".snd\x00\x00"}, {"flv", "FLV\x01\x04"},
	{"voc", "Creative Voice File\x1A"}, {"ac3", "\x0B\x77\x12\x34\x14\x40"}, {"xm", "Extended Module: song"}, {"it", "IMPMsong"},
	{"s3m", strings.Repeat("\x00", 44) + "SCRM"}, {"mod", strings.Repeat("\x00", 1080) + "M.K."}, {"realmedia", ".RMF\x00"}, {"dts", "\x7F\xFE\x80\x01"},
}

func TestRefused(t *testing.T) {
	for _, c := range refusedHeads {
		for _, front := range []string{"", "ID3\x03\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00"} {
			_, err := openBytes([]byte(front + c.head))
			var e *Error
			if !errors.As(err, &e) || e.Format != c.name || !errors.Is(err, audio.ErrUnsupported) || !strings.Contains(err.Error(), reads) {
				t.Errorf("%q: %v, want a refusal of %s", c.head, err, c.name)
			}
		}
	}
	_, err := openBytes([]byte("ADIF\x00"))
	if want := "aac: AAC in ADIF is not supported; secstream reads WAV, MP3, FLAC and Ogg"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestNotAudio(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	noise := make([]byte, 3<<20)
	rng.Read(noise)
	for name, b := range map[string][]byte{
		"empty": nil, "one byte": {0xFF}, "text": []byte("Zwölf Boxkämpfer jagen Viktor\r\n"), "zeros": make([]byte, 100000),
		"UTF-8 cut at the end": []byte(strings.Repeat("x", headBytes-1) + "ö and more"),
		"PNG":                  []byte("\x89PNG\r\n\x1a\n\x00\x00"), "JPEG": []byte("\xFF\xD8\xFF\xE0\x00\x10JFIF"), "WebP": []byte("RIFF\x10\x00\x00\x00WEBPVP8 "),
		"ID3 and nothing": []byte("ID3\x03\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00"),
		"ID3 and text":    []byte("ID3\x03\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00" + "words"),
		"noise":           noise,
	} {
		_, err := openBytes(b)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, audio.ErrNotAudio) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForeignWriters makes real files of refused formats.
func TestForeignWriters(t *testing.T) {
	ffmpeg := tool(t, "ffmpeg")
	dir := t.TempDir()
	for file, want := range map[string]string{
		"x.aac": "aac", "x.m4a": "m4a", "x.mp4": "mp4", "x.mov": "mov", "x.aiff": "aiff", "x.caf": "caf", "x.wv": "wavpack", "x.tta": "tta",
		"x.wma": "asf", "x.mka": "matroska", "x.webm": "matroska", "x.au": "au", "x.ac3": "ac3", "x.eac3": "ac3", "x.flv": "flv", "x.latm": "aac",
		"x.mp2": "mp2", "x.avi": "avi", "x.voc": "voc", "x.rm": "realmedia",
	} {
		path := filepath.Join(dir, file)
		args := []string{"-v", "error", "-f", "lavfi", "-i", "sine=440:d=0.5:r=44100", path}
		if out, err := exec.Command(ffmpeg, args...).CombinedOutput(); err != nil {
			t.Logf("ffmpeg cannot make %s here: %s", file, bytes.TrimSpace(out))
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = openBytes(b)
		var e *Error
		if !errors.As(err, &e) || e.Format != want || !errors.Is(err, audio.ErrUnsupported) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestReadErrorComesAsItCame(t *testing.T) {
	if _, err := Open(readerAt{iotest.ErrReader(io.ErrClosedPipe)}, 100); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	_, err := Open(bytes.NewReader([]byte("short")), 100)
	if !errors.Is(err, audio.ErrCorrupt) {
		t.Error(err)
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

func TestKnown(t *testing.T) {
	for name, want := range map[string]bool{
		"a.wav": true, "A.FLAC": true, "dir.x/b.Mp3": true, "c.opus": true, "d.m4a": true, "e.aiff": true,
		"cover.jpg": false, "notes.txt": false, "mp3": false, ".mp3": true, "x.mp3.part": false, "": false,
	} {
		if Known(name) != want {
			t.Errorf("Known(%q) is %v", name, !want)
		}
	}
}

// TestMutatedHeads sends damaged beginnings of every format through Open.
func TestMutatedHeads(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var seeds [][]byte
	for _, file := range corpus(t) {
		seeds = append(seeds, file[:min(len(file), 8000)])
	}
	for _, c := range refusedHeads {
		seeds = append(seeds, []byte(c.head))
	}
	begin := time.Now()
	for i := range 1000 {
		b := bytes.Clone(seeds[i%len(seeds)])
		for range 1 + rng.Intn(8) {
			b[rng.Intn(min(len(b), 300))] = byte(rng.Intn(256))
		}
		checkOpen(t, b[:1+rng.Intn(len(b))])
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

func checkOpen(t testing.TB, b []byte) {
	s, err := openBytes(b)
	var e *Error
	switch {
	case err == nil && s == nil:
		t.Fatal("neither stream nor error")
	case err != nil && !errors.As(err, &e):
		t.Fatalf("%T %v is no *Error", err, err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, file := range corpus(f) {
		f.Add(file[:min(len(file), 4000)])
	}
	for _, c := range refusedHeads {
		f.Add([]byte(c.head))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkOpen(t, b) })
}
