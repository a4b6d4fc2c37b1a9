package decode

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/format/ogg"
)

const vorbisDir = "../../testdata/audio"

func vorbisFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vorbisDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vorbisParams reads what it takes to decode b from its first packet.
func vorbisParams(b []byte) Params {
	const at = 28 // first packet: behind a page header with one lacing value
	return Params{Codec: audio.Vorbis, Channels: int(b[at+11]), SampleRate: int(binary.LittleEndian.Uint32(b[at+12:]))}
}

// decodeVorbis decodes b to the end.
func decodeVorbis(t testing.TB, p Params, b []byte) []float64 {
	t.Helper()
	out, err := drainVorbis(p, b, 1<<28)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func drainVorbis(p Params, b []byte, most int) ([]float64, error) {
	d, err := guarded(p, b, newVorbis)
	if err != nil {
		return nil, err
	}
	var out []float64
	buf := make([]float64, 1000*p.Channels)
	for len(out) < most {
		n, err := d.Read(buf)
		out = append(out, buf[:int(n)*p.Channels]...)
		if err == io.EOF {
			break
		} else if err != nil {
			return out, err
		}
	}
	return out, nil
}

// command runs a program on the file b and returns its standard output.
func command(t testing.TB, b []byte, name string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.ogg")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(name, append(args, path)...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// asOggdec asserts that got is within a step of 16 bits of what oggdec makes
// of b. oggdec clips, and leaves channels in Vorbis order; what it does with
// --raw absent is no reference, as it puts 5 and 6 channels in neither order.
func asOggdec(t *testing.T, got []float64, b []byte) {
	t.Helper()
	raw := command(t, b, tool(t, "oggdec"), "-Q", "-R", "-o", "-")
	if len(raw)/2 != len(got) {
		t.Fatalf("%d samples, oggdec makes %d", len(got), len(raw)/2)
	}
	most := 0.0
	channels := vorbisParams(b).Channels
	for i, v := range got {
		from := i
		if order := vorbisOrder[channels]; order != nil {
			from = i - i%channels + order[i%channels]
		}
		want := float64(int16(binary.LittleEndian.Uint16(raw[2*from:])))
		most = max(most, math.Abs(max(-32768, min(32767, v*32768))-want))
	}
	if most > 1 {
		t.Errorf("differs from oggdec by up to %g steps", most)
	}
}

// madeVorbis makes a file with sox and oggenc from the drums.
func madeVorbis(t *testing.T, rate, channels string, enc ...string) []byte {
	wav := filepath.Join(t.TempDir(), "a.wav")
	args := []string{"-V1", filepath.Join(vorbisDir, "music-drums.wav"), "-r", rate, "-c", channels, wav, "trim", "0", "2.003"}
	if out, err := exec.Command(tool(t, "sox"), args...).CombinedOutput(); err != nil {
		t.Fatalf("sox: %v\n%s", err, out)
	}
	cmd := exec.Command(tool(t, "oggenc"), append(append([]string{"-Q", "-s", "5"}, enc...), "-o", "-", wav)...)
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("oggenc: %v", err)
	}
	return b
}

func TestVorbisAgainstOggdec(t *testing.T) {
	for _, name := range []string{"music-chimes.ogg", "speech-russian-8k.ogg"} {
		t.Run(name, func(t *testing.T) {
			b := vorbisFile(t, name)
			asOggdec(t, decodeVorbis(t, vorbisParams(b), b), b)
		})
	}
	for _, r := range [][]string{
		{"8000", "1", "-q", "-1"},
		{"22050", "1", "-q", "4"},
		{"44100", "2", "-q", "0"},
		{"48000", "2", "-q", "10"},
		{"96000", "2", "-q", "6"},
		{"44100", "2", "--managed", "-b", "96", "-m", "80", "-M", "112"},
		{"44100", "2", "--managed", "-b", "64", "-M", "64"},
		{"44100", "3", "-q", "3"},
		{"44100", "4", "-q", "3"},
		{"44100", "5", "-q", "3"},
		{"48000", "6", "-q", "3"},
		{"44100", "6", "-q", "8"},
		{"44100", "7", "-q", "3"},
		{"44100", "8", "-q", "3"},
	} {
		t.Run(r[0]+" Hz "+r[1]+" channels "+r[len(r)-1], func(t *testing.T) {
			b := madeVorbis(t, r[0], r[1], r[2:]...)
			asOggdec(t, decodeVorbis(t, vorbisParams(b), b), b)
		})
	}
}

// TestVorbisChannelOrder decodes what oggenc made of a WAV file with a
// different tone in each channel, and finds them where they were.
func TestVorbisChannelOrder(t *testing.T) {
	for channels := 3; channels <= 8; channels++ {
		wav := filepath.Join(t.TempDir(), "a.wav")
		args := []string{"-V1", "-n", "-b", "16", "-r", "44100", "-c", strconv.Itoa(channels), wav, "synth", "1"}
		for c := range channels {
			args = append(args, "sine", strconv.Itoa(20+10*c))
		}
		if out, err := exec.Command(tool(t, "sox"), append(args, "gain", "-10")...).CombinedOutput(); err != nil {
			t.Fatalf("sox: %v\n%s", err, out)
		}
		b, err := exec.Command(tool(t, "oggenc"), "-Q", "-q", "5", "-o", "-", wav).Output()
		if err != nil {
			t.Fatalf("oggenc: %v", err)
		}
		out := decodeVorbis(t, vorbisParams(b), b)
		for c := range channels {
			crossings := 0
			for i := c + channels; i < len(out); i += channels {
				if out[i] < 0 != (out[i-channels] < 0) {
					crossings++
				}
			}
			if hz := crossings / 2; hz < 17+10*c || hz > 23+10*c {
				t.Errorf("%d channels: channel %d sounds at %d Hz, want %d", channels, c, hz, 20+10*c)
			}
		}
	}
}

// carveVorbis cuts b into slices of n frames.
func carveVorbis(t testing.TB, b []byte, n audio.Frames) (slices [][]byte, lengths []audio.Frames) {
	t.Helper()
	r := bytes.NewReader(b)
	s, err := ogg.Open(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	tr, err := s.Index(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	for from := tr.Cuts().Find(0); from.At < tr.Cuts().Total(); {
		to := tr.Cuts().Find(from.At + n)
		one, err := tr.Carve(nil, r, from, to)
		if err != nil {
			t.Fatal(err)
		}
		slices, lengths = append(slices, one), append(lengths, to.At-from.At)
		from = to
	}
	return slices, lengths
}

// TestVorbisSlicesJoin is the point of it all: slices decoded one by one are
// the file decoded as a whole, bit for bit.
func TestVorbisSlicesJoin(t *testing.T) {
	for _, name := range []string{"music-chimes.ogg", "speech-russian-8k.ogg"} {
		b := vorbisFile(t, name)
		p := vorbisParams(b)
		whole := decodeVorbis(t, p, b)
		for _, seconds := range []float64{1, 2.7, 5} {
			var joined []float64
			slices, lengths := carveVorbis(t, b, audio.Frames(seconds*float64(p.SampleRate)))
			for i, s := range slices {
				p.Limit = lengths[i]
				joined = append(joined, decodeVorbis(t, p, s)...)
				p.Limit = 0
			}
			if len(joined) != len(whole) {
				t.Fatalf("%s: %d samples, want %d", name, len(joined), len(whole))
			}
			for i, v := range joined {
				if v != whole[i] {
					t.Fatalf("%s: slices of %g s: sample %d is %g, want %g", name, seconds, i, v, whole[i])
				}
			}
		}
	}
}

func TestVorbisRefusals(t *testing.T) {
	b := vorbisFile(t, "speech-russian-8k.ogg")
	slices, _ := carveVorbis(t, b, 8000)
	s, p := slices[0], vorbisParams(b)
	stereo, rate := p, p
	stereo.Channels, rate.SampleRate = 2, 44100
	for name, err := range map[string]error{
		"empty":     third(drainVorbis(p, nil, 1e6)),
		"channels":  third(drainVorbis(stereo, s, 1e6)),
		"rate":      third(drainVorbis(rate, s, 1e6)),
		"truncated": third(drainVorbis(p, s[:len(s)-100], 1e6)),
		"cut page":  third(drainVorbis(p, s[:len(s)/2], 1e6)),
		"headers":   third(drainVorbis(p, s[:58], 1e6)),
	} {
		if !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("%s: error %v does not wrap ErrCorrupt", name, err)
		}
	}
}

func third(_ []float64, err error) error { return err }

// TestVorbisSetupRefusals holds setups the library must not see.
func TestVorbisSetupRefusals(t *testing.T) {
	floor0 := &bitWriter{}
	floor0.book(2, []int{1, 1}, 0)
	floor0.put(0, 6, 0, 16, 0, 6, 0, 16)
	one := &bitWriter{}
	one.book(1, []int{1}, 0)
	hole := &bitWriter{}
	hole.book(2, []int{2, 2}, 0)
	hole.put(0, 200)
	huge := &bitWriter{}
	huge.put(0, 8, 0x564342, 24, 1, 16, 1<<24-1, 24)
	for name, c := range map[string]struct {
		w    *bitWriter
		want error
	}{
		"floor 0":         {floor0, audio.ErrUnsupported},
		"one entry":       {one, audio.ErrUnsupported},
		"incomplete tree": {hole, errVorbisSetup},
		"huge book":       {huge, errVorbisSetup},
		"empty":           {&bitWriter{}, errVorbisSetup},
	} {
		if _, err := checkVorbisSetup(append([]byte("\x05vorbis"), c.w.b...), 2); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

// bitWriter writes bits, least significant first.
type bitWriter struct {
	b []byte
	n int
}

// put writes pairs of value and width.
func (w *bitWriter) put(pairs ...int) {
	for i := 0; i < len(pairs); i += 2 {
		for k := range pairs[i+1] {
			if w.n%8 == 0 {
				w.b = append(w.b, 0)
			}
			w.b[w.n/8] |= byte(pairs[i]>>k&1) << (w.n % 8)
			w.n++
		}
	}
}

// book writes the only codebook, with these code lengths.
func (w *bitWriter) book(entries int, lengths []int, lookup int) {
	w.put(0, 8, 0x564342, 24, 1, 16, entries, 24, 0, 1, 0, 1)
	for _, n := range lengths {
		w.put(n-1, 5)
	}
	w.put(lookup, 4)
}

// shortVorbis is a slice cut down for mutations.
func shortVorbis(t testing.TB, name string) []byte {
	b := vorbisFile(t, name)
	slices, _ := carveVorbis(t, b, audio.Frames(vorbisParams(b).SampleRate))
	return slices[0]
}

// TestVorbisMutations feeds damaged slices, which no checksum holds back: the
// decoder ends with sound or an error, soon and in little memory.
func TestVorbisMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	for _, name := range []string{"music-chimes.ogg", "speech-russian-8k.ogg"} {
		s := shortVorbis(t, name)
		p := vorbisParams(s)
		p.Limit = audio.Frames(p.SampleRate)
		for i := range 500 {
			m := mutateVorbis(rng, s)
			start := time.Now()
			if _, err := drainVorbis(p, m, 1<<26); err != nil && !errors.Is(err, audio.ErrCorrupt) && !errors.Is(err, audio.ErrUnsupported) {
				t.Fatalf("%s, mutation %d: %v", name, i, err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Fatalf("%s, mutation %d takes %v", name, i, d)
			}
		}
	}
}

// mutateVorbis damages a copy of s, half the time in the headers, which are
// at the beginning.
func mutateVorbis(rng *rand.Rand, s []byte) []byte {
	m := append([]byte(nil), s...)
	for range 1 + rng.Intn(4) {
		reach := len(m)
		if rng.Intn(2) == 0 {
			reach = min(reach, 4500)
		}
		at := rng.Intn(reach)
		switch rng.Intn(6) {
		case 0:
			m[at] ^= 1 << rng.Intn(8)
		case 1:
			m[at] = byte(rng.Intn(256))
		case 2:
			m = m[:max(at, 1)]
		case 3:
			m = append(m[:at], m[min(len(m), at+1+rng.Intn(50)):]...)
		case 4:
			m = append(m[:at:at], append(make([]byte, rng.Intn(50)), m[at:]...)...)
		case 5:
			clear(m[at:min(len(m), at+rng.Intn(200))])
		}
		if len(m) == 0 {
			return m
		}
	}
	return m
}

func FuzzVorbis(f *testing.F) {
	n := 0
	for _, name := range []string{"music-chimes.ogg", "speech-russian-8k.ogg"} {
		f.Add(shortVorbis(f, name))
		n++
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 48 {
			return
		}
		p := vorbisParams(b)
		if p.Channels == 0 || p.Channels > 8 {
			return
		}
		p.Limit = 1 << 18
		drainVorbis(p, b, 1<<24)
	})
}
