package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"secstream/pkg/caught"
)

// fetch is one slice on its way, or here.
type fetch struct {
	i      int
	done   chan struct{} // closed when it is over
	urgent chan struct{} // gets a token when the consumer begins to wait for it

	// Guarded by the track's mu; what came also by done.
	asked   time.Time          // when the consumer began to wait, zero before
	waited  bool               // the consumer waits for it, or has it
	cancel  context.CancelFunc // nil before it was begun
	dropped bool               // nobody wants it any more
	over    bool
	got     received
	err     error
}

var errClosed = errors.New("the track is closed")

// Slice returns slice i in the clear, which stays as it is until Release(i), and
// begins to fetch others as the buffer strategies have it. It is to be read
// only: it may be asked for again, and come from memory. After an error the next
// call tries anew; one that wraps seal.ErrForged says nothing of other slices.
func (t *Track) Slice(ctx context.Context, i int) ([]byte, error) {
	if i < 0 || i >= t.Len() {
		return nil, fmt.Errorf("slice %d: the track has %d", i, t.Len())
	}
	f, err := t.want(i)
	if err != nil {
		return nil, fmt.Errorf("slice %d: %w", i, err)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		f.waited = false
		return nil, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.err != nil {
		if t.fetches[i] == f {
			delete(t.fetches, i)
		}
		return nil, fmt.Errorf("from %s: %w", t.c.name, f.err)
	}
	if t.closed {
		return nil, fmt.Errorf("slice %d: %w", i, errClosed)
	}
	t.plan.Hold(i)
	t.states[i] = SlicePlaying
	return f.got.plain, nil
}

// want is the fetch of the slice that the consumer now waits for, unless the
// track is over. One that failed for good ahead of time is not done again before
// that was told.
func (t *Track) want(i int) (*fetch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.over(); err != nil {
		return nil, err
	}
	t.plan.Ask(i, time.Since(t.begin))
	if f := t.fetches[i]; f != nil && f.err != nil {
		if passing(f.err) {
			delete(t.fetches, i)
		} else {
			t.plan.GiveUp(i)
		}
	}
	t.act()
	f := t.fetches[i]
	select {
	case f.urgent <- struct{}{}:
	default: // it has not heard of the last time
	}
	f.asked, f.waited = time.Now(), true
	return f, nil
}

// over says why there are no more slices, nil as long as there are. The caller
// holds mu.
func (t *Track) over() error {
	if t.closed {
		return errClosed
	}
	return t.broken
}

// Release gives slice i back. It is wiped, at once or, where the buffer strategy
// keeps it for those who seek back, later.
func (t *Track) Release(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.fetches[i]; f != nil && f.over && f.err == nil {
		t.states[i] = SliceOpened
	}
	if t.over() == nil {
		t.plan.Done(i, time.Since(t.begin))
		t.act()
	}
}

// act does what the plan says. The caller holds mu.
func (t *Track) act() {
	p := t.plan.Plan(time.Since(t.begin))
	for _, i := range p.Drop {
		t.drop(t.fetches[i])
	}
	for _, i := range p.Start {
		f := &fetch{i: i, done: make(chan struct{}), urgent: make(chan struct{}, 1)}
		t.fetches[i] = f
		t.states[i] = SliceFetching
		t.queue = append(t.queue, f)
	}
	t.next = p.Next
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

// drop wipes a slice, or ends its fetching. The caller holds mu.
func (t *Track) drop(f *fetch) {
	delete(t.fetches, f.i)
	f.dropped = true
	if f.cancel != nil {
		f.cancel()
	}
	t.states[f.i] = SliceWaiting
	if f.over && f.err == nil {
		t.states[f.i] = SliceWiped
		t.count.buffered -= int64(len(f.got.plain))
		clear(f.got.buf)
	} else if f.over && spoils(f.err) {
		t.states[f.i] = SliceRefused
	}
}

// work is run, until ctx ends or a panic of ours does: the track is over then, and
// nobody waits for it.
func (t *Track) work(ctx context.Context) {
	err := caught.Do(t.c.log, func() error { t.run(ctx); return errClosed })
	t.leave(err)
}

// run begins with what the plan has started, and looks at the plan when it wants
// to be looked at. It and what it began end with ctx.
func (t *Track) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		t.mu.Lock()
		queue, next := t.queue, t.next
		t.queue = nil
		t.mu.Unlock()
		for _, f := range queue {
			t.wg.Go(func() {
				if err := caught.Do(t.c.log, func() error { t.bring(ctx, f); return nil }); err != nil {
					t.leave(err)
				}
			})
		}
		timer.Stop()
		if next > 0 {
			timer.Reset(next - time.Since(t.begin))
		}
		select {
		case <-ctx.Done():
			return
		case <-t.poke:
		case <-timer.C:
			t.look()
		}
	}
}

// look has the plan looked at.
func (t *Track) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.act()
}

// leave ends what was not begun, and all that would be, with err.
func (t *Track) leave(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = cmp.Or(t.broken, err)
	for _, f := range t.queue {
		f.over, f.err = true, err
		close(f.done)
	}
	t.queue = nil
}

// bring fetches one slice, however long it takes while nobody waits for it, and
// for as long as the client has patience afterwards.
func (t *Track) bring(all context.Context, f *fetch) {
	ctx, cancel := context.WithCancel(all)
	defer cancel()
	t.mu.Lock()
	f.cancel = cancel
	if f.dropped {
		cancel()
	}
	t.mu.Unlock()
	var got received
	err := caught.Do(t.c.log, func() error {
		e := effort{left: func() time.Duration { return t.left(f) }, again: t.retried, urgent: f.urgent, waited: func() bool { return t.waited(f) }}
		return t.c.persist(ctx, e, func() error {
			begin := time.Now()
			var err error
			got, err = t.receive(all, ctx, f.i)
			t.note(f, got, err, time.Since(begin))
			return err
		})
	})
	t.finish(f, got, err)
}

// left is the patience that is left with a slice.
func (t *Track) left(f *fetch) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.asked.IsZero() {
		return forever
	}
	return t.c.patient(f.asked)
}

// waited says whether the consumer waits for a slice.
func (t *Track) waited(f *fetch) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return f.waited
}

// finish hands over what came, or why it did not, and plans on.
func (t *Track) finish(f *fetch, got received, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer close(f.done)
	if err != nil && t.closed {
		err = errClosed
	}
	f.over, f.err = true, err
	switch {
	case f.dropped:
		clear(got.buf)
	case err != nil:
		t.states[f.i] = SliceWaiting
		if spoils(err) {
			t.states[f.i] = SliceRefused
		}
		t.plan.GiveUp(f.i)
	default:
		f.got = got
		t.states[f.i] = SliceOpened
		t.count.buffered += int64(len(got.plain))
	}
	if t.over() == nil {
		t.act()
	}
}
