package output

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

// child starts a program and ends it, by its own process, with the test.
func child(t *testing.T, out *os.File, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	return cmd
}

func end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// soundServer runs PulseAudio with a sink that goes nowhere and returns a
// function that stops the recording of it and gives what was played.
// norewinds keeps the monitor whole: without it the first frames are lost.
func soundServer(t *testing.T, rate string) (recorded func() []byte) {
	t.Helper()
	pa, parec := tool(t, "pulseaudio"), tool(t, "parec")
	// Unix socket paths are short: the usual test folder can be too long.
	dir, err := os.MkdirTemp("", "pa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "native")
	t.Setenv("PULSE_SERVER", "unix:"+socket)
	child(t, nil, pa, "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disallow-exit",
		"-L", "module-null-sink sink_name=cap rate="+rate+" format=s16le channels=2 norewinds=1",
		"-L", "module-native-protocol-unix socket="+socket+" auth-anonymous=1")
	for range 100 {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	raw := filepath.Join(dir, "cap.raw")
	f, err := os.Create(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec := child(t, f, parec, "-d", "cap.monitor", "--format=s16le", "--rate="+rate, "--channels=2")
	time.Sleep(700 * time.Millisecond)
	return func() []byte {
		time.Sleep(time.Second)
		end(rec)
		b, err := os.ReadFile(raw)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// pieces writes p in pieces of n frames of stereo.
func pieces(t *testing.T, o player.Output, p []float64, n int) {
	t.Helper()
	for len(p) > 0 {
		k := min(2*n, len(p))
		if err := o.Write(p[:k]); err != nil {
			t.Fatal(err)
		}
		p = p[k:]
	}
}

// after strips leading zeros, then checks that b begins with want, and returns
// the rest.
func after(what string, b, want []byte) ([]byte, error) {
	b = b[(len(b)-len(bytes.TrimLeft(b, "\x00")))/4*4:]
	if len(b) < len(want) {
		return nil, fmt.Errorf("%s: %d bytes heard of %d", what, len(b), len(want))
	}
	for i := range want {
		if b[i] != want[i] {
			return nil, fmt.Errorf("%s: first difference in frame %d of %d", what, i/4, len(want)/4)
		}
	}
	return b[len(want):], nil
}

// steady tries up to three times: a sound server without real-time priority
// drops out on a machine that is busy enough, and that is not ours to fail for.
func steady(t *testing.T, try func() error) {
	t.Helper()
	for i := 1; ; i++ {
		err := try()
		if err == nil {
			return
		}
		if i == 3 {
			t.Fatal(err)
		}
		t.Logf("attempt %d: %v", i, err)
	}
}

// heard checks that the pieces come one after the other in b, with nothing but
// silence between and after them.
func heard(b []byte, pieces ...[]byte) error {
	var err error
	for i, p := range pieces {
		if b, err = after(fmt.Sprintf("piece %d", i+1), b, p); err != nil {
			return err
		}
	}
	if rest := bytes.TrimLeft(b, "\x00"); len(rest) > 0 {
		return fmt.Errorf("%d more bytes heard", len(rest))
	}
	return nil
}

func TestPulseExact(t *testing.T) {
	steady(t, func() error { return pulseExact(t) })
}

func pulseExact(t *testing.T) error {
	t.Helper()
	recorded := soundServer(t, "44100")
	o, err := Open("speaker", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if s := o.(interface{ String() string }).String(); s != "PulseAudio" {
		t.Fatalf("speaker is %s", s)
	}
	spec := player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16}
	song, clip, more, wide := noise(1, 66150), noise(2, 882), noise(3, 22050), noise(4, 22050)

	play := func(spec player.Spec, p []float64, pauseAt int) {
		t.Helper()
		if err := o.Open(spec); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		pieces(t, o, p[:2*pauseAt], 882)
		if pauseAt > 0 {
			pieces(t, o, make([]float64, 2*44100/2), 882) // a pause: half a second of silence
		}
		pieces(t, o, p[2*pauseAt:], 882)
		if b := o.Buffered().Duration(spec.SampleRate); b > 400*time.Millisecond {
			t.Errorf("%v buffered", b)
		}
		if err := o.Drain(); err != nil {
			t.Fatal(err)
		}
		took, want := time.Since(begin), audio.Frames(len(p)/2).Duration(spec.SampleRate)
		if pauseAt > 0 {
			want += 500 * time.Millisecond
		}
		if took < want-100*time.Millisecond || took > want+time.Second {
			t.Errorf("%v of sound took %v", want, took)
		}
		if b := o.Buffered(); b != 0 {
			t.Errorf("%d frames buffered after Drain", b)
		}
	}
	play(spec, song, 30_000)
	play(spec, clip, 0)
	play(player.Spec{SampleRate: 22050, Channels: 1, BitDepth: 16}, make([]float64, 4410), 0) // another shape in between
	play(spec, more, 0)
	play(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 24}, wide, 0) // goes as floats
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}

	s16 := func(p []float64) []byte { return wavfile.AppendSamples(nil, p, audio.S16) }
	return heard(recorded(), s16(song[:60_000]), s16(song[60_000:]), s16(clip), s16(more), s16(wide))
}

func TestPulseOtherRateAndFlush(t *testing.T) {
	steady(t, func() error { return pulseFlush(t) })
}

func pulseFlush(t *testing.T) error {
	t.Helper()
	recorded := soundServer(t, "48000")
	o, err := Open("auto", Options{App: strings.Repeat("long name ", 500)})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	// A tone of another rate comes out resampled, at its own pitch.
	tone := make([]float64, 22050)
	for i := range tone {
		tone[i] = 0.5 * math.Sin(2*math.Pi*1000*float64(i)/22050)
	}
	if err := o.Open(player.Spec{SampleRate: 22050, Channels: 1, BitDepth: 16}); err != nil {
		t.Fatal(err)
	}
	if err := o.Write(tone); err != nil {
		t.Fatal(err)
	}
	if err := o.Drain(); err != nil {
		t.Fatal(err)
	}
	// What is flushed is not heard, what comes after is.
	if err := o.Open(player.Spec{SampleRate: 48000, Channels: 2, BitDepth: 16}); err != nil {
		t.Fatal(err)
	}
	loud := make([]float64, 2*48000)
	for i := range loud {
		loud[i] = 0.75
	}
	pieces(t, o, loud, 960)
	o.Flush()
	if b := o.Buffered().Duration(48000); b > 60*time.Millisecond {
		t.Errorf("%v buffered after Flush", b)
	}
	last := noise(5, 24000)
	pieces(t, o, last, 960)
	if err := o.Drain(); err != nil {
		t.Fatal(err)
	}
	b := recorded()
	var crossings, flushed int
	for i := 4; i+1 < len(b); i += 4 {
		v, before := int16(binary.LittleEndian.Uint16(b[i:])), int16(binary.LittleEndian.Uint16(b[i-4:]))
		if v == 24576 {
			flushed++
			continue
		}
		if flushed == 0 && before < 0 && v >= 0 {
			crossings++
		}
	}
	if crossings < 990 || crossings > 1010 {
		return fmt.Errorf("1000 Hz for a second crosses zero %d times", crossings)
	}
	if flushed < 36000 || flushed > 46000 {
		return fmt.Errorf("%d of 48000 frames heard of what was flushed at the end", flushed)
	}
	if !bytes.Contains(b, wavfile.AppendSamples(nil, last, audio.S16)) {
		return errors.New("the sound after Flush is not whole")
	}
	return nil
}

func TestPulseServerGone(t *testing.T) {
	tool(t, "pulseaudio")
	dir, err := os.MkdirTemp("", "pa")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "native")
	t.Setenv("HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("PULSE_SERVER", "unix:"+socket)
	pa := child(t, nil, "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disallow-exit",
		"-L", "module-null-sink sink_name=cap norewinds=1",
		"-L", "module-native-protocol-unix socket="+socket+" auth-anonymous=1")
	for range 100 {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	o, err := Open("speaker", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.Open(player.Spec{SampleRate: 44100, Channels: 2, BitDepth: 16}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for i := 0; ; i++ {
		if err := o.Write(make([]float64, 2*882)); err != nil {
			t.Log(err)
			break
		}
		if i == 20 {
			_ = pa.Process.Kill()
			_ = pa.Wait()
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("writes go on without a server")
		}
	}
	if err := o.Drain(); err == nil {
		t.Error("Drain works without a server")
	}
	o.Flush()
	if err := o.Close(); err != nil {
		t.Log(err)
	}
}
