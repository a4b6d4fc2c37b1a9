// Package buffer decides which slices of a track to fetch ahead, which to keep
// and which to wipe. It does nothing itself: what happens to slices goes in
// (Ask, Hold, Done, Came, Failed, GiveUp), what to do about them comes out (Plan). It
// has no clock, does no I/O and imports nothing of ours.
//
// The strategies and their numbers are those of the published players. There
// one part keeps slices and another one fetches them, and they fight: what is
// fetched ahead is dropped as too far away, and fetched again. Here one Planner
// does both, and where the published rules contradict each other
//
//   - what is ahead of the current slice, as far as prefetching may ever reach,
//     is kept: it will be played. Only Conservative, whose sense is to hold two
//     slices, has it the other way: prefetching ends with the one that comes next;
//   - what has been played and dropped is not fetched again before it is asked
//     for or there was a seek: Linear's slice behind is for those who have just
//     come there by a seek;
//   - the place where Adaptive expects the next seek stays where the last one
//     leads to; it does not move along with every slice played, each of which
//     would be fetched there and dropped;
//   - what prefetching would fetch again at once does not expire: in a long pause
//     the current slice and what comes after it stay;
//   - the budget is above them all but the slice asked for. What is heard next
//     has room first, what was played last;
//   - a download is measured once, when it is over. A slice that was kept is no
//     download.
//
// ADR 0020 has the reasons.
package buffer

import (
	"fmt"
	"strings"
	"time"
)

// Strategy is which slices are kept.
type Strategy uint8

// The strategies.
const (
	// Balanced keeps two slices behind, for 2 minutes, and all that was fetched
	// ahead.
	Balanced Strategy = iota
	// Conservative holds the slice that plays and the next; one that was played is
	// wiped at once.
	Conservative
	// Aggressive keeps whatever there is room for, 512 slices at most, for 5 minutes. A seek leaves 5
	// slices on both sides if there are more than 10.
	Aggressive
)

// Prefetch is which slices are fetched before they are asked for.
type Prefetch uint8

// The ways to fetch ahead.
const (
	// Linear fetches 2 slices ahead, up to 8 where downloads are slow or fail, and
	// after a seek one behind.
	Linear Prefetch = iota
	// Adaptive fetches 4 slices ahead, 2 in pause, up to 12 where downloads are
	// slow or fail or sound ran out, and where a seek may lead to.
	Adaptive
	// None fetches what is asked for.
	None
)

var (
	strategies = [...]string{Balanced: "balanced", Conservative: "conservative", Aggressive: "aggressive"}
	prefetches = [...]string{Linear: "linear", Adaptive: "adaptive", None: "none"}
)

// ParseStrategy is the Strategy of that name.
func ParseStrategy(name string) (Strategy, error) {
	i, err := lookup(strategies[:], name, "buffer strategy")
	return Strategy(i), err
}

// ParsePrefetch is the Prefetch of that name.
func ParsePrefetch(name string) (Prefetch, error) {
	i, err := lookup(prefetches[:], name, "prefetch strategy")
	return Prefetch(i), err
}

func lookup(names []string, name, what string) (uint8, error) {
	for i, n := range names {
		if n == name {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("there is no %s %.32q; there are %s", what, name, strings.Join(names, ", "))
}

func (s Strategy) String() string { return nameOf(strategies[:], uint8(s)) }

func (p Prefetch) String() string { return nameOf(prefetches[:], uint8(p)) }

func nameOf(names []string, i uint8) string {
	if int(i) >= len(names) {
		return "unknown"
	}
	return names[i]
}

// Numbers of the published strategies (protocol v1's players).
const (
	conservativeAhead = 1 // two slices in all
	balancedWindow    = 2 // slices on each side
	balancedTime      = 2 * time.Minute
	aggressiveTime    = 5 * time.Minute
	aggressiveMost    = 10 // slices that a seek leaves as they are
	aggressiveWindow  = 5  // slices on each side that it leaves else
	lanes             = 3  // downloads ahead at once
)

// mostBesides is how many slices are kept besides those that ought to be here:
// each Plan looks at them all, and a server may cut as finely as it likes.
const mostBesides = 512

// life is how long a slice that nobody wants is kept. Conservative's 30 s never
// come to pass: it keeps no such slice.
func (s Strategy) life() time.Duration {
	if s == Aggressive {
		return aggressiveTime
	}
	return balancedTime
}

// behind is how many slices before the current one are kept.
func (s Strategy) behind(slices int) int {
	switch s {
	case Conservative:
		return 0
	case Aggressive:
		return slices
	}
	return balancedWindow
}
