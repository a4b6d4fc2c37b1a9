package pack

import (
	"bytes"
	"math/bits"

	"secstream/pkg/seal"
)

// Padded is the length of n bytes with padding: a size that few bits tell
// (Padmé: Nikitin et al., Reducing Metadata Leakage from Encrypted Files and
// Communication with PURBs, section 4), so that sizes of slices tell less of what
// is in them. It costs at most 12 %, of slices a few percent at most.
func Padded(n int) int {
	if n < 2 {
		return 2
	}
	e := bits.Len(uint(n)) - 1
	last := e - bits.Len(uint(e)) // bits that are rounded away
	mask := 1<<max(last, 0) - 1
	return (n + mask) &^ mask
}

// pad appends a byte 0x80 and zeros to what begins at from (ISO/IEC 7816-4).
func pad(buf []byte, from int) []byte {
	end := len(buf)
	n := from + Padded(end-from+1)
	if n > cap(buf) { // it was carved and could not be known
		bigger := make([]byte, n, n+seal.Overhead)
		copy(bigger, buf)
		clear(buf[from:])
		buf = bigger
	}
	buf = buf[:n]
	buf[end] = 0x80
	clear(buf[end+1:])
	return buf
}

// unpad is what pad was given.
func unpad(b []byte) ([]byte, bool) {
	end := len(bytes.TrimRight(b, "\x00")) - 1
	if end < 0 || b[end] != 0x80 {
		return nil, false
	}
	return b[:end], true
}
