package probe

import (
	"crypto/rand"
	"fmt"
	"io"
	"math"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
	"secstream/pkg/wire"
)

// gauge measures the slices of a plan as they would travel by protocol v2. It
// seals them with the real packer under a key nobody else has.
type gauge struct {
	packer *pack.Packer
	padder *pack.Packer // nil: padding is not asked for
	plan   slicer.Plan
	buf    []byte
	out    *Plan
}

func newGauge(track audio.Track, plan slicer.Plan, o Options) (*gauge, error) {
	b := make([]byte, seal.KeySize)
	_, _ = rand.Read(b) // never fails
	key, err := seal.NewKey(b)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	box, err := seal.NewBound(seal.AES256GCM{}, key)
	if err != nil {
		return nil, err
	}
	level := compress.MinLevel
	if o.Deflater != nil && track.Info().Codec == audio.PCM {
		level = o.Deflater.Level()
	}
	codec := compress.Codec(compress.None{})
	if level > compress.MinLevel {
		codec = pack.CompressionV2(track.Info().Codec, o.Deflater)
	}
	bound := binding(track.Info(), plan, codec)
	g := &gauge{packer: pack.NewBoundPacker(track, plan, codec, box, bound, false), plan: plan}
	if o.Pad {
		g.padder = pack.NewBoundPacker(track, plan, codec, box, bound, true)
	}
	if g.out, err = Outline(track.Info(), Spans(track, plan), plan.Millis); err != nil {
		return nil, err
	}
	g.out.Unmeasured, g.out.Protocol = false, wire.ProtocolV2
	g.out.Compression = &level
	if o.Slices.Randomize {
		g.out.Randomize, g.out.Variance, g.out.Seed = true, o.Slices.Variance, o.Slices.Seed
	}
	return g, nil
}

// binding is what the slices of plan are bound to. No session has them.
func binding(i audio.Info, plan slicer.Plan, codec compress.Codec) *pack.Binding {
	return &pack.Binding{
		Count: plan.Len(), Encoding: string(i.Container), Compression: codec.Name(),
		ID: func(dst []byte, _ int) []byte { return dst }, Plain: func(int) int { return 0 },
	}
}

// Spans are the parts of the timeline that the slices of plan hold.
func Spans(track audio.Track, plan slicer.Plan) []audio.Span {
	out := make([]audio.Span, plan.Len())
	for i := range out {
		from, to := plan.Bounds(i)
		out[i] = audio.Span{Start: from.At, Samples: to.At - from.At, Preroll: track.Preroll(from)}
	}
	return out
}

// Outline is a plan of which only the spans are known. millis is the target
// length, 0 if that is not known. It is an error to have more slices than slicer.Make would make.
func Outline(i audio.Info, spans []audio.Span, millis int) (*Plan, error) {
	if len(spans) > slicer.MaxSlices {
		return nil, fmt.Errorf("a plan of %d slices: at most %d are possible", len(spans), slicer.MaxSlices)
	}
	p := &Plan{SliceMillis: millis, Slices: make([]Slice, len(spans)), Unmeasured: true}
	for k, s := range spans {
		p.Slices[k] = Slice{
			Index: k, Start: int64(s.Start), Samples: int64(s.Samples), Preroll: int64(s.Preroll),
			Time: s.Start.Duration(i.SampleRate).Seconds(), Duration: s.Samples.Duration(i.SampleRate).Seconds(),
		}
		p.MaxPreroll = max(p.MaxPreroll, int64(s.Preroll))
	}
	if len(spans) > 0 {
		p.MeanSeconds = i.Duration().Seconds() / float64(len(spans))
	}
	return p, nil
}

// measure seals slice i, which holds plain bytes.
func (g *gauge) measure(r io.ReaderAt, i, plain int) error {
	var err error
	if g.buf, err = g.packer.Append(g.buf[:0], r, i); err != nil {
		return err
	}
	from, to := g.plan.Bounds(i)
	s := &g.out.Slices[i]
	s.Range = &Range{Offset: from.Off, Bytes: to.Off - from.Off}
	s.Plain, s.Sealed = int64(plain), int64(len(g.buf))
	s.Overhead = overhead(s.Sealed, s.Range.Bytes)
	if g.padder == nil {
		return nil
	}
	if g.buf, err = g.padder.Append(g.buf[:0], r, i); err != nil {
		return err
	}
	s.Padded = int64(len(g.buf))
	s.PadOverhead = overhead(s.Padded, s.Sealed)
	return nil
}

func (g *gauge) finish() *Plan {
	g.out.Total()
	return g.out
}

// Total sums up the slices.
func (p *Plan) Total() {
	var of int64
	p.Plain, p.Sealed, p.Padded = 0, 0, 0
	for _, s := range p.Slices {
		p.Plain += s.Plain
		p.Sealed += s.Sealed
		p.Padded += s.Padded
		if s.Range != nil {
			of += s.Range.Bytes
		}
	}
	p.Overhead = overhead(p.Sealed, of)
	p.PadOverhead = overhead(p.Padded, p.Sealed)
}

// overhead is how much more than of bytes is, in percent to two places.
// Slices that begin and end on one page of an Ogg file have no share of their
// own.
func overhead(bytes, of int64) Percent {
	if of <= 0 || bytes <= 0 {
		return nil
	}
	v := math.Round(10000*(float64(bytes)/float64(of)-1)) / 100
	return &v
}
