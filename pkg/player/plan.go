package player

import "slices"

// visit is one play of an entry of the queue, or, with no entry, the end of all.
type visit struct {
	n      uint64 // counts visits
	item   Item
	barren bool // it failed, or there was no sound in it: what follows it is not a repeat
}

// plan is what the reader has chosen to play: the visit that sounds, and those
// that it has decoded ahead or does now. Engine.mu guards it.
type plan struct {
	path []visit // never empty once Run has begun
	gen  int     // the generation of the pipe that it is for
	last uint64
}

// choose adds a visit.
func (p *plan) choose(it Item) visit {
	p.last++
	v := visit{n: p.last, item: it}
	p.path = append(p.path, v)
	return v
}

// begin starts a plan for another generation: the way there is over.
func (e *Engine) begin(gen int, it Item) visit {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.plan.gen, e.plan.path = gen, e.plan.path[:0]
	e.ended = false
	return e.plan.choose(it)
}

// follow is the reader's question of what comes after visit v, which has been
// read. barren counts the visits without sound in a row, v the last of them: a
// queue in which nothing sounds ends. It returns false when the reader is to
// give up, because its generation is over.
func (e *Engine) follow(gen int, v visit, barren int) (visit, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if gen != e.plan.gen {
		return visit{}, false
	}
	last := &e.plan.path[len(e.plan.path)-1]
	last.barren = barren > 0
	next := e.list.after(v.item.ID, barren > 0)
	if barren >= max(len(e.list.items), 1) {
		next = Item{}
	}
	return e.plan.choose(next), true
}

// upcoming is the track that follows visit v as things are, -1 for none.
func (e *Engine) upcoming(v visit) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if it := e.list.after(v.item.ID, false); it.ID != 0 {
		return it.Track
	}
	return -1
}

// reach makes visit n the one that sounds, and its entry the current one. It
// returns false, and does nothing, while there are orders that may change
// what is to sound.
func (e *Engine) reach(n uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.move || e.edited {
		return false
	}
	k := slices.IndexFunc(e.plan.path, func(v visit) bool { return v.n == n })
	e.plan.path = slices.Delete(e.plan.path, 0, max(k, 0))
	if it := e.plan.path[0].item; it.ID == 0 {
		e.ended, e.buffering = true, false
	} else if i := e.list.find(it.ID); i >= 0 {
		e.list.point(i)
	}
	return true
}

// recheck compares what was chosen with the queue as it is now. Where they
// part it chooses anew: visit from and all after it are to be dropped, and next
// is read in their place, as generation gen.
func (e *Engine) recheck(gen int) (from uint64, next visit, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k := 1; k < len(e.plan.path); k++ {
		before, now := e.plan.path[k-1], e.plan.path[k]
		if want := e.list.after(before.item.ID, before.barren); want != now.item {
			e.plan.path, e.plan.gen = e.plan.path[:k], gen
			return now.n, e.plan.choose(want), true
		}
	}
	return 0, visit{}, false
}
