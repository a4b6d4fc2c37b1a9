package ogg

import (
	"errors"
	"fmt"
	"io"

	"secstream/pkg/audio"
)

// Bounds on what is taken from a file.
const (
	maxComment = 16 << 20  // bytes; pictures are in there
	maxSetup   = 256 << 10 // bytes; every slice carries it, real ones take 3 to 8 kB
	maxPacket  = 1 << 20   // bytes of an audio packet, some hundred times the usual
	maxHeads   = 16 << 20  // bytes of header pages kept for all links of a file
	maxOthers  = 16        // other streams named
)

var (
	errNoise     = errors.New("too much that only looks like a page")
	errHeads     = errors.New("too many different headers")
	errMissing   = errors.New("header packets are missing")
	errHeaderBig = errors.New("header packet is too long")
)

// stage is how far the current link has got.
type stage int

const (
	between stage = iota // no link: before the first, or after one that cannot be played
	heading              // header packets are being read
	sounding
	over // its last page was seen
)

// other is a stream that is passed over.
type other struct {
	serial uint32
	name   string
}

// scan walks a file from its first page on. Open lets it run until the
// headers are read, Index until the end.
type scan struct {
	pages  pages
	pg     page
	walk   walker
	tl     timeline
	info   audio.Info // Damage, DamageN, AudioOff and AudioBytes are kept here
	stage  stage
	head   *header // of the current link
	first  *header // of the first link; the others must match it
	heads  []*header
	kept   int // bytes of header pages in heads
	links  int
	serial uint32
	others []other
	refuse []string // names of the streams met before the first link
	mixed  bool     // pages other than first pages were seen since the link began

	packets    int // header packets of the link read so far
	buf        []byte
	comment    []byte // first link's comment packet, only if wanted
	commentOff int64
	wanted     bool

	off      int64 // where the current packet began
	idx      int
	frames   int // its size on the timeline
	bytes    int
	ok       bool
	ended    bool // an audio packet ended on the current page
	smallest int  // packet, bytes
	largest  int
	done     bool // the track ends here, whatever follows
}

// newScan prepares a walk over the first size bytes of r with a buffer of
// window bytes, at least maxPage.
func newScan(r io.ReaderAt, size int64, window int) *scan {
	s := &scan{}
	s.pages.buf = make([]byte, window)
	s.pages.chunk = window
	s.pages.reset(r, 0, size)
	s.info.AudioOff = -1
	return s
}

// step reads one page and takes it in. It returns io.EOF at the end of the
// track and read errors as they came; anything else is damage that ends it.
func (s *scan) step() error {
	if s.done {
		return io.EOF
	}
	err := s.pages.next(&s.pg)
	s.noteJunk()
	if err == nil {
		err = s.page()
	}
	if err == nil || err == io.EOF {
		return err
	}
	if errors.Is(err, errNoise) || errors.Is(err, errShreds) || errors.Is(err, errHeads) {
		s.info.AddDamage(s.pages.at, "%v, the rest is left out", err)
		return io.EOF
	}
	return err
}

func (s *scan) noteJunk() {
	p := &s.pages
	switch {
	case p.junk == 0:
	case p.badCRC:
		s.info.AddDamage(p.junkOff, "page CRC does not match")
	case p.cut:
		s.info.AddDamage(p.junkOff, "file ends inside a page")
	default:
		s.info.AddDamage(p.junkOff, "%d bytes that are no Ogg page", p.junk)
	}
}

// page takes in the current page.
func (s *scan) page() error {
	pg := &s.pg
	if pg.flags&firstPage != 0 {
		s.begin()
		if s.done || pg.serial != s.serial || s.stage != heading || s.packets > 0 {
			return nil
		}
	} else {
		s.mixed = true
	}
	if s.stage == between || pg.serial != s.serial {
		s.stranger()
		return nil
	}
	if s.stage == over {
		s.info.AddDamage(pg.off, "page after the last page of its stream")
		return nil
	}
	if s.walk.page(pg) {
		if s.stage == heading {
			return s.badHeader(errMissing)
		}
		s.info.AddDamage(pg.off, "packets are missing before page %d", pg.seq)
		s.tl.gap()
	}
	wasSounding := s.stage == sounding
	s.ended = false
	if err := s.fragments(); err != nil {
		return err
	}
	if s.stage == sounding && (wasSounding || s.ended) {
		s.endPage()
	}
	if len(s.tl.segments) > maxSegments {
		return errShreds
	}
	return nil
}

