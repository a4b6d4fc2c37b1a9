// Package pack turns a slice of a track into the bytes that travel, and back:
//
//	carve → compress → seal      and      open → expand
//
// How slices are compressed and sealed is up to a compress.Codec and the
// seal.Cipher of a seal.Box. Both directions live here and share one
// round-trip test. The server and the benchmark run this same code. It imports
// audio, compress, seal and slicer.
package pack

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

// MaxPlain is the most bytes one slice may hold before compression. It bounds
// the memory a slice costs on both ends: 30 s of 24-bit stereo at 96 kHz are
// 17 MiB.
const MaxPlain = 31 << 20

// ErrTooLarge is wrapped when a slice is larger than MaxPlain.
var ErrTooLarge = errors.New("slice is too large")

// sizer is a track that knows how long a slice is before it is made.
type sizer interface {
	Size(from, to audio.Cut) int64
}

// ranger is a track whose slices are plain ranges of the file. They are read
// straight to where they are sealed.
type ranger interface {
	Range(from, to audio.Cut) (off, n int64)
}

// Packer makes sealed slices of one track for one key. It is immutable and
// safe for concurrent use.
type Packer struct {
	track audio.Track
	plan  slicer.Plan
	codec compress.Codec
	box   *seal.Box
	bound *Binding // nil under protocol v1
	pads  bool
}

// Compression is the codec for audio coded as coded says, where want is for
// what is worth compressing, which only PCM is. Other audio is stored: as
// DEFLATE where that is wanted, for readers who know nothing else, or by None.
func Compression(coded audio.Codec, want compress.Codec) compress.Codec {
	switch {
	case coded == audio.PCM:
		return want
	case want.Name() == compress.NameDeflate:
		return stored
	}
	return compress.None{}
}

var stored = new(compress.Deflater)

// NewPacker returns a packer for track cut as plan says. The caller has
// chosen the codec (see Compression).
func NewPacker(track audio.Track, plan slicer.Plan, codec compress.Codec, box *seal.Box) *Packer {
	return &Packer{track: track, plan: plan, codec: codec, box: box}
}

// NewBoundPacker returns a packer whose slices are bound to their place, as
// protocol v2 has it, and padded if pads. box is of seal.NewBound.
func NewBoundPacker(track audio.Track, plan slicer.Plan, codec compress.Codec, box *seal.Box, bound *Binding, pads bool) *Packer {
	return &Packer{track, plan, codec, box, bound, pads}
}

// Check tells whether every slice of plan stays under MaxPlain, as far as
// that can be known without reading. The error wraps ErrTooLarge.
func Check(track audio.Track, plan slicer.Plan) error {
	for i := range plan.Len() {
		from, to := plan.Bounds(i)
		n := to.Off - from.Off
		switch t := track.(type) {
		case ranger:
			_, n = t.Range(from, to)
		case sizer:
			n = t.Size(from, to)
		}
		if n > MaxPlain {
			return fmt.Errorf("slice %d: %w: %d bytes, at most %d; use shorter slices", i, ErrTooLarge, n, MaxPlain)
		}
	}
	return nil
}

// Millis is the slice length to cut a track at: want, or as much less as it
// takes to keep even randomised slices under MaxPlain: those are up to twice
// as long, and the last may have 0.3 of a slice added. Only many channels at a
// high rate come to that. Coded audio goes by its size as PCM, since that is
// how some clients get it.
func Millis(info audio.Info, want int) int {
	bytesPerSecond := int64(info.SampleRate) * int64(info.Channels) * int64(max(info.Sample.Bytes(), (info.BitDepth+7)/8, 2))
	if bytesPerSecond <= 0 {
		return want
	}
	return max(slicer.MinMillis, min(want, int(MaxPlain*1000*10/23/bytesPerSecond)))
}

// scratch holds buffers for slices in the clear. They are wiped before they
// go back.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Append appends the sealed slice i to dst and returns it; src is the track's
// file. With enough room in dst it allocates nothing. Errors are those of
// the file, and leave nothing in the clear in dst.
func (p *Packer) Append(dst []byte, src io.ReaderAt, i int) ([]byte, error) {
	start := len(dst)
	out, err := p.AppendClear(append(dst, head[:p.box.Head()]...), src, i)
	if err != nil {
		return dst, err
	}
	if p.pads {
		out = pad(out, start+p.box.Head())
	}
	bound := p.bound.take(i)
	defer bounds.Put(bound)
	return p.box.Seal(out, start, *bound), nil
}

var head [seal.NonceSize]byte

// AppendClear is Append without its last step: slice i carved and compressed,
// not sealed. Measurements need it, to tell the steps apart.
func (p *Packer) AppendClear(dst []byte, src io.ReaderAt, i int) ([]byte, error) {
	if i < 0 || i >= p.plan.Len() {
		return dst, fmt.Errorf("slice %d: the track has %d", i, p.plan.Len())
	}
	from, to := p.plan.Bounds(i)
	start := len(dst)
	out, err := p.compressed(dst, src, from, to)
	if err != nil {
		clear(out[start:])
		return dst, fmt.Errorf("slice %d: %w", i, err)
	}
	return out, nil
}

