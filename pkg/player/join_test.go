package player

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

// readAll reads j to its end in pieces of n frames.
func readAll(j *Joiner, channels, n int) ([]float64, error) {
	var all []float64
	p := make([]float64, n*channels)
	for {
		k, err := j.Read(context.Background(), p)
		all = append(all, p[:int(k)*channels]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func TestJoinerExact(t *testing.T) {
	const frames = 30_000
	at := count(0)
	for _, channels := range []int{1, 6} {
		src := newMem(44100, channels, frames, 5000, at)
		for _, from := range []int{-5, 0, 1, 4999, 6000, 25_003, frames - 1, frames, frames + 10} {
			for _, piece := range []int{1, 777} {
				if piece == 1 && from < frames-5000 {
					continue // slow and no different
				}
				j := NewJoiner(src, audio.Frames(from))
				got, err := readAll(j, channels, piece)
				if err != nil {
					t.Fatal(err)
				}
				first := max(from, 0)
				if want := max(frames-first, 0) * channels; len(got) != want {
					t.Fatalf("from %d: %d samples, want %d", from, len(got), want)
				}
				for i, v := range got {
					if want := at(first+i/channels, i%channels); v != want {
						t.Fatalf("from %d: sample %d is %v, want %v", from, i, v, want)
					}
				}
				j.Close()
				if err := src.check(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestJoinerReleasesAtOnce(t *testing.T) {
	src := newMem(8000, 1, 20_000, 4000, count(0))
	j := NewJoiner(src, 0)
	p := make([]float64, 1000)
	for {
		if _, err := j.Read(context.Background(), p); err != nil {
			break
		}
		if len(src.held) > 1 || !src.held[j.Slice()] {
			t.Fatalf("held %v while slice %d is read", src.held, j.Slice())
		}
	}
	if len(src.held) > 0 {
		t.Errorf("held at the end: %v", src.held)
	}
	j = NewJoiner(src, 9000)
	if _, err := j.Read(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if len(src.held) > 0 {
		t.Errorf("held after Close: %v", src.held)
	}
	if _, err := j.Read(context.Background(), p); !errors.Is(err, io.EOF) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestJoinerFaults(t *testing.T) {
	lost := errors.New("lost")
	for _, c := range []struct {
		name  string
		spoil func(s *memSource)
		want  string // of the error, "" for none
	}{
		{"more than promised is cut", func(s *memSource) { s.data[1] = append(s.data[1], s.data[1][:8000]...) }, ""},
		{"ends early", func(s *memSource) { s.data[1] = s.data[1][:len(s.data[1])-80] }, "slice 1: ends at frame"},
		{"empty", func(s *memSource) { s.data[2] = nil }, "slice 2: ends at frame"},
		{"not decodable", func(s *memSource) { s.data[2] = s.data[2][:5] }, "slice 2: "},
		{"not to be had", func(s *memSource) { s.fail = map[int]error{1: lost} }, "slice 1: lost"},
		{"gap", func(s *memSource) { s.spans[1].Start += 10 }, "slice 1: holds frames"},
		{"overlap", func(s *memSource) { s.spans[1].Start -= 10 }, "slice 1: holds frames"},
		{"no frames", func(s *memSource) { s.spans[1].Samples = 0 }, "slice 1: holds frames"},
		{"negative preroll", func(s *memSource) { s.spans[1].Preroll = -1 }, "slice 1: holds frames"},
	} {
		src := newMem(8000, 2, 20_000, 4000, count(0))
		c.spoil(src)
		j := NewJoiner(src, 0)
		got, err := readAll(j, 2, 500)
		j.Close()
		switch {
		case c.want == "" && (err != nil || len(got) != 40_000):
			t.Errorf("%s: %d samples, %v", c.name, len(got), err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
		if err := src.check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, again := j.Read(context.Background(), make([]float64, 2)); again == nil {
			t.Errorf("%s: goes on after the end", c.name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	j := NewJoiner(newMem(8000, 2, 20_000, 4000, count(0)), 0)
	defer j.Close()
	if _, err := j.Read(ctx, make([]float64, 20)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestJoinerLies plays tracks whose spans and bytes are nonsense: it must end,
// soon and without a panic.
func TestJoinerLies(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	odd := []audio.Frames{0, -1, 1, 4000, math.MaxInt64, math.MinInt64, 1 << 48, 1<<48 + 1, 1 << 62}
	for range 1000 {
		src := newMem(8000, 2, 2400, 400, count(0))
		for range 1 + rng.Intn(3) {
			i, v := rng.Intn(len(src.spans)), odd[rng.Intn(len(odd))]
			switch rng.Intn(5) {
			case 0:
				src.spans[i].Start = v
			case 1:
				src.spans[i].Samples = v
			case 2:
				src.spans[i].Preroll = v
			case 3:
				src.data[i] = src.data[i][:rng.Intn(len(src.data[i])+1)]
			case 4:
				src.data[i][rng.Intn(len(src.data[i])+1)%max(len(src.data[i]), 1)] ^= 1 << rng.Intn(8)
			}
			if len(src.data[i]) == 0 {
				src.data[i] = make([]byte, 16)
			}
		}
		j := NewJoiner(src, odd[rng.Intn(len(odd))])
		got, err := readAll(j, 2, 500)
		j.Close()
		if len(got) > 2*4000 {
			t.Fatalf("%d samples, %v", len(got), err)
		}
		if err := src.check(); err != nil {
			t.Fatal(err)
		}
	}
}
