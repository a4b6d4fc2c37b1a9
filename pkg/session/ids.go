package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
)

// ids are the slice IDs of one key exchange.
type ids interface {
	list() []string                  // in play order
	append(dst []byte, i int) []byte // appends the ID of slice i
}

// idLen is the length of a nanoid: 126 bits in an alphabet of 64.
const idLen = 21

// names are the nanoids of a session, of all its keys. An ID is the first 126
// bits, as many as 21 letters have room for, of a block of AES-128 under a key
// of the session's own: the number of the exchange and that of the slice,
// enciphered. So no ID tells anything about another, none repeats (two of 2^22
// would with a chance of 2^-83), a set of thousands takes no memory, and no time
// before somebody asks for it, which counts in a session of hours. And to look
// one up takes as long whether the session has one key or thousands, and
// whether there is such a slice or not.
type names struct {
	block cipher.Block
	last  atomic.Uint64 // number of an exchange

	mu    sync.RWMutex // nothing else is locked under it
	known map[uint64]named
}

// named is an exchange that has nanoids.
type named struct {
	track *Track
	e     *exchange // nil when its key has served its time
	n     int       // slices
}

func newNames() *names {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the length is right
	}
	return &names{block: block, known: map[uint64]named{}}
}

// next names n slices, which are not found before they are known.
func (s *names) next(n int) nanoids { return nanoids{s.block, s.last.Add(1), n} }

// know says whose slices ids are: of e or, when that is nil, of a key that has
// served its time.
func (s *names) know(ids nanoids, t *Track, e *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[ids.number] = named{t, e, ids.n}
}

func (s *names) forget(ids nanoids) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, ids.number)
}

// find tries the four blocks that id may have been the beginning of. A made-up
// ID is taken for one of n slices with a chance of n in 2^126.
func (s *names) find(id string) (of named, i int, ok bool) {
	if len(id) != idLen {
		return named{}, 0, false
	}
	var text [idLen + 1]byte
	copy(text[:], id)
	var b [aes.BlockSize]byte
	for _, last := range "AQgw" { // 2 bits in the highest places of a letter
		text[idLen] = byte(last)
		if _, err := base64.RawURLEncoding.Strict().Decode(b[:], text[:]); err != nil {
			return named{}, 0, false
		}
		s.block.Decrypt(b[:], b[:])
		number, i := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
		if number > s.last.Load() {
			continue
		}
		s.mu.RLock()
		of, ok := s.known[number]
		s.mu.RUnlock()
		if ok && i < uint64(of.n) {
			return of, int(i), true
		}
	}
	return named{}, 0, false
}

// nanoids are random slice IDs of one exchange.
type nanoids struct {
	block  cipher.Block // the session's
	number uint64
	n      int
}

// list makes all blocks at once: blocks numbered upwards are what counter
// mode enciphers, many at a time.
func (s nanoids) list() []string {
	var first [aes.BlockSize]byte
	binary.BigEndian.PutUint64(first[:], s.number)
	blocks := make([]byte, s.n*aes.BlockSize)
	cipher.NewCTR(s.block, first[:]).XORKeyStream(blocks, blocks)
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
	binary.BigEndian.PutUint64(block, s.number)
	binary.BigEndian.PutUint64(block[8:], uint64(i)) //nolint:gosec // from 0
	s.block.Encrypt(block, block)
	base64.RawURLEncoding.Encode(dst[n:], block)
	return dst[:n+idLen]
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

// overlaps says whether e goes by one of the same IDs. Nanoids are no generator's.
func (s stored) overlaps(e *exchange) bool {
	other, ok := e.ids.(stored)
	return ok && slices.ContainsFunc(s.names, func(name string) bool {
		_, same := other.find(name)
		return same
	})
}
