package flac

// Frames carry two checks (RFC 9639 §9.1.8 and §9.3): CRC-8 with polynomial
// 0x07 over the header and CRC-16 with 0x8005 over the whole frame, both most
// significant bit first, starting from 0 and not inverted. So the CRC-16 of a
// frame with its own CRC-16 at the end is 0, which is how frame ends are found.

const (
	poly8  = 0x07
	poly16 = 0x8005
)

var (
	crc8Table   = makeCRC8()
	crc16Tables = makeCRC16()
	crc16Powers = makePowers()
)

func makeCRC8() (t [256]byte) {
	for i := range t {
		s := byte(i)
		for range 8 {
			top := s & 0x80
			s <<= 1
			if top != 0 {
				s ^= poly8
			}
		}
		t[i] = s
	}
	return t
}

// makeCRC16 makes the tables for sixteen bytes at a time: table k holds the
// CRC of each byte followed by k zero bytes.
func makeCRC16() *[16][256]uint16 {
	var t [16][256]uint16
	for i := range t[0] {
		s := uint16(i) << 8
		for range 8 {
			s = timesX(s)
		}
		t[0][i] = s
	}
	for k := 1; k < len(t); k++ {
		for i := range t[k] {
			s := t[k-1][i]
			t[k][i] = s<<8 ^ t[0][s>>8]
		}
	}
	return &t
}

// makePowers lists x^(8*2^k) modulo the polynomial: what a CRC is multiplied
// by when 2^k zero bytes follow.
func makePowers() (t [32]uint16) {
	p := uint16(1)
	for range 8 {
		p = timesX(p)
	}
	for k := range t {
		t[k] = p
		p = times(p, p)
	}
	return t
}

func timesX(s uint16) uint16 {
	if s&0x8000 != 0 {
		return s<<1 ^ poly16
	}
	return s << 1
}

// times multiplies two polynomials modulo the CRC-16 polynomial.
func times(a, b uint16) uint16 {
	var p uint16
	for ; b != 0; b >>= 1 {
		if b&1 != 0 {
			p ^= a
		}
		a = timesX(a)
	}
	return p
}

// shift16 is the CRC-16 state s after n zero bytes.
func shift16(s uint16, n int) uint16 {
	for k := 0; n != 0; k, n = k+1, n>>1 {
		if n&1 != 0 {
			s = times(s, crc16Powers[k])
		}
	}
	return s
}

func crc8(b []byte) byte {
	var s byte
	for _, v := range b {
		s = crc8Table[s^v]
	}
	return s
}

// crc16 goes on from state s over b.
func crc16(s uint16, b []byte) uint16 {
	t := crc16Tables
	for len(b) >= 16 {
		v := b[:16:16]
		s = t[15][v[0]^byte(s>>8)] ^ t[14][v[1]^byte(s)] ^ t[13][v[2]] ^ t[12][v[3]] ^
			t[11][v[4]] ^ t[10][v[5]] ^ t[9][v[6]] ^ t[8][v[7]] ^
			t[7][v[8]] ^ t[6][v[9]] ^ t[5][v[10]] ^ t[4][v[11]] ^
			t[3][v[12]] ^ t[2][v[13]] ^ t[1][v[14]] ^ t[0][v[15]]
		b = b[16:]
	}
	for _, v := range b {
		s = s<<8 ^ t[0][byte(s>>8)^v]
	}
	return s
}
