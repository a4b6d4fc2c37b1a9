// Package ogg reads Ogg files (RFC 3533) that hold Vorbis or Opus (RFC 7845):
// an io.ReaderAt goes in; what the file says of itself, the places where it
// may be cut, and slices that are Ogg files of their own come out. Nothing is
// decoded and no packet is changed.
//
// It imports audio and tag, no decoder.
package ogg

import (
	"context"
	"errors"
	"fmt"
	"io"

	"secstream/pkg/audio"
	"secstream/pkg/format/tag"
)

// How far Open reads: what it takes to get over the headers of all streams,
// and then to the first granule position.
const (
	maxHeaders  = maxComment + 4<<20
	maxPrologue = 1 << 20
	tailBytes   = 128 << 10
)

// Stream is an Ogg file whose headers have been read. It never changes and is
// safe for concurrent use.
type Stream struct {
	info   audio.Info
	size   int64
	tagOff int64 // of the comment header
	tagErr error // what is wrong with it: Index does not read it again
}

// Open reads the headers of the first Vorbis or Opus stream in the first size
// bytes of r, and the end of the file for its length: two or three short
// reads. It returns an *audio.Error wrapping ErrNotAudio if there is no Ogg
// page, ErrUnsupported if no stream is Vorbis or Opus, ErrCorrupt if the
// headers are damaged; a read error as it came.
//
// Info.Frames is exact for a file of one link without damage, and -1 for a
// chained file where that can be told from the end of the file; Index always
// corrects it.
func Open(r io.ReaderAt, size int64) (*Stream, error) {
	s := newScan(r, size, maxPage)
	s.pages.chunk = 16 << 10
	s.wanted = true
	for s.stage < sounding {
		if s.pages.at > maxHeaders {
			return nil, s.refusal(errMissing)
		}
		if err := s.step(); err == io.EOF {
			return nil, s.refusal(errMissing)
		} else if err != nil {
			return nil, err
		}
	}
	headersEnd := s.pages.at
	for !s.tl.known && s.pages.at-headersEnd < maxPrologue {
		if err := s.step(); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
	}
	info, tagErr := s.describe(size)
	var err error
	if info.Frames, err = s.length(size); err != nil {
		return nil, err
	}
	info.BitRate = bitRate(info)
	return &Stream{info: info, size: size, tagOff: s.commentOff, tagErr: tagErr}, nil
}

// refusal says why no stream of the file can be played.
func (s *scan) refusal(cause error) error {
	e := &audio.Error{Format: "ogg", Off: s.pages.at}
	switch {
	case s.first != nil || len(s.refuse) == 0 && s.mixed:
		e.Err = fmt.Errorf("%w: %w", audio.ErrCorrupt, cause)
	case len(s.refuse) == 0:
		e.Off = 0
		e.Err = fmt.Errorf("%w: no Ogg page", audio.ErrNotAudio)
	default:
		e.Off, e.Format = 0, refusal(s.refuse)
		if e.Format == string(audio.Vorbis) || e.Format == string(audio.Opus) {
			e.Format, e.Err = "ogg", fmt.Errorf("%w: %s: %w", audio.ErrCorrupt, e.Format, errIdent)
		} else {
			e.Err = fmt.Errorf("%w: of Ogg files, those with Vorbis or Opus are read", audio.ErrUnsupported)
		}
	}
	return e
}

// describe says what the headers say. The error concerns the tags alone.
func (s *scan) describe(size int64) (audio.Info, error) {
	h, info := s.first, s.info
	info.Container, info.Codec = audio.Ogg, h.codec
	info.SampleRate, info.Channels, info.BitDepth = h.rate, h.channels, 16
	info.AudioOff = max(info.AudioOff, 0)
	info.AudioBytes = size - info.AudioOff
	body := s.comment[8:]
	if h.codec == audio.Vorbis {
		body = s.comment[7:]
		info.RateMode = h.rates.mode()
		info.Delay = -min(s.tl.base, 0)
	} else {
		info.RateMode = "vbr"
		info.Delay = audio.Frames(h.preSkip)
	}
	found, err := new(tag.File).VorbisComment(body)
	if err != nil {
		info.AddDamage(s.commentOff, tagDamage, err)
	}
	info.Tags, info.Pictures, info.Encoder = found.Tags, found.Pictures, found.Encoder
	info.Lyrics = found.Lyrics
	info.Details = h.details()
	for _, o := range s.others {
		if o.name != "" {
			info.Details = append(info.Details, audio.Field{Name: "other stream", Value: o.name})
		}
	}
	return info, err
}

const tagDamage = "comment header: %v"

