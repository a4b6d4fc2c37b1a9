package client

import (
	"context"
	"errors"
	"testing"

	"secstream/pkg/caught"
)

// TestNobodyWaitsForABrokenTrack: one whose planner has a bug ends, and whoever
// waits for a slice of it is told.
func TestNobodyWaitsForABrokenTrack(t *testing.T) {
	for name, begun := range map[string]bool{"begun": true, "not begun": false} {
		ctx, cancel := context.WithCancel(t.Context())
		f := &fetch{done: make(chan struct{}), urgent: make(chan struct{})}
		track := &Track{c: new(Client), poke: make(chan struct{}, 1), fetches: map[int]*fetch{0: f}, states: make([]SliceState, 1)}
		if begun {
			track.queue = []*fetch{f}
		} else {
			track.next = 1 // the plan, which there is none of, is looked at
		}
		over := make(chan struct{})
		go func() { defer close(over); track.work(ctx); track.wg.Wait() }()
		if begun {
			<-f.done
			track.wg.Wait()
			cancel()
		}
		<-over
		cancel()
		p := new(caught.Panic)
		if _, err := track.want(0); !errors.As(err, &p) || begun && !errors.As(f.err, &p) {
			t.Errorf("%s: %v; the fetch: %v", name, err, f.err)
		}
	}
}
