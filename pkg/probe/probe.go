// Package probe finds out all that can be told of an audio file: what it is,
// exactly how long, what is wrong with it, how it would be sliced, and whether
// every slice decodes to what was announced.
//
// A file comes in, a File goes out, ready to be shown or written as JSON. The
// package imports audio, compress, decode, format, pack, seal, slicer and
// wire (for the tags' names in JSON); it knows no network and no terminal.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/format"
	"secstream/pkg/pack"
	"secstream/pkg/slicer"
)

// Options say how much to find out. The zero value reads the facts alone.
type Options struct {
	Plan     bool           // measure the slices
	Pad      bool           // measure them with padding, too
	Verify   bool           // decode every slice
	Slices   slicer.Options // how it is cut, for both
	Deflater *compress.Deflater
}

// Passes is about how many times o has a file read, the first to walk its
// frames.
func (o Options) Passes() int {
	n := 1
	if o.Plan || o.Verify {
		n++
	}
	if o.Plan { // measuring the plain and the sealed size reads twice
		n++
		if o.Pad { // and the padded one once more
			n++
		}
	}
	return n
}

// Read probes the file of size bytes in r. Damage that can be stepped over is
// in the File. The error is ctx's, a read error, or an *audio.Error when the
// file holds nothing to play; the File then holds what was found before. A
// File keeps no picture's data. Memory: one slice, beside the file's index.
func Read(ctx context.Context, r io.ReaderAt, size int64, o Options) (File, error) {
	f := File{Size: size}
	if err := ctx.Err(); err != nil {
		return f, err
	}
	stream, err := format.Open(r, size)
	if err != nil {
		return f, err
	}
	f.describe(stream.Info())
	track, err := stream.Index(ctx, r)
	if err != nil {
		return f, err
	}
	f.describe(track.Info())
	f.AudioEnd = track.Cuts().End().Off
	if !o.Plan && !o.Verify {
		return f, nil
	}
	plan, err := slicer.Make(track.Cuts(), track.Info().SampleRate, o.Slices)
	if err != nil {
		return f, err
	}
	if err := pack.Check(track, plan); err != nil {
		return f, err
	}
	w := walk{track: track, plan: plan, r: r}
	if o.Plan {
		if w.gauge, err = newGauge(track, plan, o); err != nil {
			return f, err
		}
	}
	if o.Verify {
		w.check = newCheck(track, r)
	}
	err = w.run(ctx)
	if w.gauge != nil {
		f.Plan = w.gauge.finish()
	}
	if w.check != nil {
		f.Verify = w.check.Finish()
	}
	return f, err
}

// summed is a track whose file states the MD5 sum of its samples.
type summed interface {
	MD5() (sum [16]byte, ok bool)
}

// located is a track that can tell where in the file r a frame of sound is.
type located interface {
	Locate(r io.ReaderAt, at audio.Frames) (off int64, err error)
}

// newCheck prepares to decode slices of a track in r.
func newCheck(track audio.Track, r io.ReaderAt) *Check {
	c := NewCheck(track.Info())
	if m, ok := track.(summed); ok {
		c.expect(m.MD5())
	}
	if l, ok := track.(located); ok {
		c.locate = func(at audio.Frames) int64 {
			off, err := l.Locate(r, at)
			if err != nil {
				return -1
			}
			return off
		}
	}
	return c
}

// walk reads a track slice by slice.
type walk struct {
	track audio.Track
	plan  slicer.Plan
	r     io.ReaderAt
	gauge *gauge // nil: sizes are not asked for
	check *Check // nil: no decoding is asked for
}

func (w *walk) run(ctx context.Context) error {
	var buf []byte
	for i := range w.plan.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		from, to := w.plan.Bounds(i)
		plain, err := w.track.Carve(buf[:0], w.r, from, to)
		if err == nil && w.gauge != nil {
			err = w.gauge.measure(w.r, i, len(plain))
		}
		span := audio.Span{Start: from.At, Samples: to.At - from.At, Preroll: w.track.Preroll(from)}
		switch {
		case err == nil:
			buf = plain
			if w.check != nil {
				if err := w.check.Slice(ctx, i, from.Off, span, plain); err != nil {
					return err
				}
			}
		case w.check == nil || !damaged(err):
			return fmt.Errorf("cut slice %d: %w", i, err)
		default:
			w.check.missing(i, from.Off, err)
		}
	}
	return nil
}

// damaged tells a fault of the file from one of the disk or the caller.
func damaged(err error) bool {
	var e *audio.Error
	return errors.As(err, &e)
}
