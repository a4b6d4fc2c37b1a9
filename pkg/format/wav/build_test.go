package wav

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
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

// corpus is the public test audio with this ending, by name.
func corpus(t testing.TB, ext string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("../../../testdata/audio/*" + ext)
	if err != nil || len(names) == 0 {
		t.Fatalf("no test audio found: %v", err)
	}
	files := make(map[string][]byte)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	return files
}

// ck is one chunk with its pad byte.
func ck(id string, body string) string {
	b := id + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
	if len(body)&1 != 0 {
		b += "\x00"
	}
	return b
}

// sized is a chunk header with a size of its own choosing, and a body.
func sized(id string, size uint32, body string) string {
	return id + string(binary.LittleEndian.AppendUint32(nil, size)) + body
}

// riff is a whole file.
func riff(chunks ...string) []byte {
	all := "WAVE" + strings.Join(chunks, "")
	return []byte(sized("RIFF", uint32(len(all)), all))
}

// fm is a 16-byte fmt body.
func fm(code, channels, rate, align, bits int) string {
	b := binary.LittleEndian.AppendUint16(nil, uint16(code))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*align))
	b = binary.LittleEndian.AppendUint16(b, uint16(align))
	return string(binary.LittleEndian.AppendUint16(b, uint16(bits)))
}

// ext is a 40-byte extensible fmt body.
func ext(channels, rate, align, bits, valid int, mask uint32, guid string) string {
	b := []byte(fm(tagExtensible, channels, rate, align, bits))
	b = binary.LittleEndian.AppendUint16(b, 22)
	b = binary.LittleEndian.AppendUint16(b, uint16(valid))
	b = binary.LittleEndian.AppendUint32(b, mask)
	return string(b) + guid
}

var stereo16 = ck("fmt ", fm(1, 2, 44100, 4, 16))

// written is a file made by wavfile.
func written(t testing.TB, f wavfile.Format, sound []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := wavfile.NewWriter(&b, f)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(sound)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// open opens a file and indexes it.
func open(b []byte) (audio.Track, error) {
	r := bytes.NewReader(b)
	s, err := Open(r, int64(len(b)))
	if err != nil {
		return nil, err
	}
	return s.Index(context.Background(), r)
}

// whole carves a track in uneven pieces and joins them.
func whole(t testing.TB, tr audio.Track, file []byte) []byte {
	t.Helper()
	var all []byte
	r := bytes.NewReader(file)
	ix := tr.Cuts()
	from := ix.Find(0)
	for step := audio.Frames(1); from.At < ix.Total(); step = step*3 + 1 {
		to := ix.Find(from.At + step)
		var err error
		if all, err = tr.Carve(all, r, from, to); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	return all
}

// isError asserts that err is an *audio.Error of this package wrapping want.
func isError(t *testing.T, err, want error) {
	t.Helper()
	var e *audio.Error
	if !errors.As(err, &e) || e.Format != "wav" || !errors.Is(err, want) {
		t.Errorf("error %v, want one wrapping %q", err, want)
	}
}

func detail(i audio.Info, name string) string {
	for _, f := range i.Details {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
