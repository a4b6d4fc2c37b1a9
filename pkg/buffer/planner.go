package buffer

import (
	"slices"
	"time"
)

// Config is what a Planner plans for.
type Config struct {
	Slices   int               // of the track
	Length   time.Duration     // of a slice, about; 0 when not known
	Size     func(i int) int64 // bytes that slice i will hold, rather too many
	Budget   int64             // most bytes of slices here and on their way
	Strategy Strategy
	Prefetch Prefetch
	// Ahead above 0 fetches exactly so many slices ahead, in place of Prefetch.
	Ahead int
}

// Planner plans for one track. Times are those of any clock that never goes
// back. It is not safe for concurrent use.
type Planner struct {
	cfg   Config
	hist  history
	items map[int]*item

	current int           // the slice that was asked for last, -1 at first
	asked   time.Duration // when
	wanted  bool          // it still is
	anchor  int           // where the last seek led to
	sought  bool          // since the last Plan
	crowded bool          // more was here by then than a seek leaves

	lost  map[int]bool  // given up, until they are asked for
	spent map[int]bool  // played and dropped since the last seek
	heavy map[int]int64 // that turned out larger than Size said

	plan  Plan // reused
	order []int
}

// item is a slice that is here or on its way.
type item struct {
	size  int64 // at most, while it is on its way
	here  bool
	held  bool          // by the consumer
	since time.Duration // on its way, or since it was of use
	fate  bool          // Plan keeps it
}

// Plan is what to do. Its lists are good until the next one.
type Plan struct {
	Start []int         // to be fetched from now on, the most urgent first
	Drop  []int         // to be wiped, or no longer fetched
	Next  time.Duration // when to ask again though nothing has happened; 0 is never
}

// New returns a Planner of a track of which nothing is here yet.
func New(cfg Config) *Planner {
	return &Planner{
		cfg: cfg, hist: history{memory: max(published[cfg.Prefetch].memory, published[Linear].memory)}, current: -1,
		items: map[int]*item{}, lost: map[int]bool{}, spent: map[int]bool{}, heavy: map[int]int64{},
	}
}

// Ask says that the consumer wants slice i, and nothing before it: when it does
// not follow on the one before, that is a seek. It says whether the slice is
// here.
func (p *Planner) Ask(i int, now time.Duration) bool {
	it := p.items[i]
	here := it != nil && it.here
	switch {
	case p.current < 0:
		p.anchor = i
	case i == p.current+1 && !here:
		p.hist.starved++
	case i != p.current && i != p.current+1:
		p.hist.seeks = push(p.hist.seeks, i-p.current, seekMemory)
		p.anchor, p.sought, p.crowded = i, true, p.here() > aggressiveMost
		clear(p.spent)
	}
	p.current, p.asked, p.wanted = i, now, true
	delete(p.lost, i)
	return here
}

// Hold says that the consumer has slice i, until Done.
func (p *Planner) Hold(i int) {
	if it := p.items[i]; it != nil {
		it.held = true
	}
}

// Done says that the consumer does not use slice i any more.
func (p *Planner) Done(i int, now time.Duration) {
	if it := p.items[i]; it != nil && it.here {
		it.held, it.since = false, now
	}
	if i == p.current {
		p.wanted = false
	}
}

// Came says that slice i is here, and what its download took: until the first
// byte, and in all.
func (p *Planner) Came(i int, size int64, first, took, now time.Duration) {
	p.hist.took = push(p.hist.took, took, p.hist.memory)
	p.hist.first = push(p.hist.first, first, p.hist.memory)
	p.hist.failed = push(p.hist.failed, false, p.hist.memory)
	if size > p.size(i) {
		p.heavy[i] = size
	}
	if it := p.items[i]; it != nil {
		it.here, it.size, it.since = true, size, now
	}
}

// Failed says that one attempt to fetch a slice failed.
func (p *Planner) Failed() {
	p.hist.failed = push(p.hist.failed, true, p.hist.memory)
}

// GiveUp says that slice i does not come. It is not fetched again before it is
// asked for once more.
func (p *Planner) GiveUp(i int) {
	delete(p.items, i)
	p.lost[i] = true
	if i == p.current {
		p.wanted = false
	}
}

// Plan says what to do now. What it says is taken for done.
func (p *Planner) Plan(now time.Duration) Plan {
	p.plan = Plan{Start: p.plan.Start[:0], Drop: p.plan.Drop[:0]}
	if p.current < 0 {
		return p.plan
	}
	for _, it := range p.items {
		it.fate = false
	}
	wishes := p.wishes(now)
	n := len(wishes)
	p.fill(p.rest(wishes), n, now)
	p.drop()
	p.start(now)
	p.sought = false
	return p.plan
}

// size is what slice i takes, as far as is known.
func (p *Planner) size(i int) int64 {
	if n, ok := p.heavy[i]; ok {
		return n
	}
	return p.cfg.Size(i)
}

// reach is how far ahead slices are ever fetched.
func (p *Planner) reach() int {
	switch {
	case p.cfg.Ahead > 0:
		return p.cfg.Ahead
	case p.cfg.Strategy == Conservative:
		return conservativeAhead
	}
	return max(published[p.cfg.Prefetch].most, balancedWindow)
}

// far is where the next seek may lead to, -1 for nowhere.
func (p *Planner) far() int {
	if p.cfg.Ahead > 0 || p.cfg.Strategy == Conservative {
		return -1
	}
	if d := p.cfg.Prefetch.guess(&p.hist); d > 0 && p.anchor+d < p.cfg.Slices && p.anchor+d > p.current {
		return p.anchor + d
	}
	return -1
}

