package pack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

func zstdOf(t testing.TB, level int) compress.Codec {
	t.Helper()
	z, err := compress.NewZstd(level)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func deflateOf(t testing.TB, level int) compress.Codec {
	t.Helper()
	d, err := compress.NewDeflater(level)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func boxOf(t testing.TB, c seal.Cipher) *seal.Box {
	t.Helper()
	k, err := seal.NewKey(bytes.Repeat([]byte{3}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.NewBoxWith(c, k)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// Every codec with every cipher, whichever way a slice is carved.
func TestEveryPiece(t *testing.T) {
	const frames = 100123
	data := song(frames * 4)
	for _, track := range []audio.Track{plainTrack{frames}, rangeTrack{plainTrack{frames}}} {
		plan, err := slicer.Make(track.Cuts(), 8000, slicer.Options{Millis: 5000})
		if err != nil {
			t.Fatal(err)
		}
		for _, codec := range []compress.Codec{compress.None{}, deflateOf(t, 0), deflateOf(t, 6), zstdOf(t, 1)} {
			for _, cipher := range []seal.Cipher{seal.AES256GCM{}, seal.ChaCha20Poly1305{}} {
				t.Run(fmt.Sprintf("%T/%s/%s", track, codec.Name(), cipher.Name()), func(t *testing.T) {
					contract(t, NewPacker(track, plan, codec, boxOf(t, cipher)), data)
				})
			}
		}
	}
}

// contract expects that the slices of p, joined, are data, and nothing in
// between can be taken for them.
func contract(t *testing.T, p *Packer, data []byte) {
	reader, err := compress.Lookup(p.codec.Name())
	if err != nil {
		t.Fatal(err)
	}
	u := NewUnpackerWith(reader, p.box)
	src := bytes.NewReader(data)
	var joined []byte
	for i := range p.plan.Len() {
		body, err := p.Append([]byte("head"), src, i)
		if err != nil {
			t.Fatal(err)
		}
		from, to := p.plan.Bounds(i)
		n := int(to.Off - from.Off)
		if len(body)-4 > p.codec.Bound(n)+seal.Overhead {
			t.Errorf("slice %d: %d bytes for %d", i, len(body)-4, n)
		}
		bad := bytes.Clone(body[4:])
		bad[n/3] ^= 1
		if out, err := u.Append(nil, bad, n); !errors.Is(err, seal.ErrForged) || len(out) > 0 {
			t.Errorf("slice %d with a bit flipped: %v", i, err)
		}
		room := make([]byte, 0, n)
		if out, err := u.Append(room, bytes.Clone(body[4:]), n-1); !errors.Is(err, compress.ErrExpand) || len(out) > 0 || !bytes.Equal(room[:n], make([]byte, n)) {
			t.Errorf("slice %d over the limit: %d bytes, %v", i, len(out), err)
		}
		sealed := body[4:]
		if joined, err = u.Append(joined, sealed, n); err != nil {
			t.Fatal(err)
		}
		if packed := sealed[:len(sealed)-seal.Overhead]; !bytes.Equal(packed, make([]byte, len(packed))) {
			t.Errorf("slice %d: the body holds something in the clear", i)
		}
	}
	if !bytes.Equal(joined, data) {
		t.Error("joined slices differ from the file")
	}
	if raceEnabled {
		return // it makes pools forget
	}
	buf, plain := make([]byte, 0, 1<<20), make([]byte, 0, 1<<20)
	if n := testing.AllocsPerRun(5, func() {
		body, err := p.Append(buf, src, 1)
		if err == nil {
			_, err = u.Append(plain, body, MaxPlain)
		}
		if err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a slice", n)
	}
}

// recorder notes where it was read to.
type recorder struct {
	data []byte
	to   []*byte
}

func (r *recorder) ReadAt(p []byte, off int64) (int, error) {
	r.to = append(r.to, &p[0])
	return copy(p, r.data[off:]), nil
}

// What is stored as it is gets read straight to where it is sealed.
func TestStoredIsNotCopied(t *testing.T) {
	const frames = 40000
	track := rangeTrack{plainTrack{frames}}
	plan, err := slicer.Make(track.Cuts(), 8000, slicer.Options{Millis: 5000})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		codec   compress.Codec
		at      int // where the first read goes to
		reads   int
		carving bool
	}{
		{compress.None{}, 0, 1, false},
		{deflateOf(t, 0), 5, 3, false},
		{deflateOf(t, 1), 0, 1, true},
		{zstdOf(t, 1), 0, 1, true},
	} {
		r := &recorder{data: song(frames * 4)}
		body, err := NewPacker(track, plan, c.codec, testBox(t, 1)).Append(nil, r, 0)
		if err != nil {
			t.Fatal(err)
		}
		if straight := r.to[0] == &body[c.at]; straight == c.carving || len(r.to) != c.reads {
			t.Errorf("%s: straight to its place: %v, in %d reads", c.codec.Name(), straight, len(r.to))
		}
	}
}

func TestCompression(t *testing.T) {
	deflate, zstd := deflateOf(t, 6), zstdOf(t, 1)
	for _, c := range []struct {
		coded audio.Codec
		want  compress.Codec
		name  string
		same  bool
	}{
		{audio.PCM, deflate, "deflate", true},
		{audio.PCM, zstd, "zstd", true},
		{audio.PCM, compress.None{}, "none", true},
		{audio.Flac, deflate, "deflate", false},
		{audio.Vorbis, zstd, "none", false},
		{audio.Layer3, compress.None{}, "none", true},
	} {
		got := Compression(c.coded, c.want)
		if s, ok := got.(compress.Storer); got.Name() != c.name || (got == c.want) != c.same || !c.same && (!ok || !s.Stores()) {
			t.Errorf("%s, %s: %s", c.coded, c.want.Name(), got.Name())
		}
	}
}

// pcm is CD audio from the public recordings, and a file of it.
func pcm(b *testing.B) (*os.File, []byte) {
	b.Helper()
	data, err := os.ReadFile("../../testdata/audio/music-drums.wav")
	if err != nil {
		b.Fatal(err)
	}
	data = data[44:]
	path := b.TempDir() + "/song.raw"
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return f, data
}

// BenchmarkPieces packs 5 s of music and opens it again: every codec with one
// cipher, every cipher with one codec. It tells how much is left in percent.
func BenchmarkPieces(b *testing.B) {
	f, data := pcm(b)
	track := rangeTrack{plainTrack{audio.Frames(len(data) / 4)}}
	plan, err := slicer.Make(track.Cuts(), 44100, slicer.Options{Millis: 5000})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		codec  compress.Codec
		cipher seal.Cipher
	}{
		{"none", compress.None{}, seal.AES256GCM{}},
		{"none-chacha", compress.None{}, seal.ChaCha20Poly1305{}},
		{"deflate-0", deflateOf(b, 0), seal.AES256GCM{}},
		{"deflate-1", deflateOf(b, 1), seal.AES256GCM{}},
		{"deflate-6", deflateOf(b, 6), seal.AES256GCM{}},
		{"zstd-1", zstdOf(b, 1), seal.AES256GCM{}},
		{"zstd-2", zstdOf(b, 2), seal.AES256GCM{}},
		{"zstd-3", zstdOf(b, 3), seal.AES256GCM{}},
		{"zstd-4", zstdOf(b, 4), seal.AES256GCM{}},
	} {
		p := NewPacker(track, plan, c.codec, boxOf(b, c.cipher))
		u := NewUnpackerWith(c.codec, p.box)
		from, to := plan.Bounds(0)
		n := to.Off - from.Off
		buf, plain := make([]byte, 0, 1<<20), make([]byte, 0, 1<<20)
		sealed, err := p.Append(nil, f, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("pack/"+c.name, func(b *testing.B) {
			b.SetBytes(n)
			for b.Loop() {
				if _, err := p.Append(buf, f, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(100*float64(len(sealed))/float64(n), "%")
		})
		b.Run("unpack/"+c.name, func(b *testing.B) {
			b.SetBytes(n)
			for b.Loop() {
				buf = append(buf[:0], sealed...)
				if _, err := u.Append(plain, buf, int(n)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
