// Package flac reads native FLAC files (RFC 9639): what their metadata says,
// where each frame begins, and slices of them that are FLAC files in their own
// right. No sample is decoded and none is coded again. A file comes in as an
// io.ReaderAt, audio.Info and the bytes of slices go out. FLAC inside Ogg is
// the ogg package's to recognise.
//
// It imports audio and tag only.
package flac

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"secstream/pkg/audio"
)

// Stream is a FLAC file whose metadata has been read. It never changes and is
// safe for concurrent use.
type Stream struct {
	info    audio.Info
	si      streamInfo
	siOff   int64 // where STREAMINFO's body lies
	start   int64 // where to look for the first frame
	end     int64 // where tags behind the audio begin, or the file ends
	size    int64
	tagNote audio.Field // what lies behind the audio
}

var (
	_ audio.Stream = (*Stream)(nil)
	_ audio.Track  = (*Track)(nil)
)

// Info is what the metadata says; Frames is -1 when STREAMINFO leaves it open.
func (s *Stream) Info() audio.Info { return s.info }

// MD5 is the MD5 sum of the samples as STREAMINFO gives it (RFC 9639 §8.2);
// ok is false when the encoder left it out.
func (s *Stream) MD5() (sum [16]byte, ok bool) { return s.si.md5, s.si.md5 != [16]byte{} }

// Index walks the frames. Its Info counts the frames of sound that are there,
// whatever STREAMINFO says; frames that are damaged are noted and left out.
func (s *Stream) Index(ctx context.Context, r io.ReaderAt) (audio.Track, error) {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	x := indexer{info: s.info, cuts: audio.IndexBuilder{Gap: audio.Frames(s.si.rate / 20)}} // 50 ms: every frame of 4096 stays
	// What was noted when the file was opened stays as it is for others.
	x.info.Damage = slices.Clip(x.info.Damage)
	w.reset(r, &s.si, s.start, s.end)
	defer w.release()
	for n := 0; ; n++ {
		at, err := w.next()
		if err != nil {
			return nil, err
		}
		if (at == atJunk || n%256 == 0) && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch at {
		case atFrame:
			x.frame(w)
		case atEnd:
			x.tail(w)
			return x.track(s)
		}
	}
}

// longCuts is how many cuts a track has at most before they grow wider apart,
// as in the mp3 package: 2^18 of the 93 ms that most frames take are 6.8
// hours. Fewer than there, since a frame can be 12 bytes and its cut takes 4.
// Beyond that a plan, of 2^17 slices at most, still has two cuts a slice.
const longCuts = 1 << 18

// indexer gathers what Index finds.
type indexer struct {
	info     audio.Info
	cuts     audio.IndexBuilder
	total    audio.Frames // so far
	end      int64        // of the last frame
	last     header
	seen     bool
	ragged   bool // a block before the last differs in size from the first, or says that blocks may
	first    int  // size of the first block
	min, max int  // of all blocks but the last, of all blocks
}

func (x *indexer) frame(w *walker) {
	h := &w.head
	x.skip(w)
	if !x.seen {
		x.info.AudioOff = w.off
		x.first, x.min = h.block, h.block
	} else {
		x.min = min(x.min, x.last.block)
		x.ragged = x.ragged || x.last.block != x.first
		if w.skipped == 0 && !x.last.follows(h) {
			x.info.AddDamage(w.off, "frame number %d comes after %d", h.num, x.last.num)
		}
	}
	x.ragged = x.ragged || h.variable
	x.max = max(x.max, h.block)
	x.cuts.Add(audio.Cut{Off: w.off, At: x.total})
	x.total += audio.Frames(h.block)
	x.cuts.Gap = max(x.cuts.Gap, x.total/longCuts)
	x.end = w.off + int64(w.size)
	x.last, x.seen = *h, true
}

// skip notes the bytes that were stepped over.
func (x *indexer) skip(w *walker) {
	switch {
	case w.skipped == 0:
	case w.lost == 0:
		x.info.AddDamage(w.skipOff, "%s that are no frame", size(w.skipped))
	case w.lost == 1:
		x.info.AddDamage(w.skipOff, "damaged frame, %s left out", size(w.skipped))
	default:
		x.info.AddDamage(w.skipOff, "%d damaged frames, %s left out", w.lost, size(w.skipped))
	}
}

func size(n int64) string {
	if n == 1 {
		return "one byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// tail notes what is left behind the last frame.
func (x *indexer) tail(w *walker) {
	if w.lost == 0 && w.skipped > 0 && x.seen {
		x.info.AddDamage(w.skipOff, "%s after the last frame", size(w.skipped))
		return
	}
	x.skip(w)
}

func (x *indexer) track(s *Stream) (audio.Track, error) {
	if !x.seen {
		return nil, &audio.Error{Format: "flac", Off: s.start, Err: fmt.Errorf("%w: no sound frame in it", audio.ErrCorrupt)}
	}
	if s.info.Frames >= 0 && s.info.Frames != x.total {
		x.info.AddDamage(s.siOff, "STREAMINFO announces %d samples, the frames hold %d", s.info.Frames, x.total)
	}
	x.info.Frames = x.total
	x.info.AudioBytes = x.end - x.info.AudioOff
	x.info.BitRate = int(float64(x.info.AudioBytes) * 8 * float64(s.si.rate) / float64(x.total))
	if x.info.Damage != nil {
		x.info.Damage = slices.Clip(x.info.Damage)
	}
	t := &Track{
		info: x.info.WithoutPictureData(),
		si:   s.si,
		size: s.size,
		cuts: x.cuts.Finish(audio.Cut{Off: x.end, At: x.total}),
	}
	t.variable = x.ragged
	t.si.fitBlocks(x.first, x.min, x.max, x.ragged)
	return t, nil
}

// Track is a FLAC file whose frames have been walked. It never changes and is
// safe for concurrent use.
type Track struct {
	info     audio.Info
	si       streamInfo // with block sizes that are true of the frames
	size     int64
	cuts     *audio.Index
	variable bool // slices number their frames by samples
}

// Info is what the file holds.
func (t *Track) Info() audio.Info { return t.info }

// Cuts are frame starts, 50 ms apart or one block, whichever is more, and
// further in tracks of many hours.
func (t *Track) Cuts() *audio.Index { return t.cuts }

// Preroll is 0: every FLAC frame stands on its own.
func (t *Track) Preroll(audio.Cut) audio.Frames { return 0 }

// MD5 is Stream.MD5.
func (t *Track) MD5() (sum [16]byte, ok bool) { return t.si.md5, t.si.md5 != [16]byte{} }

var walkers = sync.Pool{New: func() any { return new(walker) }}

// release forgets the file. The window's memory stays for the next walk.
func (w *walker) release() {
	clear(w.win.buf[:cap(w.win.buf)])
	w.win.r, w.si = nil, nil
	w.win.buf = w.win.buf[:0]
}

// shortfall makes the error of a file that no longer holds what it held.
func shortfall(off int64, format string, args ...any) error {
	return &audio.Error{Format: "flac", Off: off, Err: fmt.Errorf("%w: "+format, append([]any{audio.ErrCorrupt}, args...)...)}
}

var errNoFLAC = errors.New("no FLAC signature")
