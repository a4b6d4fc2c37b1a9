package player

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"sync"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
)

// memSource is a track in memory: float PCM in slices with junk as preroll.
type memSource struct {
	rate, channels int
	frames         audio.Frames
	spans          []audio.Span
	data           [][]byte
	delay          map[int]time.Duration // how long a slice takes to come
	fail           map[int]error

	mu     sync.Mutex
	held   map[int]bool
	gets   []int
	opened int
	closed int
	misuse error
}

// newMem makes a track whose frame i, channel c is at(i, c), in slices of
// about n frames each.
func newMem(rate, channels int, frames, n audio.Frames, at func(i, c int) float64) *memSource {
	s := &memSource{rate: rate, channels: channels, frames: frames, held: map[int]bool{}}
	rng := rand.New(rand.NewSource(int64(frames)))
	for start := audio.Frames(0); start < frames; {
		sp := audio.Span{Start: start, Samples: min(n+audio.Frames(rng.Intn(int(n)/4+1)), frames-start), Preroll: audio.Frames(rng.Intn(1200))}
		var b []byte
		for range int(sp.Preroll) * channels {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(0.99))
		}
		for i := range int(sp.Samples) {
			for c := range channels {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(at(int(start)+i, c)))
			}
		}
		s.spans, s.data = append(s.spans, sp), append(s.data, b)
		start += sp.Samples
	}
	return s
}

func (s *memSource) Info() audio.Info {
	return audio.Info{Container: audio.WAV, Codec: audio.PCM, Sample: audio.F64, SampleRate: s.rate,
		Channels: s.channels, BitDepth: 64, Frames: s.frames}
}

func (s *memSource) Params() decode.Params {
	return decode.Params{Codec: audio.PCM, Sample: audio.F64, SampleRate: s.rate, Channels: s.channels}
}

func (s *memSource) Len() int              { return len(s.spans) }
func (s *memSource) Span(i int) audio.Span { return s.spans[i] }

func (s *memSource) Slice(ctx context.Context, i int) ([]byte, error) {
	s.mu.Lock()
	s.gets = append(s.gets, i)
	s.mu.Unlock()
	if d := s.delay[i]; d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := s.fail[i]; err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed > s.opened || s.opened > 0 && s.closed == s.opened || s.held[i] {
		s.misuse = fmt.Errorf("slice %d fetched: opened %d, closed %d, held %v", i, s.opened, s.closed, s.held[i])
	}
	s.held[i] = true
	return append([]byte(nil), s.data[i]...), nil
}

func (s *memSource) Release(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held[i] {
		s.misuse = fmt.Errorf("slice %d released but not held", i)
	}
	delete(s.held, i)
}

func (s *memSource) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *memSource) opens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// check says whether the source was used by its contract and all was released.
func (s *memSource) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.misuse != nil:
		return s.misuse
	case len(s.held) > 0:
		return fmt.Errorf("slices not released: %v", s.held)
	case s.closed != s.opened:
		return fmt.Errorf("opened %d times, closed %d times", s.opened, s.closed)
	}
	return nil
}

// sine is 437 Hz at amplitude 0.8.
func sine(rate int) func(i, c int) float64 {
	return func(i, _ int) float64 { return 0.8 * math.Sin(2*math.Pi*437*float64(i)/float64(rate)) }
}

// count gives every sample of a track its own value below 1.
func count(track int) func(i, c int) float64 {
	return func(i, c int) float64 { return float64(track*10_000_000+2*i+c+1) / (1 << 30) }
}
