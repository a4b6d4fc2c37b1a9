package flac

import (
	"bytes"
	"errors"
	"io"

	"secstream/pkg/audio"
)

// firstWindow is what a walker reads at once: large enough that a read costs
// little beside the checking, small enough to stay in the cache.
const firstWindow = 256 << 10

// window is the part of a file that a walker looks at, moved along by it.
type window struct {
	r    io.ReaderAt
	end  int64  // where the bytes of interest end
	base int64  // file offset of buf[0]
	buf  []byte // what has been read, of the capacity of one window
}

// reset points the window at [off, end) of r, keeping its memory.
func (w *window) reset(r io.ReaderAt, off, end int64) {
	w.r, w.base, w.end, w.buf = r, off, end, w.buf[:0]
}

// from returns the bytes at off and after: at least n of them, fewer only
// where the end comes first. What lies before keep may be dropped, so keep
// is at most off, and neither ever decreases by more than was kept.
func (w *window) from(keep, off int64, n int) ([]byte, error) {
	want := min(off+int64(n), w.end)
	if have := w.base + int64(len(w.buf)); want > have {
		if err := w.fill(keep, want); err != nil {
			return nil, err
		}
	}
	return w.buf[off-w.base:], nil
}

// fill moves the window to keep and reads up to its capacity, to want at least.
func (w *window) fill(keep, want int64) error {
	old := w.buf
	if need := int(want - keep); need > cap(w.buf) {
		w.buf = make([]byte, 0, max(firstWindow, 2*need))
	}
	if have := w.base + int64(len(old)); keep < have {
		w.buf = w.buf[:copy(w.buf[:cap(w.buf)], old[keep-w.base:])]
	} else {
		w.buf = w.buf[:0]
	}
	w.base = keep
	have := len(w.buf)
	room := int(min(int64(cap(w.buf)), w.end-keep))
	n, err := w.r.ReadAt(w.buf[have:room], keep+int64(have))
	w.buf = w.buf[:have+n]
	if have+n == room {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return &audio.Error{Format: "flac", Off: keep + int64(have+n), Err: io.ErrUnexpectedEOF}
	}
	return err
}

// Doubtful frame ends are settled by header.extent, which is slower than the
// search. Sound files need it for one frame in 256 and at the end; one made to
// waste time could ask for it everywhere, so a walk may spend no more bytes on
// it than walkStart and walkRate for each byte it has come along.
const (
	walkStart = 4 << 20
	walkRate  = 1
)

// walker goes through the frames of a stream. A frame counts when its header
// is valid and fits STREAMINFO and its CRC-16 is right; everything else is
// stepped over. Which bytes count is decided by the bytes alone, so a walk of
// a part that begins and ends at frames finds what the walk of the whole did.
type walker struct {
	win   window
	si    *streamInfo
	whole bool  // the end is known to be that of a frame
	pos   int64 // where to look next
	spare int64 // bytes that may still be spent on extents

	// The frame that next found, size 0 before the first.
	off  int64
	size int
	head header

	skipped int64 // bytes stepped over right before it, or before the end
	skipOff int64 // where they begin
	lost    int   // frames among them that are damaged

	cand header // what find found
}

// reset starts a walk at off that ends at end, keeping the window's memory.
func (w *walker) reset(r io.ReaderAt, si *streamInfo, off, end int64) {
	w.win.reset(r, off, end)
	w.si, w.pos, w.spare, w.size = si, off, walkStart, 0
	w.whole = false
	w.skipped, w.skipOff, w.lost = 0, off, 0
}

// frame is the bytes of the frame that next found, valid until the next call.
func (w *walker) frame() []byte {
	i := int(w.off - w.win.base)
	return w.win.buf[i : i+w.size]
}

// step is what next came upon.
type step int

const (
	atFrame step = iota
	atJunk       // nothing so far; the caller may give up here, or go on
	atEnd
)

// junkStep is how much junk is searched before next comes back, so that the
// walk through a large file that is no FLAC can be cancelled.
const junkStep = 16 << 20

