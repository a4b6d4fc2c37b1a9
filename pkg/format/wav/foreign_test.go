package wav

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
)

// TestForeignWriters reads what ffmpeg and sox write, to files and to pipes,
// and compares with ffmpeg's own idea of the samples.
func TestForeignWriters(t *testing.T) {
	ffmpeg := tool(t, "ffmpeg")
	dir := t.TempDir()
	src := "../../../testdata/audio/music-drums.wav"
	for _, c := range []struct {
		name   string
		args   []string
		pipe   bool
		sample audio.Sample
	}{
		{"u8.wav", []string{"-c:a", "pcm_u8"}, false, audio.U8},
		{"s24.wav", []string{"-c:a", "pcm_s24le"}, false, audio.S24},
		{"s32.wav", []string{"-c:a", "pcm_s32le", "-metadata", "title=T"}, false, audio.S32},
		{"f32.wav", []string{"-c:a", "pcm_f32le"}, false, audio.F32},
		{"f64.wav", []string{"-c:a", "pcm_f64le", "-ac", "6"}, false, audio.F64},
		{"alaw.wav", []string{"-c:a", "pcm_alaw", "-ac", "1"}, false, audio.ALaw},
		{"mulaw.wav", []string{"-c:a", "pcm_mulaw"}, false, audio.ULaw},
		{"rf64.wav", []string{"-rf64", "always"}, false, audio.S16},
		{"bext.wav", []string{"-write_bext", "1", "-metadata", "description=words"}, false, audio.S16},
		{"pipe.wav", nil, true, audio.S16},
		{"pipe24.wav", []string{"-c:a", "pcm_s24le", "-ac", "1"}, true, audio.S24},
		{"x.w64", nil, false, audio.S16},
		{"x24.w64", []string{"-c:a", "pcm_s24le", "-ac", "3"}, false, audio.S24},
	} {
		path := filepath.Join(dir, c.name)
		args := append([]string{"-v", "error", "-y", "-i", src, "-t", "1.2345"}, c.args...)
		if c.pipe {
			out, err := exec.Command(ffmpeg, append(args, "-f", filepath.Ext(path)[1:], "-")...).Output()
			if err == nil {
				err = os.WriteFile(path, out, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		} else if out, err := exec.Command(ffmpeg, append(args, path)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", c.name, err, out)
		}
		compare(t, ffmpeg, path, c.sample)
	}
}

func TestSox(t *testing.T) {
	sox, ffmpeg := tool(t, "sox"), tool(t, "ffmpeg")
	dir := t.TempDir()
	src := "../../../testdata/audio/speech-librivox-16k.wav"
	for _, c := range []struct {
		name   string
		args   []string
		pipe   string
		sample audio.Sample
	}{
		{"s24.wav", []string{"-b", "24"}, "", audio.S24},
		{"f32.wav", []string{"-e", "float", "-b", "32"}, "", audio.F32},
		{"f64.wav", []string{"-e", "float", "-b", "64"}, "", audio.F64},
		{"alaw.wav", []string{"-e", "a-law"}, "", audio.ALaw},
		{"mulaw.wav", []string{"-e", "mu-law"}, "", audio.ULaw},
		{"u8.wav", []string{"-b", "8"}, "", audio.U8},
		{"x.w64", []string{"-b", "24"}, "", audio.S24},
		{"f64.w64", []string{"-e", "float", "-b", "64"}, "", audio.F64},
		{"pipe.wav", []string{"-b", "16"}, "wav", audio.S16},
		{"pipe8.wav", []string{"-b", "8"}, "wav", audio.U8},
	} {
		path := filepath.Join(dir, c.name)
		if c.pipe != "" {
			out, err := exec.Command(sox, append(append([]string{"-D", src}, c.args...), "-t", c.pipe, "-")...).Output()
			if err == nil {
				err = os.WriteFile(path, out, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		} else if out, err := exec.Command(sox, append(append([]string{"-D", src}, c.args...), path)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", c.name, err, out)
		}
		compare(t, ffmpeg, path, c.sample)
	}
}

// compare holds a file against ffmpeg's decode of it.
func compare(t *testing.T, ffmpeg, path string, s audio.Sample) {
	t.Helper()
	name := filepath.Base(path)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := open(file)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	raw := map[audio.Sample]string{
		audio.U8: "u8", audio.S16: "s16le", audio.S24: "s24le", audio.S32: "s32le",
		audio.F32: "f32le", audio.F64: "f64le", audio.ALaw: "s16le", audio.ULaw: "s16le",
	}[s]
	want, err := exec.Command(ffmpeg, "-v", "error", "-i", path, "-f", raw, "-c:a", "pcm_"+raw, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	i := tr.Info()
	if s == audio.ALaw || s == audio.ULaw {
		tr = Compatible(tr)
	}
	got := whole(t, tr, file)
	if i.Sample != s || i.DamageN != 0 {
		t.Errorf("%s: %s, damage %v", name, i.Sample, i.Damage)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes that differ from ffmpeg's %d", name, len(got), len(want))
	}
}
