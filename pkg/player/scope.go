package player

import (
	"math"
	"sync/atomic"

	"secstream/pkg/audio"
)

// scopeRoom is how many frames a scope remembers: 0.34 s at 192 kHz, more than
// an output holds.
const scopeRoom = 1 << 16

// scope remembers the newest frames given to the output, mixed to mono. One
// goroutine writes and never waits; any may read. What a reader takes while it
// is overwritten is newer sound than the rest, which no picture shows.
type scope struct {
	wanted atomic.Bool // somebody asked: until then nothing is kept
	rate   atomic.Int64
	end    atomic.Int64 // frames written
	ring   [scopeRoom]atomic.Uint32
}

// put adds the interleaved frames of p.
func (s *scope) put(p []float64, channels int) {
	if !s.wanted.Load() {
		return
	}
	at := s.end.Load()
	for ; len(p) >= channels; p = p[channels:] {
		sum := 0.0
		for _, v := range p[:channels] {
			sum += v
		}
		s.ring[at%scopeRoom].Store(math.Float32bits(float32(sum / float64(channels))))
		at++
	}
	s.end.Store(at)
}

// drop takes back the newest n frames.
func (s *scope) drop(n int64) {
	if s.wanted.Load() {
		s.end.Store(max(s.end.Load()-n, 0))
	}
}

// wipe forgets all sound.
func (s *scope) wipe() {
	if !s.wanted.Load() {
		return
	}
	for i := range s.ring {
		s.ring[i].Store(0)
	}
}

// take copies the frames before the newest behind ones into dst.
func (s *scope) take(dst []float64, behind audio.Frames) int {
	s.wanted.Store(true)
	end := s.end.Load()
	first := max(end-scopeRoom, 0)
	end = max(end-int64(behind), first)
	n := int(min(int64(len(dst)), end-first))
	for i := range n {
		dst[i] = float64(math.Float32frombits(s.ring[(end-int64(n-i))%scopeRoom].Load()))
	}
	return n
}

// Scope copies the newest samples that are heard about now, mixed to mono,
// oldest first, and returns how many and their rate in Hz, 0 when nothing was
// played yet. It never blocks. The engine begins to keep them with the first
// call, up to a third of a second at 192 kHz; an unpaced output has none.
func (e *Engine) Scope(dst []float64) (n, rate int) {
	rate = int(e.scope.rate.Load())
	if rate == 0 {
		return 0, 0
	}
	return e.scope.take(dst, e.cfg.Output.Buffered()), rate
}
