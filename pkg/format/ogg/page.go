package ogg

import (
	"bytes"
	"encoding/binary"
	"io"
)

// The page header (RFC 3533 §6).
const (
	granuleAt = 6
	serialAt  = 14
	seqAt     = 18
	crcAt     = 22
	headLen   = 27 // without the lacing values
	maxPage   = headLen + 255 + 255*255
)

// Header type flags.
const (
	continued = 1
	firstPage = 2
	lastPage  = 4
)

// page is one Ogg page. lace and body lie in the reader's buffer and hold
// until the next call of next.
type page struct {
	off     int64 // byte offset in the file
	flags   byte
	granule int64 // -1: no packet ends on this page
	serial  uint32
	seq     uint32
	lace    []byte
	body    []byte
}

// Bounds on work wasted on what only looks like a page: a hostile file can
// put a false page of 64 kB behind every few bytes. Real damage stays far
// below.
const (
	wasteBase  = 8 << 20
	wasteTimes = 4
)

// pages walks the pages of a file. Bytes that belong to no page are stepped
// over; a page whose checksum does not match is no page.
type pages struct {
	r     io.ReaderAt
	at    int64 // file offset of the next byte to look at
	end   int64 // where to stop
	base  int64 // file offset of buf[0]
	buf   []byte
	have  int // buf[:have] is filled
	chunk int // least number of bytes to read at a time
	sum   crc
	waste int64 // bytes that went through the checksum in vain

	// What was stepped over before the page returned last.
	junkOff, junk int64
	badCRC        bool // among it something with the shape of a page
	cut           bool // a page that reaches past the end of the file
}

// reset prepares for a walk over r from off to end. The buffer is kept.
func (p *pages) reset(r io.ReaderAt, off, end int64) {
	p.r, p.at, p.end, p.base, p.have, p.waste = r, off, end, off, 0, 0
}

// next reads the next page into pg. It returns io.EOF when none is left,
// errNoise when the file holds more false pages than a damaged file can, and
// a read error as it came.
func (p *pages) next(pg *page) error {
	p.junkOff, p.junk, p.badCRC, p.cut = p.at, 0, false, false
	for {
		n, err := p.parse(pg)
		if err != nil {
			return err
		}
		if n > 0 {
			pg.off = p.at
			p.at += int64(n)
			return nil
		}
		if p.waste > wasteBase+wasteTimes*p.at {
			return errNoise
		}
		if err := p.resync(); err != nil {
			return err
		}
	}
}

// parse returns the length of the page at p.at, 0 if there is none.
func (p *pages) parse(pg *page) (int, error) {
	b, err := p.peek(headLen)
	if err != nil {
		return 0, err
	}
	if len(b) < headLen || b[0] != 'O' || b[1] != 'g' || b[2] != 'g' || b[3] != 'S' || b[4] != 0 {
		return 0, nil
	}
	head := headLen + int(b[headLen-1])
	if b, err = p.peek(head); err != nil || len(b) < head {
		p.cut = len(b) < head
		return 0, err
	}
	n := head
	for _, v := range b[headLen:head] {
		n += int(v)
	}
	if b, err = p.peek(n); err != nil || len(b) < n {
		p.cut = len(b) < n
		return 0, err
	}
	b = b[:n]
	if p.sum.page(b) != binary.LittleEndian.Uint32(b[crcAt:]) {
		p.badCRC = true
		p.waste += int64(n)
		return 0, nil
	}
	pg.flags = b[5]
	pg.granule = int64(binary.LittleEndian.Uint64(b[granuleAt:]))
	pg.serial = binary.LittleEndian.Uint32(b[serialAt:])
	pg.seq = binary.LittleEndian.Uint32(b[seqAt:])
	pg.lace, pg.body = b[headLen:head], b[head:]
	return n, nil
}

// resync moves on to the next byte where a page may begin.
func (p *pages) resync() error {
	b, err := p.peek(headLen)
	if err != nil {
		return err
	}
	if len(b) < headLen {
		p.junk += int64(len(b))
		p.at += int64(len(b))
		return io.EOF
	}
	n := bytes.Index(b[1:], capture) + 1
	if n == 0 {
		n = len(b) - len(capture) + 1
	}
	p.junk += int64(n)
	p.at += int64(n)
	return nil
}

var capture = []byte("OggS")

// peek returns all that is buffered from p.at on: at least n bytes unless the
// file ends before.
func (p *pages) peek(n int) ([]byte, error) {
	lo := int(p.at - p.base)
	if p.have-lo >= n {
		return p.buf[lo:p.have], nil
	}
	p.have = copy(p.buf, p.buf[lo:p.have])
	p.base = p.at
	want := min(max(n-p.have, p.chunk), len(p.buf)-p.have)
	if left := p.end - p.base - int64(p.have); int64(want) > left {
		want = int(left)
	}
	if want <= 0 {
		return p.buf[:p.have], nil
	}
	got, err := p.r.ReadAt(p.buf[p.have:p.have+want], p.base+int64(p.have))
	p.have += max(0, min(got, want))
	if err == io.EOF || err == nil && got < want {
		p.end, err = p.base+int64(p.have), nil // the file is shorter than it was
	}
	return p.buf[:p.have], err
}
