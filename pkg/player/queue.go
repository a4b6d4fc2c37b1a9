package player

import (
	"math/rand/v2"
	"slices"
)

// Repeat says what comes after the end.
type Repeat uint8

// What is played again: nothing, the whole queue, the entry that plays. With
// RepeatOne, Next and a track that cannot be played still go on to the next.
const (
	RepeatOff Repeat = iota
	RepeatAll
	RepeatOne
)

func (r Repeat) String() string {
	switch r {
	case RepeatAll:
		return "all"
	case RepeatOne:
		return "one"
	}
	return "off"
}

// Item is one entry of the queue. ID is never used again in an engine's life,
// and never 0.
type Item struct {
	ID    uint64
	Track int // as in Config.Open
}

// Queue is a copy of what is to be played. Current is an index in Items, -1
// when there is none; entries before it are the history.
type Queue struct {
	Items   []Item
	Current int
	Version uint64 // as QueueVersion
	Repeat  Repeat
	Shuffle bool
}

// list is the queue itself. Engine.mu guards it.
type list struct {
	items   []Item // as they are played
	plain   []Item // the same in the order without shuffle; nil while items has it
	cur     int    // -1: none
	lastID  uint64
	repeat  Repeat
	shuffle bool
	rng     *rand.Rand
	version uint64 // counts all that Queue shows
	edits   uint64 // the same without changes of cur
}

func newList(tracks []int, first int, seed uint64) list {
	if seed == 0 {
		seed = rand.Uint64()
	}
	l := list{cur: first, rng: rand.New(rand.NewPCG(seed, 0))}
	l.insert(0, tracks)
	l.cur = first
	return l
}

// find is the index of an entry, -1 if it is not there.
func (l *list) find(id uint64) int { return index(l.items, id) }

func index(items []Item, id uint64) int {
	return slices.IndexFunc(items, func(it Item) bool { return it.ID == id })
}

// current is the entry that plays, or the zero Item.
func (l *list) current() Item {
	if l.cur < 0 || l.cur >= len(l.items) {
		return Item{}
	}
	return l.items[l.cur]
}

// after is the entry that follows the one with this ID: by itself, or with by
// because somebody asked or the entry could not be played. The zero Item means
// the end. An entry that was removed is taken to be the current one.
func (l *list) after(id uint64, by bool) Item {
	i := l.find(id)
	if i < 0 {
		i = l.cur
	} else if l.repeat == RepeatOne && !by {
		return l.items[i]
	}
	switch {
	case i+1 < len(l.items):
		return l.items[i+1]
	case l.repeat == RepeatAll && len(l.items) > 0:
		return l.items[0]
	}
	return Item{}
}

// nearest is the entry of a track that comes next, or else the latest that
// was; -1 if there is none.
func (l *list) nearest(track int) int {
	for i := max(l.cur, 0); i < len(l.items); i++ {
		if l.items[i].Track == track {
			return i
		}
	}
	for i := min(l.cur, len(l.items)) - 1; i >= 0; i-- {
		if l.items[i].Track == track {
			return i
		}
	}
	return -1
}

// point makes entry i the current one.
func (l *list) point(i int) {
	if i != l.cur {
		l.cur = i
		l.version++
	}
}

func (l *list) changed() {
	l.version++
	l.edits++
}

// insert puts tracks before entry at; at the end of the queue without shuffle
// too if at is the end, and else after the same entry.
func (l *list) insert(at int, tracks []int) {
	if len(tracks) == 0 {
		return
	}
	fresh := make([]Item, len(tracks))
	for k, t := range tracks {
		l.lastID++
		fresh[k] = Item{ID: l.lastID, Track: t}
	}
	if l.plain != nil {
		p := len(l.plain)
		if at < len(l.items) {
			p = 0
			if at > 0 {
				p = index(l.plain, l.items[at-1].ID) + 1
			}
		}
		l.plain = slices.Insert(l.plain, p, fresh...)
	}
	l.items = slices.Insert(l.items, at, fresh...)
	if at <= l.cur {
		l.cur += len(fresh)
	}
	l.changed()
}

// remove takes entry i out. If it is the current one, the one before becomes it.
func (l *list) remove(i int) {
	id := l.items[i].ID
	l.items = slices.Delete(l.items, i, i+1)
	if p := index(l.plain, id); p >= 0 {
		l.plain = slices.Delete(l.plain, p, p+1)
	}
	if i <= l.cur {
		l.cur--
	}
	l.changed()
}

// move takes entry i by places further, as far as there are any.
func (l *list) move(i, by int) {
	to := min(max(by, -i), len(l.items)-1-i) + i
	if to == i {
		return
	}
	cur := l.current().ID
	it := l.items[i]
	l.items = slices.Insert(slices.Delete(l.items, i, i+1), to, it)
	if cur != 0 {
		l.cur = l.find(cur)
	}
	l.changed()
}

// clear drops what is to come.
func (l *list) clear() {
	if l.cur+1 >= len(l.items) {
		return
	}
	gone := l.items[l.cur+1:]
	if l.plain != nil {
		l.plain = slices.DeleteFunc(l.plain, func(it Item) bool { return index(gone, it.ID) >= 0 })
	}
	l.items = l.items[:l.cur+1]
	l.changed()
}

// setShuffle puts what is to come in an order that chance makes, each as likely
// as any other; off brings back the order without, around the current entry.
func (l *list) setShuffle(on bool) {
	if on == l.shuffle {
		return
	}
	l.shuffle = on
	if on {
		l.plain = slices.Clone(l.items)
		rest := l.items[l.cur+1:]
		l.rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	} else {
		cur := l.current().ID
		l.items, l.plain = l.plain, nil
		l.cur = index(l.items, cur)
	}
	l.changed()
}

// view is a copy for others.
func (l *list) view() Queue {
	return Queue{Items: slices.Clone(l.items), Current: l.cur, Version: l.version, Repeat: l.repeat, Shuffle: l.shuffle}
}
