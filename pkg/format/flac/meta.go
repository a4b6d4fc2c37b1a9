package flac

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"secstream/pkg/audio"
	"secstream/pkg/format/tag"
)

// Block types (RFC 9639 §8.1, table 1).
const (
	blockStreamInfo = 0
	blockPadding    = 1
	blockApp        = 2
	blockSeekTable  = 3
	blockComment    = 4
	blockCueSheet   = 5
	blockPicture    = 6
	blockInvalid    = 127
)

// Bounds on what is believed. A block holds 16 MiB at most by its 24-bit
// length; pictures are kept up to pictureBytes in all.
const (
	maxBlocks    = 10000
	maxID3v2     = 8
	pictureBytes = 24 << 20
	maxNotes     = 64 // details of blocks that may repeat
	streamInfoSz = 34
)

// Open reads the metadata of the FLAC file r of size bytes. It returns an
// *audio.Error: wrapping audio.ErrNotAudio when there is no FLAC signature,
// audio.ErrCorrupt when STREAMINFO is missing or makes no sense; or a read
// error as it came. Other damage to the metadata is noted in Info. r is not
// kept.
func Open(r io.ReaderAt, size int64) (*Stream, error) {
	o := opener{r: r, size: size, s: &Stream{size: size, end: size}}
	o.s.info = audio.Info{Container: audio.FLAC, Codec: audio.Flac, Frames: -1}
	if err := o.open(); err != nil {
		return nil, err
	}
	return o.s, nil
}

// opener reads metadata.
type opener struct {
	r        io.ReaderAt
	size     int64
	s        *Stream
	id3      tag.File
	found    tag.Found // of all tags
	pictures int       // bytes kept
	notes    int
	padding  int64
}

func (o *opener) open() error {
	at, err := o.signature()
	if err != nil {
		return err
	}
	if err := o.streamInfo(at + 4); err != nil {
		return err
	}
	if err := o.blocks(at + 4); err != nil {
		return err
	}
	if err := o.trailers(); err != nil {
		return err
	}
	i := &o.s.info
	if o.padding > 0 {
		o.note("padding", "%d bytes", o.padding)
	}
	if o.s.tagNote.Name != "" {
		i.Details = append(i.Details, o.s.tagNote)
	}
	i.Tags, i.Pictures, i.Encoder = o.found.Tags, o.found.Pictures, o.found.Encoder
	i.Lyrics = o.found.Lyrics
	if i.Speakers = o.found.Speakers.For(i.Channels); o.found.Speakers != 0 {
		o.note("speakers", "%v", i.Speakers)
	}
	i.AudioOff = o.s.start
	i.AudioBytes = o.s.end - o.s.start
	if i.Frames > 0 {
		i.BitRate = int(float64(i.AudioBytes) * 8 * float64(i.SampleRate) / float64(i.Frames))
	}
	return nil
}

// signature steps over ID3v2 tags and returns where "fLaC" lies.
func (o *opener) signature() (int64, error) {
	at := int64(0)
	for range maxID3v2 {
		head, err := o.read(at, 10)
		if err != nil {
			return 0, err
		}
		if len(head) >= 4 && string(head[:4]) == "fLaC" {
			return at, nil
		}
		n := tag.ID3v2Size(head)
		if n <= 0 || n > o.size-at {
			break
		}
		f, err := o.id3.ID3v2(o.r, at, o.size)
		if err != nil {
			o.s.info.AddDamage(at, "ID3v2 tag: %v", err)
		}
		o.found.Merge(f)
		o.note("ID3v2 tag", "%d bytes in front", n)
		at += n
	}
	return 0, &audio.Error{Format: "flac", Off: at, Err: fmt.Errorf("%w: %w", audio.ErrNotAudio, errNoFLAC)}
}

