package output

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// limitEnv makes the test binary write to a file under a size limit, which
// fails the way a full disk does.
const limitEnv = "SECSTREAM_TEST_LIMIT"

var cd = player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16}

// wavParts returns the fmt and data chunks of a WAV file.
func wavParts(t *testing.T, b []byte) (form, data []byte) {
	t.Helper()
	if len(b) < 12 || string(b[8:12]) != "WAVE" {
		t.Fatalf("no WAV file: % x", b[:min(len(b), 16)])
	}
	for b = b[12:]; len(b) >= 8; {
		n := min(int(binary.LittleEndian.Uint32(b[4:])), len(b)-8)
		switch string(b[:4]) {
		case "fmt ":
			form = b[8 : 8+n]
		case "data":
			return form, b[8 : 8+n]
		}
		b = b[8+n+n&1:]
	}
	t.Fatal("no data chunk")
	return nil, nil
}

// store writes samples to path and returns the bytes of the file.
func store(t *testing.T, name, path string, spec player.Spec, p []float64) []byte {
	t.Helper()
	o, err := Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Open(spec); err != nil {
		t.Fatal(err)
	}
	for half := len(p) / 2 / spec.Channels * spec.Channels; ; half = len(p) {
		if err := o.Write(p[:half]); err != nil {
			t.Fatal(err)
		}
		if p = p[half:]; len(p) == 0 {
			break
		}
	}
	if err := errors.Join(o.Drain(), o.Close(), o.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStoredKinds(t *testing.T) {
	for _, c := range []struct {
		sample audio.Sample
		depth  int
		want   audio.Sample
		valid  int
	}{
		{audio.U8, 8, audio.U8, 0}, {audio.S16, 16, audio.S16, 0}, {audio.S24, 24, audio.S24, 0}, {audio.S24, 20, audio.S24, 20},
		{audio.S32, 32, audio.S32, 0}, {audio.F32, 32, audio.F32, 0}, {audio.F64, 64, audio.F64, 0}, {audio.F32, 0, audio.F32, 0},
		{audio.ALaw, 8, audio.S16, 0}, {audio.ULaw, 8, audio.S16, 0}, {"", 4, audio.U8, 4}, {"", 8, audio.U8, 0}, {"", 12, audio.S16, 12},
		{"", 16, audio.S16, 0}, {"", 0, audio.S16, 0}, {"", 20, audio.S24, 20}, {"", 24, audio.S24, 0}, {"", 32, audio.S32, 0},
	} {
		f := stored(player.Spec{SampleRate: 8000, Channels: 1, BitDepth: c.depth, Sample: c.sample})
		if f.Sample != c.want || f.ValidBits != c.valid {
			t.Errorf("%q of %d bits is stored as %s with %d valid bits", c.sample, c.depth, f.Sample, f.ValidBits)
		}
	}
}

// TestWAVLikeFLAC stores FLAC depths and lets flac code and decode the file:
// its output must have our samples and our format.
func TestWAVLikeFLAC(t *testing.T) {
	flac := tool(t, "flac")
	for _, depth := range []int{8, 12, 16, 20, 24} {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.wav")
		p := noise(int64(depth), 5000)
		half := math.Ldexp(1, depth-1)
		for i := range p {
			p[i] = math.Floor(p[i]*half) / half
		}
		ours := store(t, "wav:"+path, path, player.Spec{SampleRate: 44100, Channels: 2, BitDepth: depth}, p)
		back := filepath.Join(dir, "b.wav")
		for _, args := range [][]string{{"-s", path}, {"-s", "-d", "-o", back, filepath.Join(dir, "a.flac")}} {
			if out, err := exec.Command(flac, args...).CombinedOutput(); err != nil {
				t.Fatalf("%d bits: flac %v: %v: %s", depth, args, err, out)
			}
		}
		theirs, err := os.ReadFile(back)
		if err != nil {
			t.Fatal(err)
		}
		f1, d1 := wavParts(t, ours)
		f2, d2 := wavParts(t, theirs)
		if !bytes.Equal(d1, d2) {
			t.Errorf("%d bits: samples differ", depth)
		}
		if !bytes.Equal(f1, f2) {
			t.Errorf("%d bits: format differs:\n% x\n% x", depth, f1, f2)
		}
	}
}

func TestWAVAndRaw(t *testing.T) {
	dir := t.TempDir()
	p := noise(1, 1000)
	want := wavfile.AppendSamples(nil, p, audio.S16)
	path := filepath.Join(dir, "out.wav")
	_, data := wavParts(t, store(t, "wav:"+path, path, cd, p))
	if !bytes.Equal(data, want) {
		t.Error("wav: samples differ")
	}
	path = filepath.Join(dir, "out.raw")
	if got := store(t, "raw:"+path, path, cd, p); !bytes.Equal(got, want) {
		t.Error("raw: samples differ")
	}
	for _, name := range []string{"wav:-", "raw:-"} {
		var out bytes.Buffer
		o, err := Open(name, Options{Stdout: &out})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.Open(cd), o.Write(p), o.Drain()); err != nil {
			t.Fatal(err)
		}
		got := out.Bytes()
		if name == "wav:-" {
			_, got = wavParts(t, got)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: samples differ after Drain", name)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) > 0 {
		t.Errorf("left over: %v", names)
	}
}

func TestFileTakesItsNameAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.wav")
	link := filepath.Join(dir, "link.wav")
	old := []byte("what was there before")
	if err := errors.Join(os.WriteFile(path, old, 0o640), os.Symlink("out.wav", link)); err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, old) {
			t.Errorf("%s: the old file is gone: %v", when, err)
		}
	}
	begin := func() player.Output {
		t.Helper()
		o, err := Open("wav:"+link, Options{})
		if err != nil {
			t.Fatal(err)
		}
		same("before Open")
		if err := errors.Join(o.Open(cd), o.Write(noise(1, 100))); err != nil {
			t.Fatal(err)
		}
		same("after Write")
		return o
	}
	o := begin()
	if err := o.(interface{ Abort() error }).Abort(); err != nil {
		t.Error(err)
	}
	same("after Abort")
	if err := errors.Join(o.Close(), o.Close()); err != nil {
		t.Error(err)
	}
	same("after Abort and Close")

	o = begin()
	err := o.Open(player.Spec{SampleRate: 48000, Channels: 1, BitDepth: 24})
	if err == nil || !strings.Contains(err.Error(), "--track") {
		t.Errorf("another shape: %v", err)
	}
	t.Log(err)
	if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16, Sample: audio.S16}); err != nil {
		t.Errorf("same shape from another codec: %v", err)
	}
	if err := errors.Join(o.Write(noise(2, 50)), o.Drain(), o.Close()); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, data := wavParts(t, b); len(data) != 600 {
		t.Errorf("%d bytes of sound", len(data))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 && runtime.GOOS != "windows" {
		t.Errorf("mode %v", info.Mode())
	}
	if err := o.Write(noise(1, 1)); err == nil {
		t.Error("Write works after Close")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) > 0 {
		t.Errorf("left over: %v", names)
	}
	// Nothing played: nothing written.
	o, err = Open("wav:"+filepath.Join(dir, "none.wav"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "none.wav")); err == nil {
		t.Error("a file without sound was made")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, want string }{
		{"wav:", "file name is missing"}, {"raw", "file name is missing"}, {"mp3:x", "not one of"}, {"null:x", "not one of"},
		{"wav:" + dir, "folder"}, {"wav:" + filepath.Join(dir, "no", "x.wav"), "no folder"}, {"wav:-", "no standard output"},
	} {
		if _, err := Open(c.name, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestFullDevice writes to a device that is always full, which must stay.
func TestFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	for _, name := range []string{"wav:/dev/full", "raw:/dev/full"} {
		o, err := Open(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = o.Open(cd)
		for range 100 {
			if err == nil {
				err = o.Write(noise(1, 1000))
			}
		}
		if !errors.Is(err, syscall.ENOSPC) || strings.Count(err.Error(), "/dev/full") != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if again := o.Close(); !errors.Is(again, syscall.ENOSPC) {
			t.Errorf("%s: Close after a failure: %v", name, again)
		}
		if info, err := os.Stat("/dev/full"); err != nil || info.Mode().IsRegular() {
			t.Fatal("the device was replaced")
		}
	}
}

// TestDiskFull runs limited in a process of its own.
func TestDiskFull(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no limit on file sizes here")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "out.wav")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), limitEnv+"="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s := strings.TrimSpace(string(out)); s != `write "`+path+`": file too large` {
		t.Errorf("error %q", s)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
		t.Errorf("the old file became %d bytes: %v", len(b), err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) > 0 {
		t.Errorf("left over: %v", names)
	}
}
