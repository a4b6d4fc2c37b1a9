package session

import (
	"context"
	"errors"
	"hash/crc32"
	"sync"
	"sync/atomic"
	"time"
)

// sealed is a sealed slice that any number of requests may be sending. It has
// no content in the clear. Its buffer goes back when nobody sends it and it is
// not kept.
type sealed struct {
	body []byte
	sum  uint32 // CRC-32 of body
	buf  *[]byte
	size int64 // what buf takes
	room grant // none once the shelf counts size

	refs int // requests that send it
	kept bool
	of   *exchange
	i    int
	made time.Time

	older, newer *sealed // among those that are kept and idle
}

// making is a slice on its way, and those who wait for it. All fields but done
// are guarded by the shelf's mu until done is closed.
type making struct {
	done    chan struct{}
	slice   *sealed
	err     error
	waiters int
}

// errGone is for a slice whose key is wiped.
var errGone = errors.New("the key of the slice is gone")

// errAgain tells those who wait that the maker gave up for reasons of its own.
var errAgain = errors.New("whoever made the slice went away")

// shelf keeps sealed slices for those who ask again, and sees to it that one
// slice is not made twice at a time. The least recently used go first, and
// what is too old is not given out. It is safe for concurrent use.
//
// A slice belongs to an exchange: to a key, to a representation and to the
// content its session began with. So an entry is right as long as its session
// lives, also after the file was replaced.
//
// Every byte of a buffer is counted once: by the shelf from when a slice is kept
// until its buffer goes back, otherwise by the room its maker took. What is
// being sent is never pushed out; a slice that finds no place among such is
// not kept. So slow listeners cannot hold more than both bounds together.
type shelf struct {
	cfg Cache
	now func() time.Time

	mu     sync.Mutex
	oldest *sealed // kept and idle, in order of their last use
	newest *sealed
	bytes  int64
	n      int64

	hits, misses atomic.Int64
}

// lookup returns slice i of e: kept, then slice is it, with one more reference;
// or on its way, then wait is it; or neither, then the caller makes it and
// calls settle with own. All are nil where e ended.
func (s *shelf) lookup(e *exchange, i int) (slice *sealed, wait, own *making) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := e.kept[i]; k != nil {
		if s.now().Sub(k.made) < s.cfg.TTL {
			s.hold(k)
			return k, nil, nil
		}
		s.drop(k)
	}
	if m := e.making[i]; m != nil {
		m.waiters++
		return nil, m, nil
	}
	if e.gone {
		return nil, nil, nil
	}
	m := &making{done: make(chan struct{})}
	if e.making == nil {
		e.making = map[int]*making{}
	}
	e.making[i] = m
	return nil, nil, m
}

// settle ends m: slice was made, with no reference yet, or err says why not. It
// returns with a reference for the caller and one for each that waits.
func (s *shelf) settle(e *exchange, i int, m *making, slice *sealed, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(e.making, i); len(e.making) == 0 {
		e.making = nil
		e.wipe()
	}
	m.slice, m.err = slice, err
	close(m.done)
	if err != nil {
		return
	}
	slice.refs = 1 + m.waiters
	slice.of, slice.i, slice.made = e, i, s.now()
	s.keep(slice)
}

// await returns what m comes to, with a reference.
func (s *shelf) await(ctx context.Context, m *making) (*sealed, error) {
	select {
	case <-m.done:
		return m.slice, m.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-m.done: // at the same moment
		return m.slice, m.err
	default:
		m.waiters--
		return nil, ctx.Err()
	}
}

// most is the largest slice that is kept, so that a few do not push out all
// others.
func (s *shelf) most() int64 { return s.cfg.Bytes / 4 }

// keep takes k in if its exchange lives and there is a place. The caller holds mu.
func (s *shelf) keep(k *sealed) {
	if k.of.gone || k.size > s.most() {
		return
	}
	for s.bytes+k.size > s.cfg.Bytes || s.n >= int64(s.cfg.Slices) {
		if s.oldest == nil {
			return
		}
		s.drop(s.oldest)
	}
	if k.of.kept == nil {
		k.of.kept = map[int]*sealed{}
	}
	k.of.kept[k.i], k.kept = k, true
	s.bytes += k.size
	s.n++
	k.room.free()
}

// drop forgets k, which is kept. Its buffer goes back now, or with the last
// reference. The caller holds mu.
func (s *shelf) drop(k *sealed) {
	if delete(k.of.kept, k.i); len(k.of.kept) == 0 {
		k.of.kept = nil
	}
	k.kept = false
	if k.refs == 0 {
		s.unlink(k)
		s.free(k)
	}
}

// expire forgets what is idle and too old to be given out.
func (s *shelf) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := s.oldest; k != nil; {
		next := k.newer
		if s.now().Sub(k.made) >= s.cfg.TTL {
			s.drop(k)
		}
		k = next
	}
}

// hold adds a reference to k, which is kept. The caller holds mu.
func (s *shelf) hold(k *sealed) {
	if k.refs == 0 {
		s.unlink(k)
	}
	k.refs++
}

// release takes a reference back.
func (s *shelf) release(k *sealed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.refs--; k.refs > 0 {
		return
	}
	if !k.kept {
		s.free(k)
		return
	}
	k.older, k.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = k
	} else {
		s.oldest = k
	}
	s.newest = k
}

func (s *shelf) unlink(k *sealed) {
	if k.older != nil {
		k.older.newer = k.newer
	} else {
		s.oldest = k.newer
	}
	if k.newer != nil {
		k.newer.older = k.older
	} else {
		s.newest = k.older
	}
	k.older, k.newer = nil, nil
}

// free gives k's buffer back. The caller holds mu.
func (s *shelf) free(k *sealed) {
	if k.room.from == nil {
		s.bytes -= k.size
		s.n--
	}
	k.room.free()
	giveBuffer(k.buf, k.body)
	k.body, k.buf = nil, nil
}

// clear forgets all slices of e, and those under way when they are done, and its
// key with the last of them.
func (s *shelf) clear(e *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.gone = true
	for _, k := range e.kept {
		s.drop(k)
	}
	e.wipe()
}

// wipe overwrites e's key once e ended and no slice of it is being made. The
// caller holds mu.
func (e *exchange) wipe() {
	if e.gone && len(e.making) == 0 {
		e.box.Wipe()
	}
}

// counts are the slices on the shelf and the bytes they take.
func (s *shelf) counts() (slices, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.bytes
}

// Slice is a sealed slice for one request.
type Slice struct {
	Body   []byte // not to be changed
	Sum    uint32 // CRC-32 (IEEE) of Body
	Index  int
	Format string // what the session was told of the slices
	Rekey  bool   // the client is to agree on another key (protocol v2)

	from  *sealed
	shelf *shelf
}

// Release says that the slice was sent. Body is of no use afterwards.
func (s *Slice) Release() {
	s.Body = nil
	s.shelf.release(s.from)
}

func newSealed(body []byte, buf *[]byte, room grant) *sealed {
	return &sealed{body: body, sum: crc32.ChecksumIEEE(body), buf: buf, size: int64(cap(body)), room: room}
}