// stranger notes a page of a stream that never began.
func (s *scan) stranger() {
	for _, o := range s.others {
		if o.serial == s.pg.serial {
			return
		}
	}
	if s.first != nil && len(s.others) < maxOthers {
		s.others = append(s.others, other{s.pg.serial, ""})
		s.info.AddDamage(s.pg.off, "pages of a stream without a first page")
	}
}

// begin handles the first page of a stream: it may begin a link.
func (s *scan) begin() {
	pg := &s.pg
	name := kind(pg.body)
	playable := name == string(audio.Vorbis) || name == string(audio.Opus)
	taken := s.stage == heading || s.stage == sounding
	if !playable || taken && !s.mixed {
		s.note(name)
		return
	}
	s.endLink()
	h, err := parseFirst(name, pg.body[:firstPacket(pg.lace)])
	switch {
	case err != nil && s.first == nil:
		s.refuse = append(s.refuse, name)
		s.info.AddDamage(pg.off, "%s: %v", name, err)
	case err != nil:
		s.info.AddDamage(pg.off, "%s: %v: link left out", name, err)
	case s.first != nil && !alike(h, s.first):
		s.info.AddDamage(pg.off, "a link of another kind begins (%s, %d Hz, %d channels), the rest is left out", h.codec, h.rate, h.channels)
		s.done = true
	default:
		s.head, s.serial, s.stage = h, pg.serial, heading
		s.packets, s.mixed, s.walk = 0, false, walker{}
		if s.first == nil {
			s.first = h
		}
	}
}

// note remembers a stream that is not played.
func (s *scan) note(name string) {
	if s.first == nil && len(s.refuse) < maxOthers {
		s.refuse = append(s.refuse, name)
	}
	if len(s.others) < maxOthers {
		s.others = append(s.others, other{s.pg.serial, name})
	}
	if s.first != nil && s.mixed && isSound(name) {
		s.info.AddDamage(s.pg.off, "a link of another kind begins (%s), left out", name)
	}
}

func alike(a, b *header) bool {
	return a.codec == b.codec && a.rate == b.rate && a.channels == b.channels
}

// firstPacket is the length of the first packet on a page, as far as it lies
// there.
func firstPacket(lace []byte) (n int) {
	for _, v := range lace {
		n += int(v)
		if v < 255 {
			break
		}
	}
	return n
}

func parseFirst(name string, b []byte) (*header, error) {
	if name == string(audio.Opus) {
		return parseOpusHead(b)
	}
	return parseIdent(b)
}

// endLink ends the link that is going on, if any.
func (s *scan) endLink() {
	if s.stage == sounding || s.stage == over {
		s.tl.settle(0)
	}
	s.stage = between
}

// fragments takes in the packets of the current page.
func (s *scan) fragments() error {
	var f frag
	for s.walk.next(&f) {
		if s.stage == sounding {
			s.sound(&f)
		} else if err := s.heading(&f); err != nil {
			return err
		} else if s.stage == between {
			return nil
		}
	}
	return nil
}

// heading takes in a fragment of a header packet: identification, comment
// and, for Vorbis, setup.
func (s *scan) heading(f *frag) error {
	if f.begin {
		s.buf, s.off = s.buf[:0], s.pg.off
	}
	most := maxSetup
	if s.packets == 1 {
		most = maxComment
	}
	keep := s.packets != 1 || s.wanted && s.comment == nil
	if room := most - len(s.buf); len(f.data) > room {
		return s.badHeader(errHeaderBig)
	}
	if keep || len(s.buf) < 16 { // of a comment that is not wanted the beginning is enough
		s.buf = append(s.buf, f.data...)
	}
	if !f.end {
		return nil
	}
	s.packets++
	var err error
	switch s.packets {
	case 2:
		err = s.commentHeader(keep)
	case 3:
		err = s.setupHeader()
	}
	if err != nil {
		return s.badHeader(err)
	}
	if s.packets == 2 && s.head.codec == audio.Opus || s.packets == 3 {
		return s.startSound()
	}
	return nil
}

