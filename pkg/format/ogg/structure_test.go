package ogg

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand"
	"testing"

	"secstream/pkg/audio"
)

var public = []string{"music-chimes.ogg", "speech-russian-8k.ogg", "music-guitar.opus"}

func TestCRC(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var c crc
	for n := range 300 {
		b := make([]byte, 27+n*n%9001)
		rng.Read(b)
		if got, want := c.page(b), slowCRC(b); got != want {
			t.Fatalf("%d bytes: %08x, want %08x", len(b), got, want)
		}
	}
}

// TestOpenTellsTheLength holds Open, which reads the ends of a file, against
// Index, which reads all of it.
func TestOpenTellsTheLength(t *testing.T) {
	for _, name := range public {
		b := load(t, name)
		s, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		got, want := s.Info(), index(t, b).Info()
		if got.Frames != want.Frames || got.AudioOff != want.AudioOff || got.Delay != want.Delay {
			t.Errorf("%s: Open %+v, Index %+v", name, got, want)
		}
	}
	// As other readers of the public files count.
	for name, want := range map[string]audio.Frames{public[0]: 2048000, public[1]: 99787, public[2]: 478660} {
		if got := index(t, load(t, name)).Info().Frames; got != want {
			t.Errorf("%s: %d frames, want %d", name, got, want)
		}
	}
}

// sameCarving asserts that b gives the same slices as the plain file does.
func sameCarving(t *testing.T, what string, b, plain []byte) {
	t.Helper()
	tr, want := index(t, b), index(t, plain)
	if tr.info.Frames != want.info.Frames {
		t.Fatalf("%s: %d frames, want %d", what, tr.info.Frames, want.info.Frames)
	}
	rate := audio.Frames(want.info.SampleRate)
	for _, target := range []audio.Frames{rate, 3 * rate, 0} {
		got := slices(t, tr, b, target)
		for i, s := range slices(t, want, plain, target) {
			if i >= len(got) || !bytes.Equal(got[i], s) {
				t.Fatalf("%s: slice %d of %d frames differs", what, i, target)
			}
		}
	}
}

// TestLayoutDoesNotMatter lays the same packets out in every way the format
// allows: the slices stay the same, byte for byte.
func TestLayoutDoesNotMatter(t *testing.T) {
	for _, name := range public {
		plain := load(t, name)
		pages := func() []pageOf { return takeApart(t, plain) }
		for _, n := range []int{1, 2, 7, 100} {
			sameCarving(t, name+" on small pages", putTogether(shred(pages(), n)...), plain)
		}
		sameCarving(t, name+" among others", among(pages()), plain)

		var junk []byte
		for i, p := range pages() {
			junk = append(junk, p.bytes()...)
			if i%5 == 3 {
				junk = append(junk, "\x00OggS\x00 some noise OggOggS"...)
			}
		}
		sameCarving(t, name+" with junk", junk, plain)
		if tr := index(t, junk); tr.info.DamageN == 0 {
			t.Errorf("%s: junk is not noted", name)
		}
		if tr := index(t, junk); len(tr.cuts.Breaks()) != 0 {
			t.Errorf("%s: junk between pages loses packets", name)
		}

		late := pages()
		for i := range late {
			if late[i].granule > 0 {
				late[i].granule += 123456789
			}
		}
		sameCarving(t, name+" with a late start", putTogether(late...), plain)

		odd := pages()
		for i := 3; i < len(odd); i++ { // an empty packet and, for Vorbis, a header among the audio
			odd[i].lace = append(append([]byte(nil), odd[i].lace...), 0)
		}
		if len(odd[4].lace) < 255 && !odd[3].goesOn() {
			sameCarving(t, name+" with empty packets", putTogether(odd...), plain)
		}
	}
}

// among interleaves pages of two other streams.
func among(pages []pageOf) []byte {
	var out []byte
	for i, p := range pages {
		switch i {
		case 0:
			out = append(out, putTogether(lone(900, 0, firstPage, 0, "fishead\x00"), lone(901, 0, firstPage, 0, "\x80theora"))...)
		default:
			out = append(out, lone(901, uint32(i), 0, int64(i), "video").bytes()...)
		}
		out = append(out, p.bytes()...)
	}
	return append(out, lone(901, 9999, lastPage, 1<<40, "end").bytes()...)
}

func TestOtherStreamsAreNamed(t *testing.T) {
	b := among(takeApart(t, load(t, public[1])))
	tr := index(t, b)
	var names []string
	for _, d := range tr.info.Details {
		if d.Name == "other stream" {
			names = append(names, d.Value)
		}
	}
	if len(names) != 2 || names[0] != "skeleton" || names[1] != "theora" {
		t.Errorf("other streams %v", names)
	}
	if tr.info.DamageN != 0 {
		t.Errorf("damage %v", tr.info.Damage)
	}
}

