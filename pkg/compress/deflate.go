// Package compress makes and reads raw DEFLATE streams (RFC 1951), one whole
// stream for each slice. It imports nothing of ours.
package compress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Levels of compression: 0 stores, 9 tries hardest.
const (
	MinLevel     = 0
	MaxLevel     = 9
	DefaultLevel = 6
)

// ErrExpand is returned by Inflate for a stream that is not valid DEFLATE or
// that holds more or less than was announced.
var ErrExpand = errors.New("compressed data is damaged")

const (
	// blockMax is the most bytes one stored block can hold (RFC 1951 §3.2.4).
	blockMax = 65535
	// BlockHeader is the size of a stored block's header: final bit and type in
	// one byte, length, and the length's complement.
	BlockHeader = 5
)

// StoredLen is the length of a level 0 stream of n bytes.
func StoredLen(n int) int {
	return n + BlockHeader*max(1, (n+blockMax-1)/blockMax)
}

// AppendStored appends src as a level 0 stream.
func AppendStored(dst, src []byte) []byte {
	for {
		n := min(len(src), blockMax)
		dst = AppendBlockHeader(dst, n, n == len(src))
		dst = append(dst, src[:n]...)
		if src = src[n:]; len(src) == 0 {
			return dst
		}
	}
}

// AppendBlockHeader appends the header of a stored block of n bytes, 0 to
// 65535, for callers that put the bytes in place themselves.
func AppendBlockHeader(dst []byte, n int, final bool) []byte {
	var b byte
	if final {
		b = 1
	}
	dst = append(dst, b)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
	return binary.LittleEndian.AppendUint16(dst, ^uint16(n))
}

// NextBlock is the size of the next stored block when rest bytes are to come.
func NextBlock(rest int) int { return min(rest, blockMax) }

// errFull stops a compression that will not pay.
var errFull = errors.New("no gain")

// sink takes compressor output into dst until it passes limit bytes.
type sink struct {
	dst   []byte
	limit int
}

func (s *sink) Write(p []byte) (int, error) {
	if len(p) > s.limit-len(s.dst) {
		return 0, errFull
	}
	s.dst = append(s.dst, p...)
	return len(p), nil
}

// effort maps our levels to the library's. Its own levels 1 to 6 store
// whatever has few repeats, which sampled sound is: they leave 8-bit-like
// music at 95 % where entropy coding alone reaches 86 %. So the low levels
// are Huffman coding alone, and the rest begin where matches are searched
// without giving that up. The figures are in docs/adr/0006.
var effort = [...]int{0, flate.HuffmanOnly, flate.HuffmanOnly, flate.HuffmanOnly, 7, 7, 7, 8, 8, 9}

// Deflater compresses slices at one level. It is safe for concurrent use and
// keeps its compressors for the next slice.
type Deflater struct {
	level int
	pool  sync.Pool
}

type compressor struct {
	sink sink
	w    *flate.Writer
}

// NewDeflater returns a Deflater for level 0 to 9.
func NewDeflater(level int) (*Deflater, error) {
	if level < MinLevel || level > MaxLevel {
		return nil, fmt.Errorf("compression level %d: outside %d to %d", level, MinLevel, MaxLevel)
	}
	return &Deflater{level: level}, nil
}

// Level is the level d was made for.
func (d *Deflater) Level() int { return d.level }

// Append appends src as a DEFLATE stream. A slice that does not shrink by at
// least 3 % is stored instead, so the result is never longer than
// StoredLen(len(src)). src and dst must not overlap.
func (d *Deflater) Append(dst, src []byte) []byte {
	if d.level == 0 {
		return AppendStored(dst, src)
	}
	c, _ := d.pool.Get().(*compressor)
	if c == nil {
		c = new(compressor)
		c.w, _ = flate.NewWriter(&c.sink, effort[d.level]) // the level was checked
	}
	c.sink = sink{dst: dst, limit: len(dst) + len(src)*97/100}
	c.w.Reset(&c.sink)
	_, err := c.w.Write(src)
	if err == nil {
		err = c.w.Close()
	}
	out := c.sink.dst
	c.sink = sink{}
	d.pool.Put(c)
	if err != nil {
		return AppendStored(dst, src)
	}
	return out
}

// inflaters are kept because each takes some 40 kB.
var inflaters = sync.Pool{New: func() any { return &inflater{r: flate.NewReader(nil)} }}

type inflater struct {
	src bytes.Reader
	r   io.ReadCloser
	one [1]byte
}

// Inflate appends what the stream src holds. More than limit bytes are an
// error, before they are stored. A caller that knows how many there will be
// saves the growing by room for them in dst; a dst without room is wiped when
// it is left for a larger one. Errors wrap ErrExpand.
func Inflate(dst, src []byte, limit int) ([]byte, error) {
	f := inflaters.Get().(*inflater)
	defer func() {
		f.src.Reset(nil)
		f.one[0] = 0
		inflaters.Put(f)
	}()
	f.src.Reset(src)
	if err := f.r.(flate.Resetter).Reset(&f.src, nil); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrExpand, err)
	}
	start := len(dst)
	for {
		room := dst[len(dst):min(cap(dst), start+limit)]
		full := len(room) == 0
		if full {
			room = f.one[:] // the stream may end where the room does
		}
		n, err := f.r.Read(room)
		switch {
		case !full:
			dst = dst[:len(dst)+n]
		case n > 0 && len(dst)-start == limit:
			return dst, fmt.Errorf("%w: it holds more than was announced", ErrExpand)
		case n > 0:
			dst = append(grow(dst, len(src), start+limit), f.one[0])
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, fmt.Errorf("%w: %w", ErrExpand, err)
		}
	}
}

// grow makes b at least twice as large, so that all moves together copy less
// than twice the result, but never larger than most. It wipes what it leaves
// behind: the bytes are audio in the clear.
func grow(b []byte, packed, most int) []byte {
	bigger := make([]byte, len(b), min(len(b)+max(len(b), 2*packed, 4096), most))
	copy(bigger, b)
	clear(b)
	return bigger
}
