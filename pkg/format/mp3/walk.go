package mp3

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
)

// frame is one Layer III frame as the walk found it.
type frame struct {
	off  int64
	n    int // bytes, header included
	h    header
	junk int64 // bytes right before off that belong to no frame
}

// walker goes from frame to frame by their headers. Where the next header is
// not where it should be it looks for the next place that three headers agree
// on. Its state is its position alone, so a walk that starts at any frame of
// an earlier walk finds the same frames.
type walker struct {
	win   window
	ref   header  // the first good frame
	sizes [16]int // frame length by bit rate index, unpadded; 0 where none
	pos   int64
	cut   int64 // set at the end: bytes of a frame that is cut short
	tail  int64 // set at the end: bytes after the last frame that belong to none
}

// start readies w for a walk over [from, end) in which every frame must agree
// with ref. Reads go no further than until where they can stop there.
func (w *walker) start(r io.ReaderAt, ref header, from, until, end int64) {
	w.win.reset(r, from, until, end)
	w.ref, w.pos, w.cut, w.tail = ref, from, 0, 0
	for i := range w.sizes {
		w.sizes[i] = 0
		if h := ref.withRate(i); h.valid() && !h.free() {
			w.sizes[i] = h.length()
		}
	}
}

// size is the length of the frame that h starts, 0 if h is no header of this
// stream.
func (w *walker) size(h header) int {
	if (h^w.ref)&sameStream != 0 || h.mono() != w.ref.mono() {
		return 0
	}
	n := w.sizes[h.rateIndex()]
	if n == 0 {
		return 0
	}
	return n + h.padding()
}

// next returns the frame at the walk's position, or the next one after it.
// io.EOF says there is none; w.cut and w.tail then say what was left over.
func (w *walker) next() (frame, error) {
	b, err := w.win.at(w.pos, headerBytes)
	if err != nil {
		return frame{}, err
	}
	if len(b) >= headerBytes {
		h := header(binary.BigEndian.Uint32(b))
		if n := w.size(h); n > 0 {
			f := frame{off: w.pos, n: n, h: h}
			if w.pos+int64(n) > w.win.end {
				w.cut, w.pos = w.win.end-w.pos, w.win.end
				return frame{}, io.EOF
			}
			w.pos += int64(n)
			return f, nil
		}
	}
	return w.resync()
}

// resync looks for the next frame past a place that holds none.
func (w *walker) resync() (frame, error) {
	const ahead = 2*maxFrame + headerBytes
	from := w.pos
	for w.pos < w.win.end {
		b, err := w.win.at(w.pos, ahead)
		if err != nil {
			return frame{}, err
		}
		places := len(b) - ahead + 1 // that have room for what agree looks at
		if len(b) < ahead {
			places = len(b) // the end of the file: there is no more to look at
		}
		for i := 0; i < places; i++ {
			next := bytes.IndexByte(b[i:places], 0xFF)
			if next < 0 {
				break
			}
			i += next
			if i+1 < len(b) && (b[i+1]^byte(w.ref>>16))&0xFE != 0 {
				continue // most 0xFF bytes are seen off here
			}
			if h, n := w.agree(b[i:]); n > 0 {
				f := frame{off: w.pos + int64(i), n: n, h: h, junk: w.pos + int64(i) - from}
				w.pos = f.off + int64(n)
				return f, nil
			}
		}
		w.pos += int64(places)
	}
	w.tail, w.pos = w.win.end-from, w.win.end
	return frame{}, io.EOF
}

// agree returns the header at the start of b and the length of its frame if
// two more headers follow where they should. Before the end of the file it is
// enough that the chain of whole frames ends exactly there, or that a second
// header follows and there is no room for a third. b reaches to the end of
// the file or far enough for three headers.
func (w *walker) agree(b []byte) (header, int) {
	first, size, p := header(0), 0, 0
	for k := range 3 {
		if k > 0 && p == len(b) || k > 1 && p+headerBytes > len(b) {
			break
		}
		if p+headerBytes > len(b) {
			return 0, 0
		}
		h := header(binary.BigEndian.Uint32(b[p:]))
		n := w.size(h)
		if n == 0 {
			return 0, 0
		}
		if k == 0 {
			first, size = h, n
		}
		p += n
	}
	if size > len(b) {
		return 0, 0
	}
	return first, size
}

// data is the whole of frame f, good until the next call on w.
func (w *walker) data(f frame) ([]byte, error) {
	b, err := w.win.at(f.off, f.n)
	if err != nil {
		return nil, err
	}
	return b[:f.n], nil
}

// mainData is the part of frame b that feeds the bit reservoir: what follows
// header, CRC and side information. Very small frames may have none.
func mainData(b []byte, h header) []byte {
	return b[min(headerBytes+h.crcBytes()+h.sideBytes(), len(b)):]
}

// mainBytes is the length of f's main data.
func (f frame) mainBytes() int {
	return max(0, f.n-headerBytes-f.h.crcBytes()-f.h.sideBytes())
}

// scratch is what a walk needs; they are kept for reuse, since one is large.
type scratch struct {
	walker
	history
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) release() {
	s.win.r = nil
	scratches.Put(s)
}
