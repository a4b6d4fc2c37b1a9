package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
)

// idSet is the slice IDs of one exchange. ID number i is the block 0…0 ‖ i
// enciphered with AES-128 under a key of the exchange's own: no ID tells
// anything about another, none repeats, and a set of thousands takes no memory
// and no time before somebody asks for it. That counts in a session of hours.
type idSet struct {
	block cipher.Block
	n     int
}

// idLen is the length of an ID: 128 bits in base64url, the alphabet nanoid
// uses.
const idLen = 22

// newIDs names n slices.
func newIDs(n int) idSet {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the length is right
	}
	return idSet{block, n}
}

// list returns the IDs in play order. Blocks numbered upwards from 0 are what
// counter mode enciphers, many at a time.
func (s idSet) list() []string {
	var zero [aes.BlockSize]byte
	blocks := make([]byte, s.n*aes.BlockSize)
	cipher.NewCTR(s.block, zero[:]).XORKeyStream(blocks, blocks)
	text := make([]byte, 0, s.n*idLen)
	for i := range s.n {
		text = base64.RawURLEncoding.AppendEncode(text, blocks[i*aes.BlockSize:(i+1)*aes.BlockSize])
	}
	all := string(text)
	ids := make([]string, s.n)
	for i := range ids {
		ids[i] = all[i*idLen : (i+1)*idLen]
	}
	return ids
}

// find returns the number of the slice called id. A made-up ID is taken for
// one of n with a chance of n in 2^128.
func (s idSet) find(id string) (int, bool) {
	if len(id) != idLen {
		return 0, false
	}
	var b [aes.BlockSize]byte
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(id)); err != nil {
		return 0, false
	}
	s.block.Decrypt(b[:], b[:])
	high, i := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if high != 0 || i >= uint64(s.n) {
		return 0, false
	}
	return int(i), true
}
