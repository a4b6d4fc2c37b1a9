package mp3

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"secstream/pkg/audio"
)

// Track is an MP3 file whose frames have been counted.
type Track struct {
	info   audio.Info
	cuts   *audio.Index
	ref    header
	frames int64        // audio frames in the file
	trim   audio.Frames // raw samples before the first playable one
	over   audio.Frames // raw samples after the last playable one
	end    int64        // where the audio ends in the file
}

// Info describes the track; see audio.Track.
func (t *Track) Info() audio.Info { return t.info }

// Cuts are the places the track may be cut; see audio.Track.
func (t *Track) Cuts() *audio.Index { return t.cuts }

// held is how many frames a cut is held back: the padding of up to 3566
// samples that only the end of the walk makes known can take whole frames.
const held = 8

// longCuts is how many cuts a track has at most before they grow wider apart,
// so that the index of a file that plays for months stays small: 2^20 cuts of
// 100 ms are 29 hours.
const longCuts = 1 << 20

// survey is the state of one walk over all frames.
type survey struct {
	w      *walker
	info   audio.Info
	trim   audio.Frames
	step   audio.Frames // samples a frame
	frames int64
	bytes  int64
	last   int64  // where the last frame ends
	rates  uint16 // bit rate indices seen
	cuts   audio.IndexBuilder
	cutAt  audio.Frames // of the last cut taken
	gap    audio.Frames // least distance between cuts
	fed    int64        // main data bytes since the last break in the stream
	broke  int64        // the frame right after that break
	side   sideCheck
	recent [held]struct {
		off   int64
		fed   int64 // main data bytes between the last break and this frame
		clean bool  // a slice may start here and owe nothing to lost bytes
	}
}

// Index counts the frames; see audio.Stream. Its reads are sequential and its
// memory is one window of 256 KiB beside the index itself.
func (s *Stream) Index(ctx context.Context, r io.ReaderAt) (audio.Track, error) {
	sc := scratches.Get().(*scratch)
	defer sc.release()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	src := cancelReader{ctx, r}
	trim := audio.Frames(0)
	if s.tag.trims {
		trim = audio.Frames(s.tag.delay + synthesisDelay)
	}
	v, err := s.survey(&sc.walker, src, trim)
	if err != nil {
		return nil, err
	}
	over := v.overrun(s.tag)
	if trim > 0 && trim+over >= v.raw() {
		delay, padding := s.tag.delay, s.tag.padding
		trim, over = 0, 0
		// So short a file is walked again rather than its cuts moved.
		if v, err = s.survey(&sc.walker, src, 0); err != nil {
			return nil, err
		}
		v.info.AddDamage(s.info.AudioOff, "delay of %d and padding of %d samples leave nothing of %d: not trimmed", delay, padding, v.raw())
	}
	return s.track(v, trim, over), nil
}

// survey walks all frames. The cuts it takes are placed for a track whose
// first trim samples are not played.
func (s *Stream) survey(w *walker, r io.ReaderAt, trim audio.Frames) (*survey, error) {
	v := &survey{w: w, info: s.info, trim: trim, step: s.ref.samples(), last: s.first}
	v.info.Details = slices.Clone(s.info.Details)
	v.info.Damage = slices.Clone(s.info.Damage)
	v.gap = audio.Frames(s.info.SampleRate / 10)
	w.start(r, s.ref, s.first, s.end, s.end)
	for {
		f, err := w.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		v.add(f)
		if err := v.inspect(f); err != nil {
			return nil, err
		}
	}
	v.finish()
	if v.frames == 0 {
		return nil, &audio.Error{Format: "mp3", Off: s.first, Err: fmt.Errorf("no audio frame follows: %w", audio.ErrCorrupt)}
	}
	return v, nil
}

// add takes one frame. A cut is clean when the reservoir a slice from there
// needs, and the frames it needs to warm up, all lie after the last break.
func (v *survey) add(f frame) {
	if f.junk > 0 {
		v.damage(f.off-f.junk, "%d bytes between frames that are not audio", f.junk)
		v.broke, v.fed = v.frames, 0
	}
	if v.frames >= held {
		v.offer(v.frames - held)
	}
	warm := v.frames - int64(v.w.ref.warmUp())
	slot := &v.recent[v.frames%held]
	slot.off, slot.fed = f.off, v.fed
	slot.clean = warm >= v.broke && v.recent[warm%held].fed >= int64(v.w.ref.reservoir())
	v.frames++
	v.bytes += int64(f.n)
	v.fed += int64(f.mainBytes())
	v.rates |= 1 << f.h.rateIndex()
	v.last = f.off + int64(f.n)
}

