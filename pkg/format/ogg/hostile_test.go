package ogg

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand"
	"runtime"
	"testing"
	"time"

	"secstream/pkg/audio"
)

// short is the beginning of a public file, some seconds of it.
func short(t testing.TB, name string) []byte {
	t.Helper()
	b := load(t, name)
	return b[:min(len(b), 40<<10)]
}

// prod opens b, indexes it and carves all of it, and holds the slices against
// what the index says. A file that is refused is fine.
func prod(t testing.TB, b []byte) {
	r := bytes.NewReader(b)
	s, err := Open(r, int64(len(b)))
	if err != nil {
		var e *audio.Error
		if !errors.As(err, &e) {
			t.Fatalf("Open: %v is no *audio.Error", err)
		}
		return
	}
	tr, err := s.index(context.Background(), r)
	if err != nil {
		var e *audio.Error
		if !errors.As(err, &e) {
			t.Fatalf("Index: %v is no *audio.Error", err)
		}
		return
	}
	info := tr.Info()
	if info.Frames <= 0 || info.Frames != tr.Cuts().Total() || info.SampleRate <= 0 || info.Channels <= 0 {
		t.Fatalf("impossible info %+v", info)
	}
	cuts := plan(tr, info.Frames/4+1)
	if len(cuts) > 200 {
		cuts = cuts[:200]
	}
	for i := range len(cuts) - 1 {
		from, to := cuts[i], cuts[i+1]
		one, err := tr.Carve(nil, r, from, to)
		if errors.Is(err, errTooLarge) {
			continue
		}
		if err != nil {
			t.Fatalf("slice from %+v to %+v: %v", from, to, err)
		}
		checkSlice(t, tr, one, from, to)
	}
}

// checkSlice reads a slice as a file: it is sound and as long as it should be.
func checkSlice(t testing.TB, tr *Track, one []byte, from, to audio.Cut) {
	s, err := Open(bytes.NewReader(one), int64(len(one)))
	if err != nil {
		t.Fatalf("slice from %+v: %v", from, err)
	}
	again, err := s.index(context.Background(), bytes.NewReader(one))
	if err != nil {
		t.Fatalf("slice from %+v to %+v: %v", from, to, err)
	}
	want := to.At - from.At
	if tr.info.Codec == audio.Vorbis {
		want += tr.Preroll(from)
	} else if again.info.Delay != tr.Preroll(from) {
		t.Fatalf("slice from %+v: pre-skip %d, Preroll %d", from, again.info.Delay, tr.Preroll(from))
	}
	if again.info.Frames != want || s.info.Frames != want || again.info.DamageN != 0 {
		t.Fatalf("slice from %+v to %+v: %d frames (%d by its header), want %d; damage %v",
			from, to, again.info.Frames, s.info.Frames, want, again.info.Damage)
	}
}

// mutate damages a copy of b in one to three places.
func mutate(rng *rand.Rand, b []byte) []byte {
	m := append([]byte(nil), b...)
	for range 1 + rng.Intn(3) {
		reach := len(m)
		if rng.Intn(3) == 0 {
			reach = min(reach, 5000) // headers
		}
		if reach == 0 {
			return m
		}
		at := rng.Intn(reach)
		switch rng.Intn(6) {
		case 0:
			m[at] ^= 1 << rng.Intn(8)
		case 1:
			m = m[:at]
		case 2:
			m = append(m[:at], m[min(len(m), at+1+rng.Intn(300)):]...)
		case 3:
			noise := make([]byte, rng.Intn(300))
			rng.Read(noise)
			m = append(m[:at:at], append(noise, m[at:]...)...)
		case 4:
			clear(m[at:min(len(m), at+rng.Intn(4096))])
		case 5: // move a part
			m = append(m, m[at:min(len(m), at+rng.Intn(8000))]...)
		}
	}
	return m
}

// lie changes header fields and packet bytes of whole pages and mends the
// checksums, so that nothing but sense stands in the way.
func lie(rng *rand.Rand, pages []pageOf) []byte {
	out := append([]pageOf(nil), pages...)
	for range 1 + rng.Intn(4) {
		k := rng.Intn(len(out))
		if rng.Intn(2) == 0 {
			k = rng.Intn(min(len(out), 4))
		}
		p := &out[k]
		switch rng.Intn(8) {
		case 0:
			p.flags ^= 1 << rng.Intn(3)
		case 1:
			p.granule = rng.Int63() >> rng.Intn(63)
		case 2:
			p.granule = -p.granule
		case 3:
			p.seq += uint32(rng.Intn(3) - 1)
		case 4:
			p.serial ^= uint32(rng.Intn(2))
		case 5:
			out = append(out[:k:k], out[min(len(out), k+1+rng.Intn(2)):]...)
		case 6:
			out = append(out, out[k])
		default:
			p.body = append([]byte(nil), p.body...)
			for range min(len(p.body), 1+rng.Intn(4)) {
				p.body[rng.Intn(min(len(p.body), 1+rng.Intn(4000)))] ^= byte(1 << rng.Intn(8))
			}
		}
		if len(out) == 0 {
			return nil
		}
	}
	return putTogether(out...)
}

