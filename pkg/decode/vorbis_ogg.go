package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errPage = errors.New("no whole Ogg page where one is due")

// oggPackets reads the packets of a slice (RFC 3533 §6). A slice is one
// stream whose pages follow each other; checksums are not looked at, because
// a slice is authenticated before it gets here.
type oggPackets struct {
	data  []byte
	off   int    // of the page after the current one
	lace  []byte // what is left of the current page
	body  []byte
	flags byte
	gran  int64
	begun bool
	buf   []byte // a packet that goes over pages
}

// next returns the next packet, which stays valid until the call after it.
// It returns io.EOF behind the last.
func (o *oggPackets) next() ([]byte, error) {
	o.buf = o.buf[:0]
	for open := false; ; {
		if len(o.lace) == 0 {
			if err := o.page(open); err != nil {
				return nil, err
			}
			continue
		}
		n, size, end := 0, 0, false
		for n < len(o.lace) && !end {
			size += int(o.lace[n])
			end = o.lace[n] < 255
			n++
		}
		piece := o.body[:size]
		o.lace, o.body = o.lace[n:], o.body[size:]
		if end && !open {
			return piece, nil
		}
		o.buf = append(o.buf, piece...)
		if end {
			return o.buf, nil
		}
		open = true
	}
}

// page goes on to the next page, which begins inside a packet if open.
func (o *oggPackets) page(open bool) error {
	b := o.data[o.off:]
	if len(b) == 0 && !open {
		return io.EOF
	}
	if len(b) < 27 || string(b[:5]) != "OggS\x00" {
		return errPage
	}
	head := 27 + int(b[26])
	if len(b) < head {
		return errPage
	}
	size := head
	for _, v := range b[27:head] {
		size += int(v)
	}
	goesOn := b[5]&1 != 0
	if len(b) < size || goesOn != open || o.begun && b[5]&2 != 0 {
		return errPage
	}
	o.begun = true
	o.flags, o.gran = b[5], int64(binary.LittleEndian.Uint64(b[6:]))
	o.lace, o.body = b[27:head], b[head:size]
	o.off += size
	return nil
}

// granule is the position the current page gives, -1 unless the packet that
// was just returned is the last to end on it; last tells if it is the last
// page.
func (o *oggPackets) granule() (g int64, last bool) {
	for _, v := range o.lace {
		if v < 255 {
			return -1, false
		}
	}
	if o.gran < 0 || o.gran > 1<<60 { // no sound lasts that long
		return -1, false
	}
	return o.gran, o.flags&4 != 0
}

// header returns the next packet, which has to be a Vorbis header of this kind.
func (o *oggPackets) header(kind byte) ([]byte, error) {
	packet, err := o.next()
	if err != nil {
		return nil, fmt.Errorf("header %d: %w", kind, err)
	}
	if len(packet) < 7 || packet[0] != kind || string(packet[1:7]) != "vorbis" {
		return nil, fmt.Errorf("no header of type %d where one is due", kind)
	}
	return append([]byte(nil), packet...), nil
}
