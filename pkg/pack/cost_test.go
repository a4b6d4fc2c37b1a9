package pack

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

// costPair is both ends of a session of protocol v2.
func costPair(t testing.TB, track audio.Track, codec compress.Codec, pads bool) (*Packer, *Unpacker) {
	t.Helper()
	plan, err := slicer.Make(track.Cuts(), 8000, slicer.Options{Millis: 1000})
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.NewKey(bytes.Repeat([]byte{4}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.NewBound(seal.AES256GCM{}, key)
	if err != nil {
		t.Fatal(err)
	}
	bound := &Binding{
		Session: "session-id-of-a-server", Count: plan.Len(), Encoding: "wav", Compression: codec.Name(),
		ID: func(dst []byte, _ int) []byte { return append(dst, "slice-id-of-a-server-"...) }, Plain: func(int) int { return 32000 },
	}
	return NewBoundPacker(track, plan, codec, box, bound, pads), NewBoundUnpacker(codec, box, bound, pads)
}

// dripTrack carves a little at a time, growing as it goes, and forgets on an
// error how far it came.
type dripTrack struct{ plainTrack }

func (d dripTrack) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	out := dst
	for off := from.Off; off < to.Off; off += 1000 {
		at := len(out)
		out = append(out, drip[:min(to.Off-off, 1000)]...)
		if _, err := r.ReadAt(out[at:], off); err != nil {
			return dst, err
		}
	}
	return out, nil
}

var drip [1000]byte

// everyBound runs test with every way to make a slice of protocol v2.
func everyBound(t *testing.T, frames audio.Frames, test func(t *testing.T, p *Packer, u *Unpacker)) {
	for _, track := range []audio.Track{plainTrack{frames}, rangeTrack{plainTrack{frames}}, dripTrack{plainTrack{frames}}} {
		for _, codec := range []compress.Codec{compress.None{}, deflateOf(t, 6), zstdOf(t, 1)} {
			for _, pads := range []bool{false, true} {
				t.Run(fmt.Sprintf("%T/%s/%v", track, codec.Name(), pads), func(t *testing.T) {
					p, u := costPair(t, track, codec, pads)
					test(t, p, u)
				})
			}
		}
	}
}

// Slices of protocol v2 take no memory on their way, as those of v1.
func TestBoundCostsNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	src := bytes.NewReader(song(80000))
	everyBound(t, 20000, func(t *testing.T, p *Packer, u *Unpacker) {
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
			t.Errorf("%v allocations a slice", n)
		}
		if _, ok := p.track.(ranger); !ok {
			return
		}
		if n := testing.AllocsPerRun(20, func() { // room for the nonce, and for all there is
			if _, err := p.Append(nil, src, 1); err != nil {
				t.Fatal(err)
			}
		}); n > 2 {
			t.Errorf("%v allocations a slice for which there is no room", n)
		}
	})
}

// What is made where there is no room for it is the same, lies in one piece of
// just the size, and leaves nothing in the clear where there was too little.
func TestBoundWithoutRoom(t *testing.T) {
	data := song(80000)
	everyBound(t, 20000, func(t *testing.T, p *Packer, u *Unpacker) {
		for _, room := range []int{0, 4, 16, 1000, 32000, 32012, 32016, 32017, 32044} {
			dst := append(make([]byte, 0, max(room, 4)), "head"...)
			body, err := p.Append(dst, bytes.NewReader(data), 1)
			if err != nil {
				t.Fatal(err)
			}
			if left := dst[4:cap(dst)]; &dst[0] != &body[0] && len(left) > 12 && !bytes.Equal(left[12:], make([]byte, len(left)-12)) {
				t.Errorf("room for %d: something in the clear is left behind", room)
			}
			got, err := u.AppendSlice(nil, body[4:], 1, 32000)
			if err != nil || !bytes.Equal(got, data[32000:64000]) {
				t.Errorf("room for %d: %d bytes, %v", room, len(got), err)
			}
		}
	})
}

// A file that shrank leaves nothing in the clear behind.
func TestBoundCostOfErrors(t *testing.T) {
	data := song(80000)
	everyBound(t, 20000, func(t *testing.T, p *Packer, _ *Unpacker) {
		dst := make([]byte, 4, 1<<20)
		for _, src := range []io.ReaderAt{bytes.NewReader(data[:40000]), bytes.NewReader(nil)} {
			if got, err := p.Append(dst, src, 1); err == nil || len(got) != 4 {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if !bytes.Equal(dst[4+seal.NonceSize:cap(dst)], make([]byte, cap(dst)-4-seal.NonceSize)) {
				t.Error("something in the clear is left behind")
			}
		}
		if _, err := p.Append(dst, bytes.NewReader(data), p.plan.Len()); err == nil {
			t.Error("a slice that is not there")
		}
	})
}

// Padded sizes are few, never less, cost what is promised, and do not depend on
// the bytes.
func TestPaddingCost(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	sizes := map[int]bool{}
	before := 0
	for n := 0; n < 1<<20; n += 1 + n/5000 {
		p := Padded(n)
		if p < n || p < before || n > 1 && float64(p) > 1.125*float64(n) || n >= 1<<16 && float64(p) > 1.032*float64(n) {
			t.Fatalf("%d bytes become %d, those before %d", n, p, before)
		}
		sizes[p], before = true, p
	}
	if len(sizes) > 1000 {
		t.Errorf("%d sizes up to 1 MiB", len(sizes))
	}
	for range 100 {
		n := rng.Intn(70000)
		plain := make([]byte, n) // zeros at its end must not be taken for padding
		for i := range n {
			plain[i] = byte(0x80 * rng.Intn(2))
		}
		buf := append(make([]byte, 0, 5+n+rng.Intn(3000)), "head."...)
		padded := pad(append(buf, plain...), 5)
		if len(padded)-5 != Padded(n+1) || string(padded[:5]) != "head." {
			t.Fatalf("%d bytes become %d, want %d", n, len(padded)-5, Padded(n+1))
		}
		if got, ok := unpad(padded[5:]); !ok || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes do not come back", n)
		}
	}
	for _, bad := range []string{"", "\x00", "\x00\x00\x00", "\x80\x01", "x\x00"} {
		if _, ok := unpad([]byte(bad)); ok {
			t.Errorf("%q is taken for padded", bad)
		}
	}
}
