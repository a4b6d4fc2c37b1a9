package player

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

const (
	soakRate  = 2000
	soakSlice = 2 * soakRate
)

// soakBits lets each frame be known through any gain: channel 0 is constant,
// the others are read against it.
func soakBits(track int) func(i, c int) uint64 {
	return value(func(i, c int) float64 {
		switch c {
		case 0:
			return 0.5
		case 1:
			return float64(track+1) / 128
		}
		return float64(i+1) / (1 << 25)
	})
}

// stretch is a run of frames heard: of one track without a hole, or silence.
type stretch struct {
	track, from, n int // track -1: silence
}

// ear writes down what is heard.
type ear struct{ heard []stretch }

func (o *ear) sink(p []float64) {
	for ; len(p) >= 3; p = p[3:] {
		track, i := -1, 0
		if p[0] != 0 {
			track, i = int(math.Round(p[1]/p[0]*64))-1, int(math.Round(p[2]/p[0]*(1<<24)))-1
		}
		if k := len(o.heard) - 1; k >= 0 && o.heard[k].track == track && (track < 0 || o.heard[k].from+o.heard[k].n == i) {
			o.heard[k].n++
			continue
		}
		o.heard = append(o.heard, stretch{track, i, 1})
	}
}

// place is a frame of a track.
type place struct{ track, frame int }

// account holds what was heard against what the engine told: sound goes on
// where it broke off, but for the places that trackchange and seek name, and
// for slices that were left out, in whose place there was silence of their
// length. A change of gain may end in a single silent frame.
func account(heard []stretch, events []Event) error {
	var jumps []place
	left := map[place]int{} // frames left out, by where they begin
	for _, ev := range events {
		frame := int(audio.FramesIn(ev.At+time.Second/soakRate/2, soakRate))
		switch {
		case ev.Kind == TrackChange || ev.Kind == Seek:
			jumps = append(jumps, place{ev.Track, frame})
		case ev.Kind == Error && ev.Skipped:
			left[place{ev.Track, frame}] = (ev.Slice+1)*soakSlice - frame
		}
	}
	due, silent := place{-1, 0}, 0
	for k, s := range heard {
		if s.track < 0 {
			silent += s.n
			continue
		}
		now := place{s.track, s.from}
		for !leads(due, now, silent, left) {
			if len(jumps) == 0 {
				return fmt.Errorf("stretch %d, %+v begins where nothing says so; %d frames of silence", k, s, silent)
			}
			due, jumps = jumps[0], jumps[1:]
		}
		due, silent = place{s.track, s.from + s.n}, 0
	}
	return nil
}

// leads says whether from goes on at to, over what was left out, after this
// many silent frames.
func leads(from, to place, silent int, left map[place]int) bool {
	if from == to {
		return true
	}
	lost, slack := 0, 0
	for from.track == to.track && from.frame < to.frame && slack < 3 {
		n, ok := left[from]
		if !ok {
			slack++
			n = 1
		}
		from.frame += n
		lost += n
	}
	return from == to && lost <= silent
}

// shaky is a network that goes away for a while now and then.
type shaky struct {
	mu   sync.Mutex
	down time.Time // until then
}

var errForged, errGone = errors.New("forged"), errors.New("gone")

func (s *shaky) left() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Until(s.down)
}

