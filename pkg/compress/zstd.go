package compress

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Levels of Zstandard: 1 is quick, 4 searches for repeats wherever they are,
// as loops have them, and takes some 40 MB for each core that compresses.
const (
	MinZstd = 1
	MaxZstd = 4
)

const (
	// zstdWindow is how far back we look for repeats. Sampled sound gains nothing
	// from more: docs/adr/0010 has the figures.
	zstdWindow = 1 << 20
	// zstdReach is the largest window that is read, and what RFC 8878 section
	// 3.1.1.1.2 asks of readers.
	zstdReach = 8 << 20
	// zstdBlock is the most bytes of a block (RFC 8878 section 3.1.1.2.4), and
	// zstdHeader the most that a frame has ahead of its blocks here: magic number,
	// descriptor, window, size of the content.
	zstdBlock       = 128 << 10
	zstdHeader      = 4 + 1 + 1 + 8
	zstdBlockHeader = 3
	zstdMagic       = "\x28\xb5\x2f\xfd"
)

// Zstd is the Codec "zstd": a Zstandard frame (RFC 8878) for each slice, with a
// window of 1 MiB at most, without a dictionary or a checksum: the seal finds
// what is damaged. It keeps its compressors for the next slice. The zero value
// is of level 1.
type Zstd struct {
	level int
	pool  sync.Pool
}

// NewZstd returns a Zstd for level 1 to 4.
func NewZstd(level int) (*Zstd, error) {
	if level < MinZstd || level > MaxZstd {
		return nil, fmt.Errorf("zstd level %d: outside %d to %d", level, MinZstd, MaxZstd)
	}
	return &Zstd{level: level}, nil
}

// Name is NameZstd.
func (z *Zstd) Name() string { return NameZstd }

// Bound is what n bytes take when no block of them shrinks. The quickest level
// has blocks of half the size.
func (z *Zstd) Bound(n int) int { return n + zstdHeader + zstdBlockHeader*(1+n/(zstdBlock/2)) }

// Append appends src as one frame.
func (z *Zstd) Append(dst, src []byte) []byte {
	w, _ := z.pool.Get().(*zstd.Encoder)
	if w == nil {
		w = newZstdWriter(max(z.level, MinZstd))
	}
	dst = w.EncodeAll(src, dst)
	z.pool.Put(w)
	return dst
}

func newZstdWriter(level int) *zstd.Encoder {
	w, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderLevel(zstd.EncoderLevel(level)),
		zstd.WithAllLitEntropyCompression(true), // sound has few repeats: what is to gain is in the rest
	)
	if err != nil {
		panic(err) // the options are constant and the level was checked
	}
	return w
}

// unzippers are kept because each takes some 2 MB, and up to 9 MB for frames
// with the largest window.
var unzippers = sync.Pool{New: func() any {
	r, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(false), zstd.WithDecoderMaxWindow(zstdReach))
	if err != nil {
		panic(err) // the options are constant
	}
	return &unzipper{r: r}
}}

type unzipper struct {
	expander
	r *zstd.Decoder
}

// Expand appends what the frame src holds. Frames with a window of
// more than 8 MiB, or that need a dictionary, are refused.
func (z *Zstd) Expand(dst, src []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(src, []byte(zstdMagic)) {
		return dst, fmt.Errorf("%w: no Zstandard frame", ErrExpand)
	}
	u := unzippers.Get().(*unzipper)
	defer func() {
		u.forget()
		unzippers.Put(u)
	}()
	u.src.Reset(src)
	if err := u.r.Reset(&u.src); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrExpand, err)
	}
	return u.expand(dst, u.r, len(src), limit)
}
