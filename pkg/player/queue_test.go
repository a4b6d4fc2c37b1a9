package player

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

// tracksOf are the tracks of a queue in order.
func tracksOf(q Queue) (out []int) {
	for _, it := range q.Items {
		out = append(out, it.Track)
	}
	return out
}

func TestListEdits(t *testing.T) {
	l := newList([]int{10, 11, 12, 13}, 1, 1)
	check := func(what string, cur int, want ...int) {
		t.Helper()
		if got := tracksOf(l.view()); !slices.Equal(got, want) || l.cur != cur {
			t.Errorf("%s: %v, current %d; want %v, %d", what, got, l.cur, want, cur)
		}
	}
	at := func(i int) uint64 { return l.items[i].ID }
	l.insert(len(l.items), []int{14})
	check("add", 1, 10, 11, 12, 13, 14)
	l.insert(l.cur+1, []int{20, 21})
	check("play next", 1, 10, 11, 20, 21, 12, 13, 14)
	l.remove(0)
	check("remove of the history", 0, 11, 20, 21, 12, 13, 14)
	l.move(l.find(at(1)), 2)
	check("move on", 0, 11, 21, 12, 20, 13, 14)
	l.move(5, -100)
	check("move before the current", 1, 14, 11, 21, 12, 20, 13)
	l.move(1, 2)
	check("move of the current", 3, 14, 21, 12, 11, 20, 13)
	l.remove(3)
	check("remove of the current", 2, 14, 21, 12, 20, 13)
	l.clear()
	check("clear", 2, 14, 21, 12)
	v := l.version
	l.clear()
	l.move(0, -1)
	l.insert(1, nil)
	if l.version != v {
		t.Error("the version changed and the queue did not")
	}
	seen := map[uint64]bool{}
	for range 100 {
		l.insert(len(l.items), []int{1})
		id := at(len(l.items) - 1)
		if id == 0 || seen[id] {
			t.Fatalf("ID %d again", id)
		}
		seen[id] = true
		l.remove(len(l.items) - 1)
	}
}

func TestListFollows(t *testing.T) {
	l := newList([]int{0, 1, 2}, 0, 1)
	track := func(i int, by bool) int {
		it := l.after(l.items[i].ID, by)
		if it.ID == 0 {
			return -1
		}
		return it.Track
	}
	for _, c := range []struct {
		repeat Repeat
		i      int
		by     bool
		want   int
	}{
		{RepeatOff, 0, false, 1}, {RepeatOff, 2, false, -1}, {RepeatOff, 2, true, -1}, {RepeatAll, 2, false, 0},
		{RepeatAll, 2, true, 0}, {RepeatOne, 1, false, 1}, {RepeatOne, 1, true, 2}, {RepeatOne, 2, true, -1},
	} {
		l.repeat = c.repeat
		if got := track(c.i, c.by); got != c.want {
			t.Errorf("repeat %v after %d, asked %v: %d, want %d", c.repeat, c.i, c.by, got, c.want)
		}
	}
}

// TestShuffleIsFair: each order of what is to come is as likely as any other,
// by a chi-squared test over the 24 orders of four, at p = 0.001.
func TestShuffleIsFair(t *testing.T) {
	const rounds = 24_000
	got := map[string]int{}
	for seed := range uint64(rounds) {
		l := newList([]int{0, 1, 2, 3, 4, 5}, 1, seed+1)
		l.setShuffle(true)
		order := tracksOf(l.view())
		if order[0] != 0 || order[1] != 1 || l.cur != 1 {
			t.Fatalf("%v: what was played has moved", order)
		}
		got[fmt.Sprint(order[2:])]++
	}
	chi := 0.0
	for _, n := range got {
		d := float64(n) - rounds/24
		chi += d * d / (rounds / 24)
	}
	if len(got) != 24 || chi > 49.7 {
		t.Errorf("%d orders, chi squared %.1f", len(got), chi)
	}
}

