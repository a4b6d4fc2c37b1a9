package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// object is something to fetch, and how long it is.
type object struct {
	path string
	size int
}

// crowd is a number of connections that ask as fast as they are answered: a
// closed loop.
type crowd struct {
	conns []*conn
	rooms [][]byte
}

// roomBytes is read at once. It stays in a core's cache.
const roomBytes = 128 << 10

func gather(ctx context.Context, address string, n int) (*crowd, error) {
	c := new(crowd)
	for range n {
		one, err := dial(ctx, address)
		if err != nil {
			c.disperse()
			return nil, err
		}
		c.conns = append(c.conns, one)
		c.rooms = append(c.rooms, make([]byte, roomBytes))
	}
	return c, nil
}

func (c *crowd) disperse() {
	for _, one := range c.conns {
		one.close()
	}
}

// tally is what a crowd got in some time, and how long each answer took.
type tally struct {
	bytes    int64
	requests int
	took     time.Duration
	each     []time.Duration
}

func (t *tally) rate() float64 { return float64(t.bytes) / t.took.Seconds() }

// fetch has everybody fetch for so long. Connection k begins with object
// k*stride and takes what follows. What is under way at the end is waited for
// and counts, with the time it takes.
func (c *crowd) fetch(objects []object, stride int, long time.Duration) (*tally, error) {
	all := make([]tally, len(c.conns))
	begin := time.Now()
	end := begin.Add(long)
	var g errgroup.Group
	for k, one := range c.conns {
		g.Go(func() error {
			t := &all[k]
			for i := k * stride; ; i++ {
				asked := time.Now()
				if !asked.Before(end) {
					return nil
				}
				o := objects[i%len(objects)]
				if err := one.pass(o.path, c.rooms[k], o.size); err != nil {
					return err
				}
				t.bytes += int64(o.size)
				t.requests++
				t.each = append(t.each, time.Since(asked))
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	sum := &tally{took: time.Since(begin)}
	for i := range all {
		sum.add(&all[i])
	}
	return sum, nil
}

func (t *tally) add(o *tally) {
	t.bytes += o.bytes
	t.requests += o.requests
	t.took += o.took
	t.each = append(t.each, o.each...)
}

func (t *tally) String() string {
	p := percentiles(t.each)
	return fmt.Sprintf("%5.0f MB/s %6.0f/s, p50 %6.2f ms, p99 %6.2f ms", t.rate()/1e6, float64(t.requests)/t.took.Seconds(), p[0], p[1])
}

// percentiles are the 50th, the 99th and the last of all, in ms. It sorts all.
func percentiles(all []time.Duration) (p [3]float64) {
	if len(all) == 0 {
		return p
	}
	slices.Sort(all)
	for i, share := range []float64{0.5, 0.99, 1} {
		p[i] = float64(all[min(len(all)-1, int(share*float64(len(all))))]) / float64(time.Millisecond)
	}
	return p
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
