package player

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
)

// Joiner turns the slices of one track into continuous PCM: it decodes each
// slice by itself, drops its preroll and yields exactly the frames its span
// promises. It is not safe for concurrent use and does not own the Source.
type Joiner struct {
	src   Source
	par   decode.Params
	next  int          // the slice to fetch next
	at    audio.Frames // the frame of the track Read yields next
	held  int          // the slice whose bytes are held, -1 for none
	going bool         // a slice was opened: the next must begin where it ends
	dec   decode.Decoder
	left  audio.Frames // frames the held slice has yet to yield
	waste []float64    // where dropped frames go
	start audio.Frames // what dec yields before the first frame wanted
	faced int          // how many of dec's faults were looked at
	bad   int          // how many of them are in what Read yielded
	err   error        // a decoder's last word

	skip func(error) bool // which errors leave out a slice; nil for none
	mute bool             // silence stands in for what is left of the slice
	why  error            // what was wrong with it, for others to take
	lost int              // how many slices in a row were left out
}

const (
	// wasteFrames is how many frames are dropped in one go.
	wasteFrames = 1024
	// idleReads is how often a decoder may yield nothing before it counts as stuck.
	idleReads = 100
	// maxSpan bounds what a slice may claim, far above any real one, so that
	// sums of such claims cannot overflow.
	maxSpan = 1 << 48
	// maxLost is how many slices in a row may be left out: more is not damage
	// but a track that cannot be played.
	maxLost = 5
)

// NewJoiner starts at frame at of src, exactly: a position before the track
// is its start, one past its end yields nothing.
func NewJoiner(src Source, at audio.Frames) *Joiner {
	at = max(at, 0)
	next := sort.Search(src.Len(), func(i int) bool {
		s := src.Span(i)
		return s.Start+s.Samples > at
	})
	return &Joiner{src: src, par: src.Params(), next: next, at: at, held: -1}
}

// Slice is the slice that the last frames came from, or the one that comes
// first when nothing was read yet.
func (j *Joiner) Slice() int {
	if j.held < 0 && !j.mute {
		return j.next
	}
	return j.next - 1
}

// At is the frame of the track that Read yields next.
func (j *Joiner) At() audio.Frames { return j.at }

// Bad is how many damaged units of the codec the frames read so far come from.
// Those whose headers show it are left out if the index has told of damage.
func (j *Joiner) Bad() int { return j.bad }

// face counts the faults that decoding has met since it was last called.
// Preroll belongs to the slice before.
func (j *Joiner) face() {
	faults := decode.Faults(j.dec)
	for _, f := range faults[j.faced:] {
		if f.At+f.Len > j.start && (!f.Plain || j.src.Info().DamageN == 0) {
			j.bad++
		}
	}
	j.faced = len(faults)
}

// Close releases the slice that is held, which wipes it. The Joiner yields
// nothing afterwards; the Source stays open.
func (j *Joiner) Close() {
	j.release()
	if j.err == nil {
		j.err = io.EOF
	}
}

// Read fills p, whose length is at least one frame, with interleaved samples
// and returns the number of frames, which all belong to one slice and may be
// fewer than p holds. It returns 0 and io.EOF at the end of the track, ctx's
// error when cancelled, and otherwise an error that names the slice; after any
// error it is of no more use.
func (j *Joiner) Read(ctx context.Context, p []float64) (audio.Frames, error) {
	if j.err != nil {
		return 0, j.err
	}
	if j.par.Channels < 1 || len(p) < j.par.Channels {
		return 0, fmt.Errorf("read %d samples of %d channels: no whole frame", len(p), j.par.Channels)
	}
	if j.left == 0 {
		j.release()
		if err := j.open(ctx); err != nil {
			return 0, err
		}
	}
	n := min(audio.Frames(len(p)/j.par.Channels), j.left)
	p = p[:int(n)*j.par.Channels]
	if j.mute {
		clear(p)
	} else {
		var err error
		if n, err = j.pull(ctx, p); err != nil {
			return 0, j.pass(ctx, j.left, err) // without an error there is silence from here on
		}
	}
	j.at += n
	j.left -= n
	if !j.mute {
		j.face()
	}
	if j.left == 0 && !j.mute {
		j.lost = 0
	}
	return n, nil
}

// open fetches the next slice and decodes up to the first frame wanted.
func (j *Joiner) open(ctx context.Context) error {
	if j.next >= j.src.Len() {
		return io.EOF
	}
	span := j.src.Span(j.next)
	skip := j.at - span.Start
	if skip < 0 || j.going && skip > 0 || span.Samples > maxSpan || skip >= span.Samples || span.Preroll < 0 || span.Preroll > maxSpan {
		j.err = fmt.Errorf("slice %d: holds frames %d to %d where frame %d is due: %w",
			j.next, span.Start, span.Start+span.Samples, j.at, audio.ErrCorrupt)
		return j.err
	}
	data, err := j.src.Slice(ctx, j.next)
	j.next, j.going = j.next+1, true
	left := span.Samples - skip
	if err != nil {
		return j.pass(ctx, left, err)
	}
	j.held = j.next - 1
	par := j.par
	// One second and a few of the largest codec blocks more than promised:
	// padding a codec may have, not enough for a slice that is a bomb.
	par.Limit = span.Preroll + span.Samples + audio.Frames(par.SampleRate) + 1<<17
	if j.dec, err = decode.New(par, data); err != nil {
		return j.pass(ctx, left, err)
	}
	j.left, j.start, j.faced = left, span.Preroll+skip, 0
	if err := j.drop(ctx, j.start); err != nil {
		return j.pass(ctx, left, err)
	}
	return nil
}

// pass deals with err, for which the slice that was opened last gives no more
// sound: silence stands in for the frames that are left of it, or it returns
// what Read returns last.
func (j *Joiner) pass(ctx context.Context, left audio.Frames, err error) error {
	err = fmt.Errorf("slice %d: %w", j.next-1, err)
	j.release()
	if j.skip == nil || ctx.Err() != nil || j.lost == maxLost || !j.skip(err) {
		j.err = err
		return err
	}
	j.lost++
	j.mute, j.why, j.left = true, err, left
	return nil
}

// drop decodes n frames that are not wanted.
func (j *Joiner) drop(ctx context.Context, n audio.Frames) error {
	ch := audio.Frames(j.par.Channels)
	if j.waste == nil {
		j.waste = make([]float64, wasteFrames*ch)
	}
	for n > 0 {
		k, err := j.pull(ctx, j.waste[:min(n, wasteFrames)*ch])
		if err != nil {
			return err
		}
		n -= k
	}
	clear(j.waste)
	return nil
}

// pull reads at least one frame.
func (j *Joiner) pull(ctx context.Context, p []float64) (audio.Frames, error) {
	for range idleReads {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := j.dec.Read(p)
		if n < 0 || int(n)*j.par.Channels > len(p) {
			return 0, fmt.Errorf("decoder yields %d frames: %w", n, audio.ErrCorrupt)
		}
		if n > 0 {
			return n, nil
		}
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("ends at frame %d, %d frames early: %w", j.at, j.left, audio.ErrCorrupt)
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

// release lets go of the slice that is held or left out, once, whatever comes
// of it.
func (j *Joiner) release() {
	held, dec := j.held, j.dec
	j.dec, j.held, j.left, j.mute = nil, -1, 0, false
	clear(j.waste)
	if held >= 0 {
		j.src.Release(held)
	}
	decode.Wipe(dec)
}
