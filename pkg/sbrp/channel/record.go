package channel

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"

	"secstream/pkg/sbrp"
	"secstream/pkg/wipe"
)

// A record is a nonce, a ciphertext and its tag. The nonce is 4 bytes that say
// which way it goes, and its number, from 0: so no nonce comes twice under a
// key, though nonces are no secret and the keys of both ways differ anyway.
// There is no additional data.
const (
	toDaemonPrefix uint32 = 1
	toClientPrefix uint32 = 2
)

// last is a number that is never given, as the protocol asks: no counter
// comes near to where it would begin again. It is taken from others, who may.
const last = math.MaxUint64

// All forgeries look alike.
var (
	errForged    = &sbrp.Error{Code: sbrp.DecryptFailed, Err: errors.New("record is forged, damaged, or of another direction or key")}
	errReplayed  = &sbrp.Error{Code: sbrp.SequenceError, Err: errors.New("record came before, or is too old to tell")}
	errExhausted = &sbrp.Error{Code: sbrp.SequenceError, Err: errors.New("the numbers of records are used up, and the session is at its end")}
)

// sealing and opening are an AEAD's methods, with the key in them. They are
// functions because of a function nothing can print what it holds, not even the
// wrong verb for it.
type (
	sealing func(dst, nonce, plain, additional []byte) []byte
	opening func(dst, nonce, sealed, additional []byte) ([]byte, error)
)

// sender seals one way.
type sender struct {
	prefix uint32

	mu     sync.Mutex // also around sealing: the key is not wiped meanwhile
	with   sealing    // nil: wiped
	forget func()     // overwrites what with has of the key
	next   uint64
}

// takes has s seal by aead, which is its own from now on.
func (s *sender) takes(aead cipher.AEAD, prefix uint32) {
	s.prefix, s.with, s.forget = prefix, aead.Seal, func() { wipe.Value(aead) }
}

// seal appends the record of plain, and uses a number up.
func (s *sender) seal(dst, plain []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.with == nil:
		return dst, ErrWiped
	case s.next == last:
		return dst, errExhausted
	}
	dst = slices.Grow(dst, len(plain)+sbrp.Overhead)
	dst = binary.BigEndian.AppendUint32(dst, s.prefix)
	dst = binary.BigEndian.AppendUint64(dst, s.next)
	s.next++
	wipe.Stack(func() { dst = s.with(dst, dst[len(dst)-sbrp.NonceSize:], plain, nil) })
	return dst, nil
}

func (s *sender) wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.with != nil {
		s.forget()
	}
	s.with, s.forget = nil, nil
}

// receiver opens the other way.
type receiver struct {
	prefix uint32

	mu     sync.Mutex // also around opening: of two copies at once, one is a replay
	with   opening    // nil: wiped
	forget func()     // overwrites what with has of the key
	window window
}

// takes has r open by aead, which is its own from now on.
func (r *receiver) takes(aead cipher.AEAD, prefix uint32) {
	r.prefix, r.with, r.forget = prefix, aead.Open, func() { wipe.Value(aead) }
}

// open decrypts record, of sbrp.Overhead bytes at least, in place. The window
// learns of a record only when it has turned out genuine: otherwise whoever
// stands in between could shut out what is yet to come by a number of their own
// making, which the published endpoints let them.
func (r *receiver) open(record []byte) ([]byte, error) {
	nonce, sealed := record[:sbrp.NonceSize], record[sbrp.NonceSize:]
	number := binary.BigEndian.Uint64(nonce[4:])
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.with == nil:
		return nil, ErrWiped
	case binary.BigEndian.Uint32(nonce) != r.prefix:
		return nil, errForged
	case !r.window.fresh(number):
		return nil, errReplayed
	}
	var plain []byte
	var err error
	wipe.Stack(func() { plain, err = r.with(sealed[:0], nonce, sealed, nil) })
	if err != nil {
		return nil, errForged
	}
	r.window.mark(number)
	return plain, nil
}

func (r *receiver) wipe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.with != nil {
		r.forget()
	}
	r.with, r.forget = nil, nil
}