func (s *shaky) fault(track int) func(context.Context, int) error {
	return func(ctx context.Context, slice int) error {
		if d := s.left(); d > 0 {
			select {
			case <-time.After(d):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		switch h := (track*7919 + slice*104729) % 97; {
		case h < 3, track == 5 && slice > 20 && slice < 24, track == 6 && slice > 10:
			return errForged
		case h == 50:
			return errGone
		}
		return nil
	}
}

// TestSoak plays for an hour, of virtual time, while somebody plays with the
// controls and the queue, slices are refused and the source goes away and comes
// back: every frame that is heard is the one due.
func TestSoak(t *testing.T) {
	length := time.Hour
	if raceEnabled {
		length = 10 * time.Minute
	}
	for _, seed := range []uint64{1, 2} {
		synctest.Test(t, func(t *testing.T) { soak(t, seed, length) })
	}
}

func soak(t *testing.T, seed uint64, length time.Duration) {
	net := new(shaky)
	var tracks []*made
	for i := range 8 {
		tracks = append(tracks, &made{rate: soakRate, channels: 3, frames: audio.Frames(20+37*i)*soakRate + audio.Frames(i), slice: soakSlice, bits: soakBits(i), fault: net.fault(i)})
	}
	open := openMade(tracks)
	ears := new(ear)
	out := &pacer{sink: ears.sink}
	card := Output(out)
	if seed%2 == 0 {
		card = sitter{out}
	}
	e, err := New(Config{
		Output: card, Tracks: len(tracks), Stay: true, Seed: seed, Repeat: RepeatAll,
		Skip: func(err error) bool { return errors.Is(err, errForged) },
		Open: func(ctx context.Context, i int) (Source, error) {
			if net.left() > 0 {
				return nil, errGone
			}
			return open(ctx, i)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var events []Event
	counts := map[EventKind]int{}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for ev := range e.Events() {
			if ev.Kind != TimeUpdate && ev.Kind != Slice {
				events = append(events, ev)
			}
			counts[ev.Kind]++
		}
	}()
	done := make(chan error)
	go func() { done <- e.Run(context.Background()) }()
	begin := time.Now()
	fiddle(e, net, rand.New(rand.NewPCG(seed, 2)), begin.Add(length))
	e.Stop()
	if err := <-done; err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	<-told
	if err := account(ears.heard, events); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	heard, sound := 0, 0
	for _, s := range ears.heard {
		heard += s.n
		if s.track >= 0 {
			sound += s.n
		}
	}
	if audio.Frames(heard) != out.total || sound < heard/3 || heard < int(audio.FramesIn(length*9/10, soakRate)) {
		t.Errorf("seed %d: %d frames heard, %d of them sound, %d written", seed, heard, sound, out.total)
	}
	s := e.State()
	if counts[Error] == 0 || counts[Seek] < 10 || counts[QueueChange] < 10 || counts[Pause] < 2 || s.Underruns == 0 || s.Underruns > counts[Buffering] || s.Silence == 0 {
		t.Errorf("seed %d: too little happened: %v, %d underruns, silence %v", seed, counts, s.Underruns, s.Silence)
	}
	for i, s := range tracks {
		if err := s.check(); err != nil {
			t.Errorf("seed %d, track %d: %v", seed, i, err)
		}
	}
}

// fiddle does something every few seconds until the time is over.
func fiddle(e *Engine, net *shaky, rng *rand.Rand, until time.Time) {
	for time.Now().Before(until) {
		time.Sleep(time.Duration(rng.IntN(9000)) * time.Millisecond)
		q := e.Queue()
		id := uint64(0)
		if len(q.Items) > 0 {
			id = q.Items[rng.IntN(len(q.Items))].ID
		}
		switch rng.IntN(18) {
		case 0, 1, 2:
			e.Seek(time.Duration(rng.Int64N(int64(5 * time.Minute))))
		case 3:
			e.SeekBy(time.Duration(rng.IntN(20_000)-10_000) * time.Millisecond)
		case 4:
			e.Pause(true)
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
			e.Pause(false)
		case 5:
			e.Next()
		case 6:
			e.Prev()
		case 7:
			e.Jump(rng.IntN(8))
		case 8:
			e.Add(rng.IntN(8), rng.IntN(8))
		case 9:
			e.PlayNext(rng.IntN(8))
		case 10:
			e.Remove(id)
		case 11:
			e.Move(id, rng.IntN(7)-3)
		case 12:
			e.SetShuffle(!q.Shuffle)
		case 13:
			e.SetRepeat(Repeat(rng.IntN(3)))
		case 14:
			e.Clear()
			e.Add(rng.Perm(8)...)
		case 15:
			e.SetVolume(0.3 + 0.7*rng.Float64())
		case 16:
			net.mu.Lock()
			net.down = time.Now().Add(time.Duration(rng.IntN(12_000)) * time.Millisecond)
			net.mu.Unlock()
		case 17:
			e.JumpTo(id)
		}
		if s := e.State(); s.Ended {
			e.Jump(rng.IntN(8))
		}
	}
}
