// Package mp3 reads bare MPEG audio streams of Layer III (ISO 11172-3, ISO
// 13818-3 and the MPEG-2.5 extension) and cuts them into slices that play by
// themselves, without decoding anything: bytes flow in, frames of the same
// bytes flow out behind a short run-up.
//
// A Layer III frame does not stand alone. Its bits begin up to 511 bytes back
// in earlier frames (the bit reservoir), and its sound overlaps with that of
// the frames before. A slice therefore starts with a frame that carries only
// a tag, a silent frame that carries the reservoir, and one or two real frames
// that bring a decoder into the right state. The tag tells players how many
// samples of that to drop.
//
// The package imports audio and tag, nothing else of ours.
package mp3

import (
	"fmt"
	"io"
	"slices"

	"secstream/pkg/audio"
)

// Stream is an MP3 file whose tags and first frame have been read.
type Stream struct {
	info  audio.Info
	ref   header // of the first frame; all others must agree with it
	tag   infoTag
	first int64 // offset of the first audio frame, a tag frame left out
	end   int64 // where the audio ends and tags begin
}

var (
	_ audio.Stream = (*Stream)(nil)
	_ audio.Track  = (*Track)(nil)
)

// Open reads the tags at both ends of a file of size bytes and its first
// frame. Info.Frames stays -1 until Index has counted. Errors are
// *audio.Error; they wrap audio.ErrNotAudio when no two frames in a row are
// found within 1 MiB, audio.ErrUnsupported for layers I and II and for free
// format. r is not kept.
func Open(r io.ReaderAt, size int64) (*Stream, error) {
	if size < headerBytes {
		return nil, &audio.Error{Format: "mp3", Off: -1, Err: fmt.Errorf("%w: only %d bytes", audio.ErrNotAudio, size)}
	}
	s := &Stream{info: audio.Info{Container: audio.MP3, Codec: audio.Layer3, BitDepth: 16, Frames: -1}}
	e := edges{r: r, size: size, info: &s.info}
	from, to := e.trim()
	sc := scratches.Get().(*scratch)
	defer sc.release()
	sc.win.reset(r, from, from+openBytes, to)
	from, err := skipZeros(&sc.win, from)
	if err != nil {
		return nil, err
	}
	h, off, err := findSync(&sc.win, from)
	if err != nil {
		return nil, err
	}
	if off > from {
		s.info.AddDamage(from, "%d bytes that are not audio before the first frame", off-from)
	}
	s.ref, s.first, s.end = h, off, to
	if err := s.readTags(&sc.win); err != nil {
		return nil, err
	}
	s.describe(e.tags.Encoder)
	s.info.Tags, s.info.Pictures, s.info.Lyrics = e.tags.Tags, slices.Clip(e.tags.Pictures), e.tags.Lyrics
	s.info.Details, s.info.Damage = slices.Clip(s.info.Details), slices.Clip(s.info.Damage)
	return s, nil
}

// readTags reads the tag in the first frame and steps over it. If it trims
// nothing and another follows, that one counts: a slice that began with it
// would have it taken for its own.
func (s *Stream) readTags(w *window) error {
	const most = 8
	for range most {
		b, err := w.at(s.first, maxFrame)
		if err != nil {
			return err
		}
		h := chain(b, 1)
		if h == 0 || !h.follows(s.ref) {
			return nil
		}
		t, ok := parseInfoTag(b[:min(len(b), h.length())], h)
		if !ok {
			return nil
		}
		s.tag = t
		s.first += int64(h.length())
		if t.trims {
			return nil
		}
	}
	return nil
}

// openBytes is how much Open reads at a time: the first frames as a rule.
const openBytes = 8 << 10

// skipZeros steps over the zeros that some tag writers leave behind their tag;
// they are padding, not damage.
func skipZeros(w *window, from int64) (int64, error) {
	for off := from; off < w.end && off-from <= maxLead; {
		b, err := w.at(off, 1)
		if err != nil {
			return 0, err
		}
		for i, c := range b {
			if c != 0 {
				return off + int64(i), nil
			}
		}
		off += int64(len(b))
	}
	return from, nil
}

// describe fills in what the first frame and its tag say.
func (s *Stream) describe(encoder string) {
	in, h, t := &s.info, s.ref, s.tag
	in.SampleRate, in.Channels = h.sampleRate(), h.channels()
	in.AudioOff, in.AudioBytes = s.first, max(0, s.end-s.first)
	in.Encoder = t.encoder
	if encoder != "" {
		in.Encoder = encoder
	}
	if t.trims {
		in.Delay = audio.Frames(t.delay + synthesisDelay)
		in.Padding = audio.Frames(max(0, t.padding-synthesisDelay))
	}
	add := func(name, format string, args ...any) {
		in.Details = append(in.Details, audio.Field{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	add("version", "%s layer III", h.versionName())
	add("channel mode", "%s", h.modeName())
	if h.crc() {
		add("frame CRC", "yes")
	}
	if t.kind == "" {
		return
	}
	add("info tag", "%s", t.kind)
	if t.frames > 0 {
		add("info tag frames", "%d", t.frames)
	}
	if t.bytes > 0 {
		add("info tag bytes", "%d", t.bytes)
	}
	if t.encoder != "" {
		add("info tag encoder", "%s", t.encoder)
	}
	if t.trims {
		add("encoder delay", "%d", t.delay)
		add("encoder padding", "%d", t.padding)
	}
}

// Info is what the headers say; see audio.Stream.
func (s *Stream) Info() audio.Info { return s.info }
