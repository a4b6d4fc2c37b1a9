package compress

import (
	"bytes"
	"errors"
	"math/rand"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// codecs are all implementations, at all levels.
func codecs(t testing.TB) map[string]Codec {
	t.Helper()
	all := map[string]Codec{"none": None{}, "deflate zero value": new(Deflater), "zstd zero value": new(Zstd)}
	for level := MinLevel; level <= MaxLevel; level++ {
		d, err := NewDeflater(level)
		if err != nil {
			t.Fatal(err)
		}
		all["deflate "+string('0'+rune(level))] = d
	}
	for level := MinZstd; level <= MaxZstd; level++ {
		z, err := NewZstd(level)
		if err != nil {
			t.Fatal(err)
		}
		all["zstd "+string('0'+rune(level))] = z
	}
	return all
}

// sound is n bytes of 16-bit samples that move as music does, with noise.
func sound(n int) []byte {
	rng := rand.New(rand.NewSource(1))
	b, v := make([]byte, n), 0
	for i := 0; i+1 < n; i += 2 {
		v += rng.Intn(401) - 200 - v/100
		b[i], b[i+1] = byte(v), byte(v>>8)
	}
	return b
}

func TestEveryCodec(t *testing.T) {
	plains := samples()
	plains["sound"] = sound(400001)
	plains["half noise"] = append(bytes.Clone(plains["noise"][:70000]), plains["zeros"]...)
	if raceEnabled { // it makes this twenty times slower
		for what, plain := range plains {
			plains[what] = plain[:min(len(plain), 40000)]
		}
	}
	for name, c := range codecs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, plain := range plains {
				contract(t, c, what, plain)
			}
		})
	}
}

// contract holds c against all that Codec promises.
func contract(t *testing.T, c Codec, what string, plain []byte) {
	t.Helper()
	reader, err := Lookup(c.Name())
	if err != nil {
		t.Fatal(err)
	}
	out := c.Append([]byte("head"), plain)
	packed := out[4:]
	if string(out[:4]) != "head" || len(packed) > c.Bound(len(plain)) {
		t.Errorf("%s: %d bytes became %d, bound %d", what, len(plain), len(packed), c.Bound(len(plain)))
	}
	if roomy := make([]byte, 0, c.Bound(len(plain))); len(packed) > 0 && &c.Append(roomy, plain)[0] != &roomy[:1][0] {
		t.Errorf("%s: the bound is not room enough", what)
	}
	for _, limit := range []int{len(plain), len(plain) + 1, 1 << 22} {
		got, err := reader.Expand([]byte("x"), packed, limit)
		if err != nil || got[0] != 'x' || !bytes.Equal(got[1:], plain) {
			t.Errorf("%s, limit %d: %d bytes, %v", what, limit, len(got)-1, err)
		}
	}
	if len(plain) > 0 {
		if got, err := reader.Expand(nil, packed, len(plain)-1); !errors.Is(err, ErrExpand) || len(got) >= len(plain) {
			t.Errorf("%s: one byte over the limit: %d bytes, %v", what, len(got), err)
		}
	}
	for short := range min(2, len(plain)) {
		dst := make([]byte, 0, len(plain)-short)
		got, err := reader.Expand(dst, packed, 1<<22)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s, %d bytes short: %d bytes, %v", what, short, len(got), err)
			continue
		}
		left := dst[:cap(dst)]
		if short == 0 && &got[0] != &left[0] {
			t.Errorf("%s: moved out of room for all of it", what)
		}
		if short > 0 && !bytes.Equal(left, make([]byte, len(left))) {
			t.Errorf("%s: what was left is not wiped", what)
		}
	}
	if s, ok := c.(Storer); ok && s.Stores() {
		framed(t, s, what, plain, packed)
	}
}

// framed expects that bytes put in place by hand are what Append makes.
func framed(t *testing.T, s Storer, what string, plain, packed []byte) {
	t.Helper()
	var got []byte
	for rest := plain; ; {
		var n int
		got, n = s.Frame(got, len(rest))
		got = append(got, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	if !bytes.Equal(got, packed) {
		t.Errorf("%s: framed by hand, the bytes differ", what)
	}
}

// Codecs are shared by all that make slices.
func TestCodecsAreShared(t *testing.T) {
	plain := sound(5000)
	for name, c := range codecs(t) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for range 3 {
					mine := plain[i*1000:]
					got, err := c.Expand(nil, c.Append(nil, mine), len(mine))
					if err != nil || !bytes.Equal(got, mine) {
						t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(mine), err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// What expands a thousandfold, as silence does, must not be copied again and
// again on the way, nor may room be made for what is only announced.
func TestExpandMovesLittle(t *testing.T) {
	const size = 8 << 20
	for name, c := range map[string]Codec{"none": None{}, "deflate": &Deflater{level: 1}, "zstd": new(Zstd)} {
		packed := c.Append(nil, make([]byte, size))
		if n := allocated(func() {
			if out, err := c.Expand(nil, packed, size); err != nil || len(out) != size {
				t.Errorf("%s: %d bytes, %v", name, len(out), err)
			}
		}); n > 5*size/2+4<<20 { // less than twice, and a new expander
			t.Errorf("%s: %d bytes allocated for %d", name, n, size)
		}
		if n := allocated(func() { _, _ = c.Expand(nil, packed, 1000) }); n > 4<<20 {
			t.Errorf("%s: %d bytes allocated for 1000", name, n)
		}
	}
}

func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// scrambler is a codec of a program's own.
type scrambler struct{ None }

func (scrambler) Name() string { return "scrambled" }

func TestLookup(t *testing.T) {
	for _, name := range []string{NameNone, NameDeflate, NameZstd} {
		if c, err := Lookup(name, scrambler{}); err != nil || c.Name() != name {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if c, err := Lookup("scrambled", scrambler{}); err != nil || c != (scrambler{}) {
		t.Errorf("one's own: %v, %v", c, err)
	}
	for _, name := range []string{"", "scrambled", "ZSTD", "\x1b[2J" + strings.Repeat("x", 1<<20)} {
		if _, err := Lookup(name); !errors.Is(err, ErrUnknown) || len(err.Error()) > 200 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%.20q: %.300v", name, err)
		}
	}
	for _, level := range []int{-1, 0, 5, 22} {
		if _, err := NewZstd(level); err == nil {
			t.Errorf("zstd level %d taken", level)
		}
	}
}
