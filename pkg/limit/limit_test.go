package limit

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// taken is how many of n requests in a row are let through.
func taken(t *Table, name string, rate float64, n int) (ok int) {
	for range n {
		if t.Take(name, rate) == 0 {
			ok++
		}
	}
	return ok
}

func TestBurstAndLongRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New()
		if n := taken(table, "a", 10, 1000); n != 50 {
			t.Errorf("%d at once, want 5 s worth: 50", n)
		}
		wait := table.Take("a", 10)
		if wait <= 0 || wait > 100*time.Millisecond {
			t.Errorf("wait %v, want up to 100 ms", wait)
		}
		time.Sleep(wait)
		if n := taken(table, "a", 10, 10); n != 1 {
			t.Errorf("%d after the wait, want 1", n)
		}
		total := 0
		for range 60 {
			time.Sleep(time.Second)
			total += taken(table, "a", 10, 100)
		}
		if total < 599 || total > 601 {
			t.Errorf("%d in a minute, want 600", total)
		}
		time.Sleep(time.Hour)
		if n := taken(table, "a", 10, 1000); n != 50 {
			t.Errorf("%d after a rest, want 50", n)
		}
		if n := taken(table, "b", 10, 1000); n != 50 {
			t.Errorf("another name has %d, want 50", n)
		}
	})
}

func TestOddRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New()
		for _, c := range []struct {
			rate float64
			want int
		}{{0, 100}, {-1, 100}, {0.01, 1}, {1e-300, 1}, {1e300, 100}, {math.Inf(1), 100}, {0.4, 2}} {
			if n := taken(table, fmt.Sprint(c.rate), c.rate, 100); n != c.want {
				t.Errorf("rate %v: %d, want %d", c.rate, n, c.want)
			}
		}
		// A rate that is raised while requests are counted counts from then on.
		taken(table, "x", 1, 10)
		if wait := table.Take("x", 1000); wait > time.Millisecond {
			t.Errorf("after the rate was raised: wait %v", wait)
		}
	})
}

// However many names come in between, one that is over its rate stays so: there
// is nothing to evict. And those that come are let in, nearly all.
func TestManyNamesResetNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New()
		taken(table, "greedy", 10, 100)
		refused := 0
		for i := range 200_000 {
			if table.Take(fmt.Sprint("stranger", i), 10) != 0 {
				refused++
			}
		}
		if wait := table.Take("greedy", 10); wait == 0 {
			t.Error("200,000 strangers gave a fresh start")
		}
		if refused > 0 {
			t.Errorf("%d strangers were refused their first request", refused)
		}
	})
}

// A name is held to its rate exactly, also when its requests come at once.
func TestConcurrentRequests(t *testing.T) {
	table := New()
	var ok atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range 8 {
		wg.Go(func() { ok.Add(int64(taken(table, "a", 100, 500))) })
	}
	wg.Wait()
	most := 500 + int64(time.Since(begin)/(10*time.Millisecond)) + 1
	if n := ok.Load(); n < 500 || n > most {
		t.Errorf("%d let through, want 500 to %d", n, most)
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	table := New()
	if n := testing.AllocsPerRun(100, func() { table.Take("2001:db8::/64", 200) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
