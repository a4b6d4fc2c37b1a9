package player

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"secstream/pkg/audio"
)

// openAhead is how long before the end of a track, as decoded, the next one
// is opened.
const openAhead = 10 * time.Second

// target is a place to play from.
type target struct {
	track int
	at    time.Duration
}

// reader opens tracks and decodes them into the queue, ahead of the sound. At
// most one of its goroutines works at a time; start chains them.
type reader struct {
	tracks int
	open   func(ctx context.Context, i int) (Source, error)
	q      *queue

	wg   sync.WaitGroup // all goroutines, those that open ahead too
	last chan struct{}  // closed when the latest play is over

	// Only the goroutine that plays touches the rest, and close at the end.
	src   Source
	track int // what src is, when it is not nil
	next  *opening
}

// opening is a track being opened ahead of time.
type opening struct {
	track  int
	cancel context.CancelFunc
	result chan Source // one value, nil when it could not be opened
}

func newReader(tracks int, open func(context.Context, int) (Source, error), q *queue) *reader {
	last := make(chan struct{})
	close(last)
	return &reader{tracks: tracks, open: open, q: q, last: last}
}

// start plays from to into generation gen of the queue as soon as the play
// before it, which must have been cancelled, is over. all outlives ctx: tracks
// opened ahead of time survive a seek.
func (r *reader) start(all, ctx context.Context, gen int, to target) {
	before, over := r.last, make(chan struct{})
	r.last = over
	r.wg.Go(func() {
		defer close(over)
		<-before
		r.play(all, ctx, gen, to)
	})
}

// play reads track after track until ctx is cancelled or none is left.
func (r *reader) play(all, ctx context.Context, gen int, to target) {
	at := to.at
	for i := to.track; i < r.tracks; i++ {
		err := r.read(all, ctx, gen, i, at)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.drop()
			if r.mark(ctx, gen, block{kind: failed, track: &track{i: i}, err: err}) != nil {
				return
			}
		}
		at = 0
	}
	// The last track stays open: a seek back needs no new session. A cancelled
	// play has nobody to tell.
	_ = r.mark(ctx, gen, block{kind: done})
}

// read puts track i, from position at on, into the queue.
func (r *reader) read(all, ctx context.Context, gen, i int, at time.Duration) error {
	if err := r.take(ctx, i); err != nil {
		return err
	}
	tr, err := newTrack(i, r.src)
	if err != nil {
		return err
	}
	from := tr.info.Frames
	if at < tr.info.Duration() {
		from = audio.FramesIn(at, tr.spec.SampleRate)
	}
	j := NewJoiner(r.src, from)
	defer j.Close()
	if err := r.mark(ctx, gen, block{kind: started, track: tr, slice: j.Slice(), at: from}); err != nil {
		return err
	}
	if err := r.decode(all, ctx, gen, tr, j); err != nil {
		return err
	}
	return r.mark(ctx, gen, block{kind: ended, track: tr, at: j.At()})
}

// decode fills blocks until the joiner ends.
func (r *reader) decode(all, ctx context.Context, gen int, tr *track, j *Joiner) error {
	size := blockFrames(tr.spec) * tr.spec.Channels
	slice := -1
	for {
		if tr.info.Frames-j.At() < audio.FramesIn(openAhead, tr.spec.SampleRate) {
			r.ahead(all, tr.i+1)
		}
		b, err := r.q.reserve(ctx)
		if err != nil {
			return err
		}
		if cap(b.buf) < size {
			b.buf = make([]float64, size)
		}
		b.buf = b.buf[:size]
		b.track, b.at = tr, j.At()
		bad := j.Bad()
		n, err := fill(ctx, j, b, tr.spec.Channels)
		b.bad = j.Bad() - bad
		if n > 0 {
			b.n, b.first = n, b.slice != slice
			slice = b.slice
			r.q.commit(gen)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fill reads frames of one slice into b until it is full or the slice ends.
func fill(ctx context.Context, j *Joiner, b *block, channels int) (int, error) {
	n := 0
	for n*channels < len(b.buf) {
		k, err := j.Read(ctx, b.buf[n*channels:])
		if err != nil {
			return n, err
		}
		n += int(k)
		b.slice = j.Slice()
		if j.left == 0 {
			break
		}
	}
	return n, nil
}

// mark puts a block without sound.
func (r *reader) mark(ctx context.Context, gen int, m block) error {
	b, err := r.q.reserve(ctx)
	if err != nil {
		return err
	}
	m.buf = b.buf
	*b = m
	r.q.commit(gen)
	return nil
}

// take makes src track i: the one that is open, the one opened ahead of time,
// or one opened now.
func (r *reader) take(ctx context.Context, i int) error {
	if r.src != nil && r.track == i {
		return nil
	}
	r.drop()
	if r.next != nil && r.next.track == i {
		select {
		case src := <-r.next.result:
			r.next.cancel()
			r.next = nil
			if src != nil {
				r.src, r.track = src, i
				return nil
			}
			// It may well go better now; if not, that error is the one to tell.
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	src, err := r.open(ctx, i)
	if err != nil {
		return err
	}
	r.src, r.track = src, i
	return nil
}

// drop closes the open track.
func (r *reader) drop() {
	if r.src != nil {
		// Wiping cannot fail in a way that matters to the listener.
		_ = r.src.Close()
		r.src = nil
	}
}

// ahead begins to open track i, unless that was done already.
func (r *reader) ahead(all context.Context, i int) {
	if i >= r.tracks || r.next != nil && r.next.track == i {
		return
	}
	r.abandon()
	ctx, cancel := context.WithCancel(all)
	o := &opening{track: i, cancel: cancel, result: make(chan Source, 1)}
	r.next = o
	r.wg.Go(func() {
		src, err := r.open(ctx, i)
		if err != nil {
			src = nil
		}
		o.result <- src
	})
}

// abandon closes what was opened ahead of time, as soon as it is there.
func (r *reader) abandon() {
	if r.next == nil {
		return
	}
	o := r.next
	r.next = nil
	o.cancel()
	r.wg.Go(func() {
		if src := <-o.result; src != nil {
			_ = src.Close()
		}
	})
}

// close ends it all; every context given to start must have been cancelled.
func (r *reader) close() {
	<-r.last
	r.abandon()
	r.wg.Wait()
	r.drop()
}

// newTrack checks what src says of itself.
func newTrack(i int, src Source) (*track, error) {
	info, par := src.Info(), src.Params()
	if par.SampleRate < 1 || par.Channels < 1 || par.Channels > 255 || info.Frames < 0 {
		return nil, fmt.Errorf("%d frames of %d channels at %d Hz: %w", info.Frames, par.Channels, par.SampleRate, audio.ErrUnsupported)
	}
	info.SampleRate, info.Channels = par.SampleRate, par.Channels
	spec := Spec{SampleRate: par.SampleRate, Channels: par.Channels, BitDepth: info.BitDepth, Sample: par.Sample}
	return &track{i: i, info: info, spec: spec}, nil
}

// blockFrames is the number of frames in a full block.
func blockFrames(s Spec) int {
	return max(1, min(int(audio.FramesIn(blockTime, s.SampleRate)), blockSamples/s.Channels))
}
