package audio

import (
	"math/rand"
	"testing"
	"time"
)

func TestIndexFind(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, n := range []int{0, 1, 2, 63, 64, 65, 128, 1000} {
		var b IndexBuilder
		var cuts []Cut
		c := Cut{Off: 42}
		for range n {
			cuts = append(cuts, c)
			b.Add(c)
			b.Add(c) // does not advance: ignored
			c = Cut{Off: c.Off + rng.Int63n(100000), At: c.At + 1 + Frames(rng.Intn(5000)), Aux: rng.Uint32()}
		}
		ix := b.Finish(c)
		if ix.Len() != n || ix.Total() != c.At {
			t.Fatalf("n=%d: Len %d, Total %d", n, ix.Len(), ix.Total())
		}
		for at := Frames(-3); at < c.At+3; at += 1 + Frames(rng.Intn(200)) {
			want := c
			if at < c.At && n > 0 {
				want = cuts[0]
				for _, k := range cuts {
					if k.At <= at {
						want = k
					}
				}
			}
			if got := ix.Find(at); got != want {
				t.Fatalf("n=%d: Find(%d) = %+v, want %+v", n, at, got, want)
			}
		}
	}
}

func TestIndexGapAndBreaks(t *testing.T) {
	b := IndexBuilder{Gap: 100}
	for i := range 50 {
		b.Add(Cut{Off: int64(i), At: Frames(i) * 30})
	}
	b.AddBreak(Cut{Off: 50, At: 1495})
	ix := b.Finish(Cut{Off: 60, At: 2000})
	if got := ix.Find(119).At; got != 0 {
		t.Errorf("gap not kept: cut at %d", got)
	}
	if got := ix.Find(120).At; got != 120 {
		t.Errorf("Find(120) = %d", got)
	}
	if got := ix.Find(1600); got.At != 1495 || len(ix.Breaks()) != 1 {
		t.Errorf("break lost: %+v %v", got, ix.Breaks())
	}
}

func TestLinearIndex(t *testing.T) {
	ix := LinearIndex(44, 4, 1000)
	if c := ix.Find(10); c != (Cut{Off: 84, At: 10}) {
		t.Errorf("Find(10) = %+v", c)
	}
	if c := ix.Find(1000); c != ix.End() || c.Off != 4044 {
		t.Errorf("end = %+v", c)
	}
}

func TestFramesTime(t *testing.T) {
	if d := Frames(1 << 40).Duration(44100); FramesIn(d, 44100) > 1<<40 || FramesIn(d, 44100) < 1<<40-1 {
		t.Errorf("duration of 2^40 frames does not come back: %v", d)
	}
	if n := FramesIn(5*time.Second, 44100); n != 220500 {
		t.Errorf("5 s = %d frames", n)
	}
}
