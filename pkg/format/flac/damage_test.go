package flac

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
)

// without is what a made stream sounds like when some of its frames are lost.
func without(m *maker, lost ...int) []int64 {
	var out []int64
	at := 0
	for i, b := range m.blocks {
		if !slices.Contains(lost, i) {
			out = append(out, m.pcm[at*m.channels:(at+b)*m.channels]...)
		}
		at += b
	}
	return out
}

func TestDamageIsSteppedOver(t *testing.T) {
	for _, variable := range []bool{false, true} {
		m := &maker{bits: 16, channels: 2, rate: 44100, variable: variable, blocks: []int{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 300}}
		good := m.file(20)
		o := m.offs
		o = append(o, int64(len(good)))
		change := func(f func([]byte)) []byte { b := slices.Clone(good); f(b); return b }
		insert := func(at int64, b []byte) []byte { return slices.Insert(slices.Clone(good), int(at), b...) }
		for name, c := range map[string]struct {
			data []byte
			lost []int
			off  int64
			says string
		}{
			"flipped bit":          {change(func(b []byte) { b[o[3]+50] ^= 4 }), []int{3}, o[3], "damaged frame"},
			"flipped CRC":          {change(func(b []byte) { b[o[4]-1] ^= 4 }), []int{3}, o[3], "damaged frame"},
			"flipped header":       {change(func(b []byte) { b[o[3]+4] ^= 4 }), []int{3}, o[3], "no frame"},
			"flipped sync":         {change(func(b []byte) { b[o[3]] ^= 4 }), []int{3}, o[3], "no frame"},
			"first frame":          {change(func(b []byte) { b[o[0]+30] ^= 4 }), []int{0}, o[0], "damaged frame"},
			"last frame":           {change(func(b []byte) { b[o[8]+30] ^= 4 }), []int{8}, o[8], "damaged frame"},
			"zeros over three":     {change(func(b []byte) { clear(b[o[3]+20 : o[5]+20]) }), []int{3, 4, 5}, o[3], "damaged frame"},
			"two frames":           {change(func(b []byte) { b[o[3]+50] ^= 4; b[o[4]+50] ^= 4 }), []int{3, 4}, o[3], "2 damaged frames"},
			"junk between":         {insert(o[3], []byte("junk")), nil, o[3], "4 bytes that are no frame"},
			"zeros between":        {insert(o[3], make([]byte, 5)), nil, o[3], "5 bytes that are no frame"},
			"one zero between":     {insert(o[3], make([]byte, 1)), nil, o[3], "one byte that are no frame"},
			"junk in front":        {insert(o[0], []byte("junk")), nil, o[0], "4 bytes that are no frame"},
			"junk behind":          {insert(o[9], []byte("some junk")), nil, o[9], "9 bytes after the last frame"},
			"zeros behind":         {insert(o[9], make([]byte, 5000)), nil, o[9], "5000 bytes after the last frame"},
			"cut":                  {good[:len(good)-3], []int{8}, o[8], "damaged frame"},
			"frame missing":        {slices.Delete(slices.Clone(good), int(o[3]), int(o[4])), []int{3}, o[3], "comes after"},
			"a second stream":      {insert(o[9], good[:42]), nil, o[9], "42 bytes after the last frame"},
			"frame of other shape": {insert(o[3], (&maker{bits: 16, channels: 1, rate: 44100, blocks: []int{500}}).file(1)[42:]), nil, o[3], "no frame"},
		} {
			tr := index(t, c.data)
			i := tr.Info()
			parts := carved(t, tr, c.data, 1, 2500)
			if got := joined(t, parts, i); !slices.Equal(got, without(m, c.lost...)) {
				t.Errorf("%s: %d frames, want all but %v; %v", name, i.Frames, c.lost, i.Damage)
			}
			if i.DamageN == 0 || i.Damage[0].Off != c.off || !strings.Contains(i.Damage[0].What, c.says) {
				t.Errorf("%s: want %q at %d: %v", name, c.says, c.off, i.Damage)
			}
			if counts := i.DamageN > 1; counts != (len(c.lost) > 0) {
				t.Errorf("%s: the total is announced wrongly or not at all: %v", name, i.Damage)
			}
		}
	}
}

// Samples that happen to spell frames must not fool the walk.
func TestFramesWithinFrames(t *testing.T) {
	inner := &maker{bits: 16, channels: 1, rate: 44100, blocks: []int{400, 400, 400, 400}}
	hidden := inner.file(21)
	if len(hidden)%2 != 0 {
		hidden = hidden[:len(hidden)-1]
	}
	var pcm []int64
	for i := 0; i < len(hidden); i += 2 {
		pcm = append(pcm, int64(int16(binary.BigEndian.Uint16(hidden[i:]))))
	}
	outer := &maker{bits: 16, channels: 1, rate: 44100, verbatim: true, given: pcm}
	for left := len(pcm); left > 0; left -= 400 {
		outer.blocks = append(outer.blocks, min(left, 400))
	}
	data := outer.file(0)
	tr := index(t, data)
	if i := tr.Info(); i.DamageN != 0 || !slices.Equal(joined(t, carved(t, tr, data, 1000), i), pcm) {
		t.Errorf("%d of %d frames, damage %v", i.Frames, len(pcm), i.Damage)
	}
}