func (s *scan) commentHeader(keep bool) error {
	isComment := isVorbis(s.buf, commentPacket)
	if s.head.codec == audio.Opus {
		isComment = len(s.buf) >= 8 && string(s.buf[:8]) == "OpusTags"
	}
	if !isComment {
		return errMissing
	}
	if keep && s.wanted {
		s.comment, s.commentOff = append([]byte(nil), s.buf...), s.off
	}
	return nil
}

func (s *scan) setupHeader() error {
	m, err := parseModes(s.buf, s.head.channels)
	if err != nil {
		return err
	}
	s.head.modes = m
	s.head.setup = append([]byte(nil), s.buf...)
	return nil
}

// badHeader gives up the current link. In the first link, which decides what
// the file is, that is final.
func (s *scan) badHeader(err error) error {
	if s.head == s.first {
		return &audio.Error{Format: "ogg", Off: s.pg.off, Err: fmt.Errorf("%w: %s: %w", audio.ErrCorrupt, s.head.codec, err)}
	}
	s.info.AddDamage(s.pg.off, "%s: %v: link left out", s.head.codec, err)
	s.stage = between
	return nil
}

// startSound begins the timeline of a link whose headers are complete.
func (s *scan) startSound() error {
	h, err := s.share(s.head)
	if err != nil {
		return err
	}
	s.head, s.stage = h, sounding
	if s.links++; s.links == 1 {
		s.tl.ix.Gap = audio.Frames(h.rate / 10)
	}
	s.tl.link(h, s.serial)
	return nil
}

// share returns an equal header seen before, or prepares h and keeps it. Only
// the last few are looked at: links repeat the headers of their neighbours.
func (s *scan) share(h *header) (*header, error) {
	for i := len(s.heads) - 1; i >= 0 && i >= len(s.heads)-4; i-- {
		if sameHeaders(s.heads[i], h) {
			return s.heads[i], nil
		}
	}
	h.finish()
	if s.kept += len(h.pages) + len(h.setup) + len(h.first); s.kept > maxHeads {
		return nil, errHeads
	}
	s.heads = append(s.heads, h)
	return h, nil
}

// sound takes in a fragment of an audio packet.
func (s *scan) sound(f *frag) {
	if f.begin {
		s.off, s.idx, s.bytes = s.pg.off, f.idx, 0
		s.frames, s.ok = s.head.size(f.data)
		if s.info.AudioOff < 0 {
			s.info.AudioOff = s.pg.off
		}
	}
	s.bytes += len(f.data)
	if !f.end {
		s.bytes = min(s.bytes, maxPacket+1)
		return
	}
	s.ended = true
	switch {
	case !s.ok:
		s.info.AddDamage(s.off, "packet that is not %s", s.head.codec)
	case s.bytes > maxPacket:
		s.info.AddDamage(s.off, "packet is too long")
		s.tl.gap()
	default:
		s.tl.packet(s.off, s.idx, s.frames)
		s.info.AudioBytes += int64(s.bytes)
		s.largest = max(s.largest, s.bytes)
		if s.smallest == 0 || s.bytes < s.smallest {
			s.smallest = s.bytes
		}
	}
}

// endPage settles the current page on the timeline.
func (s *scan) endPage() {
	last := s.pg.flags&lastPage != 0
	g := s.pg.granule
	if g < 0 || g > maxGranule || !s.ended && !last {
		g = -1
	}
	s.tl.page(g, last)
	if s.tl.badGranule {
		s.tl.badGranule = false
		s.info.AddDamage(s.pg.off, "first granule position is smaller than what its page holds")
	}
	if last {
		s.stage = over
	}
}
