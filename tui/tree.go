package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// grouping is what the library is put together by.
type grouping uint8

const (
	byFolder grouping = iota
	byArtist
	byAlbum
	ungrouped
	groupings
)

func (g grouping) String() string {
	return [groupings]string{"folders", "artists", "albums", "tracks"}[g]
}

// order is how tracks follow each other in a group.
type order uint8

const (
	asItLies order = iota
	byTitle
	byDate
	byLength
	orders
)

func (o order) String() string {
	return [orders]string{"in order", "by title", "by date", "by length"}[o]
}

// node is a group: a folder, an artist, an album.
type node struct {
	name   string
	note   string // beside the name: the artist of an album
	groups []*node
	tracks []int
	closed bool
	sum    time.Duration // of all tracks below
	all    int           // how many there are
	date   string        // the first of their dates, "" for none
}

// child is the group of that name, made where there is none. found holds those
// that there are, by their way from the top.
func (n *node) child(found map[string]*node, way, name, note string) *node {
	if have := found[way]; have != nil {
		return have
	}
	made := &node{name: name, note: note}
	found[way] = made
	n.groups = append(n.groups, made)
	return made
}

// newTree puts tracks together. The top node has no name.
func newTree(tracks []Track, by grouping, in order) *node {
	top, found := &node{}, map[string]*node{}
	for i, t := range tracks {
		at := top
		switch by {
		case byFolder:
			way := ""
			for part := range strings.SplitSeq(t.Folder, "/") {
				if part != "" {
					way += "/" + part
					at = at.child(found, way, part, "")
				}
			}
		case byArtist:
			artist := cmp.Or(t.Artist, "unknown artist")
			at = at.child(found, artist, artist, "")
			if t.Album != "" {
				at = at.child(found, artist+"\n"+t.Album, t.Album, "")
			}
		case byAlbum:
			// An album is one of a folder: many are called "Greatest Hits".
			album := cmp.Or(t.Album, "no album")
			at = at.child(found, t.Folder+"\n"+album, album, t.Artist)
			if at.note != t.Artist {
				at.note = "various artists"
			}
		}
		at.tracks = append(at.tracks, i)
	}
	top.finish(tracks, by, in)
	return top
}

// finish sorts and adds up, from the leaves on.
func (n *node) finish(tracks []Track, by grouping, in order) {
	for _, g := range n.groups {
		g.finish(tracks, by, in)
		n.sum, n.all = n.sum+g.sum, n.all+g.all
		n.date = first(n.date, g.date)
	}
	for _, t := range n.tracks {
		n.sum += tracks[t].Duration
		n.date = first(n.date, tracks[t].Date)
	}
	n.all += len(n.tracks)
	if by == byArtist || by == byAlbum {
		slices.SortStableFunc(n.groups, func(a, b *node) int { return strings.Compare(sortKey(a.name), sortKey(b.name)) })
	}
	if in == byDate && (by == byAlbum || n.name != "") { // artists keep their order, their albums do not
		slices.SortStableFunc(n.groups, func(a, b *node) int { return byDates(a.date, b.date) })
	}
	switch in {
	case byTitle:
		slices.SortStableFunc(n.tracks, func(a, b int) int {
			return strings.Compare(sortKey(tracks[a].name()), sortKey(tracks[b].name()))
		})
	case byDate:
		slices.SortStableFunc(n.tracks, func(a, b int) int { return byDates(tracks[a].Date, tracks[b].Date) })
	case byLength:
		slices.SortStableFunc(n.tracks, func(a, b int) int { return cmp.Compare(tracks[a].Duration, tracks[b].Duration) })
	}
}

// dated is a date of the tags as it can be compared: the year, then month and day
// where they stand after it. Of other texts it is the year that is in them, ""
// when there is none.
func dated(text string) string {
	digits := func(s string, n int) bool {
		return len(s) >= n && strings.Trim(s[:n], "0123456789") == ""
	}
	for at := range len(text) {
		if !digits(text[at:], 4) || digits(text[at:], 5) || at > 0 && digits(text[at-1:], 1) || text[at:at+4] == "0000" {
			continue
		}
		end := at + 4
		for part := 0; part < 2 && end < len(text) && text[end] == '-' && digits(text[end+1:], 2); part++ {
			end += 3
		}
		return text[at:end]
	}
	return ""
}

// byDates orders dates, the oldest first, and what has none last.
func byDates(a, b string) int {
	if (a == "") != (b == "") {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

// first is the older of two dates, of which either may be "".
func first(a, b string) string {
	if byDates(b, a) < 0 {
		return b
	}
	return a
}

// year is that of a date.
func year(date string) string { return date[:min(len(date), 4)] }

// sortKey is a name as catalogues sort it: without case, accents and a leading
// article.
func sortKey(name string) string {
	name = fold(name)
	for _, article := range []string{"the ", "a ", "an "} {
		if rest, has := strings.CutPrefix(name, article); has && rest != "" {
			return rest
		}
	}
	return name
}

// row is one line of the library: a group, or a track.
type row struct {
	group *node // nil for a track
	track int
	depth int
}

// rows are the lines of what is open below n.
func (n *node) rows(list []row, depth int) []row {
	for _, g := range n.groups {
		list = append(list, row{g, -1, depth})
		if !g.closed {
			list = g.rows(list, depth+1)
		}
	}
	for _, t := range n.tracks {
		list = append(list, row{nil, t, depth})
	}
	return list
}

// under are all tracks of a group, in the order they are listed.
func (n *node) under(list []int) []int {
	for _, g := range n.groups {
		list = g.under(list)
	}
	return append(list, n.tracks...)
}

// open opens the groups on the way to a track and says whether it is below n.
func (n *node) open(track int) bool {
	if slices.Contains(n.tracks, track) {
		n.closed = false
		return true
	}
	for _, g := range n.groups {
		if g.open(track) {
			n.closed = false
			return true
		}
	}
	return false
}

// fold closes or opens all groups below n.
func (n *node) fold(closed bool) {
	for _, g := range n.groups {
		g.closed = closed
		g.fold(closed)
	}
}
