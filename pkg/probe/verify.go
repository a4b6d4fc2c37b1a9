package probe

import (
	"context"
	"crypto/md5" //nolint:gosec // FLAC's choice; it finds accidents, not forgeries
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
)

// Check decodes slices one by one, as a listener does: a decoder of its own
// for each, preroll dropped, exactly the promised samples taken. It is for
// one goroutine.
type Check struct {
	out    Verify
	info   audio.Info
	params decode.Params
	sum    hash.Hash // nil: no sum to compare with
	stated [16]byte
	pcm    []float64
	raw    []byte
	// locate, if set, tells at which byte of the file the codec's unit begins
	// that decodes to frame at of the track, -1 if that is not known.
	locate func(at audio.Frames) int64
}

// checkFrames is how many frames are decoded at a time.
const checkFrames = 4096

// NewCheck prepares to decode slices of the track i describes.
func NewCheck(i audio.Info) *Check {
	return &Check{
		out:  Verify{Decoded: true},
		info: i,
		params: decode.Params{
			Codec: i.Codec, Sample: i.Sample, SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth,
		},
	}
}

// expect names the MD5 sum of all samples, if the file has one.
func (c *Check) expect(sum [16]byte, ok bool) {
	c.out.MD5 = "absent"
	if ok {
		c.sum, c.stated = md5.New(), sum //nolint:gosec // see above
	}
}

// Announced notes it as a fault if n samples, announced elsewhere, are not
// what the slices hold.
func (c *Check) Announced(n int64) {
	if n != int64(c.info.Frames) {
		c.out.fault(-1, "the list announces %d samples, the slices hold %d", n, c.info.Frames)
	}
}

// Slice decodes slice i, which begins at byte off of the file (-1 if that is
// unknown) and holds data. Faults are noted; the error is ctx's only.
func (c *Check) Slice(ctx context.Context, i int, off int64, span audio.Span, data []byte) error {
	c.out.Slices++
	if !c.out.Decoded {
		return ctx.Err()
	}
	n, err := c.decode(ctx, span, data)
	c.out.Samples += int64(n)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
	case errors.Is(err, audio.ErrUnsupported):
		c.out.Decoded, c.out.NotDecoded, c.out.Samples, c.sum = false, err.Error(), 0, nil
	default:
		c.out.fault(off, "slice %d yields %d samples of %d: %v", i, n, span.Samples, err)
	}
	return nil
}

// decode returns how many of the span's samples came out.
func (c *Check) decode(ctx context.Context, span audio.Span, data []byte) (audio.Frames, error) {
	par := c.params
	// Padding that a codec may yield behind the last sample, but no bomb.
	par.Limit = span.Preroll + span.Samples + audio.Frames(par.SampleRate) + 1<<17
	dec, err := decode.New(par, data)
	if err != nil {
		return 0, err
	}
	if c.pcm == nil {
		c.pcm = make([]float64, checkFrames*par.Channels)
	}
	defer func() { c.blame(span, decode.Faults(dec)) }()
	for drop := span.Preroll; drop > 0; {
		n, err := read(ctx, dec, c.pcm[:min(drop, checkFrames)*audio.Frames(par.Channels)])
		if err != nil {
			return 0, fmt.Errorf("in its preroll: %w", err)
		}
		drop -= n
	}
	var got audio.Frames
	for got < span.Samples {
		p := c.pcm[:min(span.Samples-got, checkFrames)*audio.Frames(par.Channels)]
		n, err := read(ctx, dec, p)
		if err != nil {
			return got, err
		}
		if c.sum != nil {
			c.hash(p[:int(n)*par.Channels])
		}
		got += n
	}
	return got, nil
}

// blame notes what the decoder of a slice stepped over. Preroll was looked at
// as part of the slice before. Damage that headers show is in the file's index,
// unless that tells of none.
func (c *Check) blame(span audio.Span, faults []decode.Fault) {
	for _, f := range faults {
		if f.At+f.Len <= span.Preroll || f.Plain && c.info.DamageN > 0 {
			continue
		}
		at, off := span.Start+f.At-span.Preroll, int64(-1)
		if c.locate != nil {
			off = c.locate(at)
		}
		c.out.fault(off, "damaged sound at %.3f s: %s", max(at, 0).Duration(c.info.SampleRate).Seconds(), f.What)
	}
}

var errShort = errors.New("it ends early")

func read(ctx context.Context, dec decode.Decoder, p []float64) (audio.Frames, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := dec.Read(p)
	switch {
	case n > 0:
		return n, nil
	case err == nil:
		return 0, io.ErrNoProgress
	case errors.Is(err, io.EOF):
		return 0, errShort
	}
	return 0, err
}

// hash adds samples to the sum as FLAC wants them: signed, little-endian, in
// as few whole bytes as they fit (RFC 9639 §8.2).
func (c *Check) hash(samples []float64) {
	bits := c.info.BitDepth
	size, scale := (bits+7)/8, math.Ldexp(1, bits-1)
	c.raw = c.raw[:0]
	for _, s := range samples {
		v := int64(s * scale) // exact: decoders divide by the same power of two
		for range size {
			c.raw = append(c.raw, byte(v))
			v >>= 8
		}
	}
	c.sum.Write(c.raw)
}

// missing notes a slice that could not be cut.
func (c *Check) missing(i int, off int64, err error) {
	c.out.Slices++
	var e *audio.Error
	if errors.As(err, &e) && e.Off >= 0 {
		off = e.Off
	}
	c.out.fault(off, "slice %d cannot be cut: %v", i, err)
}

// Finish compares what came out with what was announced and gives the result.
func (c *Check) Finish() *Verify {
	v := &c.out
	if v.Decoded && v.FaultCount == 0 && v.Samples != int64(c.info.Frames) {
		v.fault(-1, "%d samples decoded, %d announced", v.Samples, c.info.Frames)
	}
	if c.sum != nil {
		found := [16]byte(c.sum.Sum(nil))
		v.MD5 = "match"
		if found != c.stated {
			v.MD5, v.Stated, v.Found = "mismatch", hex.EncodeToString(c.stated[:]), hex.EncodeToString(found[:])
			v.fault(-1, "the samples' MD5 sum is not the one the file states")
		}
	} else if !v.Decoded {
		v.MD5 = ""
	}
	v.OK = v.FaultCount == 0 && c.info.DamageN == 0
	return v
}