// streamInfo reads the first block, which must be STREAMINFO (RFC 9639 §8.2).
func (o *opener) streamInfo(at int64) error {
	b, err := o.read(at, 4+streamInfoSz)
	if err != nil {
		return err
	}
	switch {
	case len(b) < 4+streamInfoSz:
		return shortfall(at, "the file ends in the metadata")
	case b[0]&0x7f != blockStreamInfo:
		return shortfall(at, "the first metadata block has type %d, not STREAMINFO", b[0]&0x7f)
	case be24(b[1:]) != streamInfoSz:
		return shortfall(at, "STREAMINFO has %d bytes, not %d", be24(b[1:]), streamInfoSz)
	}
	s := o.s
	if err := s.si.parse(b[4:]); err != nil {
		return &audio.Error{Format: "flac", Off: at + 4, Err: err}
	}
	s.siOff = at + 4
	s.info.SampleRate, s.info.Channels, s.info.BitDepth = s.si.rate, s.si.channels, s.si.bits
	if s.si.total > 0 {
		s.info.Frames = audio.Frames(s.si.total)
	}
	blocks := strconv.Itoa(s.si.minBlock)
	if s.si.minBlock != s.si.maxBlock {
		blocks += " to " + strconv.Itoa(s.si.maxBlock)
	}
	o.note("block size", "%s samples", blocks)
	if s.si.maxFrame > 0 {
		o.note("frame size", "%d to %d bytes", s.si.minFrame, s.si.maxFrame)
	}
	if sum, ok := s.MD5(); ok {
		o.note("MD5 of the samples", "%s", hex.EncodeToString(sum[:]))
	} else {
		o.note("MD5 of the samples", "not set")
	}
	return nil
}

