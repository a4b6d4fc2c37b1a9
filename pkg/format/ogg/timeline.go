package ogg

import (
	"errors"

	"secstream/pkg/audio"
)

// maxGranule is more than any recording lasts, and leaves room for sums.
const maxGranule = 1 << 60

// maxSegments bounds what a file in shreds can cost: each segment is a slice
// of its own.
const maxSegments = 1 << 16

var errShreds = errors.New("too many gaps")

// segment is a stretch of the timeline that one decoder run yields: from the
// start of a link, or from behind a gap, to the next of either.
type segment struct {
	at     audio.Frames // where it begins
	lead   audio.Frames // frames its first cut's packets yield before that
	head   *header
	serial uint32
}

// packetAt is a packet that yields frames, and the place to start reading for
// a decoder to yield them.
type packetAt struct {
	off int64
	idx int
	at  audio.Frames // first frame, counted from the start of the link
	n   audio.Frames
}

// timeline turns packets and granule positions into cuts. Its unit is the
// page: whether the frames of a packet are playable is known when the granule
// position of its page is.
//
// The timeline counts frames that come out of a decoder, not granule
// positions: a recording that starts at granule 1,000,000 starts at 0, and
// what a gap swallowed takes no time.
type timeline struct {
	ix       audio.IndexBuilder
	segments []segment
	pos      audio.Frames // the timeline is settled up to here

	head   *header
	serial uint32
	base   audio.Frames // where the link's first decoded frame lies; below pos if some are dropped
	raw    audio.Frames // decoded frames of the link so far
	since  audio.Frames // raw when the granule position was last lost
	onPage audio.Frames // decoded frames of the current page
	gran   int64        // granule position at raw, if known
	known  bool
	young  bool // no page of the link has settled

	size    int   // of the last packet, 0 at a start
	lastOff int64 // where it began
	lastIdx int
	pending []packetAt // on the current page
	opening bool       // the next playable packet begins a segment
	hold    packetAt   // where that segment begins, if held: Opus pre-skip takes several packets
	held    bool

	padding    audio.Frames // dropped at the end of the last link
	badGranule bool         // the first granule position is impossible
}

// link begins a link (the whole file is one, unless it is chained).
func (t *timeline) link(h *header, serial uint32) {
	t.head, t.serial = h, serial
	t.base, t.raw, t.padding = t.pos-audio.Frames(h.preSkip), 0, 0
	t.badGranule = false
	t.gap()
	t.young = true
}

// gap notes that packets are missing here. What follows starts afresh.
func (t *timeline) gap() {
	t.settle(0)
	t.size, t.since, t.known, t.young = 0, t.raw, false, false
	t.opening, t.held = true, false
}

// packet adds an audio packet, the idx-th that begins on the page at off.
func (t *timeline) packet(off int64, idx, size int) {
	n := t.head.yield(t.size, size)
	p := packetAt{off: off, idx: idx, at: t.raw, n: n}
	if t.head.codec == audio.Vorbis {
		p.off, p.idx = t.lastOff, t.lastIdx // a decoder needs the packet before
	}
	t.size, t.lastOff, t.lastIdx = size, off, idx
	if n > 0 {
		t.pending = append(t.pending, p)
		t.raw += n
		t.onPage += n
	}
}

// page ends a page with granule position g, -1 for none, else at most
// maxGranule (Vorbis I §A.2,
// RFC 7845 §4). A last page whose granule position comes too early drops
// frames at the end, a first page of Vorbis whose does drops frames at the
// start; anywhere else the position is taken as it is.
func (t *timeline) page(g int64, last bool) {
	var trim audio.Frames
	switch {
	case g < 0:
		t.gran += int64(t.onPage)
	case t.known:
		if over := audio.Frames(t.gran-g) + t.onPage; last && over > 0 {
			trim = min(over, t.onPage)
		}
		t.gran = g
	default:
		if early := t.raw - t.since - audio.Frames(g); early > 0 {
			trim = t.firstGranule(early, last)
		}
		t.gran, t.known = g, true
	}
	if t.onPage > 0 {
		t.young = false
	}
	t.settle(trim)
	t.onPage, t.padding = 0, trim
}

// firstGranule handles a first granule position that comes early by so many
// frames, and returns how many of them to drop at the end.
func (t *timeline) firstGranule(early audio.Frames, last bool) audio.Frames {
	switch {
	case last:
		return min(early, t.onPage)
	case !t.young:
	case t.head.codec == audio.Vorbis:
		t.base -= early
	default:
		t.badGranule = true // RFC 7845 §4.5 calls such a stream invalid; players play it from the start
	}
	return 0
}

// settle turns the pending packets into cuts, all but trim frames at the end.
func (t *timeline) settle(trim audio.Frames) {
	end := t.base + t.raw - trim
	for _, p := range t.pending {
		from := t.base + p.at
		to := min(from+p.n, end)
		switch {
		case to <= t.pos:
			t.skip(p, to)
			continue
		case t.opening:
			t.open(p)
		default:
			t.ix.Add(audio.Cut{Off: p.off, At: from, Aux: uint32(p.idx)})
		}
		t.pos = to
	}
	t.pending = t.pending[:0]
}

// skip passes over a packet that yields nothing playable. The packets of an
// Opus pre-skip are still needed, unless it is so long that a decoder
// converges without the first of them; a slice states its own pre-skip in 16
// bits, so there is no room to be generous.
func (t *timeline) skip(p packetAt, to audio.Frames) {
	if t.opening && !t.held && t.head.codec == audio.Opus && t.pos-to < opusPreroll {
		t.hold, t.held = p, true
	}
}

// open begins a segment whose first playable packet is p.
func (t *timeline) open(p packetAt) {
	if t.held {
		p = t.hold
	}
	t.opening, t.held = false, false
	cut := audio.Cut{Off: p.off, At: t.pos, Aux: uint32(p.idx)}
	if len(t.segments) == 0 {
		t.ix.Add(cut)
	} else {
		t.ix.AddBreak(cut)
	}
	t.segments = append(t.segments, segment{at: t.pos, lead: t.pos - t.base - p.at, head: t.head, serial: t.serial})
}
