package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

// public reads a file of the public set.
func public(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/audio", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// all asks for everything, in slices of one second.
func all(t testing.TB) Options {
	t.Helper()
	deflate, err := compress.NewDeflater(1)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Plan: true, Verify: true, Slices: slicer.Options{Millis: 1000}, Deflater: deflate}
}

func mustRead(t testing.TB, b []byte, o Options) File {
	t.Helper()
	f, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The public set is sound, and every slice of it decodes to what it promises.
func TestPublicSet(t *testing.T) {
	for name, want := range map[string]struct {
		codec   string
		samples int64 // 0: not known from elsewhere
		depth   int
		md5     string
	}{
		"music-chimes.ogg":            {"vorbis", 2048000, 0, ""},
		"music-coffee-8k.wav":         {"pcm", 584771, 16, ""},
		"music-drums.wav":             {"pcm", 302400, 16, ""},
		"music-guitar.flac":           {"flac", 439768, 16, "match"},
		"music-guitar.opus":           {"opus", 478660, 0, ""},
		"music-march-vbr.mp3":         {"mp3", 2073600, 0, ""},
		"music-safari-cbr.mp3":        {"mp3", 353024, 0, ""},
		"music-tabla.flac":            {"flac", 470723, 16, "match"},
		"speech-english-16k-mono.mp3": {"mp3", 486144, 0, ""},
		"speech-french-8k.flac":       {"flac", 154931, 16, "match"},
		"speech-librivox-16k.wav":     {"pcm", 113600, 16, ""},
		"speech-russian-8k.ogg":       {"vorbis", 99787, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := public(t, name)
			f := mustRead(t, b, all(t))
			if f.Codec != want.codec || f.TotalSamples != want.samples || f.BitDepth != want.depth || f.Size != int64(len(b)) {
				t.Errorf("%s, %d samples, %d bits, %d bytes; want %+v", f.Codec, f.TotalSamples, f.BitDepth, f.Size, want)
			}
			if f.Damaged() || f.DamageCount != 0 {
				t.Errorf("damage in a sound file: %+v %+v", f.Damage, f.Verify)
			}
			v := f.Verify
			if v.MD5 != want.md5 || v.Slices != len(f.Plan.Slices) || v.Decoded && v.Samples != f.TotalSamples {
				t.Errorf("verify: %+v", v)
			}
			if !v.Decoded && (want.codec != "opus" || v.NotDecoded == "") {
				t.Errorf("%s is not decoded: %s", want.codec, v.NotDecoded)
			}
			checkPlan(t, &f)
		})
	}
}

// checkPlan asserts that the slices cover the track and the audio in the file.
func checkPlan(t *testing.T, f *File) {
	t.Helper()
	var at, sealed int64
	off := f.AudioOffset
	for i, s := range f.Plan.Slices {
		if s.Index != i || s.Start != at || s.Samples <= 0 || s.Sealed < 28 || s.Plain <= 0 {
			t.Fatalf("slice %d: %+v", i, s)
		}
		if s.Range.Offset < off || s.Range.Bytes < 0 {
			t.Fatalf("slice %d begins at byte %d, the one before ends at %d", i, s.Range.Offset, off)
		}
		if f.Codec != "pcm" && s.Sealed != s.Plain+seal.Overhead {
			t.Errorf("slice %d of coded audio: %d bytes, sealed %d", i, s.Plain, s.Sealed)
		}
		at += s.Samples
		off = s.Range.Offset + s.Range.Bytes
		sealed += s.Sealed
	}
	if at != f.TotalSamples || off != f.AudioEnd || sealed != f.Plan.Sealed {
		t.Errorf("the slices end at sample %d, byte %d, with %d bytes; want %d, %d, %d", at, off, sealed, f.TotalSamples, f.AudioEnd, f.Plan.Sealed)
	}
}

