package ogg

import (
	"encoding/binary"
	"testing"
)

// pageOf is a page taken apart.
type pageOf struct {
	flags   byte
	granule int64
	serial  uint32
	seq     uint32
	lace    []byte
	body    []byte
}

// takeApart reads the pages of an undamaged file, without the code under test.
func takeApart(t testing.TB, b []byte) (pages []pageOf) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 27 || string(b[:4]) != "OggS" {
			t.Fatal("not a sound Ogg file")
		}
		head := 27 + int(b[26])
		size := head
		for _, v := range b[27:head] {
			size += int(v)
		}
		if slowCRC(b[:size]) != binary.LittleEndian.Uint32(b[22:]) {
			t.Fatal("page CRC of a sound file does not match")
		}
		pages = append(pages, pageOf{b[5], int64(binary.LittleEndian.Uint64(b[6:])), binary.LittleEndian.Uint32(b[14:]),
			binary.LittleEndian.Uint32(b[18:]), b[27:head], b[head:size]})
		b = b[size:]
	}
	return pages
}

// putTogether writes pages one after the other.
func putTogether(pages ...pageOf) (out []byte) {
	for _, p := range pages {
		out = append(out, p.bytes()...)
	}
	return out
}

func (p pageOf) bytes() []byte {
	b := append([]byte("OggS\x00"), p.flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.granule))
	b = binary.LittleEndian.AppendUint32(b, p.serial)
	b = binary.LittleEndian.AppendUint32(b, p.seq)
	b = append(b, 0, 0, 0, 0, byte(len(p.lace)))
	b = append(append(b, p.lace...), p.body...)
	binary.LittleEndian.PutUint32(b[22:], new(crc).page(b)) // TestCRC holds it against slowCRC
	return b
}

// slowCRC is the page checksum as RFC 3533 writes it down, bit by bit.
func slowCRC(b []byte) (r uint32) {
	for i, v := range b {
		if i >= 22 && i < 26 {
			v = 0
		}
		r ^= uint32(v) << 24
		for range 8 {
			if r>>31 != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
	}
	return r
}

// lone is a page that holds one short packet.
func lone(serial, seq uint32, flags byte, granule int64, packet string) pageOf {
	return pageOf{flags: flags, granule: granule, serial: serial, seq: seq, lace: []byte{byte(len(packet))}, body: []byte(packet)}
}

// renumber gives the pages of one stream ascending numbers.
func renumber(pages []pageOf) []pageOf {
	for i := range pages {
		pages[i].seq = uint32(i)
	}
	return pages
}

// shred lays the same packets out on pages of at most n segments, with an
// empty page behind every third. The first page, which has to hold its packet
// alone, stays.
func shred(pages []pageOf, n int) []pageOf {
	out := []pageOf{pages[0]}
	for _, p := range pages[1:] {
		lace, body := p.lace, p.body
		for k := 0; len(lace) > 0; k++ {
			m := min(n, len(lace))
			size, ended := 0, false
			for _, v := range lace[:m] {
				size += int(v)
				ended = ended || v < 255
			}
			q := pageOf{serial: p.serial, granule: -1, lace: lace[:m], body: body[:size]}
			if k == 0 {
				q.flags = p.flags & continued
			} else if out[len(out)-1].goesOn() {
				q.flags = continued
			}
			lace, body = lace[m:], body[size:]
			if len(lace) == 0 {
				q.granule = p.granule
				q.flags |= p.flags & lastPage
			}
			out = append(out, q)
			if k%3 == 2 && !q.goesOn() && q.flags&lastPage == 0 {
				out = append(out, pageOf{serial: p.serial, granule: -1})
			}
		}
	}
	return renumber(out)
}

func (p pageOf) goesOn() bool { return len(p.lace) > 0 && p.lace[len(p.lace)-1] == 255 }
