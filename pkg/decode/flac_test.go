package decode

import (
	"bytes"
	"errors"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

// flacFiles are the FLAC files of the public set.
func flacFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob("../../testdata/audio/*.flac")
	if len(names) == 0 {
		t.Fatal("no FLAC file in testdata/audio")
	}
	files := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	return files
}

// flacWith opens data with one of the two frame decoders.
func flacWith(t testing.TB, data []byte, own bool) (Decoder, int, error) {
	t.Helper()
	si, _, err := flacHead(data)
	if err != nil {
		return nil, 0, corrupt(audio.Flac, err)
	}
	p := Params{Codec: audio.Flac, Channels: si.channels, SampleRate: si.rate, BitDepth: si.bits}
	d, err := guarded(p, data, func(p Params, data []byte) (Decoder, error) {
		d, err := newFLAC(p, data)
		if err == nil {
			d.(*flacDecoder).frames = &flacLibrary{info: si}
			if own {
				d.(*flacDecoder).frames = &flacFrames{info: si}
			}
		}
		return d, err
	})
	return d, si.channels, err
}

func flacSamples(t testing.TB, data []byte, own bool) ([]float64, error) {
	t.Helper()
	d, channels, err := flacWith(t, data, own)
	if err != nil {
		return nil, err
	}
	return readAll(d, channels)
}

func same(t testing.TB, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d samples, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: sample %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

func TestFLACDecodersAgree(t *testing.T) {
	for name, data := range flacFiles(t) {
		lib, err := flacSamples(t, data, false)
		if err != nil {
			t.Fatalf("%s: library: %v", name, err)
		}
		own, err := flacSamples(t, data, true)
		if err != nil {
			t.Fatalf("%s: own: %v", name, err)
		}
		same(t, name, own, lib)
	}
}

// rawKinds are the sample sizes that flac writes as raw bytes.
var rawKinds = map[int]audio.Sample{8: audio.U8, 16: audio.S16, 24: audio.S24, 32: audio.S32}

func TestFLACAgainstReference(t *testing.T) {
	flac := tool(t, "flac")
	ref := func(data []byte) []byte {
		cmd := exec.Command(flac, "-d", "-s", "-c", "--force-raw-format", "--endian=little", "--sign=signed", "-")
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("flac -d: %v", err)
		}
		return out
	}
	for name, data := range flacFiles(t) {
		got, err := flacSamples(t, data, true)
		if err != nil {
			t.Fatal(err)
		}
		si, _, _ := flacHead(data)
		same(t, name, got, pcmSamples(t, rawKinds[si.bits], si.channels, ref(data)))
	}
}

func TestFLACErrors(t *testing.T) {
	data := flacFiles(t)["speech-french-8k.flac"]
	p := Params{Codec: audio.Flac, Channels: 1, SampleRate: 8000, BitDepth: 16}
	for name, p := range map[string]Params{
		"channels": {Codec: audio.Flac, Channels: 2},
		"rate":     {Codec: audio.Flac, Channels: 1, SampleRate: 44100},
		"depth":    {Codec: audio.Flac, Channels: 1, BitDepth: 24},
	} {
		if _, err := New(p, data); !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range 200 {
		if _, err := New(p, data[:n]); !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	d, err := New(p, data[:len(data)-1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(d, 1); !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("last byte missing: %v", err)
	}
	p.Limit = 1000
	d, err = New(p, data)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := readAll(d, 1); !errors.Is(err, audio.ErrCorrupt) || len(out) != 1000 {
		t.Errorf("limit: %d samples, %v", len(out), err)
	}
}

func BenchmarkFLAC(b *testing.B) {
	data := flacFiles(b)["music-guitar.flac"]
	for name, own := range map[string]bool{"library": false, "own": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(439768 * 4)
			b.ReportAllocs()
			buf := make([]float64, 8192)
			for b.Loop() {
				d, _, err := flacWith(b, data, own)
				for err == nil {
					_, err = d.Read(buf)
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}

// A stream must stay what it said it was.
func TestFLACChanges(t *testing.T) {
	files := flacFiles(t)
	guitar, french := files["music-guitar.flac"], files["speech-french-8k.flac"]
	_, off, err := flacHead(guitar)
	if err != nil {
		t.Fatal(err)
	}
	_, frenchOff, err := flacHead(french)
	if err != nil {
		t.Fatal(err)
	}
	for name, head := range map[string][]byte{
		"channels": guitar[:off],
		"rate":     append(slices.Clone(french[:18]), append([]byte{0x0a, 0xc4, 0x40 | french[20]&15}, french[21:frenchOff]...)...),
		"depth":    append(slices.Clone(french[:20]), append([]byte{french[20] | 1, french[21]&15 | 0x70}, french[22:frenchOff]...)...),
	} {
		for _, own := range []bool{false, true} {
			_, err := flacSamples(t, append(slices.Clone(head), french[frenchOff:]...), own)
			if !errors.Is(err, audio.ErrUnsupported) || !strings.Contains(err.Error(), "changes from") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// The library writes to the standard logger about some sample rates. It must
// not come to that.
func TestFLACKeepsQuiet(t *testing.T) {
	var said bytes.Buffer
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	files := flacFiles(t)
	for _, rate := range []int{24000, 176400} {
		cmd := exec.Command(tool(t, "flac"), "-s", "-c", "--force-raw-format", "--endian=little", "--sign=signed", "--bps=16", "--channels=1",
			"--sample-rate="+strconv.Itoa(rate), "-")
		pcm := files["music-guitar.flac"][10000:50000]
		cmd.Stdin = bytes.NewReader(pcm)
		data, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(Params{Codec: audio.Flac, Channels: 1, SampleRate: rate}, data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(d, 1)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "noise", got, pcmSamples(t, audio.S16, 1, pcm))
		// A frame of such a rate where none was announced.
		_, off, _ := flacHead(data)
		_, guitar, _ := flacHead(files["music-guitar.flac"])
		if _, err := flacSamples(t, append(slices.Clone(files["music-guitar.flac"][:guitar]), data[off:]...), false); !errors.Is(err, audio.ErrUnsupported) {
			t.Errorf("%d Hz among 44100: %v", rate, err)
		}
	}
	if said.Len() > 0 {
		t.Errorf("logged: %s", said.Bytes())
	}
}