// TestShuffleComesBack: whatever is done to a shuffled queue, without shuffle
// it is in the order it had, and what plays goes on.
func TestShuffleComesBack(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := newList([]int{0, 1, 2, 3, 4, 5, 6, 7}, rng.IntN(8), seed+1)
		l.setShuffle(true)
		for range rng.IntN(12) {
			switch n := len(l.items); rng.IntN(5) {
			case 0:
				l.insert(n, []int{100 + rng.IntN(100)})
			case 1:
				l.insert(l.cur+1, []int{200 + rng.IntN(100)})
			case 2:
				if n > 1 {
					l.remove(rng.IntN(n))
				}
			case 3:
				l.move(rng.IntN(n), rng.IntN(9)-4)
			case 4:
				l.point(rng.IntN(n))
			}
		}
		cur, n := l.current(), len(l.items)
		l.setShuffle(false)
		ids := map[uint64]bool{}
		last := -1
		for _, it := range l.items {
			ids[it.ID] = true
			if it.Track < 100 {
				if it.Track < last {
					t.Fatalf("seed %d: %v", seed, tracksOf(l.view()))
				}
				last = it.Track
			}
		}
		if l.current() != cur || len(l.items) != n || len(ids) != n || l.plain != nil {
			t.Fatalf("seed %d: current %v, was %v; %d entries, were %d", seed, l.current(), cur, len(l.items), n)
		}
	}
}

// shelf is n tracks of a second and a bit, each with its own samples.
func shelf(n int) (out []*memSource) {
	for i := range n {
		out = append(out, newMem(8000, 1, audio.Frames(8000+i), 4000, count(i)))
	}
	return out
}

// plays says which tracks p holds one after the other, whole and exact.
func plays(t *testing.T, p []float64, tracks []*memSource) (out []int) {
	t.Helper()
	for len(p) > 0 {
		i := int(p[0]*(1<<30)) / 10_000_000
		n := int(tracks[i].frames)
		if len(p) < n {
			t.Fatalf("track %d is cut off after %d of %d frames; before it %v", i, len(p), n, out)
		}
		exact(t, p[:n], 1, 0, count(i))
		out, p = append(out, i), p[n:]
	}
	return out
}

// TestQueueEdits: edits while a track plays of which the next was decoded ahead
// long ago. What is heard is always whole tracks, joined without a sample
// between them.
func TestQueueEdits(t *testing.T) {
	id := func(e *Engine, i int) uint64 { return e.Queue().Items[i].ID }
	for _, c := range []struct {
		name string
		cfg  Config
		do   func(e *Engine)
		want []int
	}{
		{"nothing", Config{}, func(*Engine) {}, []int{0, 1, 2, 3}},
		{"remove the next", Config{}, func(e *Engine) { e.Remove(id(e, 1)) }, []int{0, 2, 3}},
		{"remove all that comes", Config{}, func(e *Engine) { e.Clear() }, []int{0}},
		{"remove one, add one", Config{}, func(e *Engine) { e.Clear(); e.Add(3, 2) }, []int{0, 3, 2}},
		{"play next", Config{}, func(e *Engine) { e.PlayNext(3) }, []int{0, 3, 1, 2, 3}},
		{"move the second next up", Config{}, func(e *Engine) { e.Move(id(e, 2), -1) }, []int{0, 2, 1, 3}},
		{"there and back", Config{}, func(e *Engine) { e.Move(id(e, 2), -1); e.Move(id(e, 1), 1) }, []int{0, 1, 2, 3}},
		{"far off", Config{}, func(e *Engine) { e.Remove(id(e, 3)); e.Add(1) }, []int{0, 1, 2, 1}},
		{"out of range", Config{}, func(e *Engine) { e.Add(-1, 4); e.Remove(99); e.Move(99, 1); e.JumpTo(99); e.Jump(-1) }, []int{0, 1, 2, 3}},
		{"repeat one, then off", Config{Repeat: RepeatOne}, func(e *Engine) { e.SetRepeat(RepeatOff) }, []int{0, 1, 2, 3}},
		{"its own queue", Config{Queue: []int{2, 0, 2}, First: 1}, func(*Engine) {}, []int{0, 2}},
		{"shuffle there and back", Config{}, func(e *Engine) { e.SetShuffle(true); e.SetShuffle(false) }, []int{0, 1, 2, 3}},
		{"current moved to the end", Config{}, func(e *Engine) { e.Move(id(e, 0), 9) }, []int{0}},
	} {
		synctest.Test(t, func(t *testing.T) {
			tracks := shelf(4)
			r := play(t, &card{}, c.cfg, tracks...)
			time.Sleep(500 * time.Millisecond) // all is decoded: a track is a second
			c.do(r.e)
			r.wait()
			if got := plays(t, r.c.all[0], tracks); !slices.Equal(got, c.want) || r.err != nil || r.c.gaps > 0 {
				t.Errorf("%s: played %v, want %v; %v, gaps %d", c.name, got, c.want, r.err, r.c.gaps)
			}
			if n := r.count(TrackChange); n != len(c.want) || len(r.c.all) != 1 {
				t.Errorf("%s: %d trackchange", c.name, n)
			}
		})
	}
}

