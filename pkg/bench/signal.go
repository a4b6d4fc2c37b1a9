package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
)

// The shape of the test signal: that of a CD.
const (
	signalRate  = 44100
	signalTime  = 60 * time.Second
	signalQuick = 12 * time.Second
	signalBlock = 4096 // frames made at a time; a FLAC frame
	// signalPiece is how many bytes of WAV are written at a time. The system
	// keeps a file in pieces of the sizes it was written in; one that is copied
	// or read from disk, as those of a server are, it has in large ones, and
	// only small ones are slow to read and to map.
	signalPiece = 1 << 20
)

// makeSignal writes so much of the test signal as WAV and FLAC to a private
// folder. discard removes it.
func makeSignal(ctx context.Context, length time.Duration) (paths []string, discard func() error, err error) {
	dir, err := os.MkdirTemp("", "secstream-bench-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder for the test signal: %w", err)
	}
	discard = func() error { return os.RemoveAll(dir) }
	paths = []string{filepath.Join(dir, "signal.wav"), filepath.Join(dir, "signal.flac")}
	if err := writeSignal(ctx, paths[0], paths[1], audio.FramesIn(length, signalRate)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("write the test signal: %w", err), discard())
	}
	return paths, discard, nil
}

func writeSignal(ctx context.Context, wavPath, flacPath string, frames audio.Frames) (err error) {
	wf, err := os.Create(wavPath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wf.Close()) }()
	w, err := wavfile.NewWriter(wf, wavfile.Format{SampleRate: signalRate, Channels: 2, Sample: audio.S16})
	if err != nil {
		return err
	}
	ff, err := os.Create(flacPath)
	if err != nil {
		return err
	}
	f, err := flac.NewEncoder(ff, &meta.StreamInfo{
		BlockSizeMin: signalBlock, BlockSizeMax: signalBlock, SampleRate: signalRate, NChannels: 2, BitsPerSample: 16,
		NSamples: uint64(frames),
	})
	if err != nil {
		return errors.Join(err, ff.Close())
	}
	defer func() { err = errors.Join(err, f.Close()) }() // closes the file too
	s := newSignal()
	stored := make([]byte, 0, signalPiece+signalBlock*4)
	for left := frames; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(left, signalBlock)
		left -= n
		l, r := s.block(int(n))
		for i := range l {
			stored = binary.LittleEndian.AppendUint16(stored, uint16(l[i]))
			stored = binary.LittleEndian.AppendUint16(stored, uint16(r[i]))
		}
		if len(stored) >= signalPiece || left == 0 {
			if _, err := w.Write(stored); err != nil {
				return err
			}
			stored = stored[:0]
		}
		if err := f.WriteFrame(flacFrame(l, r)); err != nil {
			return err
		}
	}
	return w.Close()
}

func flacFrame(channels ...[]int32) *frame.Frame {
	f := &frame.Frame{Header: frame.Header{
		HasFixedBlockSize: true, BlockSize: uint16(len(channels[0])), SampleRate: signalRate,
		Channels: frame.ChannelsLR, BitsPerSample: 16,
	}}
	for _, samples := range channels {
		f.Subframes = append(f.Subframes, &frame.Subframe{
			SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, // the encoder finds a better one
			Samples:   samples, NSamples: len(samples),
		})
	}
	return f
}

// signal is the test signal: plucked notes of three partials each, one every
// quarter of a second, over a bed of low noise. It is the same every time,
// and to a coder it looks like music.
type signal struct {
	rng    *rand.Rand
	voices [8]note
	next   int // frames until the next note
	turn   int // whose it is
	hiss   [2]float64
	l, r   [signalBlock]int32
}

// note is one plucked note. Partials turn in the complex plane and shrink.
type note struct {
	partials, turns [3]complex128
	pan             float64 // 0 left to 1 right
}

func newSignal() *signal { return &signal{rng: rand.New(rand.NewPCG(44100, 16))} }

// block makes the next n frames, at most signalBlock. They are good until the
// next call.
func (s *signal) block(n int) (l, r []int32) {
	for i := range n {
		if s.next--; s.next < 0 {
			s.pluck()
		}
		var sum [2]float64
		for v := range s.voices {
			tone := s.voices[v].step()
			sum[0] += tone * (1 - s.voices[v].pan)
			sum[1] += tone * s.voices[v].pan
		}
		for c := range s.hiss { // a low-pass of one pole
			s.hiss[c] += 0.2 * (s.rng.Float64()*2 - 1 - s.hiss[c])
			sum[c] += 0.004 * s.hiss[c]
		}
		s.l[i], s.r[i] = sample(sum[0]), sample(sum[1])
	}
	return s.l[:n], s.r[:n]
}

func sample(v float64) int32 {
	return int32(math.Round(max(-1, min(v, 1)) * math.MaxInt16))
}

// pluck begins a note of a pentatonic scale.
func (s *signal) pluck() {
	s.next = signalRate / 4
	v := &s.voices[s.turn%len(s.voices)]
	s.turn++
	steps := [...]float64{0, 2, 4, 7, 9}
	tone := float64(12*s.rng.IntN(3)) + steps[s.rng.IntN(len(steps))]
	hz := 110 * math.Exp2(tone/12)
	v.pan = 0.2 + 0.6*s.rng.Float64()
	for p := range v.partials {
		order := float64(p + 1)
		decay := math.Exp(-order / (0.6 * signalRate)) // higher partials fade sooner
		v.partials[p] = cmplx.Rect(0.22/order, 2*math.Pi*s.rng.Float64())
		v.turns[p] = cmplx.Rect(decay, 2*math.Pi*hz*order/signalRate)
	}
}

func (n *note) step() float64 {
	sum := 0.0
	for p := range n.partials {
		n.partials[p] *= n.turns[p]
		sum += imag(n.partials[p])
	}
	return sum
}
