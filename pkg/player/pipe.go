package player

import (
	"context"
	"sync"
	"time"

	"secstream/pkg/audio"
)

const (
	// pipeBlocks times blockTime is how far decoding runs ahead: 3.2 s.
	pipeBlocks = 64
	blockTime  = 50 * time.Millisecond
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
	gapped            // no block: what pipe.ahead says of the end of sound before a gap
)

// block is a stretch of sound from one slice, or a mark between stretches.
type block struct {
	kind  blockKind
	track *track
	slice int
	first bool         // the first block of its slice
	gap   bool         // silence in place of a slice, which err says more of in its first block
	at    audio.Frames // position of the first frame
	n     int          // frames in buf
	bad   int          // how many damaged units of the codec they come from
	buf   []float64
	err   error
}

// track is what the engine knows of one play of a track. It never changes.
type track struct {
	visit uint64 // which play it is
	item  Item
	info  audio.Info
	spec  Spec
}

// pipe hands blocks from the reader to the feeder in order. One goroutine
// puts, one takes; blocks are filled and read outside the lock and their
// buffers used again. A full pipe makes the reader wait.
type pipe struct {
	put  chan struct{} // holds a token when something was put
	took chan struct{} // holds a token when something was taken

	mu    sync.Mutex // guards what follows, and not the blocks' contents
	slots [pipeBlocks]block
	head  int
	n     int
	gen   int
}

func newPipe() *pipe {
	return &pipe{put: make(chan struct{}, 1), took: make(chan struct{}, 1)}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reserve waits for a free block and returns it, its buffer kept and all else
// zeroed; commit makes it visible. It returns ctx's error when cancelled.
func (q *pipe) reserve(ctx context.Context) (*block, error) {
	for {
		q.mu.Lock()
		if q.n < pipeBlocks {
			b := &q.slots[(q.head+q.n)%pipeBlocks]
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

// commit puts the reserved block, unless the pipe was reset or cut for another
// generation meanwhile; then it is wiped.
func (q *pipe) commit(gen int, b *block) {
	q.mu.Lock()
	if gen == q.gen {
		q.n++
	} else {
		clear(b.buf)
	}
	q.mu.Unlock()
	poke(q.put)
}

// peek returns the oldest block, nil when there is none.
func (q *pipe) peek() *block {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return nil
	}
	return &q.slots[q.head]
}

// pop wipes the oldest block and gives it back.
func (q *pipe) pop() {
	q.mu.Lock()
	b := &q.slots[q.head]
	q.mu.Unlock()
	clear(b.buf)
	q.mu.Lock()
	q.head = (q.head + 1) % pipeBlocks
	q.n--
	q.mu.Unlock()
	poke(q.took)
}

// reset drops and wipes all blocks; from now on only those of generation gen
// count. A block that the reader is filling stays its own: it is the free one
// after the last.
func (q *pipe) reset(gen int) { q.cut(gen, 0) }

// cut is reset for the blocks of visit from and all after them. The block that
// the reader is filling may then be any of the free ones; a reader of the
// generation before must be over when one of the new generation begins.
func (q *pipe) cut(gen int, from uint64) {
	q.mu.Lock()
	keep := 0
	for keep < q.n && q.slots[(q.head+keep)%pipeBlocks].track.visit < from {
		keep++
	}
	for i := keep; i < q.n; i++ {
		clear(q.slots[(q.head+i)%pipeBlocks].buf)
	}
	q.n, q.gen = keep, gen
	q.mu.Unlock()
	poke(q.took)
}

// ahead counts the frames of sound up to the first mark that ends a track or
// the first gap, and returns that mark's kind or gapped; sound when there is
// none yet.
func (q *pipe) ahead() (int, blockKind) {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames := 0
	for i := range q.n {
		b := &q.slots[(q.head+i)%pipeBlocks]
		switch {
		case b.kind == ended || b.kind == failed || b.kind == done:
			return frames, b.kind
		case b.gap:
			return frames, gapped
		case b.kind == sound:
			frames += b.n
		}
	}
	return frames, sound
}

// ready says that there is enough to start with: some blocks, or all that
// there is of a track.
func (q *pipe) ready() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.n {
		switch q.slots[(q.head+i)%pipeBlocks].kind {
		case ended, failed, done:
			return true
		}
	}
	return q.n >= readyBlocks
}

// full says that decoding is as far ahead as it may be, or at the end.
func (q *pipe) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n == pipeBlocks || q.n > 0 && q.slots[(q.head+q.n-1)%pipeBlocks].kind == done
}

// wipe zeroes all sound. Nobody may use the pipe afterwards.
func (q *pipe) wipe() {
	for i := range q.slots {
		clear(q.slots[i].buf[:cap(q.slots[i].buf)])
	}
}