// TestQueueEditAtAnyTime removes and adds the next track at every 3 ms around
// the boundary: it plays whole or not at all.
func TestQueueEditAtAnyTime(t *testing.T) {
	for ms := 700; ms < 1100; ms += 3 {
		synctest.Test(t, func(t *testing.T) {
			tracks := shelf(3)
			r := play(t, &card{}, Config{Queue: []int{0, 1}}, tracks...)
			time.Sleep(time.Duration(ms) * time.Millisecond)
			q := r.e.Queue()
			r.e.PlayNext(2)
			r.wait()
			got := plays(t, r.c.all[0], tracks)
			if want := [][]int{{0, 2, 1}, {0, 1, 2}}[q.Current]; !slices.Equal(got, want) {
				t.Errorf("at %d ms, current %d: %v", ms, q.Current, got)
			}
		})
	}
}

func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracks := shelf(3)
		r := play(t, &card{}, Config{Repeat: RepeatOne, First: 1}, tracks...)
		time.Sleep(3500 * time.Millisecond) // in the fourth time
		if n := tracks[1].opens(); n != 1 {
			t.Errorf("track 1 was opened %d times to repeat it", n)
		}
		r.e.SetRepeat(RepeatAll)
		time.Sleep(3 * time.Second) // 1, 2, 0, in 1
		r.e.SetRepeat(RepeatOff)
		r.wait()
		if got, want := plays(t, r.c.all[0], tracks), []int{1, 1, 1, 1, 2, 0, 1, 2}; !slices.Equal(got, want) || r.c.gaps > 0 {
			t.Errorf("played %v, want %v; gaps %d", got, want, r.c.gaps)
		}
		if s := r.e.State(); !s.Ended || !s.Done {
			t.Errorf("%+v", s)
		}
	})
}

// TestRepeatToAFile: a file ends.
func TestRepeatToAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracks := shelf(2)
		r := play(t, &card{unpaced: true}, Config{Repeat: RepeatAll}, tracks...)
		r.e.SetRepeat(RepeatOne)
		r.wait()
		if got := plays(t, r.c.all[0], tracks); !slices.Equal(got, []int{0, 1}) || r.err != nil {
			t.Errorf("%v, %v", got, r.err)
		}
	})
}

// TestRepeatGivesUp: a queue in which nothing can be played ends, whatever is
// to be repeated.
func TestRepeatGivesUp(t *testing.T) {
	for _, repeat := range []Repeat{RepeatOff, RepeatAll, RepeatOne} {
		for _, empty := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				tracks := shelf(3)
				for _, s := range tracks {
					if s.fail = map[int]error{0: context.DeadlineExceeded}; empty {
						*s = *newMem(8000, 1, 0, 4000, count(0))
					}
				}
				r := play(t, &card{}, Config{Repeat: repeat}, tracks...)
				r.wait()
				if (r.err == nil) != empty || r.count(Error) > 3 || slices.ContainsFunc(r.c.heardAll(), func(v float64) bool { return v != 0 }) {
					t.Errorf("repeat %v, empty %v: %v, %d errors", repeat, empty, r.err, r.count(Error))
				}
			})
		}
	}
}

