package output

import "sync"

// ring passes stereo frames from a writer that pushes to a sound driver that
// pulls. It is bounded; a full one makes the writer wait.
type ring struct {
	mu    sync.Mutex // guards what follows
	moved sync.Cond  // signalled when room appears or the ring is closed
	buf   [][2]float64
	head  int
	n     int
	shut  bool
}

func newRing(frames int) *ring {
	r := &ring{buf: make([][2]float64, frames)}
	r.moved.L = &r.mu
	return r
}

// push adds interleaved stereo frames as there is room; it gives up when the
// ring is closed.
func (r *ring) push(p []float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(p) >= 2 && !r.shut {
		if r.n == len(r.buf) {
			r.moved.Wait()
			continue
		}
		r.buf[(r.head+r.n)%len(r.buf)] = [2]float64{p[0], p[1]}
		r.n++
		p = p[2:]
	}
}

// pull fills all of p, with silence where there is nothing: the mixer that
// pulls drops a source for good after one short read.
func (r *ring) pull(p [][2]float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := min(r.n, len(p))
	for i := range k {
		p[i] = r.buf[(r.head+i)%len(r.buf)]
	}
	r.head, r.n = (r.head+k)%len(r.buf), r.n-k
	clear(p[k:])
	r.moved.Broadcast()
}

// held is the number of frames inside.
func (r *ring) held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// drop empties the ring.
func (r *ring) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n = 0
	r.moved.Broadcast()
}

// wait returns when all was pulled or the ring is closed.
func (r *ring) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.n > 0 && !r.shut {
		r.moved.Wait()
	}
}

// close lets a waiting writer go.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = true
	r.moved.Broadcast()
}
