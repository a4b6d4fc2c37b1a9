package player

import (
	"context"
	"sync"
	"time"

	"secstream/pkg/audio"
)

const (
	// queueBlocks times blockTime is how far decoding runs ahead: 3.2 s.
	queueBlocks = 64
	blockTime   = 50 * time.Millisecond
	// blockSamples bounds a block (512 KiB) whatever the rate and channel
	// count; eight channels of 192 kHz still make 2.7 s.
	blockSamples = 1 << 16
	// readyBlocks is how much must be there before sound starts or resumes.
	readyBlocks = 6
)

type blockKind uint8

const (
	sound   blockKind = iota
	started           // a track begins at block.at, after a seek too
	ended             // a track is over
	failed            // a track is over before its end, for block.err
	done              // no track is left
)

// block is a stretch of sound from one slice, or a mark between stretches.
type block struct {
	kind  blockKind
	track *track
	slice int
	first bool         // the first block of its slice
	at    audio.Frames // position of the first frame
	n     int          // frames in buf
	bad   int          // how many damaged units of the codec they come from
	buf   []float64
	err   error
}

// track is what the engine knows of a track being played. It never changes.
type track struct {
	i    int
	info audio.Info
	spec Spec
}

// queue hands blocks from the reader to the feeder in order. One goroutine
// puts, one takes; blocks are filled and read outside the lock and their
// buffers used again. A full queue makes the reader wait.
type queue struct {
	put  chan struct{} // holds a token when something was put
	took chan struct{} // holds a token when something was taken

	mu    sync.Mutex // guards what follows, and not the blocks' contents
	slots [queueBlocks]block
	head  int
	n     int
	gen   int
}

func newQueue() *queue {
	return &queue{put: make(chan struct{}, 1), took: make(chan struct{}, 1)}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reserve waits for a free block and returns it, its buffer kept and all else
// zeroed; commit makes it visible. It returns ctx's error when cancelled.
func (q *queue) reserve(ctx context.Context) (*block, error) {
	for {
		q.mu.Lock()
		if q.n < queueBlocks {
			b := &q.slots[(q.head+q.n)%queueBlocks]
			q.mu.Unlock()
			*b = block{buf: b.buf}
			return b, ctx.Err()
		}
		q.mu.Unlock()
		select {
		case <-q.took:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// commit puts the reserved block, unless the queue was reset for another
// generation meanwhile.
func (q *queue) commit(gen int) {
	q.mu.Lock()
	if gen == q.gen {
		q.n++
	}
	q.mu.Unlock()
	poke(q.put)
}

// peek returns the oldest block, nil when there is none.
func (q *queue) peek() *block {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return nil
	}
	return &q.slots[q.head]
}

// pop gives the oldest block back.
func (q *queue) pop() {
	q.mu.Lock()
	q.head = (q.head + 1) % queueBlocks
	q.n--
	q.mu.Unlock()
	poke(q.took)
}

// reset drops all blocks; from now on only those of generation gen count. A
// block that the reader is filling stays its own: it is the free one after
// the last.
func (q *queue) reset(gen int) {
	q.mu.Lock()
	q.head = (q.head + q.n) % queueBlocks
	q.n, q.gen = 0, gen
	q.mu.Unlock()
	poke(q.took)
}

// ahead counts the frames of sound up to the first mark that ends a track,
// and returns that mark's kind, or sound when none is in the queue yet.
func (q *queue) ahead() (int, blockKind) {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames := 0
	for i := range q.n {
		b := &q.slots[(q.head+i)%queueBlocks]
		switch b.kind {
		case ended, failed, done:
			return frames, b.kind
		case sound:
			frames += b.n
		case started:
		}
	}
	return frames, sound
}

// ready says that there is enough to start with.
func (q *queue) ready() bool {
	_, end := q.ahead()
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n >= readyBlocks || end != sound
}

// wipe zeroes all sound. Nobody may use the queue afterwards.
func (q *queue) wipe() {
	for i := range q.slots {
		clear(q.slots[i].buf)
	}
}
