package cmd

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/probe"
)

// probeJob is one file to look at, and then what was found.
type probeJob struct {
	path    string
	remote  bool // of a server
	refused bool // by the server: told, and no failure of ours
	run     func(ctx context.Context) (probe.File, error)

	done chan struct{} // closed when the rest is set
	file probe.File
	err  error // as it concerns this file alone
}

// Bounds on what waits: files that are done wait for those before them, and
// the first names are awaited so that columns can be laid out.
const (
	probeAhead  = 128
	probeNames  = 64
	probeGather = 100 * time.Millisecond
)

// probeQueue runs jobs side by side and hands them on in order.
type probeQueue struct {
	workers int
	find    func(ctx context.Context, emit func(*probeJob) bool) error
	begin   func(names []string)  // once, before the first take: the first names there are
	take    func(*probeJob) error // in the order of find
	idle    func()                // now and then while nothing is ready
}

// run returns the first error of find or take, or ctx's, when all its
// goroutines are done.
func (q *probeQueue) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	order, jobs := make(chan *probeJob, probeAhead), make(chan *probeJob, probeAhead)
	g.Go(func() error {
		defer close(order)
		defer close(jobs)
		return q.find(ctx, func(j *probeJob) bool {
			j.done = make(chan struct{})
			for _, to := range []chan *probeJob{order, jobs} {
				select {
				case to <- j:
				case <-ctx.Done():
					return false
				}
			}
			return true
		})
	})
	for range q.workers {
		g.Go(func() error {
			for j := range jobs {
				j.file, j.err = j.run(ctx)
				close(j.done)
			}
			return nil
		})
	}
	g.Go(func() error { return q.print(ctx, order) })
	return g.Wait()
}

// print takes the jobs in order, each when it is done.
func (q *probeQueue) print(ctx context.Context, order <-chan *probeJob) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	first, names := gather(ctx, order)
	q.begin(names)
	for {
		var j *probeJob
		if len(first) > 0 {
			j, first = first[0], first[1:]
		} else if j = <-order; j == nil { // closed: find ends with ctx
			return ctx.Err()
		}
		for waiting := true; waiting; {
			select {
			case <-j.done:
				waiting = false
			case <-tick.C:
				q.idle()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if ctx.Err() != nil { // the job may have ended for no other reason
			return ctx.Err()
		}
		if err := q.take(j); err != nil {
			return err
		}
	}
}

// gather waits for the first job and takes those that come right behind it.
func gather(ctx context.Context, order <-chan *probeJob) (first []*probeJob, names []string) {
	var enough <-chan time.Time
	for len(first) < probeNames {
		select {
		case j, ok := <-order:
			if !ok {
				return first, names
			}
			first, names = append(first, j), append(names, j.path)
			if enough == nil {
				enough = time.After(probeGather)
			}
		case <-enough:
			return first, names
		case <-ctx.Done():
			return first, names
		}
	}
	return first, names
}
