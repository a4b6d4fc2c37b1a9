package flac

import (
	"io"

	"secstream/pkg/audio"
)

// Carve appends the frames [from.At, to.At) as a FLAC file: STREAMINFO and the
// frames, numbered from 0 so that players which count find what they expect.
// Nothing but the numbers and the checks over them changes in a frame.
// Damaged stretches are left out, as Index left them out.
func (t *Track) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	w := walkers.Get().(*walker)
	dst, err := t.carve(dst, w, r, from, to)
	w.release()
	walkers.Put(w)
	return dst, err
}

func (t *Track) carve(dst []byte, w *walker, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	if from.Off > to.Off || from.At >= to.At || from.Off < 0 || to.Off > t.size {
		return dst, shortfall(from.Off, "a slice from sample %d to %d cannot be", from.At, to.At)
	}
	want := to.At - from.At
	dst = t.si.appendSlice(dst, int64(want))
	w.reset(r, &t.si, from.Off, to.Off)
	w.whole = true
	var frames, samples int64
	for {
		at, err := w.next()
		if err != nil {
			return dst, err
		}
		if at == atEnd {
			break
		}
		if at == atFrame {
			num := frames
			if t.variable {
				num = samples
			}
			dst = w.head.renumber(dst, w.frame(), num, t.variable)
			frames++
			samples += int64(w.head.block)
		}
	}
	if samples != int64(want) {
		return dst, shortfall(from.Off, "%d samples where %d were indexed", samples, want)
	}
	return dst, nil
}

// renumber appends frame with num as its coded number. The CRC-16 covers the
// header, but need not be computed again over all the rest: the difference
// the header makes is carried through as many bytes as follow it.
func (h *header) renumber(dst, frame []byte, num int64, variable bool) []byte {
	at := len(dst)
	dst = append(dst, frame[:4]...)
	dst[at+1] &^= 1
	if variable {
		dst[at+1] |= 1
	}
	dst = appendNumber(dst, num)
	dst = append(dst, frame[4+h.numLen:h.size-1]...)
	dst = append(dst, crc8(dst[at:]))
	diff := crc16(0, frame[:h.size]) ^ crc16(0, dst[at:])
	body := frame[h.size:]
	dst = append(dst, body...)
	diff = shift16(diff, len(body)-2)
	dst[len(dst)-2] ^= byte(diff >> 8)
	dst[len(dst)-1] ^= byte(diff)
	return dst
}
