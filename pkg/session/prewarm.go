package session

import (
	"context"
	"sync"
)

// prewarmer makes the first slices of new exchanges before somebody asks. What
// it is too slow for is left out: nobody ever waits for it.
type prewarmer struct {
	store *Store
	n     int // slices for each exchange
	queue chan warming
	stop  context.CancelFunc
	done  sync.WaitGroup
}

type warming struct {
	track *Track
	e     *exchange
}

// maxWarming is how many exchanges wait for their slices.
const maxWarming = 256

// newPrewarmer starts the workers, fewer than slices can be made at once: a
// request always finds a core that they do not have.
func newPrewarmer(s *Store, n, workers int) *prewarmer {
	ctx, stop := context.WithCancel(context.Background())
	p := &prewarmer{store: s, n: n, queue: make(chan warming, maxWarming), stop: stop}
	for range max(1, min(workers, cap(s.slots)-1)) {
		p.done.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case w := <-p.queue:
					p.warm(ctx, w)
				}
			}
		})
	}
	return p
}

// add queues the first slices of e. A nil prewarmer does nothing.
func (p *prewarmer) add(t *Track, e *exchange) {
	if p == nil {
		return
	}
	select {
	case p.queue <- warming{t, e}:
	default:
		p.store.tooWarm.Add(int64(min(p.n, e.cut.plan.Len())))
	}
}

// warm makes slices of w until one cannot be made: whoever asks for it is told
// why. A panic, as by a parser, is that one's too.
func (p *prewarmer) warm(ctx context.Context, w warming) {
	defer func() {
		if r := recover(); r != nil {
			p.store.cfg.Logger.Error("make slices ahead", "session", w.track.session, "panic", r)
		}
	}()
	for i := range min(p.n, w.e.cut.plan.Len()) {
		if w.track.ended() || bufferSize(w.e.need(i)) > p.store.shelf.most() {
			return
		}
		k, made, err := p.store.slice(ctx, w.track, w.e, i, true)
		if err != nil {
			return
		}
		if made {
			p.store.warmed.Add(1)
		}
		p.store.shelf.release(k)
	}
}

// close waits for the workers.
func (p *prewarmer) close() {
	if p != nil {
		p.stop()
		p.done.Wait()
	}
}
