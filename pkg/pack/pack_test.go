package pack

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"io"
	"math/rand"
	"os"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

// plainTrack is PCM of 4 bytes a frame from byte 0 on, carved like any other
// format.
type plainTrack struct{ frames audio.Frames }

func (p plainTrack) Info() audio.Info               { return audio.Info{Frames: p.frames} }
func (p plainTrack) Cuts() *audio.Index             { return audio.LinearIndex(0, 4, p.frames) }
func (p plainTrack) Preroll(audio.Cut) audio.Frames { return 0 }
func (p plainTrack) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	n, at := int(to.Off-from.Off), len(dst)
	if cap(dst)-at < n {
		dst = append(dst, make([]byte, n)...)
	}
	dst = dst[:at+n]
	_, err := r.ReadAt(dst[at:], from.Off)
	return dst, err
}

// rangeTrack is the same, read straight into place.
type rangeTrack struct{ plainTrack }

func (rangeTrack) Range(from, to audio.Cut) (off, n int64) { return from.Off, to.Off - from.Off }

func testBox(t testing.TB, fill byte) *seal.Box {
	t.Helper()
	k, err := seal.NewKey(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return seal.NewBox(k)
}

func testPacker(t testing.TB, track audio.Track, level int) (*Packer, slicer.Plan) {
	t.Helper()
	plan, err := slicer.Make(track.Cuts(), 8000, slicer.Options{Millis: 5000})
	if err != nil {
		t.Fatal(err)
	}
	d, err := compress.NewDeflater(level)
	if err != nil {
		t.Fatal(err)
	}
	return NewPacker(track, plan, d, testBox(t, 1)), plan
}

// song is n bytes that compress a little, as music does.
func song(n int) []byte {
	rng := rand.New(rand.NewSource(1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Intn(64))
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	const frames = 100123
	data := song(frames * 4)
	for name, track := range map[string]audio.Track{"carved": plainTrack{frames}, "range": rangeTrack{plainTrack{frames}}} {
		for _, level := range []int{0, 1, 6, 9} {
			p, plan := testPacker(t, track, level)
			u := NewUnpacker(testBox(t, 1))
			var joined []byte
			for i := range plan.Len() {
				body, err := p.Append([]byte("head"), bytes.NewReader(data), i)
				if err != nil {
					t.Fatal(err)
				}
				from, to := plan.Bounds(i)
				if level > 0 && len(body) > int(to.Off-from.Off)*97/100 {
					t.Errorf("%s level %d slice %d: %d bytes", name, level, i, len(body))
				}
				if joined, err = u.Append(joined, body[4:], MaxPlain); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(joined, data) {
				t.Errorf("%s level %d: joined slices differ from the file", name, level)
			}
		}
	}
}

func TestBothPathsSealTheSameBytes(t *testing.T) {
	data := song(200000 * 4)
	for _, n := range []audio.Frames{1, 16383, 16384, 40000, 200000} {
		var plain [2][]byte
		for k, track := range []audio.Track{plainTrack{n}, rangeTrack{plainTrack{n}}} {
			p, _ := testPacker(t, track, 0)
			body, err := p.Append(nil, bytes.NewReader(data), 0)
			if err != nil {
				t.Fatal(err)
			}
			if plain[k], err = testBox(t, 1).Open(body, nil); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(plain[0], plain[1]) {
			t.Errorf("%d frames: the paths differ", n)
		}
	}
}

func TestAppendErrors(t *testing.T) {
	data := song(400000)
	for name, track := range map[string]audio.Track{"carved": plainTrack{100000}, "range": rangeTrack{plainTrack{100000}}} {
		p, plan := testPacker(t, track, 0)
		for _, i := range []int{-1, plan.Len()} {
			if _, err := p.Append(nil, bytes.NewReader(data), i); err == nil {
				t.Errorf("%s: slice %d of %d made", name, i, plan.Len())
			}
		}
		dst := make([]byte, 4, 1<<20)
		got, err := p.Append(dst, bytes.NewReader(data[:200000]), 1)
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: shrunk file: %v", name, err)
		}
		if len(got) != 4 || bytes.ContainsFunc(got[:cap(got)], func(r rune) bool { return r != 0 }) {
			t.Errorf("%s: something in the clear is left behind", name)
		}
	}
	if err := Check(rangeTrack{plainTrack{1 << 40}}, slicer.Plan{Cuts: []audio.Cut{{}, {Off: 1 << 42, At: 1 << 40}}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge slice: %v", err)
	}
}

func TestUnpackerRefuses(t *testing.T) {
	data := song(40000)
	p, _ := testPacker(t, plainTrack{10000}, 6)
	body, err := p.Append(nil, bytes.NewReader(data), 0)
	if err != nil {
		t.Fatal(err)
	}
	u := NewUnpacker(testBox(t, 1))
	if _, err := u.Append(nil, bytes.Clone(body), len(data)-1); !errors.Is(err, compress.ErrExpand) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := NewUnpacker(testBox(t, 2)).Append(nil, bytes.Clone(body), MaxPlain); !errors.Is(err, seal.ErrForged) {
		t.Errorf("wrong key: %v", err)
	}
	for _, i := range []int{0, len(body) / 2, len(body) - 1} {
		bad := bytes.Clone(body)
		bad[i] ^= 0x10
		if out, err := u.Append(nil, bad, MaxPlain); !errors.Is(err, seal.ErrForged) || len(out) > 0 {
			t.Errorf("flipped byte %d: %v", i, err)
		}
	}
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	data := song(400000)
	for name, track := range map[string]audio.Track{"carved": plainTrack{100000}, "range": rangeTrack{plainTrack{100000}}} {
		for _, level := range []int{0, 6} {
			p, _ := testPacker(t, track, level)
			u := NewUnpacker(testBox(t, 1))
			src := bytes.NewReader(data)
			buf, plain := make([]byte, 0, 1<<20), make([]byte, 0, 1<<20)
			if n := testing.AllocsPerRun(20, func() {
				body, err := p.Append(buf, src, 1)
				if err == nil {
					_, err = u.Append(plain, body, MaxPlain)
				}
				if err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s level %d: %v allocations a slice", name, level, n)
			}
		}
	}
}

// BenchmarkPackWAV seals 5 s slices of CD audio from a file and sets the time
// against bare AES-256-GCM on as many bytes, measured in turn.
func BenchmarkPackWAV(b *testing.B) {
	const frames = 44100 * 60
	path := b.TempDir() + "/song.raw"
	if err := os.WriteFile(path, song(frames*4), 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	track := rangeTrack{plainTrack{frames}}
	plan, err := slicer.Make(track.Cuts(), 44100, slicer.Options{Millis: 5000})
	if err != nil {
		b.Fatal(err)
	}
	d, _ := compress.NewDeflater(0)
	p := NewPacker(track, plan, d, testBox(b, 1))
	block, _ := aes.NewCipher(make([]byte, 32))
	aead, _ := cipher.NewGCM(block)
	buf := make([]byte, 0, 1<<20)
	bare := make([]byte, 882000, 1<<20)
	nonce := make([]byte, 12)
	var ours, theirs time.Duration
	b.SetBytes(882000)
	for i := 0; b.Loop(); i++ {
		t0 := time.Now()
		if _, err := p.Append(buf, f, i%plan.Len()); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		aead.Seal(bare[:0], nonce, bare, nil)
		theirs += time.Since(t1)
		ours += t1.Sub(t0)
	}
	b.ReportMetric(float64(theirs)/float64(ours), "x-bare-GCM")
}
