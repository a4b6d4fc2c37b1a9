package main

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"secstream/pkg/wire"
)

// most is how much longer the first slice of three hours may take.
const most = 1.5

func (c *client) first(ctx context.Context, runs int) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	byName := map[string]string{}
	for _, t := range tracks {
		byName[t.Path] = t.ID
	}
	var slow []string
	for name, long := range byName {
		kind, ok := strings.CutPrefix(name, "long")
		if !ok {
			continue
		}
		ratio, err := c.compare(ctx, runs, path.Ext(kind), byName["short"+kind], long)
		if err != nil {
			return err
		}
		if ratio >= most {
			slow = append(slow, kind)
		}
	}
	if len(slow) > 0 {
		return fmt.Errorf("%s: the ratio is not below %v", strings.Join(slow, ", "), most)
	}
	return nil
}

// compare takes turns, so that whatever else the machine does hits both.
func (c *client) compare(ctx context.Context, runs int, kind, short, long string) (float64, error) {
	var times [2][]steps
	for i := range runs + 2 {
		for k, id := range []string{short, long} {
			t, err := c.once(ctx, id)
			if err != nil {
				return 0, err
			}
			if i >= 2 { // the first makes the index, the second the connection
				times[k] = append(times[k], t)
			}
		}
	}
	s, l := median(times[0]), median(times[1])
	ratio := float64(l.total()) / float64(s.total())
	fmt.Printf("%-6s 3 min %v   3 h %v   ratio %.2f\n", kind, s, l, ratio)
	return ratio, nil
}

// steps are the times from the wish to listen to the first slice in the clear.
type steps struct{ create, exchange, slice time.Duration }

func (s steps) total() time.Duration { return s.create + s.exchange + s.slice }

func (s steps) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return fmt.Sprintf("%6.2f ms (create %.2f, exchange %.2f, slice %.2f)", ms(s.total()), ms(s.create), ms(s.exchange), ms(s.slice))
}

func median(all []steps) steps {
	slices.SortFunc(all, func(a, b steps) int { return cmp.Compare(a.total(), b.total()) })
	return all[len(all)/2]
}

func (c *client) once(ctx context.Context, track string) (s steps, err error) {
	runtime.GC() // not in the middle of what is timed
	begin := time.Now()
	l, err := create(ctx, c, wire.CreateRequest{Tracks: []string{track}})
	if err != nil {
		return s, err
	}
	s.create = time.Since(begin)
	if err := l.agree(ctx); err != nil {
		return s, err
	}
	s.exchange = time.Since(begin) - s.create
	if err := l.slice(ctx, 0); err != nil {
		return s, err
	}
	s.slice = time.Since(begin) - s.create - s.exchange
	return s, l.end(ctx)
}
