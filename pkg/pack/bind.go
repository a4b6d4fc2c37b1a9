package pack

import (
	"encoding/binary"
	"sync"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
)

// Binding is what the seal of a slice holds besides the slice, as protocol v2
// has it: which slice of which track of which session it is, and what its bytes
// are. A slice that is moved does not open. It is immutable and safe for
// concurrent use.
type Binding struct {
	Session, Track string
	Count          int // slices of the track
	Encoding       string
	Compression    string
	// ID appends that of slice i to dst, and Plain is the bytes it has once it is
	// expanded, 0 where that is as many as were sealed.
	ID    func(dst []byte, i int) []byte
	Plain func(i int) int
}

// Plain is how long a slice of n bytes of PCM is behind a head: a RIFF file, which
// has one, ends at an even place.
func Plain(head, n int) int {
	if head > 0 {
		n += n & 1
	}
	return head + n
}

const labelSlice = "secstream/2 slice"

// append appends what slice i is bound to: fields, each after its length as a
// uint32 in network order.
func (b *Binding) append(dst []byte, i int) []byte {
	dst = appendField(dst, labelSlice)
	dst = appendField(dst, b.Session)
	dst = appendField(dst, b.Track)
	n := len(dst)
	dst = b.ID(append(dst, 0, 0, 0, 0), i)
	binary.BigEndian.PutUint32(dst[n:], uint32(len(dst)-n-4)) //nolint:gosec // lengths here are bounded
	dst = appendNumber(dst, i)
	dst = appendNumber(dst, b.Count)
	dst = appendField(dst, b.Encoding)
	dst = appendField(dst, b.Compression)
	return appendNumber(dst, b.Plain(i))
}

func appendField(dst []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(text))), text...) //nolint:gosec // lengths here are bounded
}

func appendNumber(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, 4), uint32(n)) //nolint:gosec // as above
}

var bounds = sync.Pool{New: func() any { return new([]byte) }}

// take returns what slice i is bound to, empty for a nil b. It goes back to
// bounds.
func (b *Binding) take(i int) *[]byte {
	buf := bounds.Get().(*[]byte)
	*buf = (*buf)[:0]
	if b != nil {
		*buf = b.append(*buf, i)
	}
	return buf
}

// Manifest is what the manifest of a track is bound to.
func Manifest(session, track string) []byte {
	return appendField(appendField(appendField(nil, "secstream/2 manifest"), session), track)
}

// CompressionV2 is Compression by protocol v2, where nothing has to be called
// DEFLATE that is not.
func CompressionV2(coded audio.Codec, want compress.Codec) compress.Codec {
	if s, ok := want.(compress.Storer); ok && s.Stores() || coded != audio.PCM {
		return compress.None{}
	}
	return want
}
