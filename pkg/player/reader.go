package player

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/caught"
)

// openAhead is how long before the end of a track, as decoded, the next one
// is opened.
const openAhead = 10 * time.Second

// A source that yields less than usefulTime before it is stale was of no use;
// after mostUseless of them in a row the track is given up.
const (
	usefulTime  = 10 * time.Second
	mostUseless = 3
)

// reader opens tracks and decodes them into the pipe, ahead of the sound. At
// most one of its goroutines works at a time; start chains them.
type reader struct {
	e    *Engine
	q    *pipe
	skip func(error) bool // which slices are left out, nil for none

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

func newReader(e *Engine, q *pipe) *reader {
	last := make(chan struct{})
	close(last)
	r := &reader{e: e, q: q, last: last}
	if e.cfg.Output.Paced() {
		r.skip = e.cfg.Skip
	}
	return r
}

// job is what the reader is to do: a visit, and what follows it, into one
// generation of the pipe.
type job struct {
	gen int
	v   visit
	at  time.Duration
}

// start does j as soon as the job before it, which must have been cancelled, is
// over. all outlives ctx: tracks opened ahead of time survive a seek.
func (r *reader) start(all, ctx context.Context, j job) {
	before, over := r.last, make(chan struct{})
	r.last = over
	r.wg.Go(func() {
		defer close(over)
		<-before
		r.play(all, ctx, j)
	})
}

// play reads visit after visit until ctx is cancelled or none is left.
func (r *reader) play(all, ctx context.Context, j job) {
	barren := 0
	for j.v.item.ID != 0 {
		sounds, err := r.readSafely(all, ctx, j)
		if ctx.Err() != nil {
			return
		}
		barren++
		if err != nil {
			r.drop()
			if r.mark(ctx, j.gen, block{kind: failed, track: &track{visit: j.v.n, item: j.v.item}, err: err}) != nil {
				return
			}
		} else if sounds {
			barren = 0
		}
		next, ok := r.e.follow(j.gen, j.v, barren)
		if !ok {
			return
		}
		j.v, j.at = next, 0
	}
	// The last track stays open: a seek back needs no new session. A cancelled
	// play has nobody to tell.
	_ = r.mark(ctx, j.gen, block{kind: done, track: &track{visit: j.v.n}})
}

// readSafely is read, with a panic as the error of the track: it may be what is
// in the track that code of ours, a decoder or the source did not expect.
func (r *reader) readSafely(all, ctx context.Context, j job) (sounds bool, err error) {
	defer caught.Into(&err, r.e.cfg.Logger)
	return r.read(all, ctx, j)
}

// read puts the track of a visit, from j.at on, into the pipe, and says whether
// there was any sound.
func (r *reader) read(all, ctx context.Context, j job) (bool, error) {
	if err := r.take(ctx, j.v.item.Track); err != nil {
		return false, err
	}
	tr, err := newTrack(j.v, r.src)
	if err != nil {
		return false, err
	}
	from := tr.info.Frames
	if j.at < tr.info.Duration() {
		from = audio.FramesIn(j.at, tr.spec.SampleRate)
	}
	join := r.joiner(from)
	if err := r.mark(ctx, j.gen, block{kind: started, track: tr, slice: join.Slice(), at: from}); err != nil {
		return false, err
	}
	for at, useless := from, 0; ; useless++ {
		err := r.decode(all, ctx, j, tr, join)
		if join.At()-at >= audio.FramesIn(usefulTime, tr.spec.SampleRate) {
			useless = 0
		}
		at = join.At()
		err = cmp.Or(err, r.leave(join))
		if err == nil {
			return at > from, r.mark(ctx, j.gen, block{kind: ended, track: tr, at: at})
		}
		if useless >= mostUseless || r.e.cfg.Stale == nil || !r.e.cfg.Stale(err) {
			return false, err
		}
		if e := r.retake(ctx, j, tr); e != nil {
			return false, errors.Join(err, e)
		}
		join = r.joiner(at)
	}
}

// leave lets go of what join holds.
func (r *reader) leave(join *Joiner) (err error) {
	defer caught.Into(&err, r.e.cfg.Logger)
	join.Close()
	return nil
}

func (r *reader) joiner(at audio.Frames) *Joiner {
	j := NewJoiner(r.src, at)
	j.skip = r.skip
	return j
}

// retake opens tr anew in place of a source that has become useless.
func (r *reader) retake(ctx context.Context, j job, tr *track) error {
	r.drop()
	if err := r.take(ctx, j.v.item.Track); err != nil {
		return err
	}
	now, err := newTrack(j.v, r.src)
	if err == nil && (now.spec != tr.spec || now.info.Frames != tr.info.Frames) {
		err = fmt.Errorf("it is another track now: %w", audio.ErrCorrupt)
	}
	return err
}

// decode fills blocks until the joiner ends.
func (r *reader) decode(all, ctx context.Context, j job, tr *track, join *Joiner) error {
	size := blockFrames(tr.spec) * tr.spec.Channels
	slice := -1
	for {
		if tr.info.Frames-join.At() < audio.FramesIn(openAhead, tr.spec.SampleRate) {
			r.ahead(all, r.e.upcoming(j.v))
		}
		b, err := r.q.reserve(ctx)
		if err != nil {
			return err
		}
		if cap(b.buf) < size {
			b.buf = make([]float64, size)
		}
		b.buf = b.buf[:size]
		b.track, b.at = tr, join.At()
		bad := join.Bad()
		n, err := r.fill(ctx, join, b, tr.spec.Channels)
		b.bad = join.Bad() - bad
		if n > 0 {
			b.n, b.first = n, b.slice != slice
			slice = b.slice
			r.q.commit(j.gen, b)
		} else {
			clear(b.buf)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fill reads frames of one slice into b until it is full, the slice ends, or
// silence begins in its place. What was read before a panic counts.
func (r *reader) fill(ctx context.Context, j *Joiner, b *block, channels int) (n int, err error) {
	defer caught.Into(&err, r.e.cfg.Logger)
	for n*channels < len(b.buf) {
		k, err := j.Read(ctx, b.buf[n*channels:])
		if err != nil {
			return n, err
		}
		if k == 0 && n > 0 {
			break
		}
		n += int(k)
		b.slice, b.gap = j.Slice(), j.mute
		if b.gap && j.why != nil {
			b.err, j.why = j.why, nil
		}
		if j.left == 0 && k > 0 {
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
	r.q.commit(gen, b)
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

// open opens track i.
func (r *reader) open(ctx context.Context, i int) (src Source, err error) {
	defer caught.Into(&err, r.e.cfg.Logger)
	return r.e.cfg.Open(ctx, i)
}

// drop closes the open track.
func (r *reader) drop() {
	if r.src != nil {
		r.shut(r.src)
		r.src = nil
	}
}

// shut closes src. Wiping cannot fail in a way that matters to the listener.
func (r *reader) shut(src Source) { _ = caught.Do(r.e.cfg.Logger, src.Close) }

// ahead begins to open track i, unless that was done already or it is the one
// that is open; -1 is none.
func (r *reader) ahead(all context.Context, i int) {
	if i < 0 || i == r.track || r.next != nil && r.next.track == i {
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
			r.shut(src)
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
func newTrack(v visit, src Source) (*track, error) {
	info, par := src.Info(), src.Params()
	if par.SampleRate < 1 || par.Channels < 1 || par.Channels > 255 || info.Frames < 0 {
		return nil, fmt.Errorf("%d frames of %d channels at %d Hz: %w", info.Frames, par.Channels, par.SampleRate, audio.ErrUnsupported)
	}
	info.SampleRate, info.Channels = par.SampleRate, par.Channels
	spec := Spec{SampleRate: par.SampleRate, Channels: par.Channels, Speakers: info.Speakers.For(par.Channels), BitDepth: info.BitDepth, Sample: par.Sample}
	return &track{visit: v.n, item: v.item, info: info, spec: spec}, nil
}

// blockFrames is the number of frames in a full block.
func blockFrames(s Spec) int {
	return max(1, min(int(audio.FramesIn(blockTime, s.SampleRate)), blockSamples/s.Channels))
}
