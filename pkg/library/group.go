package library

import (
	"slices"
	"strings"
)

// group is all listed files with the same print.
type group struct {
	members []listing
	seats   []*seat // by number; never fewer than before, so that IDs are given back
}

// seat is one of the IDs that the files of a group have between them.
type seat struct {
	id  string
	by  *entry // who has it, nil for nobody
	was stamp  // of who had it last
}

// maxIdle bounds the groups remembered for their seats alone.
const maxIdle = 1024

// settle gives those of changed groups that have no ID one. An ID stays with
// whoever has it: what is added and removed around a file does not touch it.
//
// Until the first pass is over the IDs go by path instead, each time anew:
// else it would be chance, which of the copies was read first, and a restart
// would mix them up.
func (c *catalogue) settle() {
	for p, g := range c.mixed {
		g.members = slices.DeleteFunc(g.members, func(l listing) bool { return !l.valid() })
		if !c.kept {
			for _, l := range g.members {
				c.rise(l.entry)
			}
		}
		c.seatAll(g, p)
		if len(g.members) == 0 {
			c.retire(g, p)
		}
	}
	clear(c.mixed)
}

// seatAll finds seats for those who have none. A file that had one under
// another name gets it back; the others take what is free in the order of
// their paths.
func (c *catalogue) seatAll(g *group, p fingerprint) {
	var standing []*entry
	for _, l := range g.members {
		if l.seat == nil {
			standing = append(standing, l.entry)
		}
	}
	if len(standing) == 0 {
		return
	}
	slices.SortFunc(standing, func(a, b *entry) int { return strings.Compare(a.path, b.path) })
	if c.kept {
		left := map[stamp]*seat{}
		for _, s := range g.seats {
			if s.by == nil {
				left[s.was.data()] = s
			}
		}
		for _, e := range standing {
			if s := left[e.stamp.data()]; s != nil && s.by == nil {
				c.sit(s, e)
			}
		}
	}
	next := 0
	for _, e := range standing {
		if e.seat != nil {
			continue
		}
		for next < len(g.seats) && g.seats[next].by != nil {
			next++
		}
		if next == len(g.seats) {
			g.seats = append(g.seats, &seat{id: p.id(c.key, next)})
		}
		c.sit(g.seats[next], e)
	}
}

func (c *catalogue) sit(s *seat, e *entry) {
	s.by, e.seat = e, s
	c.byID[s.id] = e
	if e.track.ID != s.id {
		t := *e.track
		t.ID = s.id
		e.track = &t
	}
}

// rise is sit's other end, for whoever has a seat or not.
func (c *catalogue) rise(e *entry) {
	s := e.seat
	if s == nil {
		return
	}
	delete(c.byID, s.id)
	s.by, s.was, e.seat = nil, e.stamp, nil
}

// retire forgets a group that nobody is in, unless a file that was in it could
// come back, by another name, and get another ID than it had.
func (c *catalogue) retire(g *group, p fingerprint) {
	if len(g.seats) <= 1 {
		delete(c.groups, p)
		return
	}
	c.idle[p] = struct{}{}
	for p := range c.idle {
		if len(c.idle) <= maxIdle {
			break
		}
		delete(c.idle, p)
		delete(c.groups, p)
	}
}

// keep ends the first pass: from now on IDs stay where they are.
func (c *catalogue) keep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	c.kept = true
}

// maxTwins bounds the names of one file, and the copies of one content, that
// are tried for one purpose.
const maxTwins = 8

// twins returns listed files that are, by their stamp, the one that e is about
// to be listed as.
func (c *catalogue) twins(e *entry, s stamp, p fingerprint) (out []found) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[p]
	if g == nil || !c.kept || e.track != nil && e.print == p {
		return nil
	}
	for _, l := range g.members {
		if len(out) < maxTwins && l.valid() && l.entry != e && l.stamp.sameData(s) {
			out = append(out, l.found())
		}
	}
	return out
}

// wholeOf returns the fingerprint of all of a version of e, if it is known.
func (c *catalogue) wholeOf(e *entry, s stamp) (p fingerprint, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok = e.wholes[s.data()]
	return p, ok
}

// maxWholes bounds the versions of a file whose whole fingerprint is kept.
const maxWholes = 8

func (c *catalogue) setWhole(e *entry, s stamp, p fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.wholes == nil || len(e.wholes) >= maxWholes {
		e.wholes = map[stamp]fingerprint{}
	}
	e.wholes[s.data()] = p
}

// isUnsure says whether there are other files with this print, and no knowing
// whether they are the same as this version of e.
func (c *catalogue) isUnsure(e *entry, s stamp, p fingerprint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[p]
	if _, sure := e.wholes[s.data()]; sure || g == nil {
		return false
	}
	return slices.ContainsFunc(g.members, func(l listing) bool { return l.valid() && !l.stamp.sameData(s) })
}

// leave takes a file that is not where it was off the list, for another look
// to find what is there now.
func (c *catalogue) leave(f found) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.entry.track != nil && f.entry.stamp == f.stamp {
		c.unlist(f.entry)
		f.want = stamp{}
	}
}

// alike returns what has the print of was: the same entry if it is listed,
// else the same file by other names and then others. replaced is true when the
// entry is there with something else.
func (c *catalogue) alike(was Edition) (out []found, replaced bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	e := was.entry
	listed := e.track != nil && e.print == was.print
	if !listed && (e.track != nil || e.reason != "") {
		return nil, true
	}
	if listed {
		out = append(out, e.found())
	}
	g := c.groups[was.print]
	if g == nil {
		return out, false
	}
	for _, same := range []bool{true, false} {
		for _, l := range g.members {
			if l.entry != e && l.stamp.sameData(was.stamp) == same && len(out) < maxTwins {
				out = append(out, l.found())
			}
		}
	}
	return out, false
}