func TestChained(t *testing.T) {
	for _, name := range public {
		b := load(t, name)
		one := index(t, b)
		twice := append(append([]byte(nil), b...), b...)
		tr := index(t, twice)
		if tr.info.Frames != 2*one.info.Frames || tr.info.DamageN != 0 {
			t.Fatalf("%s: %d frames, want twice %d; damage %v", name, tr.info.Frames, one.info.Frames, tr.info.Damage)
		}
		if br := tr.cuts.Breaks(); len(br) != 1 || br[0] != one.info.Frames {
			t.Fatalf("%s: breaks %v", name, br)
		}
		if len(tr.segments) != 2 || tr.segments[0].head != tr.segments[1].head {
			t.Errorf("%s: equal headers are kept twice", name)
		}
		// The second link gives the slices of the first.
		ix := tr.Cuts()
		for at := audio.Frames(0); at < one.info.Frames; at += one.info.Frames/3 + 1 {
			a, err := tr.Carve(nil, bytes.NewReader(twice), ix.Find(at), ix.Find(one.info.Frames/2+at/2+1))
			if err != nil {
				t.Fatal(err)
			}
			from, to := ix.Find(at), ix.Find(one.info.Frames/2+at/2+1)
			from.Off += int64(len(b))
			from.At += one.info.Frames
			to.At += one.info.Frames
			c, err := tr.Carve(nil, bytes.NewReader(twice), from, to)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, c) {
				t.Fatalf("%s: slice at %d differs in the second link", name, at)
			}
		}
	}
}

func TestChainOfAnotherKindEnds(t *testing.T) {
	for _, chain := range [][2]int{{0, 1}, {1, 2}, {2, 0}} {
		first, second := load(t, public[chain[0]]), load(t, public[chain[1]])
		s, err := Open(bytes.NewReader(append(first, second...)), int64(len(first)+len(second)))
		if err != nil {
			t.Fatal(err)
		}
		if n := s.Info().Frames; n != -1 {
			t.Errorf("%v: Open is sure of %d frames", chain, n)
		}
		tr := index(t, append(first, second...))
		if tr.info.Frames != index(t, first).info.Frames || tr.info.DamageN != 1 {
			t.Errorf("%v: %d frames, damage %v", chain, tr.info.Frames, tr.info.Damage)
		}
	}
}

func TestGap(t *testing.T) {
	for _, name := range public {
		pages := takeApart(t, load(t, name))
		k := len(pages) / 2
		b := putTogether(append(append([]pageOf(nil), pages[:k]...), pages[k+1:]...)...)
		whole, tr := index(t, load(t, name)), index(t, b)
		if tr.info.DamageN == 0 || len(tr.cuts.Breaks()) != 1 {
			t.Errorf("%s: damage %v, breaks %v", name, tr.info.Damage, tr.cuts.Breaks())
		}
		lost := whole.info.Frames - tr.info.Frames
		if page := audio.Frames(pages[k].granule - pages[k-1].granule); lost < page || lost > page+8192 {
			t.Errorf("%s: %d frames lost with a page of %d", name, lost, page)
		}
		slices(t, tr, b, audio.Frames(tr.info.SampleRate))
		// A flipped bit costs the same page.
		flipped := load(t, name)
		at := bytes.Index(flipped, pages[k].bytes())
		flipped[at+100] ^= 1
		if got := index(t, flipped).info; got.Frames != tr.info.Frames || got.DamageN < 2 {
			t.Errorf("%s: %d frames, want %d; damage %v", name, got.Frames, tr.info.Frames, got.Damage)
		}
	}
}

// TestTrims moves the first and the last granule position.
func TestTrims(t *testing.T) {
	for _, name := range public[:2] {
		plain := load(t, name)
		want := index(t, plain).info.Frames
		for _, cut := range []int64{1, 100, 700} {
			pages := takeApart(t, plain)
			for i := range pages {
				if pages[i].granule > 0 {
					pages[i].granule -= cut
				}
			}
			tr := index(t, putTogether(pages...))
			if tr.info.Frames != want-audio.Frames(cut) || tr.info.Delay != audio.Frames(cut) {
				t.Errorf("%s: %d frames, delay %d after a start trim of %d of %d", name, tr.info.Frames, tr.info.Delay, cut, want)
			}
			slices(t, tr, putTogether(pages...), 8000)
			pages = takeApart(t, plain)
			pages[len(pages)-1].granule -= cut
			tr = index(t, putTogether(pages...))
			if tr.info.Frames != want-audio.Frames(cut) {
				t.Errorf("%s: %d frames after an end trim of %d of %d", name, tr.info.Frames, cut, want)
			}
			slices(t, tr, putTogether(pages...), 8000)
		}
	}
}

