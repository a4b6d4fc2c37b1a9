package mp3

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"

	gomp3 "github.com/hajimehoshi/go-mp3"

	"secstream/pkg/audio"
)

// goDecode is the plain output of a decoder in Go that trims nothing and
// takes the tag's frame for audio.
func goDecode(t testing.TB, data []byte) []byte {
	t.Helper()
	// Without Seek the decoder does not read the file ahead.
	d, err := gomp3.NewDecoder(struct{ io.Reader }{bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// TestPlainDecoder needs no tools: the decode of each slice, its tag frame
// and preroll dropped, is the same stretch of the decode of the whole file.
func TestPlainDecoder(t *testing.T) {
	const wide = 4 // bytes a frame: always 16 bits, stereo
	for _, name := range []string{"music-safari-cbr.mp3", "speech-english-16k-mono.mp3"} {
		data := load(t, name)
		tr := open(t, data)
		spf := int(tr.ref.samples())
		skip := func(b []byte) int {
			if _, ok := parseInfoTag(b[:maxFrame], header(binary.BigEndian.Uint32(b))); ok {
				return spf
			}
			return 0
		}
		off := int(tr.Info().AudioOff)
		whole := goDecode(t, data[off:]) // the tag's frame left out
		cuts := plan(tr, 1, 2.5, 0.2)
		for i := range len(cuts) - 1 {
			b, err := tr.Carve(nil, bytes.NewReader(data), cuts[i], cuts[i+1])
			if err != nil {
				t.Fatal(err)
			}
			pcm := goDecode(t, b)
			pcm = pcm[wide*(skip(b)+int(tr.Preroll(cuts[i]))):]
			n := int(cuts[i+1].At-cuts[i].At) * wide
			from := (int(tr.trim) + int(cuts[i].At)) * wide
			if len(pcm) < n || !bytes.Equal(pcm[:n], whole[from:from+n]) {
				t.Errorf("%s: slice %d at %d differs", name, i, cuts[i].At)
			}
		}
	}
}

// TestSlicesAreSound opens each slice as a file again.
func TestSlicesAreSound(t *testing.T) {
	for _, h := range []header{head44, head24, head8, head44 | 3<<6, head44 &^ (1 << 16)} {
		for _, lead := range [][]byte{nil, xing(head44, 0, "LAME3.100", 576, 1500)} {
			if lead != nil && h != head44 {
				continue
			}
			data := cat(lead, silence(h, 300), junk(50), silence(h, 200))
			sound(t, data, open(t, data), 1, 0.3)
		}
	}
}

// TestTagsInMainData: a frame that ends like a tag is a frame nevertheless, in
// a file and at the end of a slice. One that is cut short where a tag begins
// is not, and the tag is a tag.
func TestTagsInMainData(t *testing.T) {
	for name, tag := range tagsBehind() {
		for _, lead := range [][]byte{nil, xing(head44, 30, "LAME3.100", 576, 529)} {
			for _, after := range [][]byte{nil, id3v1(), cat(ape(true), id3v1())} {
				data := cat(lead, ending(silence(head44, 30), tag), after)
				in := open(t, data).Info()
				if in.Frames+in.Delay != lengthOf(30, head44) || in.DamageN != 0 || after == nil && in.Tags.Title != "" {
					t.Errorf("%s: %+v", name, in)
				}
			}
			displaced := cat(lead, ending(silence(head44, 30), tag), junk(5))
			sound(t, displaced, open(t, displaced), 1)
			short := silence(head44, 30)
			short = cat(lead, short[:len(short)-len(tag)-1], tag)
			if in := open(t, short).Info(); in.Frames+in.Delay+in.Padding != lengthOf(29, head44) {
				t.Errorf("%s behind a frame cut short: %d frames, %v", name, in.Frames, in.Damage)
			}
		}
	}
	one := ending(silence(head44, 1), id3v1())
	if in := open(t, one).Info(); in.Frames != lengthOf(1, head44) || in.DamageN != 0 {
		t.Errorf("one frame: %+v", in)
	}
}

// sound checks that the slices, opened again, are undamaged but for what is
// wrong with frames of the file, and as long as they should be.
func sound(t testing.TB, data []byte, tr *Track, seconds ...float64) {
	t.Helper()
	cuts := plan(tr, seconds...)
	var dst []byte
	for i := range len(cuts) - 1 {
		from, to := cuts[i], cuts[i+1]
		var err error
		if dst, err = tr.Carve(dst[:0], bytes.NewReader(data), from, to); err != nil {
			t.Fatalf("slice %d at %d: %v", i, from.At, err)
		}
		in := open(t, dst).Info()
		if tr.Preroll(from) == 0 && in.Details[len(in.Details)-1].Name != "channel mode" {
			continue // the file's first frame looks like a tag
		}
		if in.Frames != to.At-from.At || in.Delay != tr.Preroll(from) || holes(in) || in.DamageN > tr.Info().DamageN {
			t.Errorf("slice %d of %v: %d frames, want %d; delay %d, want %d; %v", i, cuts, in.Frames, to.At-from.At, in.Delay, tr.Preroll(from), in.Damage)
		}
		if from.At > 0 && to.At < tr.Cuts().Total() && in.Padding != 0 {
			t.Errorf("slice %d: padding %d", i, in.Padding)
		}
	}
}

// holes says whether a scan found more than frames at fault in themselves.
func holes(in audio.Info) bool {
	return slices.ContainsFunc(in.Damage, func(d audio.Damage) bool {
		return !slices.Contains([]string{badCRC, badSide, missing, long}, d.What)
	})
}

func TestPreroll(t *testing.T) {
	for _, c := range []struct {
		h           header
		first, then audio.Frames
	}{{head44, 1105, 2304}, {head24, 1105, 1728}, {head8, 1105, 1728}} {
		tr := open(t, cat(xing(c.h.withRate(8), 200, "LAME3.100", 576, 1000), silence(c.h, 200)))
		if got := tr.Preroll(tr.Cuts().Find(0)); got != c.first {
			t.Errorf("%s: first slice %d, want %d", c.h.versionName(), got, c.first)
		}
		if got := tr.Preroll(tr.Cuts().Find(20000)); got != c.then {
			t.Errorf("%s: later slice %d, want %d", c.h.versionName(), got, c.then)
		}
	}
	tr := open(t, silence(head44, 100))
	if got := tr.Preroll(tr.Cuts().Find(0)); got != 0 {
		t.Errorf("no tag: first slice %d", got)
	}
}

// TestReservoir follows one marked byte string: it lies in the main data
// right before the warm-up frame, which says how far back its bits begin, and
// must come back in the feeder. CRC words and side information between are no
// main data.
func TestReservoir(t *testing.T) {
	for _, h := range []header{head44, head44 &^ (1 << 16), head44.withRate(1), head24, (head24 &^ (1 << 16)).withRate(1), head8} {
		const frames = 400
		var data, main []byte
		var starts []int
		for i := range frames {
			b := appendFrame(nil, h, h.length())
			p := headerBytes + h.crcBytes()
			if h.lsf() {
				b[p] = 255
			} else {
				b[p], b[p+1] = 0xFF, 0x80
			}
			if h.crc() {
				b[4], b[5] = 0xEE, 0xEE
			}
			m := mainData(b, h)
			for j := range m {
				m[j] = byte(1 + (i*31+j)%200)
			}
			starts = append(starts, len(main))
			main = append(main, m...)
			data = append(data, b...)
		}
		tr := open(t, data)
		for at := audio.Frames(0); at < tr.Cuts().Total(); at += tr.ref.samples() * 37 {
			from := tr.Cuts().Find(at)
			if from.At == 0 {
				continue
			}
			b, err := tr.Carve(nil, bytes.NewReader(data), from, tr.Cuts().End())
			if err != nil {
				t.Fatal(err)
			}
			_, tagBytes := plain(h, tagFrameBytes(h))
			feeder := header(binary.BigEndian.Uint32(b[tagBytes:]))
			end := tagBytes + feeder.length()
			warm := starts[tr.index(from)-int64(h.warmUp())]
			want := make([]byte, h.reservoir()) // zeros for what the file never had
			copy(want[max(0, len(want)-warm):], main[max(0, warm-len(want)):warm])
			if !bytes.Equal(b[end-len(want):end], want) {
				t.Fatalf("%08x: reservoir before frame %d is wrong", uint32(h), tr.index(from))
			}
			if got := feeder &^ 0xF000; got != h&^0xF200|1<<16 || !feeder.valid() {
				t.Fatalf("feeder %08x for %08x", uint32(feeder), uint32(h))
			}
		}
	}
}

// TestCutsKeepClearOfBreaks: no slice starts where its reservoir would reach
// over lost bytes, unless a second goes by without a better place.
func TestCutsKeepClearOfBreaks(t *testing.T) {
	data := cat(silence(head44, 101), junk(10), silence(head44, 100))
	tr := open(t, data)
	for at := lengthOf(85, head44); at < lengthOf(130, head44); at += 100 {
		if k := tr.index(tr.Cuts().Find(at)); k > 100 && k < 104 {
			t.Errorf("cut at frame %d", k)
		}
	}
	var bad []byte
	for range 300 {
		bad = append(append(bad, silence(head44, 3)...), 7)
	}
	tr = open(t, bad)
	if n := tr.Cuts().Len(); n < 20 || n > 25 {
		t.Errorf("%d cuts in 23 s of rubble", n)
	}
	sound(t, bad, tr, 1)
}

func TestCarveErrors(t *testing.T) {
	data := silence(head44, 400)
	tr := open(t, data)
	ix := tr.Cuts()
	a, b := ix.Find(100000), ix.Find(200000)
	var e *audio.Error
	if _, err := tr.Carve(nil, bytes.NewReader(data), a, a); !errors.As(err, &e) {
		t.Errorf("empty slice: %v", err)
	}
	if _, err := tr.Carve(nil, bytes.NewReader(data), b, a); !errors.As(err, &e) {
		t.Errorf("backward slice: %v", err)
	}
	if _, err := tr.Carve(nil, bytes.NewReader(data[:b.Off-10]), a, b); !errors.As(err, &e) {
		t.Errorf("shrunk file: %v", err)
	}
	other := bytes.Clone(data)
	copy(other[a.Off-5:], silence(head44.withRate(10), 200))
	if _, err := tr.Carve(nil, bytes.NewReader(other), a, b); !errors.Is(err, errChanged) {
		t.Errorf("changed file: %v", err)
	}
	if _, err := tr.Carve(nil, bytes.NewReader(make([]byte, len(data))), ix.Find(0), b); !errors.Is(err, errChanged) {
		t.Errorf("emptied file: %v", err)
	}
	if _, err := tr.Carve(nil, failing{}, a, b); !errors.Is(err, errDisk) {
		t.Errorf("read error: %v", err)
	}
}

func TestCarveAllocatesNothing(t *testing.T) {
	data := load(t, "music-safari-cbr.mp3")
	tr, r := open(t, data), bytes.NewReader(data)
	dst := make([]byte, 0, 1<<20)
	from, to := tr.Cuts().Find(100000), tr.Cuts().Find(300000)
	for _, c := range [][2]audio.Cut{{from, to}, {tr.Cuts().Find(0), from}, {to, tr.Cuts().End()}} {
		n := testing.AllocsPerRun(50, func() {
			if _, err := tr.Carve(dst, r, c[0], c[1]); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%g allocations a slice", n)
		}
	}
}

// TestCarveAppends: what dst held stays in front.
func TestCarveAppends(t *testing.T) {
	data := silence(head44, 300)
	tr, r := open(t, data), bytes.NewReader(data)
	a, b := tr.Cuts().Find(50000), tr.Cuts().Find(90000)
	want, err := tr.Carve(nil, r, a, b)
	if err != nil {
		t.Fatal(err)
	}
	dirty := bytes.Repeat([]byte{0xAA}, 1<<17)
	got, err := tr.Carve(dirty[:7], r, a, b)
	if err != nil || string(got[:7]) != string(dirty[:7]) || !bytes.Equal(got[7:], want) {
		t.Errorf("appended slice differs: %v", err)
	}
}

func TestConcurrentCarve(t *testing.T) {
	data := load(t, "speech-english-16k-mono.mp3")
	tr := open(t, data)
	cuts := plan(tr, 1)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range len(cuts) - 1 {
				i = (i*7 + g) % (len(cuts) - 1)
				if _, err := tr.Carve(nil, bytes.NewReader(data), cuts[i], cuts[i+1]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkIndex(b *testing.B) {
	for name, h := range map[string]header{"128k": head44, "320k": head44.withRate(14), "8k": head8} {
		b.Run(name, func(b *testing.B) {
			data := silence(h, (64<<20)/h.length())
			s, err := Open(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := s.Index(context.Background(), bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCarve(b *testing.B) {
	data := silence(head44, 20000)
	tr, r := open(b, data), bytes.NewReader(data)
	from := tr.Cuts().Find(10000000)
	to := tr.Cuts().Find(from.At + 5*44100)
	dst := make([]byte, 0, 1<<20)
	b.SetBytes(to.Off - from.Off)
	for b.Loop() {
		if _, err := tr.Carve(dst, r, from, to); err != nil {
			b.Fatal(err)
		}
	}
}
