package ogg

import "encoding/binary"

// serial is the stream serial number of every slice. A slice is a file of its
// own with one stream, so it needs no other.
const serial = 1

// pager writes packets as pages behind dst.
type pager struct {
	dst     []byte
	seq     uint32 // number of the next page
	granule int64  // of the last packet that ended on the current page
	ended   bool   // one did
	goesOn  bool   // the packet at the start of the current page began earlier
	n       int
	lace    [255]byte
	body    []byte
	sum     *crc
}

// start begins a new stream behind dst whose first pages, seq of them, are
// there already.
func (w *pager) start(dst []byte, seq uint32) {
	w.dst, w.seq = dst, seq
	w.granule, w.ended, w.goesOn, w.n, w.body = 0, false, false, 0, w.body[:0]
}

// add appends a fragment of a packet. Pages that are full are written out.
func (w *pager) add(lace, data []byte) {
	for len(lace) > 0 {
		if w.n == len(w.lace) {
			w.flush(0)
		}
		k := copy(w.lace[w.n:], lace)
		size := 0
		for _, v := range lace[:k] {
			size += int(v)
		}
		w.body = append(w.body, data[:size]...)
		w.n += k
		lace, data = lace[k:], data[size:]
	}
}

// end marks the end of a packet at granule position g.
func (w *pager) end(g int64) { w.granule, w.ended = g, true }

// packet appends a whole header packet.
func (w *pager) packet(b []byte) {
	full := len(b) / 255
	for i := range full {
		w.add([]byte{255}, b[i*255:i*255+255])
	}
	w.add([]byte{byte(len(b) % 255)}, b[full*255:])
	w.end(0)
}

// flush writes the current page, if there is anything on it.
func (w *pager) flush(flags byte) {
	if w.n == 0 {
		return
	}
	if w.goesOn {
		flags |= continued
	}
	g := w.granule
	if !w.ended {
		g = -1
	}
	at := len(w.dst)
	w.dst = append(w.dst, 'O', 'g', 'g', 'S', 0, flags)
	w.dst = binary.LittleEndian.AppendUint64(w.dst, uint64(g))
	w.dst = binary.LittleEndian.AppendUint32(w.dst, serial)
	w.dst = binary.LittleEndian.AppendUint32(w.dst, w.seq)
	w.dst = append(w.dst, 0, 0, 0, 0, byte(w.n))
	w.dst = append(w.dst, w.lace[:w.n]...)
	w.dst = append(w.dst, w.body...)
	binary.LittleEndian.PutUint32(w.dst[at+crcAt:], w.sum.page(w.dst[at:]))
	w.goesOn = w.lace[w.n-1] == 255
	w.seq++
	w.n, w.body, w.ended = 0, w.body[:0], false
}
