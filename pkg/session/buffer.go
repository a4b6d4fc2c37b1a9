package session

import (
	"math/bits"
	"sync"

	"secstream/pkg/pack"
)

// Buffers come in sizes of powers of two, each with a pool of its own: a
// small slice must not keep the buffer of a large one from others, and
// what it takes is known before it is made.
const (
	minShift  = 14
	maxShift  = 25
	maxBuffer = 1 << maxShift // the largest slice fits
)

var buffers [maxShift + 1]sync.Pool

// What a slice takes besides its sound never passes maxBuffer.
const _ = uint(maxBuffer - pack.MaxPlain - 1<<19)

func shift(n int64) int { return min(max(bits.Len64(uint64(max(n, 1)-1)), minShift), maxShift) }

// bufferSize is the capacity of a buffer for n bytes.
func bufferSize(n int64) int64 { return 1 << shift(n) }

// takeBuffer returns an empty buffer with room for n bytes.
func takeBuffer(n int64) *[]byte {
	if b, ok := buffers[shift(n)].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, bufferSize(n))
	return &b
}

// giveBuffer takes back what takeBuffer gave, as body has become. A body that
// had to grow is left to the garbage collector: its size is not one of ours.
func giveBuffer(b *[]byte, body []byte) {
	if cap(body) == cap(*b) {
		*b = body[:0]
	}
	buffers[shift(int64(cap(*b)))].Put(b)
}
