package output

import (
	"sync/atomic"
	"time"
)

// ring passes stereo frames from one goroutine that pushes to the thread of a
// sound driver that pulls. There is no lock in it and pull waits for nobody:
// each side owns one count of frames, that only grows, and reads the other's.
// A full ring makes the writer look again after a while, by the clock; a wake-up
// would have the driver's thread touch what the writer may hold.
type ring struct {
	buf    [][2]float64
	look   time.Duration
	pulled atomic.Int64 // frames taken or dropped; only pull changes it
	pushed atomic.Int64 // frames put in; only push changes it
	skip   atomic.Int64 // what was put in before this is not to be heard; only drop changes it
	pulls  atomic.Int64 // calls of pull: the driver lives
	cut    atomic.Bool  // nobody waits for the driver any more
}

// lookTime is how often a writer looks for room, a small part of what a ring
// holds.
const lookTime = 10 * time.Millisecond

func newRing(frames int) *ring {
	return &ring{buf: make([][2]float64, max(frames, 1)), look: lookTime}
}

// push adds interleaved stereo frames as there is room, and says false once the
// driver has pulled nothing for stall.
func (r *ring) push(p []float64, stall time.Duration) bool {
	w := watch{last: time.Now(), seen: r.pulls.Load()}
	for len(p) >= 2 {
		in := r.pushed.Load()
		room := int64(len(r.buf)) - (in - r.pulled.Load())
		if room == 0 {
			if !w.on(r, stall) {
				return false
			}
			continue
		}
		n := min(room, int64(len(p)/2))
		for i := range n {
			r.buf[(in+i)%int64(len(r.buf))] = [2]float64{p[2*i], p[2*i+1]}
		}
		r.pushed.Store(in + n)
		p = p[2*n:]
	}
	return true
}

// pull fills all of p, with silence where there is nothing: the mixer that
// pulls drops a source for good after one short read. What leaves the ring is
// overwritten in it.
func (r *ring) pull(p [][2]float64) {
	skip := r.skip.Load() // before pushed, which it never passes
	out, in := r.pulled.Load(), r.pushed.Load()
	for ; out < skip; out++ {
		r.buf[out%int64(len(r.buf))] = [2]float64{}
	}
	k := min(in-out, int64(len(p)))
	for i := range k {
		at := &r.buf[(out+i)%int64(len(r.buf))]
		p[i] = *at
		*at = [2]float64{}
	}
	clear(p[k:])
	r.pulled.Store(out + k)
	r.pulls.Add(1)
}

// held is the number of frames inside that are to be heard. Any goroutine may
// call it.
func (r *ring) held() int {
	out := max(r.pulled.Load(), r.skip.Load())
	return int(max(0, r.pushed.Load()-out))
}

// drop has what is inside not be heard. It is the writer's to call.
func (r *ring) drop() { r.skip.Store(r.pushed.Load()) }

// wait returns true when all was pulled, false when the driver has pulled
// nothing for stall.
func (r *ring) wait(stall time.Duration) bool {
	w := watch{last: time.Now(), seen: r.pulls.Load()}
	for r.held() > 0 {
		if !w.on(r, stall) {
			return false
		}
	}
	return true
}

// watch notices that nobody pulls.
type watch struct {
	last time.Time // when seen changed
	seen int64
}

// on waits a while, or says false where there was no pull for stall, or nobody
// waits for one.
func (w *watch) on(r *ring, stall time.Duration) bool {
	if now := r.pulls.Load(); now != w.seen {
		w.last, w.seen = time.Now(), now
	}
	if time.Since(w.last) > stall || r.cut.Load() {
		return false
	}
	time.Sleep(r.look)
	return true
}

// wipe overwrites all. Nobody may pull any more.
func (r *ring) wipe() {
	r.drop()
	clear(r.buf)
	r.pulled.Store(r.pushed.Load())
}
