package buffer

import (
	"slices"
	"testing"
	"time"
)

func TestNames(t *testing.T) {
	for _, s := range []Strategy{Balanced, Conservative, Aggressive} {
		if got, err := ParseStrategy(s.String()); got != s || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, p := range []Prefetch{Linear, Adaptive, None} {
		if got, err := ParsePrefetch(p.String()); got != p || err != nil {
			t.Errorf("%s: %v, %v", p, got, err)
		}
	}
	for _, name := range []string{"", "Balanced", "unknown"} {
		_, err := ParseStrategy(name)
		_, other := ParsePrefetch(name)
		if err == nil || other == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if Strategy(9).String() != "unknown" {
		t.Error("a strategy that is none has a name")
	}
}

// went is a history of downloads of the same length, some of which failed.
func went(n int, took time.Duration, failed int) *history {
	h := &history{memory: 15}
	for i := range n {
		h.took = push(h.took, took, h.memory)
		h.failed = push(h.failed, i < failed, h.memory)
	}
	return h
}

// TestPublishedNumbers holds the ways to fetch ahead to their published rules.
func TestPublishedNumbers(t *testing.T) {
	starved := went(3, 3*time.Second, 1)
	starved.starved = 7
	for name, c := range map[string]struct {
		p      Prefetch
		h      *history
		paused bool
		want   int
	}{
		"linear":                    {Linear, &history{}, false, 2},
		"linear, one slow":          {Linear, went(1, 5*time.Second, 0), false, 2},
		"linear, a little slow":     {Linear, went(2, 1600*time.Millisecond, 0), false, 3},
		"linear, slow":              {Linear, went(2, 2100*time.Millisecond, 0), false, 4},
		"linear, failing":           {Linear, went(10, time.Millisecond, 3), false, 4},
		"linear, failing seldom":    {Linear, went(10, time.Millisecond, 2), false, 2},
		"linear, slow and failing":  {Linear, went(10, 9*time.Second, 10), false, 6},
		"adaptive":                  {Adaptive, &history{}, false, 4},
		"adaptive, paused":          {Adaptive, &history{}, true, 2},
		"adaptive, two slow":        {Adaptive, went(2, 9*time.Second, 0), false, 4},
		"adaptive, a little slow":   {Adaptive, went(3, 1400*time.Millisecond, 0), false, 5},
		"adaptive, slower":          {Adaptive, went(3, 2*time.Second, 0), false, 6},
		"adaptive, slow":            {Adaptive, went(3, 3*time.Second, 0), false, 8},
		"adaptive, failing":         {Adaptive, went(10, time.Millisecond, 3), false, 7},
		"adaptive, failing less":    {Adaptive, went(10, time.Millisecond, 2), false, 6},
		"adaptive, all that can be": {Adaptive, starved, false, 12},
		"none":                      {None, starved, false, 0},
	} {
		if got := c.p.ahead(c.h, c.paused); got != c.want {
			t.Errorf("%s: %d slices ahead, want %d", name, got, c.want)
		}
	}
}

func TestHistoryForgets(t *testing.T) {
	h := went(100, time.Second, 90)
	if len(h.took) != 15 || len(h.failed) != 15 || h.failures() != 5./15 {
		t.Errorf("%d times, %v of failures", len(h.took), h.failures())
	}
}

// desk is a Planner at work, and what it did.
type desk struct {
	*Planner
	t       *testing.T
	now     time.Duration
	took    time.Duration
	started []int
	dropped []int
}

func at(t *testing.T, cfg Config) *desk {
	if cfg.Slices == 0 {
		cfg.Slices = 100
	}
	if cfg.Budget == 0 {
		cfg.Budget = 1 << 20
	}
	if cfg.Size == nil {
		cfg.Size = func(int) int64 { return 1 }
	}
	return &desk{Planner: New(cfg), t: t, took: time.Millisecond}
}

// settle lets all come that is on its way.
func (d *desk) settle() {
	for range 1000 {
		p := d.Plan(d.now)
		d.started, d.dropped = append(d.started, p.Start...), append(d.dropped, p.Drop...)
		busy := false
		for i, it := range d.items {
			if !it.here {
				busy = true
				d.Came(i, d.size(i), d.took/4, d.took, d.now)
			}
		}
		if !busy {
			return
		}
	}
	d.t.Fatal("it never comes to rest")
}

// play plays slice i and settles.
func (d *desk) play(i int) {
	d.Ask(i, d.now)
	d.settle()
	d.Hold(i)
	d.now += d.cfg.Length
	d.Done(i, d.now)
	d.settle()
}

func (d *desk) has() []int {
	var list []int
	for i := range d.items {
		list = append(list, i)
	}
	slices.Sort(list)
	return list
}

// TestWindows is what each pair of strategies has after some slices, after a
// seek, and how often it fetched.
func TestWindows(t *testing.T) {
	for name, c := range map[string]struct {
		cfg         Config
		play, seek  []int // what is here then
		fetched     int
		fetchedSeek int
	}{
		"balanced, linear":       {Config{}, []int{8, 9, 10, 11, 12}, []int{49, 50, 51, 52}, 13, 4},
		"conservative, linear":   {Config{Strategy: Conservative}, []int{11}, []int{51}, 12, 2},
		"aggressive, linear":     {Config{Strategy: Aggressive}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, []int{49, 50, 51, 52}, 13, 4},
		"balanced, adaptive":     {Config{Prefetch: Adaptive}, []int{8, 9, 10, 11, 12, 13, 14}, []int{50, 51, 52, 53, 54, 90}, 15, 6},
		"conservative, adaptive": {Config{Strategy: Conservative, Prefetch: Adaptive}, []int{11}, []int{51}, 12, 2},
		"balanced, none":         {Config{Prefetch: None}, []int{8, 9, 10}, []int{50}, 11, 1},
		"seven ahead":            {Config{Strategy: Conservative, Ahead: 7}, []int{11, 12, 13, 14, 15, 16, 17}, []int{51, 52, 53, 54, 55, 56, 57}, 18, 8},
	} {
		t.Run(name, func(t *testing.T) {
			d := at(t, c.cfg)
			for i := range 11 {
				d.play(i)
			}
			if !slices.Equal(d.has(), c.play) || len(d.started) != c.fetched {
				t.Errorf("after ten: %v, fetched %v", d.has(), d.started)
			}
			d.started = nil
			d.play(50)
			if !slices.Equal(d.has(), c.seek) || len(d.started) != c.fetchedSeek {
				t.Errorf("after a seek: %v, fetched %v", d.has(), d.started)
			}
		})
	}
}

// TestSlowThenQuick: what was fetched while downloads were slow is not dropped
// because they are quick again.
func TestSlowThenQuick(t *testing.T) {
	d := at(t, Config{Prefetch: Adaptive})
	d.took = 5 * time.Second
	d.play(0)
	for i := 1; i < 4; i++ {
		d.play(i)
	}
	far := slices.Max(d.has())
	if far < 10 {
		t.Fatalf("it has %v", d.has())
	}
	d.took = time.Millisecond
	for range 15 {
		d.Came(-1, 0, 0, time.Millisecond, d.now)
	}
	for i := 4; i < far; i++ {
		d.play(i)
		if !slices.Contains(d.has(), far) {
			t.Fatalf("at %d it has %v", i, d.has())
		}
	}
	slices.Sort(d.started)
	if n := len(d.started); n != len(slices.Compact(d.started)) {
		t.Errorf("fetched %v", d.started)
	}
}

// TestShortSeeks: to and fro within what is kept, nothing is fetched twice.
func TestShortSeeks(t *testing.T) {
	d := at(t, Config{})
	for _, i := range []int{20, 21, 22, 21, 22, 20, 21, 22, 23, 22, 23, 24, 23} {
		d.play(i)
	}
	slices.Sort(d.started)
	for i, n := range d.started {
		if i > 0 && n == d.started[i-1] && n != 19 { // it was two slices away by then, and a seek led next to it
			t.Errorf("fetched %v", d.started)
		}
	}
}

// TestUrgentFirst: while the consumer waits nothing else begins, and no more
// than three downloads run ahead of it.
func TestUrgentFirst(t *testing.T) {
	d := at(t, Config{Prefetch: Adaptive})
	d.Ask(5, 0)
	if p := d.Plan(0); !slices.Equal(p.Start, []int{5}) {
		t.Errorf("starts %v", p.Start)
	}
	d.Came(5, 1, 0, 1, 0)
	if p := d.Plan(0); !slices.Equal(p.Start, []int{6, 7, 8}) {
		t.Errorf("starts %v", p.Start)
	}
	d.Came(7, 1, 0, 1, 0)
	if p := d.Plan(0); !slices.Equal(p.Start, []int{9}) {
		t.Errorf("starts %v", p.Start)
	}
	// A seek ends what no longer matters, and that alone.
	d.Done(5, 0)
	d.Ask(9, 0)
	if p := d.Plan(0); len(p.Start) != 0 || !slices.Contains(p.Drop, 6) || slices.Contains(p.Drop, 9) || !slices.Contains(d.has(), 7) {
		t.Errorf("starts %v, drops %v", p.Start, p.Drop)
	}
	if !d.Ask(7, 0) || d.Ask(70, 0) {
		t.Error("it does not know what is here")
	}
	if p := d.Plan(0); !slices.Equal(p.Start, []int{70}) || !slices.Contains(p.Drop, 9) {
		t.Errorf("starts %v, drops %v", p.Start, p.Drop)
	}
}

// TestOneByOne: over a slow line the next slice comes alone, and the request for
// the one after it goes out just in time.
func TestOneByOne(t *testing.T) {
	d := at(t, Config{Length: 5 * time.Second})
	d.Ask(0, 0)
	d.Plan(0)
	d.now = 4 * time.Second
	d.Came(0, 1, 400*time.Millisecond, 4*time.Second, d.now)
	p := d.Plan(d.now)
	if !slices.Equal(p.Start, []int{1}) || p.Next != 7600*time.Millisecond {
		t.Errorf("starts %v, next at %v", p.Start, p.Next)
	}
	if p = d.Plan(p.Next - 1); len(p.Start) != 0 {
		t.Errorf("starts %v", p.Start)
	}
	if p = d.Plan(p.Next); !slices.Equal(p.Start, []int{2}) {
		t.Errorf("starts %v", p.Start)
	}
	// Where bytes are not what it waits for, they come side by side.
	d = at(t, Config{Length: 5 * time.Second})
	d.Ask(0, 0)
	d.Plan(0)
	d.Came(0, 1, 3*time.Second, 4*time.Second, 0)
	if p := d.Plan(0); !slices.Equal(p.Start, []int{1, 2}) {
		t.Errorf("starts %v", p.Start)
	}
}

// TestExpiry: what was played is wiped in time though nothing happens, and what
// comes next stays.
func TestExpiry(t *testing.T) {
	for s, life := range map[Strategy]time.Duration{Balanced: 2 * time.Minute, Aggressive: 5 * time.Minute} {
		d := at(t, Config{Strategy: s, Length: 5 * time.Second})
		for i := range 4 {
			d.play(i)
		}
		gone := 0
		for p := d.Plan(d.now); p.Next != 0; p = d.Plan(d.now) {
			if p.Next > d.now+life || p.Next <= d.now {
				t.Fatalf("%s: at %v next is %v", s, d.now, p.Next)
			}
			d.now, gone = p.Next, gone+1
		}
		if !slices.Equal(d.has(), []int{2, 3, 4, 5}) || gone == 0 {
			t.Errorf("%s: %v is left", s, d.has())
		}
		d.started = nil
		d.play(4)
		if slices.Contains(d.started, 1) {
			t.Errorf("%s: what expired is fetched again", s)
		}
	}
}

// TestGivenUp: a slice that does not come is fetched when it is asked for again,
// and not before.
func TestGivenUp(t *testing.T) {
	d := at(t, Config{})
	d.Ask(0, 0)
	d.Plan(0)
	d.Came(0, 1, 0, 1, 0)
	d.Plan(0)
	d.Failed()
	d.GiveUp(1)
	if p := d.Plan(0); slices.Contains(p.Start, 1) || len(p.Drop) != 0 {
		t.Errorf("starts %v, drops %v", p.Start, p.Drop)
	}
	d.Ask(1, 0)
	if p := d.Plan(0); !slices.Equal(p.Start, []int{1}) {
		t.Errorf("starts %v", p.Start)
	}
	d.GiveUp(1)
	if p := d.Plan(0); slices.Contains(p.Start, 1) {
		t.Errorf("starts %v", p.Start)
	}
}

// TestBudget: what is heard next has room before what was played, and what
// turns out larger than was thought goes, once.
func TestBudget(t *testing.T) {
	d := at(t, Config{Budget: 40, Size: func(int) int64 { return 10 }})
	for i := range 10 {
		d.play(i)
		if i > 1 && !slices.Equal(d.has(), []int{i - 1, i, i + 1, i + 2}) {
			t.Fatalf("at %d it has %v", i, d.has())
		}
	}
	if len(d.started) != 12 {
		t.Errorf("fetched %v", d.started)
	}
	d = at(t, Config{Budget: 5, Size: func(int) int64 { return 10 }})
	d.play(0)
	d.Ask(1, 0)
	d.settle()
	if !slices.Equal(d.has(), []int{1}) {
		t.Errorf("it has %v", d.has())
	}
	d = at(t, Config{Budget: 40, Size: func(int) int64 { return 10 }})
	d.Ask(0, 0)
	d.Plan(0)
	d.Came(0, 10, 0, 1, 0)
	d.Plan(0)
	d.Came(1, 10, 0, 1, 0)
	d.Came(2, 35, 0, 1, 0)
	if p := d.Plan(0); !slices.Equal(p.Drop, []int{2}) {
		t.Errorf("drops %v", p.Drop)
	}
	if p := d.Plan(0); len(p.Start) != 0 {
		t.Errorf("starts %v", p.Start)
	}
}

// TestTinySlices: what is kept has a bound in number too, for each Plan looks at
// all of it. What was played last stays.
func TestTinySlices(t *testing.T) {
	const n = 3000
	p := New(Config{Slices: n, Size: func(int) int64 { return 1 }, Budget: 1 << 40, Strategy: Aggressive})
	most := 0
	for i := range n {
		now := time.Duration(i) * time.Millisecond
		p.Ask(i, now)
		for _, k := range slices.Clone(p.Plan(now).Start) {
			p.Came(k, 1, 0, 0, now)
		}
		p.Hold(i)
		for _, k := range slices.Clone(p.Plan(now).Start) {
			p.Came(k, 1, 0, 0, now)
		}
		p.Done(i, now)
		most = max(most, len(p.items))
	}
	if most > mostBesides+20 || most < mostBesides {
		t.Errorf("%d slices are kept", most)
	}
	p.Plan(n * time.Millisecond)
	if p.items[n-mostBesides/2] == nil || p.items[0] != nil {
		t.Error("what was played first is kept, or not what was played last")
	}
}
