package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"secstream/pkg/wire"
)

// Targets of slices that are sealed already, as shares of what nginx sends in
// the same run.
const target = 0.6

// crowds are the numbers of connections that are measured.
var crowds = []int{16, 256}

// sessionsEach is how many sessions play each file.
const sessionsEach = 4

// kind is one file's slices, on both servers.
type kind struct {
	name         string
	slices, same []object
}

func (k kind) mean() int {
	n := 0
	for _, o := range k.slices {
		n += o.size
	}
	return n / len(k.slices)
}

// warm compares with nginx and with the least a server in Go can do. It fails
// when the ratio to nginx is below least.
func (c *client) warm(ctx context.Context, others [2]string, folder string, rounds int, each time.Duration, least float64) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	var below []string
	for _, t := range tracks {
		k, err := c.copyOut(ctx, t, folder)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Path, err)
		}
		for _, n := range crowds {
			ratio, err := k.compare(ctx, [3]string{c.base, others[0], others[1]}, n, rounds, each)
			if err != nil {
				return fmt.Errorf("%s over %d connections: %w", k.name, n, err)
			}
			if ratio < least {
				below = append(below, fmt.Sprintf("%s over %d connections", k.name, n))
			}
		}
	}
	if len(below) > 0 {
		return fmt.Errorf("below %.2f of nginx: %s", least, strings.Join(below, ", "))
	}
	return nil
}

// copyOut fetches every slice of some sessions to a file that nginx serves,
// and again: the second time it has to be the very same bytes, or the server
// sealed them again and nothing is warm.
func (c *client) copyOut(ctx context.Context, t wire.LibraryTrack, folder string) (kind, error) {
	k := kind{name: strings.TrimPrefix(filepath.Ext(t.Path), ".")}
	for s := range sessionsEach {
		l, err := c.listen(ctx, t.ID)
		if err != nil {
			return k, err
		}
		for i := range l.info.SliceIDs {
			if err := l.fetch(ctx, i); err != nil {
				return k, err
			}
			first := bytes.Clone(l.sealed)
			if err := l.fetch(ctx, i); err != nil {
				return k, err
			}
			if !bytes.Equal(first, l.sealed) {
				return k, fmt.Errorf("slice %d was sealed twice: it was not kept", i)
			}
			file := fmt.Sprintf("%s-%d-%d", k.name, s, i)
			if err := os.WriteFile(filepath.Join(folder, file), first, 0o644); err != nil {
				return k, err
			}
			k.slices = append(k.slices, object{l.slicePath(i), len(first)})
			k.same = append(k.same, object{"/" + file, len(first)})
		}
	}
	return k, nil
}

// compare takes turns, so that whatever else the machine does hits all alike,
// and returns the median of the rounds' ratios to nginx, the second of servers.
func (k kind) compare(ctx context.Context, servers [3]string, conns, rounds int, each time.Duration) (float64, error) {
	var people [len(servers)]*crowd
	for i, address := range servers {
		var err error
		if people[i], err = gather(ctx, address, conns); err != nil {
			return 0, err
		}
		defer people[i].disperse()
	}
	var sums [len(servers)]tally
	var toNginx, toPlain []float64
	for r := range rounds {
		var rates [len(servers)]float64
		for turn := range servers {
			i := (r + turn) % len(servers)
			objects := k.same
			if i == 0 {
				objects = k.slices
			}
			t, err := people[i].fetch(objects, 7, each)
			if err != nil {
				return 0, err
			}
			rates[i] = t.rate()
			sums[i].add(t)
		}
		toNginx, toPlain = append(toNginx, rates[0]/rates[1]), append(toPlain, rates[0]/rates[2])
	}
	ratio, verdict := middle(toNginx), "met"
	if ratio < target {
		verdict = "missed"
	}
	fmt.Printf("%-4s %4d kB %4d connections: secstream %v\n", k.name, k.mean()/1000, conns, &sums[0])
	fmt.Printf("%31s %v; ratio %.2f, target %.2f %s\n", "nginx", &sums[1], ratio, target, verdict)
	fmt.Printf("%31s %v; ratio %.2f\n", "bare net/http", &sums[2], middle(toPlain))
	return ratio, nil
}
