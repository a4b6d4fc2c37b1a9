package compress

import (
	"bytes"
	"fmt"
	"io"
)

// expander is what is kept of one expansion for the next.
type expander struct {
	src bytes.Reader
	one [1]byte
}

func (e *expander) forget() {
	e.src.Reset(nil)
	e.one[0] = 0
}

// expand appends all of r, which reads e.src, of packed bytes. It is
// Codec.Expand for what can be read bit by bit: room is made for what came,
// not for what is announced.
func (e *expander) expand(dst []byte, r io.Reader, packed, limit int) ([]byte, error) {
	start := len(dst)
	for {
		room := dst[len(dst):min(cap(dst), start+limit)]
		full := len(room) == 0
		if full {
			room = e.one[:] // the stream may end where the room does
		}
		n, err := r.Read(room)
		switch {
		case !full:
			dst = dst[:len(dst)+n]
		case n > 0 && len(dst)-start == limit:
			return dst, errLong
		case n > 0:
			dst = append(grow(dst, len(dst)+max(len(dst), 2*packed, 4096), start+limit), e.one[0])
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, fmt.Errorf("%w: %w", ErrExpand, err)
		}
	}
}

var errLong = fmt.Errorf("%w: it holds more than was announced", ErrExpand)

// grow gives b room for size bytes, but never for more than most. Streams ask
// for twice as much each time, so that all moves together copy less than twice
// the result. It wipes what it leaves behind: the bytes are audio in the clear.
func grow(b []byte, size, most int) []byte {
	bigger := make([]byte, len(b), min(size, most))
	copy(bigger, b)
	clear(b)
	return bigger
}
