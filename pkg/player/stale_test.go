package player

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"secstream/pkg/audio"
)

var errStale = errors.New("cut otherwise now")

// TestStaleSource: a source that has become useless in the middle is replaced
// by one that is cut otherwise, and no frame is lost, heard twice, or late.
func TestStaleSource(t *testing.T) {
	const rate, frames = 44100, 441_000
	stale := func(err error) bool { return errors.Is(err, errStale) }
	old := func(fails ...int) *memSource {
		s := newMem(rate, 1, frames, rate, count(0))
		s.fail = map[int]error{}
		for _, i := range fails {
			s.fail[i] = errStale
		}
		return s
	}
	cuts := newMem(rate, 1, frames, 30_000, count(0))
	longer := newMem(rate, 1, frames+1, 30_000, count(0))
	other := newMem(48000, 1, frames, 30_000, count(0))
	dead := old(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	for _, c := range []struct {
		name    string
		stale   func(error) bool
		sources []*memSource
		err     error
	}{
		{"in the middle", stale, []*memSource{old(4), cuts}, nil},
		{"at the start", stale, []*memSource{old(0), cuts}, nil},
		{"again and again", stale, []*memSource{old(2), old(5), old(5), cuts}, nil},
		{"a second at a time", stale, []*memSource{old(1), old(2), old(3), old(4), old(5), cuts}, errStale},
		{"for good", stale, []*memSource{old(4), dead, dead}, errStale},
		{"longer", stale, []*memSource{old(4), longer}, audio.ErrCorrupt},
		{"at another rate", stale, []*memSource{old(4), other}, audio.ErrCorrupt},
		{"without the hook", nil, []*memSource{old(4), cuts}, errStale},
	} {
		for _, unpaced := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				r := play(t, &card{unpaced: unpaced}, Config{Stale: c.stale, Open: func(context.Context, int) (Source, error) {
					s := c.sources[min(n, len(c.sources)-1)]
					n++
					s.mu.Lock()
					defer s.mu.Unlock()
					s.opened++
					return s, nil
				}}, c.sources[0])
				r.wait()
				if !errors.Is(r.err, c.err) {
					t.Fatalf("%s: %v, want %v", c.name, r.err, c.err)
				}
				for _, s := range c.sources {
					if s.opened != s.closed || s.misuse != nil {
						t.Errorf("%s: %d opened, %d closed: %v", c.name, s.opened, s.closed, s.misuse)
					}
				}
				if c.err != nil {
					return
				}
				if len(r.c.all) != 1 || len(r.c.all[0]) != frames || r.c.gaps > 0 {
					t.Fatalf("%s: %d frames, %d gaps", c.name, len(r.c.all[0]), r.c.gaps)
				}
				exact(t, r.c.all[0], 1, 0, count(0))
				for k, want := range map[EventKind]int{TrackChange: 1, TrackEnded: 1, Error: 0, Buffering: 0} {
					if r.count(k) != want {
						t.Errorf("%s: %d events %q, want %d", c.name, r.count(k), k, want)
					}
				}
			})
		}
	}
}
