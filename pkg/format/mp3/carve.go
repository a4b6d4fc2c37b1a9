package mp3

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"secstream/pkg/audio"
)

// errChanged is what a slice gives whose frames are not where Index saw them.
var errChanged = errors.New("the file has changed since it was indexed")

// Preroll is what a decoder of a slice yields before the first frame that
// counts; see audio.Track. The tag frame yields nothing, the feeder and the
// warm-up frames a fixed number, and the first slice begins with the track's
// own delay.
func (t *Track) Preroll(from audio.Cut) audio.Frames {
	if from.At <= 0 {
		return t.trim
	}
	return t.ref.samples() * audio.Frames(1+t.ref.warmUp())
}

// index is the number of the frame that starts at cut c, counted from the
// first audio frame of the file.
func (t *Track) index(c audio.Cut) int64 {
	switch {
	case c.At >= t.cuts.Total():
		return t.frames
	case c.At <= 0:
		return 0
	}
	return int64((c.At + t.trim) / t.ref.samples())
}

// Locate is the byte of the file in r at which the frame begins that decodes
// to playable frame at, which may lie in the delay before the first one or in
// the padding after the last.
func (t *Track) Locate(r io.ReaderAt, at audio.Frames) (int64, error) {
	cut := t.cuts.Find(min(at, t.cuts.Total()-1))
	sc := scratches.Get().(*scratch)
	defer sc.release()
	sc.start(r, t.ref, cut.Off, cut.Off, t.end)
	for n := int64((at+t.trim)/t.ref.samples()) - t.index(cut); ; n-- {
		f, err := sc.next()
		if err != nil {
			return 0, t.changed(sc.pos, err)
		}
		if n <= 0 {
			return f.off, nil
		}
	}
}

// Carve appends the slice [from, to) to dst; see audio.Track. The slice is an
// MP3 file: a frame with a tag that says what to drop, if anything, then,
// unless it is the first slice, the feeder and the warm-up frames, then the frames that count.
func (t *Track) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	frames := t.index(to) - t.index(from)
	if frames <= 0 || to.Off <= from.Off {
		return dst, &audio.Error{Format: "mp3", Off: from.Off, Err: errors.New("a slice must hold at least one frame")}
	}
	sc := scratches.Get().(*scratch)
	defer sc.release()
	base, feeders := len(dst), 0
	if from.At <= 0 {
		sc.start(r, t.ref, from.Off, to.Off, t.end)
	} else {
		if err := t.lookBack(sc, r, from, to); err != nil {
			return dst, err
		}
		feeders = 1
		frames += int64(t.ref.warmUp())
	}
	dst = slices.Grow(dst, int(min(to.Off-sc.pos, frames*maxFrame))+2*maxFrame)
	head, dst := t.reserveTag(dst, from)
	if feeders > 0 {
		var err error
		if dst, err = t.feed(dst, sc); err != nil {
			return dst, err
		}
	}
	for range frames {
		f, err := sc.next()
		if err != nil {
			return dst, t.changed(sc.pos, err)
		}
		b, err := sc.data(f)
		if err != nil {
			return dst, err
		}
		dst = append(dst, b...)
	}
	if sc.pos > to.Off {
		return dst, t.changed(to.Off, nil)
	}
	t.writeTag(dst[base:], head, int(frames)+feeders, from, to)
	return dst, nil
}

// changed makes the error for a walk that did not find what Index found. Read
// errors pass as they are.
func (t *Track) changed(off int64, err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return &audio.Error{Format: "mp3", Off: off, Err: fmt.Errorf("%w: %w", audio.ErrCorrupt, errChanged)}
}

// plain is h without CRC, padding and joint stereo extension, at the lowest
// bit rate that gives a frame of need bytes or more; the length is returned
// too. The highest rate of every version has room for all we ask of it.
func plain(h header, need int) (header, int) {
	const top = 14
	h = h&^0x30 | 1<<16
	for i := 1; ; i++ {
		h = h.withRate(i)
		if n := h.length(); n >= need || i == top {
			return h, n
		}
	}
}

// appendFrame appends a frame of n zero bytes under header h: silence.
func appendFrame(dst []byte, h header, n int) []byte {
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	clear(dst[at:])
	binary.BigEndian.PutUint32(dst[at:], uint32(h))
	return dst
}

// reserveTag appends the tag's frame without the tag, which counts what is
// still to come. Where nothing is to be dropped there is no tag: mpg123 drops
// 529 samples if there is one, whatever it says.
func (t *Track) reserveTag(dst []byte, from audio.Cut) (header, []byte) {
	if t.Preroll(from) == 0 {
		return 0, dst
	}
	h, n := plain(t.ref, tagFrameBytes(t.ref))
	return h, appendFrame(dst, h, n)
}

// writeTag fills in the tag of the finished slice b. Players drop 529 samples
// more than the delay field says and 529 fewer than the padding field says.
func (t *Track) writeTag(b []byte, h header, frames int, from, to audio.Cut) {
	if h == 0 {
		return
	}
	over := audio.Frames(0)
	if to.At >= t.cuts.Total() {
		over = t.over
	}
	delay := int(t.Preroll(from)) - synthesisDelay
	writeInfoTag(b, h, frames, len(b), delay, int(over)+synthesisDelay)
}

// feed appends the feeder: a frame that decodes to silence and whose last
// bytes are the reservoir the first real frames draw on. It leaves the walk
// at the first of them.
func (t *Track) feed(dst []byte, sc *scratch) ([]byte, error) {
	need, err := sc.reach()
	if err != nil {
		return dst, t.changed(sc.pos, err)
	}
	h, n := plain(t.ref, headerBytes+t.ref.sideBytes()+need)
	dst = appendFrame(dst, h, n)
	res := sc.lastBytes(need)
	copy(dst[len(dst)-len(res):], res)
	return dst, nil
}
