package session

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Bounds of answers that wait to be sent, in bytes, so that listeners on slow
// lines cannot fill the memory. What the cache keeps is not counted.
const (
	maxRoom  = 4 * maxShare // of all
	maxShare = maxBuffer    // of one owner: the largest slice fits, and leaves room for others
)

// room is the memory for answers. Who has an owner waits for his share first, so
// that he takes no place among those who wait for what is everybody's. It is
// safe for concurrent use.
type room struct {
	all *semaphore.Weighted

	mu     sync.Mutex
	shares map[string]*share // of owners who hold or wait for some
}

type share struct {
	*semaphore.Weighted
	users int
}

func newRoom() *room {
	return &room{all: semaphore.NewWeighted(maxRoom), shares: map[string]*share{}}
}

// grant is room that somebody has. The zero value is none.
type grant struct {
	from  *room
	owner string
	n     int64
}

// take waits for n bytes, at most maxShare, for owner ("" for nobody).
func (r *room) take(ctx context.Context, owner string, n int64) (grant, error) {
	s := r.join(owner)
	if s != nil {
		if err := s.Acquire(ctx, n); err != nil {
			r.leave(owner)
			return grant{}, err
		}
	}
	if err := r.all.Acquire(ctx, n); err != nil {
		if s != nil {
			s.Release(n)
			r.leave(owner)
		}
		return grant{}, err
	}
	return grant{r, owner, n}, nil
}

// try is take without waiting.
func (r *room) try(owner string, n int64) (grant, bool) {
	s := r.join(owner)
	if s != nil && !s.TryAcquire(n) {
		r.leave(owner)
		return grant{}, false
	}
	if !r.all.TryAcquire(n) {
		if s != nil {
			s.Release(n)
			r.leave(owner)
		}
		return grant{}, false
	}
	return grant{r, owner, n}, true
}

// shrink gives back all but n bytes.
func (g *grant) shrink(n int64) {
	rest := g.n - n
	if g.from == nil || rest <= 0 {
		return
	}
	g.n = n
	g.from.all.Release(rest)
	if g.owner != "" {
		g.from.share(g.owner).Release(rest)
	}
}

// free gives the room back, once.
func (g *grant) free() {
	if g.from == nil {
		return
	}
	g.from.all.Release(g.n)
	if g.owner != "" {
		g.from.share(g.owner).Release(g.n)
		g.from.leave(g.owner)
	}
	*g = grant{}
}

func (r *room) share(owner string) *share {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shares[owner]
}

// join returns owner's share, which stays until as many have left it.
func (r *room) join(owner string) *share {
	if owner == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shares[owner]
	if s == nil {
		s = &share{Weighted: semaphore.NewWeighted(maxShare)}
		r.shares[owner] = s
	}
	s.users++
	return s
}

func (r *room) leave(owner string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.shares[owner]; s != nil {
		if s.users--; s.users == 0 {
			delete(r.shares, owner)
		}
	}
}
