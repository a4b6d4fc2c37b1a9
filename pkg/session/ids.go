package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// ids are the slice IDs of one key exchange.
type ids interface {
	list() []string                  // in play order
	append(dst []byte, i int) []byte // appends the ID of slice i
	find(id string) (i int, ok bool) // the number of the slice called id
}

// idLen is the length of a nanoid: 126 bits in an alphabet of 64.
const idLen = 21

// nanoids are random slice IDs. ID number i is the first 126 bits, as many as
// 21 letters have room for, of i enciphered as a block with AES-128 under a key
// of the exchange's own. So no ID tells anything about another, none repeats
// (two of 2^17 would with a chance of 2^-93), and a set of thousands takes no
// memory, and no time before somebody asks for it. That counts in a session of
// hours.
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

// list makes all blocks at once: blocks numbered upwards from 0 are what
// counter mode enciphers, many at a time.
func (s nanoids) list() []string {
	var zero [aes.BlockSize]byte
	blocks := make([]byte, s.n*aes.BlockSize)
	cipher.NewCTR(s.block, zero[:]).XORKeyStream(blocks, blocks)
	text := make([]byte, s.n*idLen+1)
	for i := range s.n {
		// The 22nd letter, of the last 2 bits, is overwritten by the next ID.
		base64.RawURLEncoding.Encode(text[i*idLen:], blocks[i*aes.BlockSize:(i+1)*aes.BlockSize])
	}
	all := string(text)
	names := make([]string, s.n)
	for i := range names {
		names[i] = all[i*idLen : (i+1)*idLen]
	}
	return names
}

// append enciphers the block where the text comes to stand: every slice that is
// sealed asks for its ID.
func (s nanoids) append(dst []byte, i int) []byte {
	const text = idLen + 1 // of a whole block
	n := len(dst)
	dst = append(dst, make([]byte, text+aes.BlockSize)...)
	block := dst[n+text:]
	binary.BigEndian.PutUint64(block[8:], uint64(i)) //nolint:gosec // from 0
	s.block.Encrypt(block, block)
	base64.RawURLEncoding.Encode(dst[n:], block)
	return dst[:n+idLen]
}

// find tries the four blocks that id may have been the beginning of. A made-up
// ID is taken for one of n with a chance of n in 2^126.
func (s nanoids) find(id string) (int, bool) {
	if len(id) != idLen {
		return 0, false
	}
	var b [aes.BlockSize]byte
	for _, last := range "AQgw" { // 2 bits in the highest places of a letter
		if _, err := base64.RawURLEncoding.Strict().Decode(b[:], append([]byte(id), byte(last))); err != nil {
			return 0, false
		}
		s.block.Decrypt(b[:], b[:])
		if high, i := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:]); high == 0 && i < uint64(s.n) {
			return int(i), true
		}
	}
	return 0, false
}

// stored are IDs that a Generator made.
type stored struct {
	names []string
	index map[string]int
}

func (s stored) append(dst []byte, i int) []byte { return append(dst, s.names[i]...) }

func (s stored) list() []string { return s.names }

func (s stored) find(id string) (int, bool) {
	i, ok := s.index[id]
	return i, ok
}

// overlaps says whether e goes by one of the same IDs.
func (s stored) overlaps(e *exchange) bool {
	return slices.ContainsFunc(s.names, func(name string) bool {
		_, same := e.ids.find(name)
		return same
	})
}