// Without compression a slice of PCM has no more than the seal besides.
func TestStoredPlan(t *testing.T) {
	o := all(t)
	o.Deflater, o.Verify = nil, false
	p := mustRead(t, public(t, "music-drums.wav"), o).Plan
	if *p.Compression != 0 || p.Protocol != "secstream/2" || p.Padded != 0 || p.PadOverhead != nil {
		t.Errorf("%+v", p)
	}
	for _, s := range p.Slices {
		if s.Sealed != s.Plain+seal.Overhead || s.Padded != 0 || s.PadOverhead != nil {
			t.Errorf("%+v", s)
		}
	}
}

// Padding is measured beside what is not padded, by the packer that pads.
func TestPaddedPlan(t *testing.T) {
	for _, name := range []string{"music-drums.wav", "speech-french-8k.flac", "speech-russian-8k.ogg", "music-safari-cbr.mp3"} {
		o := all(t)
		o.Verify = false
		b := public(t, name)
		plain := mustRead(t, b, o).Plan
		o.Pad = true
		p := mustRead(t, b, o).Plan
		var sum int64
		for i, s := range p.Slices {
			want := int64(pack.Padded(int(s.Sealed)-seal.Overhead+1) + seal.Overhead)
			if s.Sealed != plain.Slices[i].Sealed || s.Padded != want || s.PadOverhead == nil || *s.PadOverhead < 0 || *s.PadOverhead > 12.5 {
				t.Errorf("%s, slice %d: %+v, padded %d is meant", name, i, s, want)
			}
			sum += s.Padded
		}
		if p.Padded != sum || p.Sealed != plain.Sealed || p.PadOverhead == nil || math.Abs(*p.PadOverhead-100*(float64(sum)/float64(p.Sealed)-1)) > 0.01 {
			t.Errorf("%s: %d padded, %d sealed, %v", name, p.Padded, p.Sealed, p.PadOverhead)
		}
	}
}

// Damage is told with the byte where it is.
func TestDamage(t *testing.T) {
	flip := func(from, n int) func([]byte) []byte {
		return func(b []byte) []byte {
			for i := range n {
				b[from+i] ^= 0xff
			}
			return b
		}
	}
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		off    int64 // of the first fault
		near   int64 // at most so far off
		what   string
	}{
		{"music-guitar.flac", flip(200000, 1), 200000, 8000, "damaged frame"},
		{"music-guitar.flac", func(b []byte) []byte { return b[:400001] }, 400001, 8000, "damaged frame"},
		{"music-guitar.opus", flip(40000, 1), 40000, 10000, "CRC"},
		{"music-chimes.ogg", flip(200000, 1), 200000, 10000, "CRC"},
		{"music-safari-cbr.mp3", flip(60000, 600), 60000, 1000, "side information"},
		{"music-safari-cbr.mp3", flip(59982, 600), 59982, 1000, "not audio"},
		{"music-safari-cbr.mp3", func(b []byte) []byte { return b[:90001] }, 90001, 500, "cut short"},
		{"music-drums.wav", func(b []byte) []byte { return b[:900001] }, 44, 0, "says"},
	} {
		f := mustRead(t, c.change(public(t, c.name)), all(t))
		if !f.Damaged() || f.Verify.OK || len(f.Damage) == 0 {
			t.Errorf("%s: no damage found", c.name)
			continue
		}
		d := f.Damage[0]
		if d.Offset < c.off-c.near || d.Offset > c.off+c.near || !strings.Contains(d.What, c.what) {
			t.Errorf("%s: %q at byte %d, want %q near %d", c.name, d.What, d.Offset, c.what, c.off)
		}
		if f.Verify.Decoded && f.Verify.Samples != f.TotalSamples {
			t.Errorf("%s: what is left of it has %d samples, %d were decoded", c.name, f.TotalSamples, f.Verify.Samples)
		}
	}
}

func TestWrongMD5(t *testing.T) {
	b := public(t, "speech-french-8k.flac")
	const sum = 8 + 18 // behind signature, block header and the rest of STREAMINFO
	b[sum] ^= 1
	f := mustRead(t, b, all(t))
	if v := f.Verify; v.OK || v.MD5 != "mismatch" || v.Stated == v.Found || v.FaultCount != 1 || !f.Damaged() {
		t.Errorf("a wrong sum: %+v", v)
	}
	clear(b[sum : sum+16])
	f = mustRead(t, b, all(t))
	if v := f.Verify; !v.OK || v.MD5 != "absent" {
		t.Errorf("no sum: %+v", v)
	}
}

