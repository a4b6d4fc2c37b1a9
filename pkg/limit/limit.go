// Package limit holds clients to a rate of requests. Names go in, and for each
// the time to wait until its next request is welcome comes out. It imports
// nothing of ours.
package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// Burst is how much of the long run a name may ask for at once: after a rest
// it has Burst times its rate.
const Burst = 5 * time.Second

// width is the cells of a row. With 10,000 names in the middle of a burst at
// the same time, one in 14 shares both its cells with others.
const width = 1 << 15

// Table counts the requests of any number of names in 512 KiB. It is safe for
// concurrent use.
//
// Each name has a cell in each of two rows, found by a hash with a secret seed,
// and goes by the one that says less: a sketch that counts conservatively
// (Estan, Varghese: New Directions in Traffic Measurement and Accounting,
// section 3.2). So nothing is ever evicted, and nobody gets a fresh start by
// making the table forget, as is cheap to do to a list of names of bounded
// length: a name may be held to less than its rate, if others fill both its
// cells, never to more. To fill a cell takes as many requests as the rate
// allows a name, and to find out which cell is whose takes the seed.
//
// A cell is a moment: that at which the name would have come to its last
// request had it kept to its rate (the generic cell rate algorithm, ITU-T
// I.371 annex A).
type Table struct {
	seed  maphash.Seed
	start time.Time

	mu   sync.Mutex
	rows [2][width]time.Duration // since start
}

// New returns an empty table.
func New() *Table { return &Table{seed: maphash.MakeSeed(), start: time.Now()} }

// Take asks for one request of name, which may come rate times a second in the
// long run. It returns 0 if it may come now, and is counted; otherwise how long
// to wait, and nothing is counted. A rate of 0 or less is no limit. Rates may
// differ from call to call.
func (t *Table) Take(name string, rate float64) (wait time.Duration) {
	if rate <= 0 {
		return 0
	}
	step := spacing(rate)
	h := maphash.String(t.seed, name)
	i, j := h%width, h>>32%width
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Since(t.start)
	a, b := &t.rows[0][i], &t.rows[1][j]
	next := max(min(*a, *b), now) + step
	if wait = next - now - max(Burst, step); wait > 0 {
		return wait
	}
	*a, *b = max(*a, next), max(*b, next)
	return 0
}

// spacing is the time between two requests at rate, at most an hour.
func spacing(rate float64) time.Duration {
	const longest = time.Hour
	if rate < 1/longest.Seconds() {
		return longest
	}
	return time.Duration(float64(time.Second) / rate)
}
