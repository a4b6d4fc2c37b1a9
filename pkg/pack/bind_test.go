package pack

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

func boundBox(t testing.TB, fill byte) *seal.Box {
	t.Helper()
	k, err := seal.NewKey(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	b, err := seal.NewBound(seal.AES256GCM{}, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var testNames = []string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}

func testBinding() Binding {
	return Binding{
		Session: "session", Track: "track", Count: len(testNames), Encoding: "wav", Compression: compress.NameDeflate,
		ID: func(dst []byte, i int) []byte { return append(dst, testNames[i]...) }, Plain: func(i int) int { return 160000 - i },
	}
}

// boundPacker is a testPacker for protocol v2, and what opens its slices.
func boundPacker(t testing.TB, track audio.Track, level int, pads bool) (*Packer, *Unpacker, slicer.Plan) {
	t.Helper()
	plan, err := slicer.Make(track.Cuts(), 8000, slicer.Options{Millis: 5000})
	if err != nil {
		t.Fatal(err)
	}
	d, err := compress.NewDeflater(level)
	if err != nil {
		t.Fatal(err)
	}
	bound := testBinding()
	return NewBoundPacker(track, plan, d, boundBox(t, 1), &bound, pads), NewBoundUnpacker(d, boundBox(t, 1), &bound, pads), plan
}

func TestBoundRoundTrip(t *testing.T) {
	const frames = 100123
	data := song(frames * 4)
	for name, track := range map[string]audio.Track{"carved": plainTrack{frames}, "range": rangeTrack{plainTrack{frames}}} {
		for _, level := range []int{0, 6} {
			for _, pads := range []bool{false, true} {
				p, u, plan := boundPacker(t, track, level, pads)
				var joined []byte
				for i := range plan.Len() {
					clear, err := p.AppendClear(nil, bytes.NewReader(data), i)
					if err != nil {
						t.Fatal(err)
					}
					body, err := p.Append([]byte("head"), bytes.NewReader(data), i)
					if err != nil {
						t.Fatal(err)
					}
					want := len(clear)
					if pads {
						want = Padded(want + 1)
					}
					if len(body)-4 != want+seal.Overhead || string(body[:4]) != "head" {
						t.Errorf("%s level %d, padded %t: slice %d of %d bytes comes as %d", name, level, pads, i, len(clear), len(body)-4)
					}
					if joined, err = u.AppendSlice(joined, body[4:], i, MaxPlain); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(joined, data) {
					t.Errorf("%s level %d, padded %t: joined slices differ from the file", name, level, pads)
				}
			}
		}
	}
}

// TestMovedSlicesAreForged: a slice opens as what it was sealed as, and as
// nothing else.
func TestMovedSlicesAreForged(t *testing.T) {
	data := song(400000)
	p, u, _ := boundPacker(t, plainTrack{100000}, 6, false)
	body, err := p.Append(nil, bytes.NewReader(data), 1)
	if err != nil {
		t.Fatal(err)
	}
	open := func(u *Unpacker, i int) error {
		out, err := u.AppendSlice([]byte("x"), bytes.Clone(body), i, MaxPlain)
		if err != nil && (string(out) != "x" || bytes.ContainsFunc(out[1:cap(out)], func(r rune) bool { return r != 0 })) {
			t.Errorf("%v, and something is left", err)
		}
		return err
	}
	if err := open(u, 1); err != nil {
		t.Fatal(err)
	}
	for i := range testNames {
		if err := open(u, i); i != 1 && !errors.Is(err, seal.ErrForged) {
			t.Errorf("as slice %d: %v", i, err)
		}
	}
	for name, change := range map[string]func(*Binding){
		"session": func(b *Binding) { b.Session = "sessioN" }, "no session": func(b *Binding) { b.Session = "" },
		"track": func(b *Binding) { b.Track = "" }, "count": func(b *Binding) { b.Count-- }, "more": func(b *Binding) { b.Count++ },
		"encoding": func(b *Binding) { b.Encoding = "flac" }, "compression": func(b *Binding) { b.Compression = compress.NameNone },
		"ID":       func(b *Binding) { b.ID = func(dst []byte, _ int) []byte { return append(dst, "another"...) } },
		"plain":    func(b *Binding) { b.Plain = func(int) int { return 159998 } },
		"no plain": func(b *Binding) { b.Plain = func(int) int { return 0 } },
		"run over": func(b *Binding) { b.Session, b.Track = "sessiont", "rack" },
		"shifted":  func(b *Binding) { b.Session, b.Track = "session\x00\x00\x00\x05track", "" },
		"a place": func(b *Binding) {
			b.ID = func(dst []byte, _ int) []byte { return append(dst, "second\x00\x00\x00\x04"...) }
		},
	} {
		bound := testBinding()
		change(&bound)
		if err := open(NewBoundUnpacker(stored, boundBox(t, 1), &bound, false), 1); !errors.Is(err, seal.ErrForged) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	bound := testBinding()
	for name, u := range map[string]*Unpacker{
		"bound to nothing": NewBoundUnpacker(stored, boundBox(t, 1), nil, false), "another key": NewBoundUnpacker(stored, boundBox(t, 2), &bound, false),
		"as protocol v1": NewUnpacker(testBox(t, 1)), "v1's seal, bound": NewBoundUnpacker(stored, testBox(t, 1), &bound, false),
	} {
		if err := open(u, 1); !errors.Is(err, seal.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := open(NewBoundUnpacker(stored, boundBox(t, 1), &bound, true), 1); !errors.Is(err, ErrPadding) && !errors.Is(err, compress.ErrExpand) {
		t.Errorf("as if it were padded: %v", err)
	}
}

// TestEveryByteOfASliceCounts flips each, and cuts at each.
func TestEveryByteOfASliceCounts(t *testing.T) {
	data := song(400000)
	track := plainTrack{60}
	for _, pads := range []bool{false, true} {
		p, u, _ := boundPacker(t, track, 6, pads)
		body, err := p.Append(nil, bytes.NewReader(data), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range body {
			bad := bytes.Clone(body)
			bad[i] ^= 1 << (i % 8)
			for what, bad := range map[string][]byte{"flipped": bad, "cut": bytes.Clone(body[:i]), "cut in front": bytes.Clone(body[i+1:])} {
				if out, err := u.AppendSlice(nil, bad, 0, MaxPlain); !errors.Is(err, seal.ErrForged) || len(out) > 0 {
					t.Errorf("%s at byte %d: %v", what, i, err)
				}
			}
		}
		for _, more := range []string{"\x00", "x", strings.Repeat("\x00", 1000)} {
			if _, err := u.AppendSlice(nil, append(bytes.Clone(body), more...), 0, MaxPlain); !errors.Is(err, seal.ErrForged) {
				t.Errorf("%d bytes longer: %v", len(more), err)
			}
		}
	}
}

// TestManifestIsBound: to the session and the track, each as a whole, and it is
// no slice.
func TestManifestIsBound(t *testing.T) {
	seen := map[string]string{}
	for _, pair := range [][2]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"a", ""}, {"", "b"}, {"", ""}, {"a\x00\x00\x00\x01b", ""}, {"b", "a"}} {
		bound := string(Manifest(pair[0], pair[1]))
		if was, ok := seen[bound]; ok {
			t.Errorf("%q is as %s", pair, was)
		}
		seen[bound] = fmt.Sprintf("%q", pair)
		slice := testBinding()
		slice.Session, slice.Track = pair[0], pair[1]
		if of := slice.append(nil, 0); bytes.HasPrefix(of, []byte(bound)) || strings.HasPrefix(bound, string(of)) {
			t.Errorf("%q: the manifest is bound as a slice is", pair)
		}
	}
}

func TestBoundAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	data := song(400000)
	for name, track := range map[string]audio.Track{"carved": plainTrack{100000}, "range": rangeTrack{plainTrack{100000}}} {
		for _, level := range []int{0, 6} {
			for _, pads := range []bool{false, true} {
				p, u, _ := boundPacker(t, track, level, pads)
				src := bytes.NewReader(data)
				buf, plain := make([]byte, 0, 1<<20), make([]byte, 0, 1<<20)
				if n := testing.AllocsPerRun(20, func() {
					body, err := p.Append(buf, src, 1)
					if err == nil {
						_, err = u.AppendSlice(plain, body, 1, MaxPlain)
					}
					if err != nil {
						t.Fatal(err)
					}
				}); n != 0 {
					t.Errorf("%s level %d, padded %t: %v allocations a slice", name, level, pads, n)
				}
			}
		}
	}
}
