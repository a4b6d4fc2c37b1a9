package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/wire"
)

func (c *client) spread(ctx context.Context, sessions, each int) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for s := range sessions {
		g.Go(func() error {
			l, err := c.listen(ctx, tracks[0].ID)
			if err != nil {
				return err
			}
			three, ctx := errgroup.WithContext(ctx)
			three.SetLimit(3)
			for k := range each {
				i := (s + k*sessions) * len(l.info.SliceIDs) / (sessions * each)
				one := *l // with room of its own
				three.Go(func() error { return one.slice(ctx, i) })
			}
			return three.Wait()
		})
	}
	return g.Wait()
}

// slow reads slices of pure noise, which do not shrink, so slowly that they
// take longer than asked; then it gives up.
func (c *client) slow(ctx context.Context, sessions int, long time.Duration) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for s := range sessions {
		g.Go(func() error {
			l, err := c.listen(ctx, tracks[0].ID)
			if err != nil {
				return err
			}
			at := int64(s) * (16 << 20) / 4 // frames: where noise begins
			i := slices.IndexFunc(l.info.Slices, func(sl wire.Slice) bool { return int64(sl.Start) >= at })
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+l.slicePath(i), nil)
			if err != nil {
				return err
			}
			resp, err := c.http.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				if _, err := io.CopyN(io.Discard, resp.Body, 1000); err != nil {
					return fmt.Errorf("after part of a slice: %w", err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (c *client) open(ctx context.Context, sessions int) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.NumCPU())
	for range sessions {
		g.Go(func() error {
			_, err := c.listen(ctx, tracks[0].ID)
			return err
		})
	}
	return g.Wait()
}
