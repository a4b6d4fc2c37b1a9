package session

import (
	"sync"

	"secstream/pkg/audio"
	"secstream/pkg/slicer"
	"secstream/pkg/wire"
)

// cutting is a track cut into slices, as the packer and as the wire have it.
// It is shared and never changes.
type cutting struct {
	plan    slicer.Plan
	written string // the slices as they stand in an answer
	key     cutKey
	users   int    // tracks that hold it; guarded by cuts.mu
	owner   string // whoever was the first of them, for whom it counts
}

func cutTrack(track audio.Track, o slicer.Options) (*cutting, error) {
	plan, err := slicer.Make(track.Cuts(), track.Info().SampleRate, o)
	if err != nil {
		return nil, err
	}
	spans := make([]wire.Slice, plan.Len())
	for i := range spans {
		from, to := plan.Bounds(i)
		spans[i] = wire.Slice{Start: from.At, Samples: to.At - from.At, Preroll: track.Preroll(from)}
	}
	return &cutting{plan: plan, written: wire.EncodeSlices(spans)}, nil
}

type cutKey struct {
	version string
	millis  int
	seed    string // of randomised lengths; "" shares the cutting among sessions
}

// Limits of cuttings, in slices: some 85 bytes each. Randomised lengths and
// uploads are cut for one session alone, at anybody's wish.
const (
	maxCut    = 1 << 20    // of all live sessions together
	maxOwned  = maxCut / 4 // of one owner
	maxCached = 100_000    // of those that nobody holds any more
)

// cuts are the cuttings that tracks hold, and some that may be asked for
// again: sessions that cut the same content alike share one. It is safe for
// concurrent use.
type cuts struct {
	mu     sync.Mutex
	byKey  map[cutKey]*cutting
	owned  map[string]int // slices that count for each owner
	held   int            // slices of cuttings with users
	cached int            // slices of those without
}

// take returns a cutting of content for owner ("" for nobody), which the caller
// gives back with drop. Errors: ErrFull, ErrOwner and those of slicer.Make.
func (c *cuts) take(content Content, o slicer.Options, owner string) (*cutting, error) {
	key := cutKey{version: content.Version(), millis: o.Millis}
	if o.Randomize {
		key.seed = o.Seed
	}
	if cut, err := c.find(key, owner); cut != nil || err != nil {
		return cut, err
	}
	cut, err := cutTrack(content.Track(), o)
	if err != nil {
		return nil, err
	}
	cut.key = key
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.byKey[key]; other != nil { // somebody was quicker
		return other, c.use(other, owner)
	}
	c.byKey[key] = cut
	c.cached += cut.plan.Len()
	if err := c.use(cut, owner); err != nil {
		c.forget(cut)
		return nil, err
	}
	return cut, nil
}

func (c *cuts) find(key cutKey, owner string) (*cutting, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cut := c.byKey[key]
	if cut == nil {
		return nil, nil
	}
	return cut, c.use(cut, owner)
}

// use counts one more user of cut. The caller holds mu.
func (c *cuts) use(cut *cutting, owner string) error {
	if cut.users == 0 {
		n := cut.plan.Len()
		if c.held+n > maxCut {
			return ErrFull
		}
		if err := c.own(owner, n); err != nil {
			return err
		}
		cut.owner = owner
		c.held += n
		c.cached -= n
	}
	cut.users++
	return nil
}

// drop gives cut back. What may be asked for again stays as long as there is
// room: making it anew costs little.
func (c *cuts) drop(cut *cutting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cut.users--; cut.users > 0 {
		return
	}
	n := cut.plan.Len()
	_ = c.own(cut.owner, -n) // less is never too much
	c.held -= n
	c.cached += n
	if cut.key.seed != "" || c.cached > maxCached {
		c.forget(cut)
	}
}

// charge counts n more slices, or fewer, for owner, whose names are in memory.
func (c *cuts) charge(owner string, n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.own(owner, n)
}

// own is charge for those who hold mu.
func (c *cuts) own(owner string, n int) error {
	if owner == "" {
		return nil
	}
	if n > 0 && c.owned[owner]+n > maxOwned {
		return ErrOwner
	}
	if c.owned[owner] += n; c.owned[owner] == 0 {
		delete(c.owned, owner)
	}
	return nil
}

// forget takes a cutting without users out. The caller holds mu.
func (c *cuts) forget(cut *cutting) {
	delete(c.byKey, cut.key)
	c.cached -= cut.plan.Len()
}