// TestRemoveWhatPlays: the next track follows softly; without one all is over.
func TestRemoveWhatPlays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 8000
		src := func() *memSource { return newMem(rate, 1, 3*rate, rate, sine(rate)) }
		r := play(t, &card{}, Config{Stay: true}, src(), src(), src())
		time.Sleep(time.Second)
		q := r.e.Queue()
		r.e.Remove(q.Items[0].ID)
		r.e.Remove(q.Items[1].ID) // that is the current one now
		time.Sleep(time.Second)
		if s, q := r.e.State(), r.e.Queue(); s.Track != 2 || s.Item != q.Items[0].ID || q.Current != 0 || len(q.Items) != 1 || s.Position < 700*time.Millisecond {
			t.Errorf("%+v in %+v", s, q)
		}
		r.e.Remove(r.e.Queue().Items[0].ID)
		time.Sleep(time.Second)
		if s, q := r.e.State(), r.e.Queue(); !s.Ended || q.Current != -1 || len(q.Items) != 0 {
			t.Errorf("%+v in %+v", s, q)
		}
		r.e.Prev()
		r.e.Next()
		r.e.Toggle()
		r.e.SetShuffle(true)
		time.Sleep(time.Second)
		r.e.Add(0)
		time.Sleep(time.Second)
		if s := r.e.State(); s.Position > 0 && !s.Ended {
			t.Errorf("plays by itself: %+v", s)
		}
		r.e.Pause(false)
		time.Sleep(time.Second)
		if s := r.e.State(); s.Ended || s.Track != 0 || s.Position < 700*time.Millisecond {
			t.Errorf("what was added does not play: %+v", s)
		}
		r.e.Stop()
		r.wait()
		for _, p := range r.c.all {
			clicks(t, p, rate, 1)
		}
		if r.count(Ended) < 1 || r.count(Stop) != 1 || r.events[len(r.events)-1].Kind != Stop {
			t.Errorf("%d ended, %d stop", r.count(Ended), r.count(Stop))
		}
	})
}

// TestJumps: to a track that is queued, to one that is not, to an entry.
func TestJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracks := shelf(5)
		r := play(t, &card{}, Config{Queue: []int{0, 1, 0, 2}, Paused: true}, tracks...)
		now := func() (int, []int) { q := r.e.Queue(); return q.Current, tracksOf(q) }
		for _, c := range []struct {
			do   func()
			cur  int
			want []int
		}{
			{func() { r.e.Jump(2) }, 3, []int{0, 1, 0, 2}},
			{func() { r.e.Jump(1) }, 1, []int{0, 1, 0, 2}},
			{func() { r.e.Jump(0) }, 2, []int{0, 1, 0, 2}},
			{func() { r.e.Jump(4) }, 3, []int{0, 1, 0, 4, 2}},
			{func() { r.e.JumpTo(r.e.Queue().Items[0].ID) }, 0, []int{0, 1, 0, 4, 2}},
			{func() { r.e.Next(); r.e.Next() }, 2, []int{0, 1, 0, 4, 2}},
			{func() { r.e.Prev() }, 1, []int{0, 1, 0, 4, 2}},
		} {
			c.do()
			time.Sleep(time.Second)
			if cur, got := now(); cur != c.cur || !slices.Equal(got, c.want) {
				t.Errorf("current %d of %v, want %d of %v", cur, got, c.cur, c.want)
			}
			if s := r.e.State(); s.Track != c.want[c.cur] || s.Item != r.e.Queue().Items[c.cur].ID || !s.Paused {
				t.Errorf("state %+v", s)
			}
		}
		r.e.Stop()
		r.wait()
	})
}

// TestBorderWaitsForEdits: a track is not begun while an edit waits that may
// have taken it out of the queue.
func TestBorderWaitsForEdits(t *testing.T) {
	e, err := New(Config{Output: &card{}, Tracks: 3, Open: func(context.Context, int) (Source, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	o := e.take()
	first := e.begin(1, o.to.item)
	second, ok := e.follow(1, first, 0)
	if !ok || second.item.Track != 1 || !e.reach(first.n) {
		t.Fatalf("%+v, %v", second, ok)
	}
	e.Remove(second.item.ID)
	if e.reach(second.n) {
		t.Error("a removed track begins")
	}
	if _, ok := e.follow(2, second, 0); ok {
		t.Error("a reader of another generation goes on")
	}
	if !e.take().edited {
		t.Error("no order to look at the queue")
	}
	from, third, ok := e.recheck(2)
	if !ok || from != second.n || third.item.Track != 2 || !e.reach(third.n) || e.Queue().Current != 1 {
		t.Errorf("%d, %+v, %v", from, third, ok)
	}
	if _, _, again := e.recheck(3); again {
		t.Error("what was chosen anew is chosen again")
	}
}