// next finds the next frame. Errors are those of reading.
func (w *walker) next() (step, error) {
	if w.size > 0 {
		w.pos = w.off + int64(w.size)
		w.spare += walkRate * int64(w.size)
		w.size, w.skipOff, w.lost = 0, w.pos, 0
	}
	for limit := w.pos + junkStep; w.pos < limit; w.lost++ {
		found, err := w.sync(limit)
		if err != nil {
			return atEnd, err
		}
		w.skipped = w.pos - w.skipOff
		if !found {
			break
		}
		resume, err := w.measure()
		if err != nil {
			return atEnd, err
		}
		if w.size > 0 {
			w.off = w.pos
			return atFrame, nil
		}
		w.spare += walkRate * (resume - w.pos)
		w.pos = resume
	}
	w.skipped = w.pos - w.skipOff
	if w.pos < w.win.end {
		return atJunk, nil
	}
	return atEnd, nil
}

// sync moves to the next header before limit that fits STREAMINFO.
func (w *walker) sync(limit int64) (bool, error) {
	limit = min(limit, w.win.end)
	for w.pos < limit {
		at, err := w.find(-1, w.pos, limit)
		if err != nil {
			return false, err
		}
		if at < 0 {
			w.pos = limit
			break
		}
		w.pos = at
		if w.cand.fits(w.si) {
			w.head = w.cand
			return true, nil
		}
		w.pos++
	}
	return false, nil
}

// find looks for a valid header that starts in [off, end), leaves it in
// w.cand and returns where it is, -1 if there is none. The bytes from keep on
// stay in the window, unless keep is -1.
func (w *walker) find(keep, off, end int64) (int64, error) {
	for off < end {
		hold := keep
		if keep < 0 {
			hold = off
		}
		b, err := w.win.from(hold, off, maxHeader)
		if err != nil {
			return -1, err
		}
		// Where the window ends, a header may be cut off: those positions
		// wait for the next one, unless the audio ends there too.
		n := int64(len(b) - maxHeader + 1)
		if off+int64(len(b)) >= w.win.end {
			n = int64(len(b))
		}
		n = min(n, end-off)
		if i := w.scan(b, int(n)); i >= 0 {
			return off + int64(i), nil
		}
		off += n
	}
	return -1, nil
}

// scan looks for a valid header that starts in the first n bytes of b.
func (w *walker) scan(b []byte, n int) int {
	for i := 0; i < n; i++ {
		k := bytes.IndexByte(b[i:n], 0xff)
		if k < 0 {
			return -1
		}
		i += k
		if i+1 < len(b) && b[i+1]&0xfe == 0xf8 && w.cand.parse(b[i:]) {
			return i
		}
	}
	return -1
}

// measure finds where the frame at w.pos, whose header is w.head, ends: at the
// first valid header before which the CRC-16 comes out as 0. It sets w.size,
// or leaves it 0 for a damaged frame and says where to look for the next.
func (w *walker) measure() (resume int64, err error) {
	p := w.pos
	bound := min(p+int64(w.head.maxFrame(w.si)), w.win.end)
	var crc uint16
	done := p
	for at := p + int64(w.head.size); ; at++ {
		at, err = w.find(p, at, bound)
		if err != nil {
			return 0, err
		}
		stop := at
		if at < 0 {
			stop = bound
		}
		b, err := w.win.from(p, p, int(stop-p))
		if err != nil {
			return 0, err
		}
		b = b[:stop-p]
		crc = crc16(crc, b[done-p:])
		done = stop
		fits := at >= 0 && w.cand.fits(w.si)
		// Zeros after a frame leave the CRC at 0, so an end in 0 is doubtful.
		sure := crc == 0 && b[len(b)-1] != 0
		switch {
		case sure && fits && w.head.follows(&w.cand), sure && w.whole && stop == w.win.end:
			w.size = len(b)
			return stop, nil
		case crc == 0 || fits || at < 0:
			return stop, w.settle(bound)
		}
	}
}

// settle measures the frame at w.pos by its coding.
func (w *walker) settle(bound int64) error {
	n := int(min(bound-w.pos, w.spare))
	b, err := w.win.from(w.pos, w.pos, n)
	if err != nil {
		return err
	}
	size, used := w.head.extent(b[:n], w.si)
	w.size = size
	w.spare -= int64(used)
	return nil
}