func TestNothingToPlay(t *testing.T) {
	data := small().file(22)
	for name, b := range map[string][]byte{"no frame": data[:42], "half a frame": data[:200], "junk": append(slices.Clone(data[:42]), bytes.Repeat([]byte("junk"), 9000)...)} {
		s, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		var e *audio.Error
		if _, err = s.Index(context.Background(), bytes.NewReader(b)); !errors.As(err, &e) || !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// mutate damages data in one of the ways files get damaged, or lie.
func mutate(rng *rand.Rand, data []byte) []byte {
	b := slices.Clone(data)
	at, n := rng.Intn(len(b)), 1+rng.Intn(300)
	n = min(n, len(b)-at)
	switch rng.Intn(8) {
	case 0:
		b[at] ^= 1 << rng.Intn(8)
	case 1:
		b = b[:at]
	case 2:
		b = slices.Delete(b, at, at+n)
	case 3:
		junk := make([]byte, n)
		rng.Read(junk)
		b = slices.Insert(b, at, junk...)
	case 4:
		clear(b[at : at+n])
	case 5:
		rng.Read(b[at : at+n])
	case 6:
		for range 1 + rng.Intn(4) {
			b[rng.Intn(min(len(b), 120))] = byte(rng.Intn(256))
		}
	case 7: // a piece of the file in another place
		from := rng.Intn(len(b))
		copy(b[at:], data[from:min(from+2000, len(data))])
	}
	return b
}

// exercise opens, indexes and slices whatever data is. Only Open and Index may
// refuse it; what was indexed must come out, and be sound.
func exercise(t testing.TB, data []byte) {
	t.Helper()
	r := bytes.NewReader(data)
	s, err := Open(r, int64(len(data)))
	var e *audio.Error
	if err != nil {
		if !errors.As(err, &e) {
			t.Fatalf("open: %v", err)
		}
		return
	}
	got, err := s.Index(context.Background(), r)
	if err != nil {
		if !errors.As(err, &e) {
			t.Fatalf("index: %v", err)
		}
		return
	}
	tr := got.(*Track)
	var total audio.Frames
	for i, b := range carved(t, tr, data, 9000, 20000) {
		sub := index(t, b).Info()
		if sub.DamageN > 0 {
			t.Fatalf("slice %d: %v", i, sub.Damage)
		}
		total += sub.Frames
	}
	if total != tr.Info().Frames {
		t.Fatalf("%d frames in slices of %d", total, tr.Info().Frames)
	}
}

func seeds(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	for name, data := range publicFiles(t) {
		out[name] = data[:24000]
	}
	c := cases()
	for _, name := range []string{"variable", "old variable", "many small", "32 bits", "5 channels"} {
		data := c[name].file(23)
		out[name] = data[:min(len(data), 24000)]
	}
	out["dressed"] = dressed(small().file(24), block(blockComment, false, comment("TITLE=x")), block(blockPicture, true, picture(300)))
	if len(out) < 9 {
		t.Fatal("seeds are missing")
	}
	return out
}

func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(25))
	for name, data := range seeds(t) {
		for i := range 120 {
			b := mutate(rng, data)
			for range rng.Intn(3) {
				if len(b) > 0 {
					b = mutate(rng, b)
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			exercise(t, b)
			runtime.ReadMemStats(&after)
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("%s, mutation %d: took %v", name, i, d)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
				t.Errorf("%s, mutation %d: %d bytes allocated", name, i, got)
			}
		}
	}
}

// A file made of nothing but false alarms must still be walked in linear time.
func TestWalkIsLinear(t *testing.T) {
	si := streamInfo{minBlock: 4096, maxBlock: 65535, rate: 44100, channels: 8, bits: 32}
	var false8 []byte
	for i := range 60 {
		h := []byte{0xff, 0xf9, 0x70, 0x7e}
		h = append(appendNumber(h, int64(i)), 0xff, 0xfe)
		h = append(h, crc8(h), 0x10, 0x00, 0x00, 0x00, 0x00, 0x40, 0x55, 0x55, 0x55, 0x55)
		false8 = append(false8, h...)
	}
	data := append(si.appendSlice(nil, 0), bytes.Repeat(false8, 400)...)
	begin := time.Now()
	exercise(t, data)
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("%d bytes took %v", len(data), d)
	} else {
		t.Logf("%d bytes took %v", len(data), d)
	}
}

func FuzzFLAC(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data[:min(len(data), 15000)])
	}
	f.Fuzz(func(t *testing.T, data []byte) { exercise(t, data) })
}

func FuzzHeader(f *testing.F) {
	n := 0
	for _, data := range publicFiles(f) {
		offs, _ := frames(f, data)
		for _, off := range offs[:min(len(offs), 5)] {
			f.Add(data[off : off+maxHeader])
			n++
		}
	}
	if n == 0 {
		f.Fatal("no seed")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h, again header
		if !h.parse(b) {
			return
		}
		frame := append(slices.Clone(b[:h.size]), 1, 2, 0, 0)
		crc := crc16(0, frame[:len(frame)-2])
		binary.BigEndian.PutUint16(frame[len(frame)-2:], crc)
		out := h.renumber(nil, frame, 123456, true)
		if !again.parse(out) || again.num != 123456 || again.block != h.block || again.rate != h.rate || crc16(0, out) != 0 {
			t.Fatalf("%x became %x", frame, out)
		}
	})
}

// A hole larger than one step of the search is one hole.
func TestLargeHole(t *testing.T) {
	m := small()
	good := m.file(26)
	data := slices.Insert(slices.Clone(good), int(m.offs[2]), make([]byte, junkStep+junkStep/2)...)
	tr := index(t, data)
	i := tr.Info()
	if i.DamageN != 1 || i.Damage[0].Off != m.offs[2] || int(i.Frames)*2 != len(m.pcm) {
		t.Errorf("%d frames, %v", i.Frames, i.Damage)
	}
	if !slices.Equal(joined(t, carved(t, tr, data, 1<<20), i), m.pcm) {
		t.Error("slices do not join over the hole")
	}
}
