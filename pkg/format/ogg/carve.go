package ogg

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"secstream/pkg/audio"
)

// maxSlice bounds one slice, in bytes: a few seconds of audio never come near.
const maxSlice = 40 << 20

var (
	errChanged  = errors.New("file has changed since it was indexed")
	errTooLarge = errors.New("slice takes more than 40 MB")
	errCuts     = errors.New("cuts do not bound a slice")
)

// Track is an Ogg file ready to be sliced. It never changes and is safe for
// concurrent use.
type Track struct {
	info     audio.Info
	cuts     *audio.Index
	segments []segment
	size     int64
}

// Info is exact in every figure; see audio.Track.
func (t *Track) Info() audio.Info { return t.info }

// Cuts are at packet boundaries, some 100 ms apart; see audio.Track.
func (t *Track) Cuts() *audio.Index { return t.cuts }

// Preroll is 0 for Vorbis, but for the first slice of a recording whose first
// granule position asks for frames to be dropped; as few decoders do that, the
// slice does not ask for it again. For Opus it is what a decoder yields that
// does not heed the pre-skip in the slice's header: the frames that let it
// converge, at least 400 ms unless the stream begins later, or the stream's
// own pre-skip at its start.
func (t *Track) Preroll(from audio.Cut) audio.Frames {
	_, lead := t.start(t.segment(from.At), from)
	return lead
}

// segment finds the stretch that at lies in.
func (t *Track) segment(at audio.Frames) *segment {
	i := sort.Search(len(t.segments), func(i int) bool { return t.segments[i].at > at })
	return &t.segments[max(i-1, 0)]
}

// start finds the cut to start reading at for a slice that begins at from,
// and how many frames the packets from there on yield before it.
func (t *Track) start(seg *segment, from audio.Cut) (audio.Cut, audio.Frames) {
	if seg.head.codec == audio.Opus {
		c := t.cuts.Find(max(from.At-opusPreroll, seg.at))
		if c.At > seg.at {
			return c, from.At - c.At
		}
		return c, from.At - seg.at + seg.lead
	}
	if from.At == seg.at {
		return from, seg.lead
	}
	return from, 0
}

// carver is what one call of Carve works with.
type carver struct {
	pages pages
	pg    page
	walk  walker
	out   pager
	sum   crc
	f     frag

	head    *header
	serial  uint32
	pos     audio.Frames // decoded so far, 0 where the first packet of the slice begins to yield
	want    audio.Frames // preroll and slice
	skip    int          // packets on the first page that come before
	prev    int          // size of the last packet
	cur     int          // and of the current one
	drop    bool         // the current packet is no audio
	packets int
	most    int // len(dst) not to be passed
}

var carvers = sync.Pool{New: func() any {
	c := &carver{}
	c.pages.buf = make([]byte, 2*maxPage)
	c.pages.chunk = 32 << 10
	c.out.body = make([]byte, 0, 255*255)
	c.out.sum = &c.sum
	return c
}}

// Carve appends the slice [from, to) as an Ogg file with one stream: the
// headers, comments emptied, and the packets as they are, with granule
// positions counted from its start. See audio.Track.
//
// A Vorbis slice starts with the packet before its first, which yields
// nothing (Vorbis I §A.2). An Opus slice starts with its preroll and names it
// as pre-skip (RFC 7845 §4.2).
func (t *Track) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	if from.At < 0 || to.At <= from.At || to.At > t.cuts.Total() {
		return dst, &audio.Error{Format: "ogg", Off: from.Off, Err: errCuts}
	}
	seg := t.segment(from.At)
	at, lead := t.start(seg, from)
	c := carvers.Get().(*carver)
	c.begin(dst, seg, lead, to.At-from.At)
	c.skip = int(at.Aux)
	c.pages.reset(r, at.Off, t.size)
	err := c.run()
	dst = c.out.dst
	if err != nil {
		err = &audio.Error{Format: "ogg", Off: c.pages.at, Err: err}
	}
	c.release()
	return dst, err
}

// begin prepares for a slice of n frames behind dst.
func (c *carver) begin(dst []byte, seg *segment, lead, n audio.Frames) {
	h := seg.head
	c.head, c.serial = h, seg.serial
	c.pos, c.want = 0, lead+n
	c.prev, c.drop, c.packets, c.walk = 0, false, 0, walker{}
	c.most = len(dst) + maxSlice
	at := len(dst)
	c.out.start(append(dst, h.pages...), h.pageCount)
	if h.codec == audio.Opus {
		h.setPreSkip(c.out.dst[at:], lead, &c.sum)
	}
}

// release hands c back for the next slice, without what belongs to the caller.
func (c *carver) release() {
	c.pages.r, c.head, c.pg, c.f = nil, nil, page{}, frag{}
	c.walk, c.out.dst = walker{}, nil
	carvers.Put(c)
}

// run copies packets until the slice is whole.
func (c *carver) run() error {
	for c.pos < c.want {
		if err := c.pages.next(&c.pg); err == io.EOF || err == errNoise {
			return fmt.Errorf("%w: %w", audio.ErrCorrupt, errChanged)
		} else if err != nil {
			return err
		}
		if c.pg.serial != c.serial {
			continue
		}
		if c.pg.flags&firstPage != 0 || c.walk.page(&c.pg) {
			return fmt.Errorf("%w: %w", audio.ErrCorrupt, errChanged)
		}
		for c.pos < c.want && c.walk.next(&c.f) {
			c.fragment()
		}
		c.skip = 0
		if len(c.out.dst) > c.most {
			return fmt.Errorf("%w: %w", audio.ErrUnsupported, errTooLarge)
		}
	}
	c.out.flush(lastPage)
	return nil
}

// fragment copies the current fragment.
func (c *carver) fragment() {
	f := &c.f
	if f.begin {
		var ok bool
		c.cur, ok = c.head.size(f.data)
		c.drop = !ok || f.idx < c.skip
		if !c.drop {
			c.breakBefore()
		}
	}
	if c.drop {
		return
	}
	c.out.add(f.lace, f.data)
	if !f.end {
		return
	}
	c.pos += c.head.yield(c.prev, c.cur)
	c.prev = c.cur
	c.packets++
	c.out.end(int64(min(c.pos, c.want)))
}

// breakBefore ends the page before certain packets. The audio must not all
// lie on one last page: FFmpeg and Chrome then take a block off its end. So
// the first two packets, or the first of two, get a page of their own.
func (c *carver) breakBefore() {
	next := c.pos + c.head.yield(c.prev, c.cur)
	if c.packets == 2 || c.packets == 1 && next >= c.want {
		c.out.flush(0)
	}
}
