package output

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	farTime   = time.Minute
	shortTime = 20 * time.Millisecond
)

// quickRing is a ring whose writer is in a hurry.
func quickRing(frames int) *ring {
	r := newRing(frames)
	r.look = 100 * time.Microsecond
	return r
}

// TestRing has one goroutine push and another pull, in odd pieces: all comes
// out once, in order.
func TestRing(t *testing.T) {
	r := quickRing(100)
	p := make([][2]float64, 64)
	r.pull(p)
	const frames = 100_000
	var wg sync.WaitGroup
	wg.Go(func() {
		in := make([]float64, 2*frames)
		for i := range in {
			in[i] = float64(i + 1)
		}
		for k := 1; len(in) > 0; k = k%97 + 1 {
			n := min(2*k, len(in))
			if !r.push(in[:n], farTime) {
				t.Error("nobody pulls")
			}
			in = in[n:]
		}
	})
	next := 1.0
	for k := 1; next < 2*frames; k = k%64 + 1 {
		p[0] = [2]float64{-1, -1}
		r.pull(p[:k])
		for _, f := range p[:k] {
			if f == [2]float64{} {
				continue // silence where there was nothing
			}
			if f[0] != next || f[1] != next+1 {
				t.Fatalf("got %v, want %v", f, next)
			}
			next += 2
		}
	}
	wg.Wait()
	if r.held() != 0 {
		t.Errorf("%d frames held", r.held())
	}
}

// TestRingDrops drops at any time while a driver pulls: what was dropped before
// a push is never heard after it.
func TestRingDrops(t *testing.T) {
	r := quickRing(64)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		p, last := make([][2]float64, 17), 0.0
		for !stop.Load() {
			r.pull(p)
			for _, f := range p {
				if f[0] != 0 && f[0] < last {
					t.Errorf("%v after %v", f[0], last)
				}
				last = max(last, f[0])
			}
		}
	})
	for i := range 2000 {
		v := float64(i + 1)
		r.push([]float64{v, v, v, v, v, v}, farTime)
		if i%3 == 0 {
			r.drop()
			if n := r.held(); n != 0 {
				t.Errorf("%d frames held after drop", n)
			}
		}
	}
	if !r.wait(farTime) {
		t.Error("nobody pulls")
	}
	stop.Store(true)
	wg.Wait()
}

// TestRingStalls: a driver that takes nothing is noticed, and one that takes
// little by little is not.
func TestRingStalls(t *testing.T) {
	r := quickRing(4)
	if r.push(make([]float64, 100), shortTime) || r.wait(shortTime) {
		t.Error("a ring that nobody pulls from is not noticed")
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := make([][2]float64, 1); !stop.Load(); {
			r.pull(p)
		}
	})
	if !r.push(make([]float64, 2000), farTime) || !r.wait(farTime) {
		t.Error("a slow driver is taken for a dead one")
	}
	stop.Store(true)
	wg.Wait()
}

// TestRingKeepsNothing: what was pulled, dropped or wiped is overwritten.
func TestRingKeepsNothing(t *testing.T) {
	r := quickRing(50)
	clean := func(when string) {
		t.Helper()
		for i, f := range r.buf {
			if f != [2]float64{} {
				t.Fatalf("%s: frame %d is still there", when, i)
			}
		}
	}
	full := make([]float64, 2*40)
	for i := range full {
		full[i] = 0.5
	}
	p := make([][2]float64, 40)
	r.push(full, shortTime)
	r.pull(p)
	clean("pulled")
	r.push(full, shortTime)
	r.drop()
	r.pull(p[:1])
	clean("dropped")
	r.push(full, shortTime)
	r.wipe()
	clean("wiped")
	if r.held() != 0 {
		t.Errorf("%d frames held", r.held())
	}
}

func TestRingAllocatesNothing(t *testing.T) {
	r := quickRing(1000)
	in, p := make([]float64, 200), make([][2]float64, 100)
	if n := testing.AllocsPerRun(1000, func() {
		r.push(in, shortTime)
		r.pull(p)
		r.held()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRingPull(b *testing.B) {
	r := quickRing(4800)
	in, p := make([]float64, 2*480), make([][2]float64, 480)
	b.ReportAllocs()
	for b.Loop() {
		r.push(in, shortTime)
		r.pull(p)
	}
}
