package compress

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// tool skips the test when an outside program is missing, or fails it where
// none may be.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed, and SECSTREAM_REQUIRE_TOOLS is 1", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// The program of those who made the format reads what we write, and writes
// what we read.
func TestZstdAgainstReference(t *testing.T) {
	path := tool(t, "zstd")
	through := func(in []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(path, append(args, "-q", "-c")...)
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("zstd %v: %v", args, err)
		}
		return out
	}
	plain := append(sound(300000), make([]byte, 5000)...)
	for level := MinZstd; level <= MaxZstd; level++ {
		z, err := NewZstd(level)
		if err != nil {
			t.Fatal(err)
		}
		if got := through(z.Append(nil, plain), "-d"); !bytes.Equal(got, plain) {
			t.Errorf("level %d: zstd reads %d other bytes", level, len(got))
		}
	}
	packed := through(plain, "-3")
	if got, err := new(Zstd).Expand(nil, packed, len(plain)); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("what zstd made: %d bytes, %v", len(got), err)
	}
	if _, err := new(Zstd).Expand(nil, through(plain, "-3", "--long=24"), len(plain)); !errors.Is(err, ErrExpand) {
		t.Errorf("a window of 16 MiB: %v", err)
	}
}

// frame writes a Zstandard frame by hand (RFC 8878 section 3.1.1).
func frame(window byte, size uint64, blocks ...[]byte) []byte {
	b := append([]byte(zstdMagic), 0xc0, window) // 8 bytes of size, a window, nothing else
	b = binary.LittleEndian.AppendUint64(b, size)
	return append(b, bytes.Join(blocks, nil)...)
}

// block is a block of type kind: 0 raw, 1 one byte repeated.
func block(kind, size int, last bool, content ...byte) []byte {
	h := uint32(size)<<3 | uint32(kind)<<1
	if last {
		h |= 1
	}
	return append([]byte{byte(h), byte(h >> 8), byte(h >> 16)}, content...)
}

// Windows of 2^(10+10) and 2^(10+13) bytes.
const (
	window1M = 10 << 3
	window8M = 13 << 3
)

func TestZstdByHand(t *testing.T) {
	good := frame(window1M, 7, block(0, 4, false, []byte("sect")...), block(1, 3, true, 'z'))
	if got, err := new(Zstd).Expand(nil, good, 7); err != nil || string(got) != "sectzzz" {
		t.Fatalf("%q, %v", got, err)
	}
	var bomb [][]byte
	for range 1000 {
		bomb = append(bomb, block(1, zstdBlock, false, 0))
	}
	for name, bad := range map[string][]byte{
		"empty":            nil,
		"no frame":         []byte("secstream"),
		"skippable":        {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4},
		"skips for ever":   {0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff},
		"announces 2^60":   frame(window1M, 1<<60, block(0, 4, true, []byte("sect")...)),
		"announces less":   frame(window1M, 3, block(0, 4, true, []byte("sect")...)),
		"announces more":   frame(window1M, 5, block(0, 4, true, []byte("sect")...)),
		"window of 9 MiB":  frame(window8M+1, 4, block(0, 4, true, []byte("sect")...)),
		"window of 2 TiB":  frame(31<<3, 4, block(0, 4, true, []byte("sect")...)),
		"single segment":   append([]byte(zstdMagic+"\xa0\x00\x00\x00\x40"), block(0, 4, true, []byte("sect")...)...), // 1 GiB, all to be kept
		"reserved block":   frame(window1M, 4, block(3, 4, true, []byte("sect")...)),
		"block too large":  frame(window1M, zstdBlock+1, block(1, zstdBlock+1, true, 'z')),
		"bomb":             frame(window1M, 1000*zstdBlock, bomb...),
		"second of frames": append(bytes.Clone(good), frame(window1M, 1<<40, bomb...)...),
		"then something":   append(bytes.Clone(good), "more"...),
		"a dictionary":     append([]byte(zstdMagic+"\x23\x07\x04"), block(0, 4, true, []byte("sect")...)...),
		"not compressed":   frame(window1M, 100, block(2, 4, true, 0xff, 0xff, 0xff, 0xff)),
	} {
		var got []byte
		var err error
		if n := allocated(func() { got, err = new(Zstd).Expand(nil, bad, 1000) }); n > 4<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
		if !errors.Is(err, ErrExpand) || len(got) > 1000 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	z := new(Zstd)
	packed := z.Append(nil, sound(5000))
	for cut := range len(packed) {
		if _, err := z.Expand(nil, packed[:cut], 5000); !errors.Is(err, ErrExpand) {
			t.Fatalf("cut to %d of %d bytes: %v", cut, len(packed), err)
		}
	}
	if got, err := z.Expand(nil, packed, 5000); err != nil || !bytes.Equal(got, sound(5000)) {
		t.Errorf("after all that: %d bytes, %v", len(got), err)
	}
}

// The frame is the reference program's.
func TestZstdVector(t *testing.T) {
	packed, _ := hex.DecodeString("28b52ffd0058450100140273656373747265616d207769726520766563746f723a20303132333435363738390100b1529e")
	got, err := new(Zstd).Expand(nil, packed, 100)
	if err != nil || string(got) != "secstream wire vector: 0123456789 0123456789 0123456789" {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzZstd(f *testing.F) {
	for _, plain := range samples() {
		f.Add(new(Zstd).Append(nil, plain[:min(len(plain), 3000)]))
	}
	best, err := NewZstd(MaxZstd)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(best.Append(nil, sound(4000)))
	f.Add(frame(window1M, 7, block(0, 4, false, []byte("sect")...), block(1, 3, true, 'z')))
	z, canary := new(Zstd), sound(1000)
	packed := z.Append(nil, canary)
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 16
		got, err := z.Expand(make([]byte, 0, 100), b, limit)
		if len(got) > limit || cap(got) > 2*limit {
			t.Fatalf("%d bytes, room for %d", len(got), cap(got))
		}
		if err != nil && !errors.Is(err, ErrExpand) {
			t.Fatal(err)
		}
		if err == nil {
			again, err := z.Expand(nil, z.Append(nil, got), len(got))
			if err != nil || !bytes.Equal(again, got) {
				t.Fatalf("%d bytes come back as %d, %v", len(got), len(again), err)
			}
		}
		if back, err := z.Expand(nil, packed, len(canary)); err != nil || !bytes.Equal(back, canary) {
			t.Fatalf("the next slice: %d bytes, %v", len(back), err)
		}
	})
}
