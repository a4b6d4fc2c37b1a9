package mp3

import (
	"io"

	"secstream/pkg/audio"
)

const (
	maxReservoir = 511
	maxWarmUp    = 2
)

// history keeps the last main data bytes of a walk: the reservoir of the
// frames to come and the main data of the few frames before them.
type history struct {
	buf   [8 << 10]byte
	n     int
	total int64             // bytes ever added
	warm  [maxWarmUp]recent // the last frames added, the newest last
	first int64             // offset of the first warm-up frame
}

// recent is a frame whose main data is at the end of the history.
type recent struct {
	off   int64
	bytes int
}

func (h *history) clear() {
	h.n, h.total, h.warm = 0, 0, [maxWarmUp]recent{}
}

// add takes a frame and its main data.
func (h *history) add(off int64, data []byte) {
	const keep = maxReservoir + maxWarmUp*maxFrame
	if h.n+len(data) > len(h.buf) {
		h.n = copy(h.buf[:], h.buf[h.n-keep:h.n])
	}
	h.n += copy(h.buf[h.n:], data)
	h.total += int64(len(data))
	copy(h.warm[:], h.warm[1:])
	h.warm[maxWarmUp-1] = recent{off: off, bytes: len(data)}
}

// drop takes the last n frames back out, the warm-up frames of a slice, which
// come as frames and not as reservoir.
func (h *history) drop(n int) {
	for _, w := range h.warm[maxWarmUp-n:] {
		h.n -= w.bytes
		h.total -= int64(w.bytes)
	}
	h.first = h.warm[maxWarmUp-n].off
}

// lastBytes are the last n bytes, or as many as there are.
func (h *history) lastBytes(n int) []byte {
	return h.buf[max(0, h.n-n):h.n]
}

// lookBack walks the frames before from, far enough back for the reservoir,
// and leaves the walk at the first warm-up frame. It tries a short way first:
// at usual bit rates a few frames fill the reservoir.
func (t *Track) lookBack(sc *scratch, r io.ReaderAt, from, to audio.Cut) error {
	warm := t.ref.warmUp()
	for back := audio.Frames(warm + 3); ; back *= 4 {
		start := t.cuts.Find(from.At - back*t.ref.samples())
		n := t.index(from) - t.index(start)
		sc.start(r, t.ref, start.Off, to.Off, t.end)
		if err := sc.collect(n, from.Off); err != nil {
			return t.changed(from.Off, err)
		}
		sc.drop(warm)
		if sc.total >= int64(t.ref.reservoir()) || start.At <= 0 {
			sc.pos = sc.first
			return nil
		}
	}
}

// collect adds the next n frames, after which one must follow at off; if not,
// the error is io.EOF.
func (sc *scratch) collect(n, off int64) error {
	sc.clear()
	for range n {
		f, err := sc.next()
		if err != nil {
			return err
		}
		b, err := sc.data(f)
		if err != nil {
			return err
		}
		sc.add(f.off, mainData(b, f.h))
	}
	f, err := sc.next()
	if err == nil && f.off != off {
		return io.EOF
	}
	return err
}

// reach is how many bytes before the walk's position the frames from there on
// draw on. The walk stays where it is. One frame's main_data_begin would do
// for a sound stream, in which no frame reaches back further than the one
// before; in a damaged one any of them may.
func (sc *scratch) reach() (int, error) {
	at := sc.pos
	need, most := 0, sc.ref.reservoir()
	for ahead := 0; ahead < most; {
		f, err := sc.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		b, err := sc.data(f)
		if err != nil {
			return 0, err
		}
		need = max(need, mainDataBegin(b, f.h)-ahead)
		ahead += f.mainBytes()
	}
	sc.pos = at
	return need, nil
}

// mainDataBegin is how many bytes before its own main data frame b's bits
// begin (ISO 11172-3 §2.4.2.7).
func mainDataBegin(b []byte, h header) int {
	p := headerBytes + h.crcBytes()
	if len(b) < p+2 {
		return 0
	}
	if h.lsf() {
		return int(b[p])
	}
	return int(b[p])<<1 | int(b[p+1])>>7
}