// blocks reads the other blocks, from STREAMINFO's header at at, and sets
// where frames begin. Blocks with impossible lengths make it give up on the
// metadata, not on the file: frames are then looked for behind STREAMINFO.
func (o *opener) blocks(at int64) error {
	head, err := o.read(at, 4)
	o.s.start = at + 4 + streamInfoSz
	next := o.s.start
	for n := 0; err == nil && head[0]&0x80 == 0; n++ {
		at = next
		if head, err = o.read(at, 4); err != nil {
			return err
		}
		var kind, length int
		if len(head) == 4 {
			kind, length = int(head[0]&0x7f), be24(head[1:])
			next = at + 4 + int64(length)
		}
		switch {
		case len(head) < 4 || next > o.size:
			o.s.info.AddDamage(at, "metadata block reaches past the end of the file")
			return nil
		case kind == blockInvalid:
			o.s.info.AddDamage(at, "metadata block of the invalid type 127")
			return nil
		case n == maxBlocks:
			o.s.info.AddDamage(at, "more than %d metadata blocks", maxBlocks)
			return nil
		}
		if err = o.block(at+4, kind, length); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return o.settleStart(next)
}

// settleStart believes the metadata only if a frame follows it.
func (o *opener) settleStart(at int64) error {
	b, err := o.read(at, maxHeader)
	if err != nil {
		return err
	}
	var h header
	switch {
	case h.parse(b), at == o.size:
		o.s.start = at
	case o.s.start == at: // there is only STREAMINFO; the walk says what it finds
	default:
		o.s.info.AddDamage(at, "no frame where the metadata ends")
	}
	return nil
}

// block reads the body of one block.
func (o *opener) block(at int64, kind, length int) error {
	switch kind {
	case blockPadding:
		o.padding += int64(length)
		return nil
	case blockStreamInfo:
		o.s.info.AddDamage(at-4, "a second STREAMINFO block")
		return nil
	case blockApp, blockSeekTable, blockComment, blockCueSheet, blockPicture:
	default:
		o.note("metadata block", "reserved type %d, %d bytes", kind, length)
		return nil
	}
	if kind == blockPicture && o.pictures+length > pictureBytes {
		o.note("picture", "%d bytes, not read: the pictures before it fill %d", length, o.pictures)
		return nil
	}
	if kind == blockApp {
		length = min(length, 4)
	}
	b, err := o.read(at, length)
	if err != nil {
		return err
	}
	switch kind {
	case blockApp:
		o.note("application block", "%q", b)
	case blockSeekTable:
		o.seekTable(at, b)
	case blockComment:
		f, err := o.id3.VorbisComment(b)
		if err != nil {
			o.s.info.AddDamage(at, "comment block: %v", err)
		}
		// The native tag outranks an ID3v2 tag in front.
		f.Merge(o.found)
		o.found = f
	case blockCueSheet:
		o.cueSheet(at, b)
	case blockPicture:
		o.picture(at, b)
	}
	return nil
}

func (o *opener) picture(at int64, b []byte) {
	p, err := tag.FLACPicture(b)
	if err != nil {
		o.s.info.AddDamage(at, "picture block: %v", err)
		return
	}
	o.pictures += len(b)
	o.found.Pictures = append(o.found.Pictures, p)
}

// seekTable checks a seek table (RFC 9639 §8.5): points of 18 bytes, in
// ascending order, placeholders last.
func (o *opener) seekTable(at int64, b []byte) {
	const pointSz = 18
	if len(b)%pointSz != 0 {
		o.s.info.AddDamage(at, "seek table of %d bytes does not hold whole points", len(b))
	}
	points, last := 0, int64(-1)
	for i := 0; i+pointSz <= len(b); i += pointSz {
		v := binary.BigEndian.Uint64(b[i:])
		if v == 1<<64-1 {
			continue
		}
		if v > 1<<36 || int64(v) <= last {
			o.s.info.AddDamage(at+int64(i), "seek points are out of order")
			break
		}
		last = int64(v)
		points++
	}
	o.note("seek points", "%d", points)
}

// cueSheet shows the number of tracks of a cue sheet (RFC 9639 §8.7): it
// stands after the catalogue number (128 bytes), the lead-in (8) and flags
// (259); the last track is the lead-out.
func (o *opener) cueSheet(at int64, b []byte) {
	const tracksAt = 128 + 8 + 259
	if len(b) <= tracksAt {
		o.s.info.AddDamage(at, "cue sheet of %d bytes is too short", len(b))
		return
	}
	o.note("cue sheet tracks", "%d", max(int(b[tracksAt])-1, 0))
}

// trailers steps over tags behind the audio: ID3v1 at the very end, APEv2
// before it. They are no part of FLAC, but taggers put them there.
func (o *opener) trailers() error {
	const id3v1Sz = 128
	s := o.s
	if s.size-s.start >= id3v1Sz {
		b, err := o.read(s.size-id3v1Sz, id3v1Sz)
		if err != nil {
			return err
		}
		if f, ok := tag.ID3v1(b); ok && !o.framed(s.end) {
			s.end -= id3v1Sz
			o.found.Merge(f)
		}
	}
	f, n, err := o.id3.APE(o.r, s.end)
	if err == nil && n > 0 && n <= s.end-s.start && !o.framed(s.end) {
		s.end -= n
		o.found.Merge(f)
	}
	if s.end < s.size {
		s.tagNote = audio.Field{Name: "tags behind the audio", Value: fmt.Sprintf("%d bytes", s.size-s.end)}
	}
	return nil
}

// note adds a detail. Blocks may repeat without end, details do not.
func (o *opener) note(name, format string, args ...any) {
	if o.notes++; o.notes <= maxNotes {
		o.s.info.Details = append(o.s.info.Details, audio.Field{Name: name, Value: fmt.Sprintf(format, args...)})
	}
}

// read returns n bytes at off, fewer where the file ends.
func (o *opener) read(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), max(o.size-off, 0)))
	b := make([]byte, n)
	got, err := o.r.ReadAt(b, off)
	switch {
	case got == n:
		return b, nil
	case err == nil || errors.Is(err, io.EOF):
		return nil, &audio.Error{Format: "flac", Off: off + int64(got), Err: io.ErrUnexpectedEOF}
	}
	return nil, err
}