// wishes are the slices that ought to be here, the most urgent first.
func (p *Planner) wishes(now time.Duration) []int {
	list, c := p.order[:0], p.current
	if it := p.items[c]; p.wanted || it != nil && (p.cfg.Strategy != Conservative || it.held) {
		list = append(list, c)
	}
	first := len(list)
	paused := p.cfg.Length > 0 && now-p.asked > 2*p.cfg.Length
	ahead := p.cfg.Ahead
	if ahead == 0 {
		ahead = min(p.cfg.Prefetch.ahead(&p.hist, paused), p.reach())
	}
	for i := c + 1; i <= c+ahead && i < p.cfg.Slices; i++ {
		list = append(list, i)
	}
	if p.cfg.Ahead == 0 && p.cfg.Strategy != Conservative {
		for i := c - 1; i >= max(c-published[p.cfg.Prefetch].behind, 0); i-- {
			if p.items[i] != nil || !p.spent[i] {
				list = append(list, i)
			}
		}
	}
	if f := p.far(); f > c+ahead {
		list = append(list, f)
		order(list[first:], c, f)
	}
	return list
}

// rest adds to wishes what is here or on its way besides, and may stay if there
// is room: what will be heard, then what was.
func (p *Planner) rest(wishes []int) []int {
	n := len(wishes)
	for i := range p.items {
		if !slices.Contains(wishes[:n], i) {
			wishes = append(wishes, i)
		}
	}
	c := p.current
	slices.SortFunc(wishes[n:], func(a, b int) int {
		switch ahead := a > c; {
		case ahead != (b > c):
			if ahead {
				return -1
			}
			return 1
		case ahead:
			return a - b
		default:
			return b - a
		}
	})
	p.order = wishes
	return wishes
}

// keeps says whether slice i, which nobody wishes for, may stay.
func (p *Planner) keeps(i int, it *item, now time.Duration) bool {
	c := p.current
	switch {
	case it.held, i > c && i <= c+p.reach() && (it.here || !p.sought):
		return true
	case !it.here: // a download that no longer matters, or not now
		return false
	case p.sought && p.cfg.Strategy == Aggressive && p.crowded && max(i-c, c-i) > aggressiveWindow:
		return false
	case i > c && p.cfg.Strategy != Aggressive, i < c-p.cfg.Strategy.behind(p.cfg.Slices), i == c && p.cfg.Strategy == Conservative:
		return false
	}
	left := it.since + p.cfg.Strategy.life() - now
	if left > 0 {
		p.again(now + left)
	}
	return left > 0
}

func (p *Planner) again(at time.Duration) {
	if p.plan.Next == 0 || at < p.plan.Next {
		p.plan.Next = at
	}
}

func (p *Planner) here() int {
	n := 0
	for _, it := range p.items {
		if it.here {
			n++
		}
	}
	return n
}

// fill gives the budget away to the slices in list, the first n of which are
// wished for. Those of them that are missing are Start then.
func (p *Planner) fill(list []int, n int, now time.Duration) {
	total, full := int64(0), false
	for _, i := range list { // the consumer has them: no plan can help it
		if it := p.items[i]; it != nil && it.held {
			total += it.size
		}
	}
	room := func(size int64) bool {
		if total+size <= p.cfg.Budget {
			total += size
			return true
		}
		return false
	}
	for k, i := range list {
		it := p.items[i]
		asked := i == p.current && p.wanted
		switch {
		case it != nil && it.held:
			it.fate = true
		case it != nil && asked:
			it.fate = true
			total += it.size
		case it != nil:
			it.fate = (k < n || k < n+mostBesides && p.keeps(i, it, now)) && room(it.size)
		case asked:
			total += p.size(i)
			p.plan.Start = append(p.plan.Start, i)
		case p.lost[i] || full:
		case room(p.size(i)):
			p.plan.Start = append(p.plan.Start, i)
		default:
			full = true
		}
	}
}

// start begins with what ought to be here, as far as the network has room.
func (p *Planner) start(now time.Duration) {
	list := p.plan.Start
	p.plan.Start = list[:0]
	for _, i := range list {
		if i != p.current && !p.lane(now) {
			break
		}
		p.items[i] = &item{size: p.size(i), since: now}
		p.plan.Start = append(p.plan.Start, i)
	}
}

// lane says whether one more slice may be fetched ahead now. None is while the
// consumer waits: it gets all that the network has.
//
// Where a download takes a good part of the time that a slice lasts, and most of
// that is bytes and not waiting for them, slices that come side by side all come
// late. So each begins only when the one before it should be about to end, as
// long as a slice takes on a line of its own. Where that is longer than it lasts
// this would be no good either.
func (p *Planner) lane(now time.Duration) bool {
	if it := p.items[p.current]; p.wanted && (it == nil || !it.here) {
		return false
	}
	busy, latest := 0, time.Duration(0)
	for i, it := range p.items {
		if !it.here && i != p.current {
			busy++
			latest = max(latest, it.since)
		}
	}
	if busy == 0 || busy >= lanes {
		return busy == 0
	}
	took, first := p.hist.quickest()
	if lanes*took < p.cfg.Length || took > p.cfg.Length || took < 2*first {
		return true
	}
	if free := latest + took - first; now < free {
		p.again(free)
		return false
	}
	return true
}

// drop lets go of what has no fate.
func (p *Planner) drop() {
	for i, it := range p.items {
		if it.fate {
			continue
		}
		delete(p.items, i)
		p.plan.Drop = append(p.plan.Drop, i)
		if i <= p.current {
			p.spent[i] = true
		}
	}
}
