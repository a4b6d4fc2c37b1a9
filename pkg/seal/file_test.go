package seal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"
)

func filled(t *testing.T, data []byte) (*File, *os.File) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewFile(f)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := v.ReadFrom(iotest.OneByteReader(bytes.NewReader(data))); err != nil || n != int64(len(data)) {
		t.Fatalf("%d of %d bytes: %v", n, len(data), err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v, f
}

func TestFileGivesBackWhatItTook(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 77} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		v, _ := filled(t, data)
		if err := iotest.TestReader(io.NewSectionReader(v, 0, v.size), data); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		want := bytes.NewReader(data)
		for range 300 {
			p, q := make([]byte, rnd.IntN(2*blockSize)), make([]byte, 2*blockSize)
			off := int64(rnd.IntN(size + 10))
			n, err := v.ReadAt(p, off)
			m, wantErr := want.ReadAt(q[:len(p)], off)
			if n != m || !bytes.Equal(p[:n], q[:m]) || len(p) > 0 && err != wantErr { //nolint:errorlint // io.EOF comes bare
				t.Fatalf("%d bytes at %d of %d: %d, %v; not %d, %v", len(p), off, size, n, err, m, wantErr)
			}
		}
	}
}

func TestFileOnTheDisk(t *testing.T) {
	data := bytes.Repeat([]byte("the very bytes of somebody's song "), 2000)
	v, f := filled(t, data)
	disk, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(disk, []byte("somebody")) {
		t.Error("the disk holds it in the clear")
	}
	if _, err := f.WriteAt([]byte{disk[20_000] ^ 1}, 20_000); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 10)
	if _, err := v.ReadAt(p, 0); err != nil {
		t.Errorf("the block before: %v", err)
	}
	if n, err := v.ReadAt(p, 17_000); !errors.Is(err, ErrForged) || n != 0 {
		t.Errorf("%d bytes of a changed block: %v", n, err)
	}
	if err := f.Truncate(30_000); err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReadAt(p, 40_000); !errors.Is(err, ErrForged) {
		t.Errorf("what was cut off: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReadAt(p, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
