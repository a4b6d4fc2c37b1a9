package mp3

import (
	"context"
	"fmt"
	"io"

	"secstream/pkg/audio"
)

// windowBytes is how much of a file is held at a time. A frame, and the two
// headers after it, always fit.
const windowBytes = 256 << 10

// pastUntil is what a fill past until takes along, lest a search that moves
// byte by byte read byte by byte.
const pastUntil = 32 << 10

// window is a stretch of a file that slides forward over it.
type window struct {
	r     io.ReaderAt
	off   int64 // where held begins in the file
	end   int64 // nothing at or past this is read
	until int64 // a fill does not read past this unless it must
	held  []byte
	buf   [windowBytes]byte
}

func (w *window) reset(r io.ReaderAt, from, until, end int64) {
	w.r, w.off, w.end, w.until = r, from, end, until
	w.held = w.buf[:0]
}

// at returns what is held from off on, n bytes of it at least unless the end
// comes before. n is at most windowBytes. The bytes are good until the next
// call. A file that ends before w.end gives an *audio.Error; other read errors
// come as they are.
func (w *window) at(off int64, n int) ([]byte, error) {
	if i := off - w.off; i >= 0 && i+int64(n) <= int64(len(w.held)) {
		return w.held[i:], nil
	}
	return w.fill(off, n)
}

func (w *window) fill(off int64, n int) ([]byte, error) {
	if left := w.end - off; int64(n) > left {
		n = int(max(left, 0))
	}
	kept := 0
	if i := off - w.off; i >= 0 && i < int64(len(w.held)) {
		kept = copy(w.buf[:], w.held[i:])
	}
	w.off, w.held = off, w.buf[:kept]
	if n <= kept {
		return w.held, nil
	}
	size := w.until - off
	if size < int64(n) {
		size = int64(n) + pastUntil
	}
	size = min(size, windowBytes, w.end-off)
	got, err := w.r.ReadAt(w.buf[kept:size], off+int64(kept))
	w.held = w.buf[:kept+got]
	switch {
	case kept+got >= n:
		return w.held, nil
	case err == io.EOF || err == nil:
		return nil, &audio.Error{Format: "mp3", Off: off + int64(kept+got),
			Err: fmt.Errorf("the file ends %d bytes early: %w", n-kept-got, io.ErrUnexpectedEOF)}
	}
	return nil, err
}

// cancelReader stops a walk when its context ends: one look at the context
// for each window read.
type cancelReader struct {
	ctx context.Context // lives as long as the call it was passed to
	r   io.ReaderAt
}

func (c cancelReader) ReadAt(p []byte, off int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.ReadAt(p, off)
}
