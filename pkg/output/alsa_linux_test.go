package output

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// noServer hides all sound servers.
func noServer(t *testing.T) {
	t.Helper()
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
}

// soundCard makes ALSA's default device a paced file with 16-bit stereo at
// 44100 Hz.
func soundCard(t *testing.T) (raw string) {
	t.Helper()
	tool(t, "aplay")
	noServer(t)
	dir := t.TempDir()
	raw = filepath.Join(dir, "out.raw")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "asound.conf")
	text := fmt.Sprintf("pcm.!default { type plug slave.pcm { type file slave.pcm { type null } file \"|%s pace\" format raw } }\n", self)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", conf)
	t.Setenv(paceEnv, "176400 "+raw)
	return raw
}

func TestALSAExact(t *testing.T) {
	steady(t, func() error { return alsaExact(t) })
}

func alsaExact(t *testing.T) error {
	t.Helper()
	raw := soundCard(t)
	o, err := Open("speaker", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if s := o.(interface{ String() string }).String(); s != "ALSA" {
		t.Fatalf("speaker is %s", s)
	}
	for i, n := range []int{66150, 882} {
		p := noise(int64(i), n)
		if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		pieces(t, o, p, 882)
		if b := o.Buffered().Duration(44100); b <= 0 || b > 400*time.Millisecond {
			return fmt.Errorf("%v buffered", b)
		}
		if err := o.Drain(); err != nil {
			t.Fatal(err)
		}
		t.Log(time.Since(begin))
		if b := o.Buffered(); b != 0 {
			t.Errorf("%d frames buffered after Drain", b)
		}
		b, err := os.ReadFile(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := heard(b, wavfile.AppendSamples(nil, p, audio.S16)); err != nil {
			return err
		}
	}
	// A flush ends what is under way; the next sound is whole.
	if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16}); err != nil {
		t.Fatal(err)
	}
	pieces(t, o, noise(7, 44100), 882)
	o.Flush()
	if b := o.Buffered(); b != 0 {
		t.Errorf("%d frames buffered after Flush", b)
	}
	p := noise(8, 22050)
	pieces(t, o, p, 882)
	if err := o.Drain(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := heard(b, wavfile.AppendSamples(nil, p, audio.S16)); err != nil {
		return fmt.Errorf("after Flush: %w", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := o.Write(p); err == nil {
		t.Error("Write works after Close")
	}
	return nil
}

func TestNoDevice(t *testing.T) {
	noServer(t)
	conf := filepath.Join(t.TempDir(), "asound.conf")
	if err := os.WriteFile(conf, []byte("pcm.!default { type hw card 31 }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", conf)
	begin := time.Now()
	_, err := Open("auto", Options{})
	if !errors.Is(err, ErrNoDevice) {
		t.Fatalf("error %v", err)
	}
	t.Log(err)
	for _, want := range []string{"PulseAudio or PipeWire: ", "ALSA: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if took := time.Since(begin); took > tryTime {
		t.Errorf("took %v", took)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Open("speaker", Options{}); err == nil || !strings.Contains(err.Error(), "aplay is not installed") {
		t.Errorf("without aplay: %v", err)
	}
	for _, s := range []string{"{host", "{}", " ", "tcp:127.0.0.1:1", "nonsense"} {
		t.Setenv("PULSE_SERVER", s)
		if _, err := Open("speaker", Options{}); err == nil {
			t.Errorf("PULSE_SERVER=%q: found a device", s)
		}
	}
}
