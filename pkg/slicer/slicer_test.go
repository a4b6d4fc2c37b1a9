package slicer

import (
	"errors"
	"math"
	"slices"
	"testing"

	"secstream/pkg/audio"
)

// The vectors of protocol v1 section 7.
var vectors = []struct {
	id       string
	n        audio.Frames
	ms       int64
	variance float64
	states   []float64
	lengths  []audio.Frames
}{
	{"session_1700000000000_abcdefghi", 2646000, 5000, .4,
		[]float64{1152503552, 113726208, 1344833344, 1442268672},
		[]audio.Frames{226969, 141641, 242768, 250771, 162085, 304890, 190829, 222660, 173450, 268235, 213883, 247819}},
	{"session_1700000000000_abcdefghi", 2700552, 5000, .4, nil,
		[]audio.Frames{226969, 141641, 242768, 250771, 162085, 304890, 190829, 222660, 173450, 268235, 213883, 302371}},
	{"session_1795188487952_l94624eg6", 2700552, 5000, .4,
		[]float64{5387648, 273545145, 1153632256, 1668978688},
		[]audio.Frames{132742, 154769, 227062, 269394, 228095, 280345, 221823, 214418, 217505, 220923, 195115, 255890, 82471}},
	{"a", 500000, 1000, 1,
		[]float64{1814292358, 326670336, 413722688, 1479447424},
		[]audio.Frames{74515, 13416, 16992, 60762, 56346, 17014, 10825, 62533, 80222, 8074, 45249, 54052}},
	{"", 300000, 1000, .4,
		[]float64{12345, 1406932606, 654583808, 1358247936},
		[]audio.Frames{26460, 49573, 37213, 48774, 61594, 50431, 25955}},
}

func TestLengthsVectors(t *testing.T) {
	for _, v := range vectors {
		g := newGenerator(v.id)
		for i, want := range v.states {
			if g.next(); g.state != want {
				t.Errorf("%q state %d = %.0f, want %.0f", v.id, i, g.state, want)
			}
		}
		if got := Lengths(v.id, v.n, 44100*v.ms/1000, v.variance); !slices.Equal(got, v.lengths) {
			t.Errorf("%q n=%d: %v\nwant %v", v.id, v.n, got, v.lengths)
		}
	}
}

func TestSeedOfSmallestInt32(t *testing.T) {
	// This text hashes to -2^31, whose absolute value an int32 cannot hold.
	if g := newGenerator("polygenelubricants"); g.state != 1<<31 {
		t.Errorf("seed %.0f, want 2^31", g.state)
	}
}

func TestMake(t *testing.T) {
	linear := audio.LinearIndex(44, 4, 500000)
	var b audio.IndexBuilder
	for at := audio.Frames(0); at < 500000; at += 4096 {
		b.Add(audio.Cut{Off: int64(at), At: at})
	}
	blocks := b.Finish(audio.Cut{Off: 500000, At: 500000})
	for name, ix := range map[string]*audio.Index{"linear": linear, "blocks": blocks} {
		for _, o := range []Options{
			{Millis: 1000}, {Millis: 30000}, {Millis: 5000, Randomize: true, Variance: .4, Seed: "x"},
			{Millis: 1000, Randomize: true, Variance: 1, Seed: "a"}, {Millis: 1000, Randomize: true, Variance: math.NaN()},
		} {
			p, err := Make(ix, 44100, o)
			if err != nil {
				t.Fatal(err)
			}
			checkPlan(t, name, ix, p)
		}
	}
	p, _ := Make(linear, 44100, Options{Millis: 1000})
	if p.Len() != 12 || p.Cuts[1].At != 44100 {
		t.Errorf("1 s plan: %d slices, first ends at %d", p.Len(), p.Cuts[1].At)
	}
}

// checkPlan asserts that the slices of p follow each other over the whole
// track, none of them empty, and that Find agrees with them.
func checkPlan(t *testing.T, name string, ix *audio.Index, p Plan) {
	t.Helper()
	if p.Cuts[0].At != 0 || p.Total() != ix.Total() {
		t.Fatalf("%s: plan covers %d to %d", name, p.Cuts[0].At, p.Total())
	}
	for i := range p.Len() {
		from, to := p.Bounds(i)
		if from.At >= to.At || ix.Find(from.At) != from {
			t.Fatalf("%s: slice %d from %+v to %+v", name, i, from, to)
		}
		if p.Find(from.At) != i || p.Find(to.At-1) != i {
			t.Fatalf("%s: Find misses slice %d", name, i)
		}
	}
	if p.Find(-1) != 0 || p.Find(p.Total()+5) != p.Len()-1 {
		t.Errorf("%s: Find outside the track", name)
	}
}

func TestMakeKeepsBreaks(t *testing.T) {
	var b audio.IndexBuilder
	for at := audio.Frames(0); at < 100000; at += 1000 {
		if at == 52000 {
			b.AddBreak(audio.Cut{Off: int64(at), At: at})
			continue
		}
		b.Add(audio.Cut{Off: int64(at), At: at})
	}
	p, err := Make(b.Finish(audio.Cut{Off: 100000, At: 100000}), 8000, Options{Millis: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if i := p.Find(52000); p.Cuts[i].At != 52000 {
		t.Errorf("no slice begins at the break: %+v", p.Cuts)
	}
}

// TestMakeRefuses wants the kind of error that servers and commands tell
// people about; nil stands for a caller's mistake.
func TestMakeRefuses(t *testing.T) {
	ok := audio.LinearIndex(0, 2, 1000)
	for name, c := range map[string]struct {
		ix     *audio.Index
		rate   int
		millis int
		kind   error
	}{
		"short target":     {ok, 44100, 999, nil},
		"long target":      {ok, 44100, 30001, nil},
		"empty track":      {audio.LinearIndex(0, 2, 0), 44100, 5000, audio.ErrCorrupt},
		"too many":         {audio.LinearIndex(0, 1, 1<<40), 8, 1000, audio.ErrUnsupported},
		"too many at 1 Hz": {audio.LinearIndex(44, 1, 655400), 1, 5000, audio.ErrUnsupported},
		"no rate":          {ok, 0, 1000, audio.ErrUnsupported},
	} {
		_, err := Make(c.ix, c.rate, Options{Millis: c.millis})
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