func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(11))
	for _, name := range public {
		b := short(t, name)
		var pages []pageOf
		for _, p := range takeApart(t, load(t, name)) {
			if len(pages) < 12 {
				pages = append(pages, p)
			}
		}
		for i := range 350 {
			m := mutate(rng, b)
			if i%2 == 1 {
				m = lie(rng, pages)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			prod(t, m)
			runtime.ReadMemStats(&after)
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("%s, mutation %d: %v", name, i, d)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
				t.Errorf("%s, mutation %d: %d bytes allocated", name, i, n)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// TestFalsePages is a file of nothing but page headers that promise 64 kB
// each: to check them all would take a thousand times its size.
func TestFalsePages(t *testing.T) {
	b := load(t, public[1])
	head := append([]byte("OggS\x00\x00"), make([]byte, 20)...)
	head = append(head, 255)
	for len(b) < 16<<20 {
		b = append(b, head...)
		b = append(b, bytes.Repeat([]byte{255}, 10)...)
	}
	start := time.Now()
	tr := index(t, b)
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("%v", d)
	}
	if tr.info.Frames != 99787 || tr.info.DamageN == 0 {
		t.Errorf("%d frames, damage %v", tr.info.Frames, tr.info.Damage)
	}
}

// TestShreds is a file in which every page is missing its neighbour: each
// leaves a segment, up to the bound.
func TestShreds(t *testing.T) {
	pages := takeApart(t, load(t, public[2]))
	audioPage := pages[2]
	out := putTogether(pages[:2]...)
	for i := range maxSegments + 1000 {
		p := audioPage
		n := firstPacket(p.lace)
		k := bytes.IndexFunc(p.lace, func(r rune) bool { return r < 255 && r != 0xfffd }) + 1
		p.lace, p.body, p.seq, p.granule = p.lace[:k], p.body[:n], uint32(10+2*i), -1
		out = append(out, p.bytes()...)
	}
	s, err := Open(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := s.index(context.Background(), bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tr.segments); n < maxSegments || n > maxSegments+2 {
		t.Errorf("%d segments", n)
	}
	if len(tr.info.Damage) != audio.MaxDamage {
		t.Errorf("%d faults listed", len(tr.info.Damage))
	}
}

// TestHugeHeaders promises packets larger than any bound.
func TestHugeHeaders(t *testing.T) {
	pages := takeApart(t, load(t, public[1]))
	full := bytes.Repeat([]byte{255}, 255)
	for _, body := range []string{"\x03vorbis", "\x05vorbis"} {
		out := putTogether(pages[0])
		for i := range 400 { // 26 MB
			p := pageOf{serial: pages[0].serial, seq: uint32(1 + i), granule: -1, lace: full, body: make([]byte, 255*255)}
			if i > 0 {
				p.flags = continued
			}
			copy(p.body, body)
			out = append(out, p.bytes()...)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Open(bytes.NewReader(out), int64(len(out)))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("%q: %v", body, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 100<<20 {
			t.Errorf("%q: %d bytes allocated in all", body, n)
		}
	}
}

func FuzzOgg(f *testing.F) {
	seeds := 0
	for _, name := range public {
		f.Add(short(f, name)[:12<<10], false)
		f.Add(short(f, name)[:12<<10], true)
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend {
			mendCRCs(b)
		}
		prod(t, b)
	})
}

// mendCRCs sets the checksum of whatever looks like a page.
func mendCRCs(b []byte) {
	var c crc
	for at := 0; ; {
		i := bytes.Index(b[at:], capture)
		if i < 0 || len(b)-at-i < headLen {
			return
		}
		at += i
		n := headLen + int(b[at+headLen-1])
		if len(b)-at < n {
			return
		}
		for _, v := range b[at+headLen : at+n] {
			n += int(v)
		}
		if len(b)-at < n {
			at++
			continue
		}
		binary.LittleEndian.PutUint32(b[at+crcAt:], c.page(b[at:at+n]))
		at += n
	}
}

func BenchmarkIndex(b *testing.B) {
	one := load(b, public[0])
	pages := takeApart(b, one)
	long := putTogether(pages[:len(pages)-1]...)
	for k := uint32(0); len(long) < 32<<20; k++ { // one long stream: the audio again and again
		for i, p := range pages[3 : len(pages)-1] {
			p.seq = uint32(len(pages)-1) + k*uint32(len(pages)-4) + uint32(i)
			if i == 0 {
				p.flags &^= continued
			}
			long = append(long, p.bytes()...)
		}
	}
	s, err := Open(bytes.NewReader(long), int64(len(long)))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(long)))
	for b.Loop() {
		if _, err := s.index(context.Background(), bytes.NewReader(long)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCarve(b *testing.B) {
	file := load(b, public[0])
	tr := index(b, file)
	r := bytes.NewReader(file)
	from, to := tr.Cuts().Find(5*48000), tr.Cuts().Find(10*48000)
	dst, err := tr.Carve(nil, r, from, to)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = tr.Carve(dst[:0], r, from, to); err != nil {
			b.Fatal(err)
		}
	}
}
