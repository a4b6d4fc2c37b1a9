// Package slicer decides where a track is cut: cuts and a target length go
// in, a Plan comes out. It is pure: no I/O, no clock, no randomness of its
// own. It imports audio only.
package slicer

import (
	"fmt"
	"sort"

	"secstream/pkg/audio"
)

// Limits of Options.Millis and of the number of slices in one plan. The last
// one bounds what a hostile file can make a session cost.
const (
	MinMillis = 1000
	MaxMillis = 30000
	MaxSlices = 1 << 17 // 36 hours of 1 s slices
)

// Options say how long slices should be.
type Options struct {
	Millis    int     // target length in ms, MinMillis to MaxMillis
	Randomize bool    // vary the lengths, as protocol v1 section 7 does
	Variance  float64 // 0 to 1, used when Randomize is set; outside values are clamped
	Seed      string  // what the lengths are drawn from; v1 uses the session ID
}

// Plan is a track cut into slices. It is immutable and safe for concurrent
// use. A plan takes 24 bytes a slice.
type Plan struct {
	Millis int         // the target it was made for
	Cuts   []audio.Cut // slice i runs from Cuts[i] to Cuts[i+1]
}

// Make cuts the track of ix, at rate Hz, into slices near the target length.
// Every boundary is the last cut at or before its ideal place, so boundaries
// do not drift; a slice that would be empty is joined with its neighbour.
func Make(ix *audio.Index, rate int, o Options) (Plan, error) {
	if o.Millis < MinMillis || o.Millis > MaxMillis {
		return Plan{}, fmt.Errorf("slice length %d ms: outside %d to %d ms", o.Millis, MinMillis, MaxMillis)
	}
	if ix.Total() <= 0 {
		return Plan{}, fmt.Errorf("slice a track: %w: it has no samples", audio.ErrCorrupt)
	}
	avg := int64(rate) * int64(o.Millis) / 1000
	if avg < 1 {
		return Plan{}, fmt.Errorf("slice a track: %w: sample rate %d Hz", audio.ErrUnsupported, rate)
	}
	if int64(ix.Total())/avg >= MaxSlices {
		return Plan{}, fmt.Errorf("slice a track: %w: %d frames at %d Hz are more than %d slices of %d ms; use longer slices", audio.ErrUnsupported, ix.Total(), rate, MaxSlices, o.Millis)
	}
	var ends []audio.Frames
	if o.Randomize {
		ends = Lengths(o.Seed, ix.Total(), avg, o.Variance)
		accumulate(ends)
	} else {
		for at := audio.Frames(avg); at < ix.Total(); at += audio.Frames(avg) {
			ends = append(ends, at)
		}
	}
	return Plan{Millis: o.Millis, Cuts: snap(ix, ends)}, nil
}

func accumulate(lengths []audio.Frames) {
	var at audio.Frames
	for i, n := range lengths {
		at += n
		lengths[i] = at
	}
}

// snap turns ideal boundaries into cuts and adds the breaks no slice may span.
func snap(ix *audio.Index, ends []audio.Frames) []audio.Cut {
	if breaks := ix.Breaks(); len(breaks) > 0 {
		ends = append(ends, breaks...)
		sort.Slice(ends, func(i, j int) bool { return ends[i] < ends[j] })
	}
	cuts := make([]audio.Cut, 1, len(ends)+2)
	cuts[0] = ix.Find(0)
	for _, at := range ends {
		if c := ix.Find(at); c.At > cuts[len(cuts)-1].At && c.At < ix.Total() {
			cuts = append(cuts, c)
		}
	}
	return append(cuts, ix.End())
}

// Len is the number of slices.
func (p Plan) Len() int { return max(len(p.Cuts)-1, 0) }

// Total is the length of the track.
func (p Plan) Total() audio.Frames {
	if len(p.Cuts) == 0 {
		return 0
	}
	return p.Cuts[len(p.Cuts)-1].At
}

// Bounds returns the cuts slice i lies between; i is 0 to Len()-1.
func (p Plan) Bounds(i int) (from, to audio.Cut) { return p.Cuts[i], p.Cuts[i+1] }

// Find returns the slice that holds frame at: the first for a negative
// position, the last for one past the end.
func (p Plan) Find(at audio.Frames) int {
	i := sort.Search(p.Len(), func(i int) bool { return p.Cuts[i+1].At > at })
	return min(i, max(p.Len()-1, 0))
}
