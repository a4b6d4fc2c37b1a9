// Package compress makes slices smaller and reads them back. How that is done
// is a Codec: None, DEFLATE (RFC 1951), which is protocol v1's, and Zstandard
// (RFC 8878) are here, and a program may bring its own. It imports nothing of
// ours.
package compress

import (
	"errors"
	"fmt"
	"slices"
)

// Codec is a way to compress slices, each by itself. It is safe for concurrent
// use.
//
// What Append made, Expand of any Codec of the same name must read: a level or
// a setting belongs to the one who writes, and readers are found by name.
type Codec interface {
	// Name is what both ends of a session call it: 1 to 32 characters of a-z,
	// 0-9 and "-".
	Name() string
	// Bound is the most bytes that Append makes of n.
	Bound(n int) int
	// Append appends src compressed. It cannot fail: what does not shrink is
	// stored. With Bound(len(src)) bytes of room in dst it allocates nothing
	// once it is warm. src and dst must not overlap.
	Append(dst, src []byte) []byte
	// Expand appends what src holds. src may be hostile: more than limit bytes
	// are an error before they are stored, and no length that src states is
	// believed. A caller that knows how many there will be saves the growing by
	// room for them in dst; a dst without room is wiped when it is left for a
	// larger one. After an error, what was appended is returned for the caller
	// to wipe. Errors wrap ErrExpand.
	Expand(dst, src []byte, limit int) ([]byte, error)
}

// Storer is a Codec that can leave bytes as they are, so that a slice can be
// read straight to its place and is never copied.
type Storer interface {
	Codec
	// Stores says whether Append leaves all bytes as they are.
	Stores() bool
	// Frame appends what stands ahead of the next bytes when rest are to come,
	// and returns how many of them follow, at least 1 unless rest is 0. It is
	// called anew after those, until rest is 0, and once for an empty slice.
	Frame(dst []byte, rest int) (out []byte, n int)
}

// Names of the codecs here.
const (
	NameNone    = "none"
	NameDeflate = "deflate" // what protocol v1 knows, and what is meant where no codec is named
	NameZstd    = "zstd"
)

// Errors callers branch on.
var (
	// ErrExpand: a stream that is not what its Codec makes, or holds more than
	// was announced.
	ErrExpand = errors.New("compressed data is damaged")
	// ErrUnknown: a name that no known Codec has.
	ErrUnknown = errors.New("unknown compression")
)

// readers is the table of what can be read without settings.
var readers = [...]Codec{None{}, new(Deflater), new(Zstd)}

// Lookup returns a Codec that expands what the codec called name made. It
// looks in own first, then among those of this package. Errors: ErrUnknown.
func Lookup(name string, own ...Codec) (Codec, error) {
	for _, list := range [...][]Codec{own, readers[:]} {
		if i := slices.IndexFunc(list, func(c Codec) bool { return c.Name() == name }); i >= 0 {
			return list[i], nil
		}
	}
	return nil, fmt.Errorf("%w %.32q", ErrUnknown, name)
}

// None is the Codec "none": a slice is its own bytes.
type None struct{}

// Name is NameNone.
func (None) Name() string { return NameNone }

// Bound is n.
func (None) Bound(n int) int { return n }

// Append appends src.
func (None) Append(dst, src []byte) []byte { return append(dst, src...) }

// Expand appends src.
func (None) Expand(dst, src []byte, limit int) ([]byte, error) {
	if len(src) > limit {
		return dst, errLong
	}
	if n := len(dst) + len(src); n > cap(dst) {
		dst = grow(dst, n, n)
	}
	return append(dst, src...), nil
}

// Stores is true.
func (None) Stores() bool { return true }

// Frame appends nothing: all the rest follows.
func (None) Frame(dst []byte, rest int) (out []byte, n int) { return dst, rest }