func (p *Packer) compressed(dst []byte, src io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	if s, ok := p.codec.(compress.Storer); ok && s.Stores() {
		if r, ok := p.track.(ranger); ok {
			off, n := r.Range(from, to)
			return p.ranged(dst, s, src, off, n)
		}
	}
	if _, ok := p.codec.(compress.None); ok {
		return p.carved(dst, src, from, to)
	}
	buf := scratch.Get().(*[]byte)
	plain, err := p.track.Carve((*buf)[:0], src, from, to)
	defer func() {
		clear(plain)
		*buf = plain[:0]
		scratch.Put(buf)
	}()
	if err != nil {
		return dst, err
	}
	if len(plain) > MaxPlain {
		return dst, ErrTooLarge
	}
	dst = p.reserve(dst, p.codec.Bound(len(plain)))
	return p.codec.Append(dst, plain), nil
}

// carved carves straight to where the slice is sealed.
func (p *Packer) carved(dst []byte, src io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	out, err := p.track.Carve(dst, src, from, to)
	if err != nil || cap(out) != cap(dst) { // out is elsewhere, or may be
		clear(dst[len(dst):cap(dst)])
	}
	if err == nil && len(out)-len(dst) > MaxPlain {
		err = ErrTooLarge
	}
	return out, err
}

// ranged reads n bytes at off, each straight behind what frames it: the slice
// is never copied.
func (p *Packer) ranged(dst []byte, codec compress.Storer, src io.ReaderAt, off, n int64) ([]byte, error) {
	if n > MaxPlain {
		return dst, ErrTooLarge
	}
	dst = p.reserve(dst, codec.Bound(int(n)))
	for rest := int(n); ; {
		var k int
		dst, k = codec.Frame(dst, rest)
		block := dst[len(dst) : len(dst)+k]
		got, err := src.ReadAt(block, off)
		dst = dst[:len(dst)+got]
		if got < k {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return dst, fmt.Errorf("read %d bytes at byte %d: %w", k, off, err)
		}
		off += int64(k)
		if rest -= k; rest == 0 {
			return dst, nil
		}
	}
}

// reserve makes room for n more bytes, with padding and what sealing adds. dst
// holds nothing in the clear yet.
func (p *Packer) reserve(dst []byte, n int) []byte {
	if p.pads {
		n = Padded(n + 1)
	}
	n += seal.Overhead
	if cap(dst)-len(dst) >= n {
		return dst
	}
	bigger := make([]byte, len(dst), len(dst)+n)
	copy(bigger, dst)
	return bigger
}

// Preroll is the preroll of slice i, in frames.
func Preroll(track audio.Track, plan slicer.Plan, i int) audio.Frames {
	from, _ := plan.Bounds(i)
	return track.Preroll(from)
}

// Unpacker opens sealed slices. It is immutable and safe for concurrent use.
type Unpacker struct {
	codec compress.Codec
	box   *seal.Box
	bound *Binding
	pads  bool
}

// NewUnpacker returns an Unpacker of DEFLATE for the key in box, as protocol v1
// has it.
func NewUnpacker(box *seal.Box) *Unpacker { return NewUnpackerWith(stored, box) }

// NewUnpackerWith returns an Unpacker for what a codec of the same name
// compressed.
func NewUnpackerWith(codec compress.Codec, box *seal.Box) *Unpacker {
	return &Unpacker{codec: codec, box: box}
}

// NewBoundUnpacker returns an Unpacker of what a NewBoundPacker made.
func NewBoundUnpacker(codec compress.Codec, box *seal.Box, bound *Binding, pads bool) *Unpacker {
	return &Unpacker{codec, box, bound, pads}
}

// Wipe wipes the box: nothing opens any more.
func (u *Unpacker) Wipe() { u.box.Wipe() }

// Append is AppendSlice where slices are bound to nothing.
func (u *Unpacker) Append(dst, body []byte, limit int) ([]byte, error) {
	return u.AppendSlice(dst, body, 0, limit)
}

// ErrPadding is returned for padding that does not end where it should.
var ErrPadding = errors.New("the slice is not padded as was said")

// AppendSlice opens body, slice i, in place, and appends what it holds, at most limit
// bytes, to dst. The order is fixed: authenticate, then expand. Errors wrap
// seal.ErrForged, ErrPadding or compress.ErrExpand. On return body holds nothing in the
// clear; on error neither does dst beyond its length.
func (u *Unpacker) AppendSlice(dst, body []byte, i, limit int) ([]byte, error) {
	bound := u.bound.take(i)
	defer bounds.Put(bound)
	opened, err := u.box.Open(body, *bound)
	if err != nil {
		return dst, err
	}
	defer clear(opened)
	packed := opened
	if u.pads {
		var ok bool
		if packed, ok = unpad(opened); !ok {
			return dst, ErrPadding
		}
	}
	start := len(dst)
	out, err := u.codec.Expand(dst, packed, limit)
	if err != nil {
		clear(out[start:])
		return dst, err
	}
	return out, nil
}
