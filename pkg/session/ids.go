package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
)

// ids are the slice IDs of one key exchange.
type ids interface {
	list() []string                  // in play order
	find(id string) (i int, ok bool) // the number of the slice called id
}

// idLen is the length of a nanoid: 126 bits in an alphabet of 64.
const idLen = 21

// nanoids are random slice IDs. ID number i is i as a block, enciphered with
// AES-128 under a key of the exchange's own, again and again until two bits
// are 0 that 21 letters have no room for (cycle walking: Black and Rogaway,
// "Ciphers with arbitrary finite domains", 2002, section 3). So no ID tells
// anything about another, none repeats, and a set of thousands takes no
// memory, and no time before somebody asks for it. That counts in a session
// of hours.
type nanoids struct {
	block cipher.Block
	n     int
}

// newNanoids names n slices.
func newNanoids(n int) nanoids {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the length is right
	}
	return nanoids{block, n}
}

// fits says whether 21 letters have room for b.
func fits(b []byte) bool { return b[0] < 1<<6 }

// list begins all walks at once: blocks numbered upwards from 0 are what
// counter mode enciphers, many at a time.
func (s nanoids) list() []string {
	var zero [aes.BlockSize]byte
	blocks := make([]byte, s.n*aes.BlockSize)
	cipher.NewCTR(s.block, zero[:]).XORKeyStream(blocks, blocks)
	text := make([]byte, 0, s.n*idLen)
	for i := range s.n {
		b := blocks[i*aes.BlockSize:][:aes.BlockSize]
		for !fits(b) {
			s.block.Encrypt(b, b)
		}
		text = appendID(text, b)
	}
	all := string(text)
	names := make([]string, s.n)
	for i := range names {
		names[i] = all[i*idLen : (i+1)*idLen]
	}
	return names
}

// appendID writes the lower 126 bits of b.
func appendID(text, b []byte) []byte {
	high, low := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	var up [aes.BlockSize]byte
	binary.BigEndian.PutUint64(up[:], high<<2|low>>62)
	binary.BigEndian.PutUint64(up[8:], low<<2)
	text = base64.RawURLEncoding.AppendEncode(text, up[:])
	return text[:len(text)-1] // of the last letter all bits are 0
}

// find walks back. A made-up ID is taken for one of n with a chance of n in
// 2^126.
func (s nanoids) find(id string) (int, bool) {
	if len(id) != idLen {
		return 0, false
	}
	var b [aes.BlockSize]byte
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], append([]byte(id), 'A')); err != nil {
		return 0, false
	}
	high, low := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
	binary.BigEndian.PutUint64(b[:], high>>2)
	binary.BigEndian.PutUint64(b[8:], bits.RotateLeft64(high, -2)&(3<<62)|low>>2)
	for s.block.Decrypt(b[:], b[:]); !fits(b[:]); {
		s.block.Decrypt(b[:], b[:])
	}
	high, i := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
	if high != 0 || i >= uint64(s.n) {
		return 0, false
	}
	return int(i), true
}

// stored are IDs that a Generator made.
type stored struct {
	names []string
	index map[string]int
}

func (s stored) list() []string { return s.names }

func (s stored) find(id string) (int, bool) {
	i, ok := s.index[id]
	return i, ok
}

// overlaps says whether e goes by the same IDs: those of one exchange begin
// alike or not at all.
func (s stored) overlaps(e *exchange) bool {
	_, same := e.ids.find(s.names[0])
	return same
}
