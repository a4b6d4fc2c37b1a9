package mp3

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"secstream/pkg/audio"
)

const (
	// maxLead is how much junk is looked through for the first frame.
	maxLead = 1 << 20
	// longestFrame of any layer: layer II, 160 kbit/s at 8 kHz, padded.
	longestFrame = 2881
)

var errNoSync = &audio.Error{Format: "mp3", Off: -1, Err: audio.ErrNotAudio}

// findSync returns the first believable frame at or after from: two headers
// that agree, three if it took a search to find them. Layers I and II and
// free format are found only to be refused.
func findSync(w *window, from int64) (header, int64, error) {
	const ahead = 2*longestFrame + headerBytes
	want, pos := 2, from
	for pos < w.end && pos-from <= maxLead {
		b, err := w.at(pos, ahead)
		if err != nil {
			return 0, 0, err
		}
		if h := chain(b, want); h != 0 {
			return h, pos, refuse(h, pos)
		}
		if pos == from && isFree(b) {
			return 0, 0, &audio.Error{Format: "mp3", Off: pos, Err: fmt.Errorf("free-format bit rate: %w", audio.ErrUnsupported)}
		}
		want = 3
		i := bytes.IndexByte(b[1:], 0xFF)
		switch {
		case i >= 0:
			pos += int64(1 + i)
		default:
			pos += int64(len(b))
		}
	}
	return 0, 0, errNoSync
}

// refuse gives the error for a layer that is not ours.
func refuse(h header, off int64) error {
	switch h.layer() {
	case 1:
		return &audio.Error{Format: "mp1", Off: off, Err: fmt.Errorf("MPEG audio layer I: %w", audio.ErrUnsupported)}
	case 2:
		return &audio.Error{Format: "mp2", Off: off, Err: fmt.Errorf("MPEG audio layer II: %w", audio.ErrUnsupported)}
	}
	return nil
}

// chain returns the header at the start of b if want headers of one stream
// stand where they should, 0 otherwise. A chain one short will do if it ends
// exactly with the file. b reaches to the end of the file or far enough.
func chain(b []byte, want int) header {
	var first header
	p := 0
	for k := range want {
		if k > 0 && k == want-1 && p == len(b) {
			return first
		}
		if p+headerBytes > len(b) {
			return 0
		}
		h := header(binary.BigEndian.Uint32(b[p:]))
		if !h.valid() || h.free() || k > 0 && !h.follows(first) {
			return 0
		}
		if k == 0 {
			first = h
		}
		p += h.length()
	}
	return first
}

// isFree reports whether b starts with three free-format headers of Layer III
// at equal distances, give or take the padding byte.
func isFree(b []byte) bool {
	if len(b) < headerBytes {
		return false
	}
	first := header(binary.BigEndian.Uint32(b))
	if !first.valid() || !first.free() || first.layer() != 3 {
		return false
	}
	same := func(p int) bool {
		if p < 0 || p+headerBytes > len(b) {
			return false
		}
		h := header(binary.BigEndian.Uint32(b[p:]))
		return h.valid() && h.free() && h.follows(first)
	}
	for d := headerBytes + 9; d <= longestFrame; d++ {
		if same(d) && (same(2*d-1) || same(2*d) || same(2*d+1)) {
			return true
		}
	}
	return false
}