func (h *header) details() []audio.Field {
	var d []audio.Field
	add := func(name, format string, args ...any) {
		d = append(d, audio.Field{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	if h.codec == audio.Opus {
		add("pre-skip", "%d frames", h.preSkip)
		if h.inputRate > 0 {
			add("encoded from", "%d Hz", h.inputRate)
		}
		if h.gain != 0 {
			add("output gain", "%+.2f dB", float64(h.gain)/256)
		}
		if h.family != 0 {
			add("channel mapping family", "%d", h.family)
		}
		return d
	}
	add("block sizes", "%d and %d frames", h.block[0], h.block[1])
	for _, r := range []struct {
		name string
		rate int32
	}{{"nominal bit rate", h.rates.nominal}, {"lowest bit rate", h.rates.lowest}, {"highest bit rate", h.rates.highest}} {
		if r.rate > 0 {
			add(r.name, "%d bit/s", r.rate)
		}
	}
	return d
}

// length finds the number of playable frames from the last granule position,
// -1 if that would not be safe.
func (s *scan) length(size int64) (audio.Frames, error) {
	t := &s.tl
	if !t.known || len(s.others) >= maxOthers {
		return -1, nil
	}
	last, err := s.lastGranule(size)
	if err != nil || last < 0 {
		return -1, err
	}
	// No packet of one byte lasts longer than this, so neither does the file.
	more := audio.Frames(last - t.gran)
	if more < 0 || int64(more)>>13 > size {
		return -1, nil
	}
	if s.stage == over && more == 0 {
		return lengthOrUnknown(t.pos), nil
	}
	return lengthOrUnknown(t.base + t.raw + more), nil
}

func lengthOrUnknown(n audio.Frames) audio.Frames {
	if n <= 0 {
		return -1
	}
	return n
}

// lastGranule finds the last granule position of the stream near the end of
// the file, -1 if there is none or if the file is seen to be chained.
func (s *scan) lastGranule(size int64) (int64, error) {
	p := &pages{buf: s.pages.buf, chunk: len(s.pages.buf)}
	p.reset(s.pages.r, max(s.pages.at, size-tailBytes), s.pages.end)
	last := int64(-1)
	if p.at == s.pages.at {
		last = s.tl.gran
	}
	var pg page
	for {
		switch err := p.next(&pg); {
		case err == io.EOF:
			return last, nil
		case errors.Is(err, errNoise):
			return -1, nil
		case err != nil:
			return -1, err
		case pg.flags&firstPage != 0 || !s.belongs(pg.serial):
			return -1, nil
		case pg.serial == s.serial && pg.granule >= 0 && pg.granule <= maxGranule:
			last = pg.granule
		}
	}
}

// belongs tells if pages of this stream may stand in the first link.
func (s *scan) belongs(serial uint32) bool {
	for _, o := range s.others {
		if o.serial == serial {
			return true
		}
	}
	return serial == s.serial
}

// bitRate is the average rate of the coded audio, 0 if the length is unknown.
func bitRate(i audio.Info) int {
	if i.Frames <= 0 {
		return 0
	}
	return int(float64(i.AudioBytes) * 8 * float64(i.SampleRate) / float64(i.Frames))
}

// Info is what the headers say; see audio.Stream.
func (s *Stream) Info() audio.Info { return s.info }

// Index walks the whole file once; see audio.Stream.
func (s *Stream) Index(ctx context.Context, r io.ReaderAt) (audio.Track, error) {
	t, err := s.index(ctx, r)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// index is Index with the type it returns.
func (s *Stream) index(ctx context.Context, r io.ReaderAt) (*Track, error) {
	sc := newScan(r, s.size, int(min(512<<10, max(maxPage, s.size))))
	for n := 0; ; n++ {
		if n%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := sc.step(); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
	}
	sc.endLink()
	if len(sc.tl.segments) == 0 || sc.first == nil || !agrees(sc.first, s.info) {
		return nil, &audio.Error{Format: "ogg", Off: -1, Err: fmt.Errorf("%w: no audio to play", audio.ErrCorrupt)}
	}
	return s.track(sc), nil
}

func agrees(h *header, i audio.Info) bool {
	return h.codec == i.Codec && h.rate == i.SampleRate && h.channels == i.Channels
}

// track closes a scan of the whole file.
func (s *Stream) track(sc *scan) *Track {
	t, info := &sc.tl, s.info
	info.Damage, info.DamageN = nil, 0
	if s.tagErr != nil {
		info.AddDamage(s.tagOff, tagDamage, s.tagErr)
	}
	room := min(len(sc.info.Damage), audio.MaxDamage-len(info.Damage))
	info.Damage = append(info.Damage, sc.info.Damage[:room]...)
	info.DamageN += sc.info.DamageN
	info.Frames, info.Padding = t.pos, t.padding
	info.AudioOff, info.AudioBytes = sc.info.AudioOff, sc.info.AudioBytes
	info.BitRate = bitRate(info)
	if info.Codec == audio.Opus && sc.smallest == sc.largest {
		info.RateMode = "cbr"
	}
	if sc.links > 1 {
		links := audio.Field{Name: "links", Value: fmt.Sprint(sc.links)}
		info.Details = append(info.Details[:len(info.Details):len(info.Details)], links)
	}
	return &Track{
		info:     info.WithoutPictureData(),
		cuts:     t.ix.Finish(audio.Cut{Off: sc.pages.at, At: t.pos}),
		segments: append([]segment(nil), t.segments...),
		size:     sc.pages.end,
	}
}
