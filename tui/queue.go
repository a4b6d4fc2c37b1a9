package tui

import (
	"slices"
	"strconv"
	"time"

	"secstream/pkg/player"
)

// queue is what was played, what plays and what is to come.
type queue struct {
	window
	tracks []Track
	player.Queue
	known bool // Queue was asked for once
	times int
}

func newQueue(tracks []Track) queue {
	return queue{tracks: tracks, times: timeWidth(tracks)}
}

// follow takes what the engine has, when it has changed. The cursor stays on
// its entry, or goes along with what plays if it was there.
func (q *queue) follow(e lister) {
	if v := e.QueueVersion(); q.known && v == q.Version {
		return
	}
	keep, at, was := q.selected(), q.cursor, q.Current
	first := !q.known
	q.Queue, q.known = e.Queue(), true
	q.count(len(q.Items))
	switch i := q.find(keep); {
	case first || at == was && q.Current >= 0:
		q.to(max(q.Current, 0))
	case i >= 0:
		q.to(i)
	}
	if first {
		q.centre()
	}
}

func (q *queue) find(id uint64) int {
	return slices.IndexFunc(q.Items, func(i player.Item) bool { return i.ID == id && id != 0 })
}

// selected is the entry under the cursor, 0 when there is none.
func (q *queue) selected() uint64 {
	if q.cursor < 0 || q.cursor >= len(q.Items) {
		return 0
	}
	return q.Items[q.cursor].ID
}

// track is what the entry at i is of, the zero Track when there is none.
func (q *queue) track(i int) Track {
	if i < 0 || i >= len(q.Items) || q.Items[i].Track < 0 || q.Items[i].Track >= len(q.tracks) {
		return Track{}
	}
	return q.tracks[q.Items[i].Track]
}

// next is the track that comes after the one that plays.
func (q *queue) next() (Track, bool) {
	i := q.Current
	switch {
	case len(q.Items) == 0:
		return Track{}, false
	case q.Repeat == player.RepeatOne && i >= 0:
	case i+1 < len(q.Items):
		i++
	case q.Repeat == player.RepeatAll:
		i = 0
	default:
		return Track{}, false
	}
	return q.track(i), true
}

// ahead is how many entries are to come and how long they are together.
func (q *queue) ahead() (n int, sum time.Duration) {
	for i := q.Current + 1; i < len(q.Items); i++ {
		sum += q.track(i).Duration
		n++
	}
	return n, sum
}

// note is what is to come, for the rule above the list. left is what is left
// of the track that plays.
func (q *queue) note(left time.Duration) string {
	n, sum := q.ahead()
	return thousands(n) + " to come · " + clock(sum+left) + " left"
}

// place is where in the queue we are: "3 of 12".
func (q *queue) place() string {
	if q.Current < 0 {
		return ""
	}
	return thousands(q.Current+1) + " of " + thousands(len(q.Items))
}

// modes are repeat and shuffle in words, "" when both are off.
func (q *queue) modes() string {
	repeat := [...]string{"", "repeat all", "repeat one"}[min(int(q.Repeat), 2)]
	shuffle := ""
	if q.Shuffle {
		shuffle = "shuffle"
	}
	return join(" · ", shuffle, repeat)
}

// view is the window of the queue, like that of the library.
func (q *queue) view(s styles, w int, sign string, failed map[int]string) []string {
	lines := make([]string, 0, q.height)
	digits := len(strconv.Itoa(len(q.Items)))
	for i := q.offset; i < len(q.Items) && len(lines) < q.height; i++ {
		t := q.track(i)
		p := parts{mark: " ", sign: s.plain, time: t.time(), times: q.times, name: s.plain, cursor: s.selected}
		switch _, bad := failed[q.Items[i].Track]; {
		case bad:
			p.mark, p.sign, p.name = signFailed, s.fail, s.dim
		case i == q.Current:
			p.mark, p.sign, p.name, p.cursor = sign, s.accent, s.current, s.selectedCurrent
		case i < q.Current:
			p.mark, p.sign, p.name = "·", s.faint, s.dim
		}
		number := fitRight(strconv.Itoa(i-q.Current), digits+1)
		if i == q.Current {
			number = blank(digits + 1)
		} else if i > q.Current {
			number = fitRight("+"+strconv.Itoa(i-q.Current), digits+1)
		}
		cells := columns(t, columnSet{true, true}, w-signs-digits-1-gap-gap-q.times-1)
		cells[0] = number + blank(gap) + cells[0]
		p.cells = cells
		lines = append(lines, p.line(s, w, i == q.cursor))
	}
	if len(q.Items) == 0 && q.height > 0 {
		lines = append(lines, s.dim.Render(cut(blank(signs)+"nothing is queued; a in the library adds", w)))
	}
	return fill(lines, q.height)
}
