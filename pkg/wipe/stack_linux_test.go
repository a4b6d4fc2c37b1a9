//go:build !race

// The race detector keeps a shadow of all memory, which would be searched, too.

package wipe_test

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"secstream/pkg/wipe"
	"secstream/pkg/wipe/wipetest"
)

// secret is made anew where it is wanted, so that it is nowhere in between.
//
//go:noinline
func secret(n uint64, b []byte) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	for len(b) > 0 {
		b = b[copy(b, sum[:]):]
	}
}

// leave leaves secret n on the stack.
//
//go:noinline
func leave(n uint64) {
	var room [2 << 10]byte
	secret(n, room[:])
}

// TestStackIsOverwritten: what a function has left on its stack is found, unless
// it was called by Stack or Deep.
func TestStackIsOverwritten(t *testing.T) {
	if !wipetest.Calm(t) {
		return
	}
	for n, c := range map[uint64]struct {
		name string
		call func(func())
		left bool
	}{1: {"nothing", func(do func()) { do() }, true}, 2: {"Stack", wipe.Stack, false}, 3: {"Deep", wipe.Deep, false}} {
		var s wipetest.Traces
		var b [32]byte
		wipe.Deep(func() { // what making it leaves behind is not the matter here
			secret(n, b[:])
			s.Add("secret", b[:])
			clear(b[:])
		})
		c.call(func() { leave(n) })
		found, err := s.Find("self")
		if err != nil {
			t.Fatal(err)
		}
		if (found["secret"] > 0) != c.left {
			t.Errorf("%s: %v", c.name, found)
		}
	}
}
