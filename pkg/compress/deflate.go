package compress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Levels of DEFLATE: 0 stores, 9 tries hardest.
const (
	MinLevel     = 0
	MaxLevel     = 9
	DefaultLevel = 6
)

const (
	// blockMax is the most bytes one stored block can hold (RFC 1951 §3.2.4).
	blockMax = 65535
	// blockHeader is the size of a stored block's header: final bit and type in
	// one byte, length, and the length's complement.
	blockHeader = 5
)

// StoredLen is the length of a level 0 stream of n bytes.
func StoredLen(n int) int {
	return n + blockHeader*max(1, (n+blockMax-1)/blockMax)
}

// AppendStored appends src as a level 0 stream.
func AppendStored(dst, src []byte) []byte {
	for {
		var n int
		dst, n = appendBlockHeader(dst, len(src))
		dst = append(dst, src[:n]...)
		if src = src[n:]; len(src) == 0 {
			return dst
		}
	}
}

// appendBlockHeader appends the header of the next stored block when rest
// bytes are to come, and returns how many of them it holds.
func appendBlockHeader(dst []byte, rest int) ([]byte, int) {
	n := min(rest, blockMax)
	var final byte
	if n == rest {
		final = 1
	}
	dst = append(dst, final)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
	return binary.LittleEndian.AppendUint16(dst, ^uint16(n)), n
}

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

// Deflater is the Codec "deflate" at one level: raw DEFLATE streams (RFC 1951).
// It keeps its compressors for the next slice. The zero value stores, as level
// 0 does.
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

// Name is NameDeflate.
func (d *Deflater) Name() string { return NameDeflate }

// Level is the level d was made for.
func (d *Deflater) Level() int { return d.level }

// Bound is StoredLen.
func (d *Deflater) Bound(n int) int { return StoredLen(n) }

// Expand is Inflate.
func (d *Deflater) Expand(dst, src []byte, limit int) ([]byte, error) {
	return Inflate(dst, src, limit)
}

// Stores says whether the level is 0.
func (d *Deflater) Stores() bool { return d.level == 0 }

// Frame appends the header of a stored block.
func (d *Deflater) Frame(dst []byte, rest int) (out []byte, n int) {
	return appendBlockHeader(dst, rest)
}

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
	expander
	r io.ReadCloser
}

// Inflate appends what the stream src holds, as Codec.Expand does.
func Inflate(dst, src []byte, limit int) ([]byte, error) {
	f := inflaters.Get().(*inflater)
	defer func() {
		f.forget()
		inflaters.Put(f)
	}()
	f.src.Reset(src)
	if err := f.r.(flate.Resetter).Reset(&f.src, nil); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrExpand, err)
	}
	return f.expand(dst, f.r, len(src), limit)
}