// A plan is what the same options give a session, lengths drawn from the seed
// included.
func TestRandomPlan(t *testing.T) {
	o := all(t)
	o.Verify = false
	o.Slices = slicer.Options{Millis: 1000, Randomize: true, Variance: .4, Seed: "one"}
	b := public(t, "music-drums.wav")
	one := mustRead(t, b, o).Plan
	o.Slices.Seed = "two"
	two := mustRead(t, b, o).Plan
	if one.Slices[0].Samples == two.Slices[0].Samples || !one.Randomize || one.Seed != "one" {
		t.Errorf("plans of different seeds: %+v, %+v", one.Slices[0], two.Slices[0])
	}
	for _, s := range one.Slices[:len(one.Slices)-2] {
		if s.Samples < 26460 || s.Samples > 61740 {
			t.Errorf("slice of %d samples", s.Samples)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	b := public(t, "music-march-vbr.mp3")
	stop := &stopper{Reader: bytes.NewReader(b), after: 20, cancel: cancel}
	begin := time.Now()
	_, err := Read(ctx, stop, int64(len(b)), all(t))
	if !errors.Is(err, context.Canceled) || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// stopper cancels while it is read.
type stopper struct {
	*bytes.Reader
	after  int
	cancel func()
}

func (s *stopper) ReadAt(p []byte, off int64) (int, error) {
	if s.after--; s.after == 0 {
		s.cancel()
	}
	return s.Reader.ReadAt(p, off)
}

// A disk that fails is no damage of the file.
func TestReadError(t *testing.T) {
	bad := errors.New("the disk is gone")
	for _, name := range []string{"music-drums.wav", "music-tabla.flac", "music-chimes.ogg", "music-march-vbr.mp3"} {
		b := public(t, name)
		for _, after := range []int64{0, 100000, int64(len(b)) / 2} {
			_, err := Read(context.Background(), &broken{bytes.NewReader(b), after, bad}, int64(len(b)), all(t))
			if !errors.Is(err, bad) {
				t.Errorf("%s from byte %d on: %v", name, after, err)
			}
		}
	}
}

type broken struct {
	io.ReaderAt
	after int64
	err   error
}

func (b *broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.after {
		return 0, b.err
	}
	return b.ReaderAt.ReadAt(p, off)
}

// A server's list that announces something else is noted.
func TestAnnounced(t *testing.T) {
	i := audio.Info{Codec: audio.PCM, Sample: audio.S16, SampleRate: 8000, Channels: 1, BitDepth: 16, Frames: 2}
	c := NewCheck(i)
	c.Announced(3)
	if err := c.Slice(context.Background(), 0, -1, audio.Span{Samples: 2}, []byte{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if v := c.Finish(); v.OK || v.FaultCount != 1 || v.Samples != 2 {
		t.Errorf("%+v", v)
	}
	c = NewCheck(i)
	if err := c.Slice(context.Background(), 0, 44, audio.Span{Samples: 2}, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	if v := c.Finish(); v.OK || v.Faults[0].Offset != 44 || v.Samples != 1 {
		t.Errorf("a short slice: %+v", v)
	}
}

// A file that claims one sample a second has a slice for each.
func TestEndlessPlan(t *testing.T) {
	b := public(t, "music-drums.wav")
	copy(b[24:], []byte{1, 0, 0, 0}) // sample rate
	o := all(t)
	_, err := Read(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	if err == nil || !strings.Contains(err.Error(), "longer slices") {
		t.Errorf("a plan of 302400 slices: %v", err)
	}
	o.Slices.Millis = 30000
	if f := mustRead(t, b, o); !f.Verify.OK || f.Verify.Slices != 10080 || len(f.Plan.Slices) != 10080 {
		t.Errorf("%+v", f.Verify)
	}
}
