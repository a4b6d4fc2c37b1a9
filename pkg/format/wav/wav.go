// Package wav reads WAV files: RIFF, RF64, BW64 and Sony Wave64, holding
// integer or float PCM or G.711.
//
// In comes the file; out come its facts, and slices as bare PCM without a
// header, exactly the bytes of the file. A WAV file may be cut at every frame,
// so its index costs nothing.
//
// The layouts follow Microsoft's Multiple Channel Audio Data and WAVE Files,
// EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), EBU Tech 3285 (bext) and Sony's
// Wave64 description. The package imports audio and tag, nothing else of ours.
package wav

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"secstream/pkg/audio"
	"secstream/pkg/format/tag"
)

var (
	_ audio.Stream = (*Stream)(nil)
	_ audio.Track  = (*Track)(nil)
)

// Stream is a WAV file whose chunks have been walked. It never changes and is
// safe for concurrent use.
type Stream struct {
	info  audio.Info
	align int64 // bytes a frame
}

// Open walks the chunks of a WAV file of size bytes; sound itself is not read.
// An ID3v2 tag in front is stepped over. It returns an *audio.Error wrapping
// audio.ErrNotAudio for another kind of file, audio.ErrUnsupported for a codec
// secstream does not slice, audio.ErrCorrupt for headers that contradict
// themselves; a read error comes as it came. r is borrowed for the call.
func Open(r io.ReaderAt, size int64) (*Stream, error) {
	s := &scan{r: r, size: size}
	if err := s.run(); err != nil {
		return nil, err
	}
	return &Stream{info: s.info, align: int64(s.format.align)}, nil
}

// Info is what the headers say; Frames is exact already.
func (s *Stream) Info() audio.Info { return s.info }

// Index returns the track. Nothing has to be walked: it only makes sure that
// the last byte of sound is still there.
func (s *Stream) Index(ctx context.Context, r io.ReaderAt) (audio.Track, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.info.Frames == 0 {
		return nil, fault(s.info.AudioOff, "the data chunk holds no sound: %w", audio.ErrCorrupt)
	}
	var last [1]byte
	if err := readFull(r, last[:], s.info.AudioOff+s.info.AudioBytes-1); err != nil {
		return nil, err
	}
	return &Track{info: s.info.WithoutPictureData(), index: audio.LinearIndex(s.info.AudioOff, s.align, s.info.Frames)}, nil
}

// Track is a WAV file ready to be sliced; see audio.Track.
type Track struct {
	info  audio.Info
	index *audio.Index
}

// Info is what is known of the track.
func (t *Track) Info() audio.Info { return t.info }

// Cuts are all frames of the track.
func (t *Track) Cuts() *audio.Index { return t.index }

// Preroll is 0: PCM needs none.
func (t *Track) Preroll(audio.Cut) audio.Frames { return 0 }

// Range says where in the file the frames [from.At, to.At) lie: byte offset
// and length. It is what Carve reads, for callers that can read into place.
func (t *Track) Range(from, to audio.Cut) (off, n int64) { return from.Off, to.Off - from.Off }

// Carve appends the stored samples of [from.At, to.At), little-endian,
// interleaved and without a header.
func (t *Track) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	off, n, err := t.span(from, to)
	if err != nil {
		return dst, err
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	return dst, readFull(r, dst[at:], off)
}

// span is Range for cuts that may come from anywhere.
func (t *Track) span(from, to audio.Cut) (off int64, n int, err error) {
	off, length := t.Range(from, to)
	if length < 0 || off < t.info.AudioOff || to.Off > t.info.AudioOff+t.info.AudioBytes {
		return 0, 0, fault(off, "cut outside the data chunk: %w", audio.ErrCorrupt)
	}
	return off, int(length), nil
}

// readFull fills b from byte off of the file. An end of file means that the
// file shrank after it was opened.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fault(off+int64(n), "the file ends early: %w", audio.ErrCorrupt)
	}
	return err
}

func fault(off int64, format string, args ...any) error {
	return &audio.Error{Format: "wav", Off: off, Err: fmt.Errorf(format, args...)}
}

// limit is the most bytes of one LIST or bext chunk that are read: they hold
// lines of text, and a damaged size must not cost memory.
const limit = 1 << 20

// mergeTags fills what the file told before with what it told later. A damaged
// tag is noted; a read error comes back.
func (s *scan) mergeTags(f tag.Found, err error, c chunk) error {
	s.found.Merge(f)
	var e *audio.Error
	if !errors.As(err, &e) {
		return err
	}
	off := c.off
	if e.Off >= 0 {
		off = e.Off
	}
	s.info.AddDamage(off, "%s: %v", e.Format, e.Err)
	return nil
}
