package buffer

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// expected is what a download of a slice takes in the published players' eyes.
const expected = time.Second

// rules are the numbers of a published way to fetch ahead.
type rules struct {
	base, least, most int
	behind            int
	memory            int // downloads that count
	enough            int // of them, before their times count
}

var published = [...]rules{
	Linear:   {base: 2, least: 1, most: 8, behind: 1, memory: 10, enough: 2},
	Adaptive: {base: 3, least: 2, most: 12, memory: 15, enough: 3},
	None:     {},
}

// seekMemory is how many seeks Adaptive guesses the next one by.
const seekMemory = 10

// history is how downloads and seeks went, the latest last.
type history struct {
	memory  int
	took    []time.Duration // of downloads that succeeded
	first   []time.Duration // until their first byte
	failed  []bool          // of all attempts
	seeks   []int           // slices, forward ones positive
	starved int             // how often the next slice was not there in time
}

func push[T any](list []T, v T, most int) []T {
	if len(list) >= most {
		list = append(list[:0], list[len(list)-most+1:]...)
	}
	return append(list, v)
}

func mean[T ~int | ~int64](list []T) float64 {
	sum := 0.
	for _, v := range list {
		sum += float64(v)
	}
	return sum / float64(max(len(list), 1))
}

// quickest is the download that took least: one that had the line for itself.
func (h *history) quickest() (took, first time.Duration) {
	for i, t := range h.took {
		if i == 0 || t < took {
			took, first = t, h.first[i]
		}
	}
	return took, first
}

// failures is the share of attempts that failed.
func (h *history) failures() float64 {
	n := 0
	for _, f := range h.failed {
		if f {
			n++
		}
	}
	return float64(n) / float64(max(len(h.failed), 1))
}

// ahead is how many slices p fetches ahead.
func (p Prefetch) ahead(h *history, paused bool) int {
	r := published[p]
	slow := 0.
	if len(h.took) >= r.enough {
		slow = mean(h.took) / float64(expected)
	}
	switch p {
	case Linear:
		return clamp(linear(r.base, slow, h.failures()), r)
	case Adaptive:
		return clamp(adaptive(r.base, slow, h.failures(), min(3, h.starved), paused), r)
	}
	return 0
}

func clamp(n int, r rules) int { return min(max(n, r.least), r.most) }

func linear(n int, slow, failures float64) int {
	switch {
	case slow > 2:
		n *= 2
	case slow > 1.5:
		n = int(math.Ceil(float64(n) * 1.5))
	}
	if failures > 0.2 {
		n += 2
	}
	return n
}

func adaptive(n int, slow, failures float64, starved int, paused bool) int {
	times := func(f float64) { n = int(math.Round(float64(n) * f)) }
	if paused {
		times(0.7)
	} else {
		times(1.3)
	}
	switch {
	case slow > 2.5:
		times(2)
	case slow > 1.8:
		times(1.6)
	case slow > 1.3:
		times(1.3)
	}
	n += starved
	switch {
	case failures > 0.25:
		n += 3
	case failures > 0.15:
		n += 2
	}
	return n
}

// guess is how far from where the last seek led to the next one may lead, 0
// for nowhere.
func (p Prefetch) guess(h *history) int {
	if m := mean(h.seeks); p == Adaptive && m > 0 {
		return int(math.Round(m))
	}
	return 0
}

// priority is Adaptive's: the next three slices, then where a seek may lead to,
// then the others. Linear goes ahead and then behind: what will be heard comes
// before what may be.
func priority(i, current, guess int) int {
	switch d := i - current; {
	case d > 0 && d <= 3:
		return 100 - d
	case i == guess:
		return 80
	default:
		return max(0, 50-5*max(d, -d))
	}
}

// order sorts Adaptive's wishes.
func order(list []int, current, guess int) {
	slices.SortStableFunc(list, func(a, b int) int {
		return cmp.Compare(priority(b, current, guess), priority(a, current, guess))
	})
}