// TestPreSkip sets every pre-skip a header can hold.
func TestPreSkip(t *testing.T) {
	for _, skip := range []int{0, 1, 960, 19200, 24000, 40000, 65535} {
		pages := takeApart(t, load(t, public[2]))
		pages[0].body = append([]byte(nil), pages[0].body...)
		binary.LittleEndian.PutUint16(pages[0].body[preSkipAt:], uint16(skip))
		b := putTogether(pages...)
		tr := index(t, b)
		if want := audio.Frames(478660 + 312 - skip); tr.info.Frames != want {
			t.Errorf("pre-skip %d: %d frames, want %d", skip, tr.info.Frames, want)
		}
		cuts := plan(tr, 4800)
		for i, s := range slices(t, tr, b, 4800) {
			head := takeApart(t, s)
			got := audio.Frames(binary.LittleEndian.Uint16(head[0].body[preSkipAt:]))
			last := head[len(head)-1].granule
			if got != tr.Preroll(cuts[i]) || last != int64(got+cuts[i+1].At-cuts[i].At) {
				t.Fatalf("pre-skip %d, slice %d: states %d, Preroll %d, ends at %d", skip, i, got, tr.Preroll(cuts[i]), last)
			}
			if got < opusPreroll && int(got) < skip {
				t.Errorf("pre-skip %d, slice %d: only %d frames of preroll", skip, i, got)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	vorbis := takeApart(t, load(t, public[1]))
	for _, c := range []struct {
		name   string
		b      []byte
		format string
		want   error
	}{
		{"empty", nil, "ogg", audio.ErrNotAudio},
		{"text", []byte("OggS is how a page begins, but this is none"), "ogg", audio.ErrNotAudio},
		{"flac", putTogether(lone(1, 0, firstPage, 0, "\x7fFLAC\x01\x00")), "ogg flac", audio.ErrUnsupported},
		{"speex", putTogether(lone(1, 0, firstPage, 0, "Speex   1.2")), "speex", audio.ErrUnsupported},
		{"theora", putTogether(lone(1, 0, firstPage, 0, "fishead\x00"), lone(2, 0, firstPage, 0, "\x80theora")), "theora", audio.ErrUnsupported},
		{"unknown", putTogether(lone(1, 0, firstPage, 0, "whatever")), "ogg", audio.ErrUnsupported},
		{"bad ident", putTogether(lone(1, 0, firstPage, 0, "\x01vorbis\x00")), "ogg", audio.ErrCorrupt},
		{"headers only", putTogether(vorbis[:1]...), "ogg", audio.ErrCorrupt},
		{"no headers", putTogether(vorbis[3:]...), "ogg", audio.ErrCorrupt},
		{"lost header", putTogether(append([]pageOf{vorbis[0]}, vorbis[2:]...)...), "ogg", audio.ErrCorrupt},
	} {
		_, err := Open(bytes.NewReader(c.b), int64(len(c.b)))
		var e *audio.Error
		if !errors.As(err, &e) || e.Format != c.format || !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestIndexOfNothing(t *testing.T) {
	pages := takeApart(t, load(t, public[1]))
	b := putTogether(pages[:3]...)
	b = b[:len(b)-len(pages[2].bytes())]
	s, err := Open(bytes.NewReader(b), int64(len(b)))
	if err == nil {
		_, err = s.Index(context.Background(), bytes.NewReader(b))
	}
	if !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("headers without audio: %v", err)
	}
	b = load(t, public[0])
	s, err = Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Index(ctx, bytes.NewReader(b)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestCarveOfChangedFile(t *testing.T) {
	for _, name := range public {
		b := load(t, name)
		tr := index(t, b)
		from, to := tr.Cuts().Find(tr.info.Frames/2), tr.Cuts().End()
		changed := append([]byte(nil), b...)
		changed[from.Off+200] ^= 4
		for what, c := range map[string][]byte{"shrunk": b[:len(b)-1000], "changed": changed, "gone": nil} {
			_, err := tr.Carve(nil, bytes.NewReader(c), from, to)
			var e *audio.Error
			if !errors.As(err, &e) || !errors.Is(err, audio.ErrCorrupt) {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
		if _, err := tr.Carve(nil, bytes.NewReader(b), to, from); err == nil {
			t.Errorf("%s: cuts the wrong way round are taken", name)
		}
	}
}

func TestCarveAllocatesNothing(t *testing.T) {
	for _, name := range public {
		b := load(t, name)
		tr := index(t, b)
		r := bytes.NewReader(b)
		rate := audio.Frames(tr.info.SampleRate)
		from, to := tr.Cuts().Find(2*rate), tr.Cuts().Find(5*rate)
		dst := make([]byte, 0, 1<<20)
		if n := testing.AllocsPerRun(50, func() {
			if _, err := tr.Carve(dst, r, from, to); err != nil {
				t.Fatal(err)
			}
			tr.Preroll(from)
		}); n != 0 && !raceEnabled {
			t.Errorf("%s: %g allocations a slice", name, n)
		}
	}
}

// TestCarveAppends keeps what dst holds.
func TestCarveAppends(t *testing.T) {
	b := load(t, public[2])
	tr := index(t, b)
	from, to := tr.Cuts().Find(100000), tr.Cuts().Find(200000)
	alone, err := tr.Carve(nil, bytes.NewReader(b), from, to)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Carve([]byte("before"), bytes.NewReader(b), from, to)
	if err != nil || string(got[:6]) != "before" || !bytes.Equal(got[6:], alone) {
		t.Errorf("dst is not appended to: %v", err)
	}
}
