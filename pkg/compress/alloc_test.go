//go:build !race

package compress

import "testing"

// Pools forget at random under the race detector, so there is nothing to count.
func TestAllocations(t *testing.T) {
	plain := sound(200000)
	for name, c := range codecs(t) {
		dst := make([]byte, 0, c.Bound(len(plain)))
		if n := testing.AllocsPerRun(10, func() { c.Append(dst, plain) }); n != 0 {
			t.Errorf("%s: %v allocations a slice", name, n)
		}
		packed := c.Append(nil, plain)
		back := make([]byte, 0, len(plain))
		if n := testing.AllocsPerRun(10, func() { c.Expand(back, packed, len(plain)) }); n != 0 {
			t.Errorf("%s: %v allocations a slice on the way back", name, n)
		}
	}
}
