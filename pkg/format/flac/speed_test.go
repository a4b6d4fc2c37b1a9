package flac

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log"
	"math/rand"
	"os"
	"slices"
	"testing"

	"github.com/mewkiz/flac/frame"

	"secstream/pkg/audio"
)

func TestCarveAllocatesNothing(t *testing.T) {
	data := publicFiles(t)["music-guitar.flac"]
	tr := index(t, data)
	r := bytes.NewReader(data)
	from, to := tr.Cuts().Find(44100), tr.Cuts().Find(300000)
	dst, err := tr.Carve(nil, r, from, to)
	if err != nil {
		t.Fatal(err)
	}
	dst = slices.Grow(dst, 100)
	if n := testing.AllocsPerRun(50, func() {
		if _, err := tr.Carve(dst[:0], r, from, to); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a slice", n)
	}
}

// The CRCs must be those of the library, whichever way they come about.
func TestCRC(t *testing.T) {
	rng := rand.New(rand.NewSource(30))
	slow := func(b []byte) (s uint16) {
		for _, v := range b {
			s ^= uint16(v) << 8
			for range 8 {
				s = timesX(s)
			}
		}
		return s
	}
	for n := range 100 {
		b := make([]byte, n)
		rng.Read(b)
		if crc16(0, b) != slow(b) {
			t.Fatalf("%d bytes: %x, want %x", n, crc16(0, b), slow(b))
		}
		k := rng.Intn(n + 1)
		if crc16(crc16(0, b[:k]), b[k:]) != slow(b) {
			t.Fatalf("%d bytes in two parts", n)
		}
		if shift16(slow(b), n*37) != slow(append(slices.Clone(b), make([]byte, n*37)...)) {
			t.Fatalf("%d bytes shifted", n)
		}
	}
}

func TestCodedNumbers(t *testing.T) {
	for v := int64(0); v < 1<<36; v = v*3/2 + 1 {
		for _, v := range []int64{v, v - 1, 1<<36 - 1} {
			b := appendNumber(nil, max(v, 0))
			if got, n := codedNumber(b); got != max(v, 0) || n != len(b) {
				t.Fatalf("%d became %x became %d", v, b, got)
			}
		}
	}
	for _, b := range [][]byte{{0x80}, {0xbf, 0x80}, {0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, {0xc2}, {0xc2, 0x00}} {
		if _, n := codedNumber(b); n != 0 {
			t.Errorf("%x was taken for a number", b)
		}
	}
}

// Every header code that the library reads must mean the same here.
func TestHeaderCodesAgreeWithLibrary(t *testing.T) {
	log.SetOutput(io.Discard) // the library comments on some rates
	defer log.SetOutput(os.Stderr)
	for code := range 1 << 16 {
		b := []byte{0xff, 0xf8, byte(code >> 8), byte(code), 5, 0x12, 0x34, 0x56, 0x78}
		probe := header{numLen: 1}
		probe.parseTail(b, code>>12, code>>8&15)
		if probe.size > 0 && probe.size <= 10 {
			b = append(b[:probe.size-1], crc8(b[:probe.size-1]))
		}
		var h header
		ok := h.parse(append(slices.Clone(b), make([]byte, maxHeader)...))
		f, err := frame.New(bytes.NewReader(append(b, make([]byte, maxHeader)...)))
		// The library lacks 32 bits and takes a rate of 0; blocks of 65536 do
		// not come up with these bytes.
		if lacks := code>>1&7 == 7; lacks || (err == nil) != ok {
			if !lacks {
				t.Fatalf("%x: library says %v, we %v", b, err, ok)
			}
			continue
		}
		if ok && (int(f.BlockSize) != h.block || int(f.SampleRate) != h.rate || f.Channels.Count() != h.channels || int(f.BitsPerSample) != h.bits) {
			t.Fatalf("%x: %+v, library %+v", b, h, f.Header)
		}
	}
}

// long repeats the frames of a public file under new numbers.
func long(t testing.TB, times int) []byte {
	data := publicFiles(t)["music-guitar.flac"]
	s, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := s.si.appendSlice(nil, 0)
	offs, _ := frames(t, data)
	var h header
	for i := range times * (len(offs) - 1) {
		k := i % (len(offs) - 1)
		b := data[offs[k]:offs[k+1]]
		h.parse(b)
		out = h.renumber(out, b, int64(i), false)
	}
	return out
}

func BenchmarkIndex(b *testing.B) {
	data := long(b, 40)
	r := bytes.NewReader(data)
	s, err := Open(r, int64(len(data)))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Index(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCarve(b *testing.B) {
	data := long(b, 2)
	tr := index(b, data)
	r := bytes.NewReader(data)
	from := tr.Cuts().Find(200000)
	to := tr.Cuts().Find(from.At + audio.Frames(5*44100))
	dst, err := tr.Carve(nil, r, from, to)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.Carve(dst[:0], r, from, to); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCRC16(b *testing.B) {
	data := make([]byte, 64<<10)
	binary.BigEndian.PutUint64(data, 12345)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		crc16(0, data)
	}
}
