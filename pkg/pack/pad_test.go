package pack

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"

	"secstream/pkg/seal"
)

func TestPaddedLengths(t *testing.T) {
	last, kinds := 0, 0
	check := func(n int) {
		p := Padded(n)
		if p < n || p < last || Padded(p) != p || n > 1 && (p-n)*100 > 12*n {
			t.Fatalf("%d bytes become %d, and fewer became %d", n, p, last)
		}
		if p > last {
			kinds++
		}
		last = p
	}
	for n := range 1 << 16 {
		check(n)
	}
	if kinds > 400 {
		t.Errorf("lengths below 64 KiB are told apart %d times", kinds)
	}
	rng := rand.New(rand.NewSource(1))
	for n := 1 << 16; n <= MaxPlain+1; n += 1 + rng.Intn(2000) {
		check(n)
	}
	// A slice costs a few percent at most.
	for _, n := range []int{100 << 10, 882000, 1 << 20, MaxPlain} {
		if p := Padded(n + 1); (p-n)*100 > 4*n {
			t.Errorf("%d bytes become %d", n, p)
		}
	}
	for n, want := range map[int]int{0: 2, 1: 2, 2: 2, 3: 3, 9: 10, 100: 104, 1000: 1024, 65537: 67584} {
		if got := Padded(n); got != want {
			t.Errorf("%d bytes become %d, want %d", n, got, want)
		}
	}
}

// TestPaddingInPlace: where there is room nothing moves, and where there is none
// nothing is left behind in the clear.
func TestPaddingInPlace(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5000, 70000} {
		secret := bytes.Repeat([]byte{7}, n)
		for _, room := range []int{0, 1, seal.Overhead, n + 100} {
			buf := append(make([]byte, 0, 4+n+room), "head"...)
			buf = append(buf, secret...)
			tail := buf[len(buf):cap(buf)]
			for i := range tail { // rubbish of earlier slices
				tail[i] = 9
			}
			out := pad(buf, 4)
			if len(out) != 4+Padded(n+1) || string(out[:4]) != "head" || cap(out) < len(out)+seal.Overhead {
				t.Fatalf("%d bytes: %d, room for %d", n, len(out), cap(out))
			}
			if plain, ok := unpad(out[4:]); !ok || !bytes.Equal(plain, secret) {
				t.Errorf("%d bytes do not come back", n)
			}
			if moved := &out[0] != &buf[0]; moved && bytes.IndexByte(buf[4:], 7) >= 0 {
				t.Errorf("%d bytes with room for %d: the sound is left behind", n, room)
			} else if fits := cap(buf) >= 4+Padded(n+1)+seal.Overhead; moved == fits {
				t.Errorf("%d bytes with room for %d: moved: %t", n, room, moved)
			}
		}
	}
}

func TestBadPadding(t *testing.T) {
	bound := testBinding()
	box := boundBox(t, 1)
	u := NewBoundUnpacker(stored, box, &bound, true)
	for name, plain := range map[string][]byte{"nothing": {}, "zeros": make([]byte, 100), "no end": {1, 2, 3}, "another end": {0x80, 0x81, 0, 0}} {
		if got, ok := unpad(plain); ok {
			t.Errorf("%s: %v", name, got)
		}
		sealed := box.Seal(append(make([]byte, box.Head()), plain...), 0, bound.append(nil, 0))
		if out, err := u.AppendSlice(nil, sealed, 0, MaxPlain); !errors.Is(err, ErrPadding) || len(out) > 0 {
			t.Errorf("%s: %v", name, err)
		}
		if bytes.ContainsFunc(sealed[box.Head():len(sealed)-seal.TagSize], func(r rune) bool { return r != 0 }) {
			t.Errorf("%s: it is left in the clear", name)
		}
	}
}

func FuzzUnpad(f *testing.F) {
	for _, seed := range []string{"", "\x80", "\x00", "sound\x80\x00\x00", "sound\x80\x80", "\x80\x00\x01"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, ok := unpad(bytes.Clone(b)); ok && (len(plain) >= len(b) || !bytes.HasPrefix(b, plain) || b[len(plain)] != 0x80 || len(bytes.Trim(b[len(plain)+1:], "\x00")) > 0) {
			t.Fatalf("%q of %q", plain, b)
		}
		padded := pad(bytes.Clone(b), 0)
		if plain, ok := unpad(padded); !ok || !bytes.Equal(plain, b) || len(padded) != Padded(len(b)+1) {
			t.Fatalf("%q becomes %q", b, padded)
		}
	})
}
