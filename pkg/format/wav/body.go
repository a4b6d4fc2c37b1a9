package wav

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"secstream/pkg/audio"
	"secstream/pkg/format/tag"
)

// take reads what is wanted of one chunk. It corrects c.size of a data chunk
// that runs to the end of the file.
func (s *scan) take(c *chunk) error {
	switch c.id {
	case "ds64":
		return s.ds64(*c)
	case "fmt ":
		return s.fmtChunk(*c)
	case "data":
		s.data(c)
	case "LIST":
		return s.list(*c)
	case "id3 ", "ID3 ":
		return s.id3(*c)
	case "bext":
		return s.bext(*c)
	}
	return nil
}

// ds64 reads the 64-bit sizes of an RF64 or BW64 file (EBU Tech 3306 §3).
func (s *scan) ds64(c chunk) error {
	if s.large != nil {
		return nil
	}
	const entry, most = 12, 1024
	b, err := s.body(c, 28+entry*most)
	if err != nil {
		return err
	}
	if len(b) < 24 {
		return fault(c.off, "ds64 chunk of %d bytes is too short: %w", c.size, audio.ErrCorrupt)
	}
	s.large = map[string]int64{"data": clampSize(binary.LittleEndian.Uint64(b[8:]))}
	if size := binary.LittleEndian.Uint64(b); size != 0 {
		s.outer(c.off-12, size)
	}
	if len(b) < 28 {
		return nil
	}
	n := binary.LittleEndian.Uint32(b[24:])
	for b = b[28:]; n > 0 && len(b) >= entry; n, b = n-1, b[entry:] {
		s.large[string(b[:4])] = clampSize(binary.LittleEndian.Uint64(b[4:]))
	}
	return nil
}

func clampSize(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// endless says whether a 32-bit size means "to the end of the file". Writers
// to a pipe use the largest number, signed or not, less their header or what
// does not fill a frame.
func endless(size uint64) bool {
	return size >= 0xFFFFF000 && size <= math.MaxUint32 || size >= 0x7FFFF000 && size <= 0x80000000 ||
		size >= math.MaxInt64
}

// data settles where the sound lies.
func (s *scan) data(c *chunk) {
	if s.hasData {
		s.detail("second data chunk", itoa(c.size)+" bytes, not played")
		return
	}
	s.hasData = true
	there := s.size - c.off
	switch {
	case c.size == 0 && there > 0 && !s.chain(c.off), c.size > there && endless(uint64(c.size)), c.size == math.MaxUint32 && s.large == nil:
		s.streamed = true
		s.detail("data size", "not stated, taken to the end of the file")
		c.size = there
	case c.size > there:
		s.info.AddDamage(c.off, "data chunk says %d bytes, %d are there", c.size, there)
		c.size = there
	}
	s.info.AudioOff, s.info.AudioBytes = c.off, c.size
}

// list reads a LIST chunk of type INFO; other lists (cue labels) say nothing
// that players show.
func (s *scan) list(c chunk) error {
	b, err := s.body(c, limit)
	if err != nil || len(b) < 4 || string(b[:4]) != "INFO" {
		return err
	}
	f, err := tag.Info(b[4:])
	return s.mergeTags(f, err, c)
}

// id3 reads the first id3 chunk.
func (s *scan) id3(c chunk) error {
	if s.hasID3 {
		return nil
	}
	s.hasID3 = true
	f, err := s.tags.ID3v2(s.r, c.off, min(c.end(), s.size))
	return s.mergeTags(f, err, c)
}

// bext reads the Broadcast Audio Extension (EBU Tech 3285 §2.3).
func (s *scan) bext(c chunk) error {
	b, err := s.body(c, 602)
	if err != nil || len(b) < 346 {
		return err
	}
	for _, f := range []struct {
		name     string
		from, to int
	}{
		{"description", 0, 256}, {"originator", 256, 288}, {"originator reference", 288, 320},
		{"origination date", 320, 330}, {"origination time", 330, 338},
	} {
		text, _, _ := strings.Cut(string(b[f.from:f.to]), "\x00")
		if text = tag.Clean(text); text != "" {
			s.detail(f.name, text)
		}
	}
	if first := binary.LittleEndian.Uint64(b[338:]); first != 0 {
		s.detail("time reference", strconv.FormatUint(first, 10)+" samples")
	}
	return nil
}

// finish works out the figures when every chunk is known.
func (s *scan) finish() {
	i, f := &s.info, s.format
	i.Sample, i.Channels, i.SampleRate = f.sample, f.channels, f.rate
	i.Speakers = f.speakers.For(f.channels)
	i.BitDepth = f.sample.Bytes() * 8
	rest := i.AudioBytes % int64(f.align)
	end := i.AudioOff + i.AudioBytes
	switch {
	case rest == 0:
	case s.streamed, s.wave64 && rest < 8: // ffmpeg counts the padding of Wave64 chunks as sound
		s.detail("last frame", "not complete, left out")
	default:
		i.AddDamage(end-rest, "the last frame has %d of %d bytes", rest, f.align)
	}
	i.AudioBytes -= rest
	i.Frames = audio.Frames(i.AudioBytes / int64(f.align))
	i.BitRate = int(min(int64(f.rate)*int64(f.align)*8, math.MaxInt32))
	// Writers that count the header, or a pad byte they leave out, lose nothing.
	if s.riff > s.size+8 && i.DamageN == 0 && !s.streamed {
		i.AddDamage(0, "the header says %d bytes, the file has %d", s.riff, s.size)
	}
	s.detail("chunks", strings.Join(s.names, ", "))
	i.Tags, i.Pictures, i.Encoder = s.found.Tags, s.found.Pictures, s.found.Encoder
	i.Lyrics = s.found.Lyrics
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