// inspect notes what is wrong with frame f itself.
func (v *survey) inspect(f frame) error {
	b, err := v.w.win.at(f.off, min(f.n, checkBytes))
	if err != nil {
		return err
	}
	what := v.side.judge(b, f.h, f.mainBytes())
	if what == "" {
		return nil
	}
	v.info.DamageN++
	if len(v.info.Damage) < audio.MaxDamage {
		v.info.Damage = append(v.info.Damage, audio.Damage{Off: f.off, What: what})
	}
	return nil
}

// offer takes frame k, one of the recent ones, as a cut if it is one to take.
// A second without a clean cut, in a badly damaged file, ends the waiting:
// slices must not grow without bound.
func (v *survey) offer(k int64) {
	slot := &v.recent[k%held]
	at := audio.Frames(k)*v.step - v.trim
	switch {
	case k == 0:
		at = 0
	case at < v.cutAt+v.gap, !slot.clean && at < v.cutAt+audio.Frames(v.info.SampleRate):
		return
	}
	v.cuts.Add(audio.Cut{Off: slot.off, At: at})
	v.cutAt = at
	v.gap = max(v.gap, at/longCuts)
}

// finish notes what the walk left over at the end.
func (v *survey) finish() {
	switch {
	case v.w.cut > 0:
		v.damage(v.w.win.end-v.w.cut, "the last frame is cut short: %d bytes are left of it", v.w.cut)
	case v.w.tail > 0:
		v.damage(v.w.win.end-v.w.tail, "%d bytes after the last frame that are not audio", v.w.tail)
	}
}

// damage notes one fault; past the bound it only counts, and costs nothing.
func (v *survey) damage(off int64, format string, n int64) {
	if v.info.DamageN >= audio.MaxDamage {
		v.info.DamageN++
		return
	}
	v.info.AddDamage(off, format, n)
}

// raw is how many samples the frames decode to.
func (v *survey) raw() audio.Frames { return audio.Frames(v.frames) * v.step }

// overrun is how many raw samples at the end the tag says not to play. The
// tag's padding counts from the end of as many frames as the tag counts; a
// file cut short lost its padding first, and behind a file with more frames
// than that something else was appended, about whose end nothing is known.
func (v *survey) overrun(t infoTag) audio.Frames {
	if !t.trims {
		return 0
	}
	over := audio.Frames(max(0, t.padding-synthesisDelay))
	if t.frames == 0 || t.frames == v.frames {
		return over
	}
	v.info.AddDamage(v.info.AudioOff, "the info tag counts %d frames, the file has %d", t.frames, v.frames)
	if t.frames < v.frames {
		return 0
	}
	return max(0, over-audio.Frames(t.frames-v.frames)*v.step)
}

// track puts together what the walk found.
func (s *Stream) track(v *survey, trim, over audio.Frames) *Track {
	total := v.raw() - trim - over
	for k := max(0, v.frames-held); k < v.frames && audio.Frames(k)*v.step-trim < total; k++ {
		v.offer(k)
	}
	in := v.info
	in.Frames, in.Delay, in.Padding = total, trim, over
	in.AudioBytes = v.bytes
	in.BitRate = int(math.Round(float64(v.bytes) * 8 * float64(in.SampleRate) / float64(v.raw())))
	switch {
	case s.tag.method == 2 || s.tag.method == 9:
		in.RateMode = "abr"
	case bits.OnesCount16(v.rates) == 1:
		in.RateMode = "cbr"
		in.BitRate = s.ref.withRate(bits.TrailingZeros16(v.rates)).kbps() * 1000
	default:
		in.RateMode = "vbr"
	}
	in.Details, in.Damage = slices.Clip(in.Details), slices.Clip(in.Damage)
	return &Track{
		info: in.WithoutPictureData(), ref: s.ref, frames: v.frames, trim: trim, over: over, end: s.end,
		cuts: v.cuts.Finish(audio.Cut{Off: v.last, At: total}),
	}
}
