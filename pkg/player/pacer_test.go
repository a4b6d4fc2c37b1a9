package player

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
)

// pacer is a sound card that keeps nothing: what is written goes to sink, at
// the pace of the clock, 150 ms ahead.
type pacer struct {
	sink    func(p []float64)
	mu      sync.Mutex
	spec    Spec
	begin   time.Time
	written audio.Frames // since begin
	total   audio.Frames
	frozen  bool
}

// sitter is a pacer that can stand still.
type sitter struct{ *pacer }

func (o sitter) Pause(on bool) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if on != o.frozen {
		o.written, o.begin, o.frozen = o.held(), time.Now(), on
	}
	return on, nil
}

func (o *pacer) Open(s Spec) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spec, o.written, o.frozen = s, 0, false
	return nil
}

func (o *pacer) Write(p []float64) error {
	n := audio.Frames(len(p) / o.spec.Channels)
	if o.frozen {
		return errors.New("written to while it stands still")
	}
	room := audio.FramesIn(cardTime, o.spec.SampleRate)
	if over := o.Buffered() + n - room; over > 0 {
		time.Sleep(over.Duration(o.spec.SampleRate) + time.Microsecond)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held() == 0 {
		o.begin, o.written = time.Now(), 0
	}
	o.written += n
	o.total += n
	if o.sink != nil {
		o.sink(p)
	}
	return nil
}

func (o *pacer) held() audio.Frames {
	if o.written == 0 || o.frozen {
		return o.written
	}
	return max(0, o.written-audio.FramesIn(time.Since(o.begin), o.spec.SampleRate))
}

func (o *pacer) Buffered() audio.Frames {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.held()
}

func (o *pacer) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written = 0
}

func (o *pacer) Drain() error {
	if n := o.Buffered(); n > 0 {
		time.Sleep(n.Duration(o.spec.SampleRate))
	}
	return nil
}

func (o *pacer) Close() error { return nil }
func (o *pacer) Paced() bool  { return true }

// made is a track whose slices are made when they are asked for and wiped when
// they are released: nothing else holds its sound.
type made struct {
	rate, channels int
	frames, slice  audio.Frames
	bits           func(i, c int) uint64                      // of sample c of frame i, a float64
	fault          func(ctx context.Context, slice int) error // nil for none; may wait
	tags           audio.Tags

	mu     sync.Mutex
	held   map[int][]byte
	opened int
	closed int
	misuse error
}

func (s *made) Info() audio.Info {
	return audio.Info{Container: audio.WAV, Codec: audio.PCM, Sample: audio.F64, SampleRate: s.rate,
		Channels: s.channels, BitDepth: 64, Frames: s.frames, Tags: s.tags}
}

func (s *made) Params() decode.Params {
	return decode.Params{Codec: audio.PCM, Sample: audio.F64, SampleRate: s.rate, Channels: s.channels}
}

func (s *made) Len() int { return int((s.frames + s.slice - 1) / s.slice) }

func (s *made) Span(i int) audio.Span {
	start := audio.Frames(i) * s.slice
	return audio.Span{Start: start, Samples: min(s.slice, s.frames-start)}
}

func (s *made) Slice(ctx context.Context, i int) ([]byte, error) {
	if s.fault != nil {
		if err := s.fault(ctx, i); err != nil {
			return nil, err
		}
	}
	sp := s.Span(i)
	b := make([]byte, 0, int(sp.Samples)*s.channels*8)
	for k := range int(sp.Samples) {
		for c := range s.channels {
			b = binary.LittleEndian.AppendUint64(b, s.bits(int(sp.Start)+k, c))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[i] != nil {
		s.misuse = fmt.Errorf("slice %d fetched twice", i)
	}
	if s.held == nil {
		s.held = map[int][]byte{}
	}
	s.held[i] = b
	return b, nil
}

func (s *made) Release(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[i] == nil {
		s.misuse = fmt.Errorf("slice %d released but not held", i)
	}
	clear(s.held[i])
	delete(s.held, i)
}

func (s *made) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// check is memSource.check.
func (s *made) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.misuse != nil || len(s.held) > 0 || s.opened != s.closed {
		return fmt.Errorf("%v, %d slices held, opened %d times, closed %d times", s.misuse, len(s.held), s.opened, s.closed)
	}
	return nil
}

// openMade opens tracks of made.
func openMade(tracks []*made) func(context.Context, int) (Source, error) {
	return func(_ context.Context, i int) (Source, error) {
		tracks[i].mu.Lock()
		defer tracks[i].mu.Unlock()
		tracks[i].opened++
		return tracks[i], nil
	}
}

// value makes bits of a function of samples.
func value(at func(i, c int) float64) func(i, c int) uint64 {
	return func(i, c int) uint64 { return math.Float64bits(at(i, c)) }
}
