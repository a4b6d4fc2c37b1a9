package wav

import (
	"encoding/binary"
	"io"
	"math"
	"strings"

	"secstream/pkg/audio"
	"secstream/pkg/format/tag"
)

// maxChunks bounds the walk: real files have a dozen chunks, and every chunk
// costs a read.
const maxChunks = 4096

// maxTags is how many ID3v2 tags in front are stepped over.
const maxTags = 16

// chunk is one chunk header. size is what it says, math.MaxInt64 when it says
// more than that.
type chunk struct {
	id   string // as in RIFF, also for Wave64
	off  int64  // first byte of the body
	size int64
}

func (c chunk) end() int64 {
	if c.size > math.MaxInt64-c.off {
		return math.MaxInt64
	}
	return c.off + c.size
}

// scan is one walk over the chunks of a file.
type scan struct {
	r      io.ReaderAt
	size   int64
	wave64 bool
	large  map[string]int64 // RF64: sizes that do not fit in a chunk header
	riff   int64            // where the outermost chunk says it ends, 0 if it does not say

	info      audio.Info
	format    format
	tags      tag.File
	found     tag.Found
	hasFormat bool
	hasData   bool
	hasID3    bool
	streamed  bool // the data chunk does not say how long it is
	names     []string
}

func (s *scan) run() error {
	s.info = audio.Info{Container: audio.WAV, Codec: audio.PCM}
	pos, err := s.open()
	if err != nil {
		return err
	}
	if err := s.walk(pos); err != nil {
		return err
	}
	switch {
	case !s.hasFormat:
		return fault(-1, "no fmt chunk: %w", audio.ErrCorrupt)
	case !s.hasData:
		return fault(-1, "no data chunk: %w", audio.ErrCorrupt)
	}
	s.finish()
	return nil
}

// open reads the outermost header and returns where the first chunk begins.
func (s *scan) open() (int64, error) {
	var b [40]byte
	pos := int64(0)
	n, err := s.peek(b[:], 0)
	if err != nil {
		return 0, err
	}
	for range maxTags {
		skip := tag.ID3v2Size(b[:n])
		if skip == 0 || skip >= s.size-pos {
			break
		}
		if err := s.id3(chunk{id: "ID3", off: pos, size: skip}); err != nil {
			return 0, err
		}
		pos += skip
		if n, err = s.peek(b[:], pos); err != nil {
			return 0, err
		}
	}
	if n == 40 && [16]byte(b[:]) == riff64 && [16]byte(b[24:]) == id64("wave") {
		s.wave64 = true
		s.outer(pos, binary.LittleEndian.Uint64(b[16:]))
		s.detail("container", "Sony Wave64")
		return pos + 40, nil
	}
	kind := string(b[:4])
	if n < 12 || string(b[8:12]) != "WAVE" {
		return 0, fault(-1, "%w", audio.ErrNotAudio)
	}
	switch kind {
	case "RIFF":
		if size := binary.LittleEndian.Uint32(b[4:]); size != 0 && !endless(uint64(size)) {
			s.outer(pos+8, uint64(size))
		}
	case "RF64", "BW64": // sizes are in the ds64 chunk
	case "RIFX":
		return 0, fault(pos, "big-endian WAV (RIFX) is %w", audio.ErrUnsupported)
	default:
		return 0, fault(-1, "%w", audio.ErrNotAudio)
	}
	s.detail("container", kind)
	return pos + 12, nil
}

// outer notes where the outermost chunk ends: size bytes after from.
func (s *scan) outer(from int64, size uint64) {
	if size <= math.MaxInt64/2 && from <= math.MaxInt64/2 {
		s.riff = from + int64(size)
	}
}

// walk visits every chunk from byte pos on.
func (s *scan) walk(pos int64) error {
	for n := 0; pos < s.size; n++ {
		if n == maxChunks {
			s.info.AddDamage(pos, "more than %d chunks, the rest is left out", maxChunks)
			return nil
		}
		c, ok, err := s.chunkAt(pos)
		if err != nil {
			return err
		}
		if !ok || !s.plausible(c) && (s.hasData || c.end() > s.size) {
			s.trailing(pos)
			return nil
		}
		if len(s.names) < 64 {
			s.names = append(s.names, strings.TrimSpace(tag.Clean(c.id)))
		}
		if err := s.take(&c); err != nil {
			return err
		}
		if pos, err = s.next(c); err != nil {
			return err
		}
	}
	return nil
}

// trailing notes bytes that are no chunk. Recorders pad files with zeros and
// taggers append what they like, so it counts as damage only before the sound.
func (s *scan) trailing(pos int64) {
	if s.hasData {
		s.detail("trailing bytes", itoa(s.size-pos))
		return
	}
	s.info.AddDamage(pos, "no chunk begins here")
}

// chunkAt reads the chunk header at pos; ok is false when none fits there.
func (s *scan) chunkAt(pos int64) (c chunk, ok bool, err error) {
	if s.wave64 {
		return s.chunk64At(pos)
	}
	var b [8]byte
	n, err := s.peek(b[:], pos)
	if err != nil || n < len(b) {
		return c, false, err
	}
	c = chunk{id: string(b[:4]), off: pos + 8, size: int64(binary.LittleEndian.Uint32(b[4:]))}
	if big, ok := s.large[c.id]; ok && c.size == math.MaxUint32 {
		c.size = big
	}
	return c, true, nil
}

// plausible says whether c looks like a chunk rather than like sound or junk.
func (s *scan) plausible(c chunk) bool {
	for _, b := range []byte(c.id) {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return c.id[0] != ' ' && c.end() <= s.size || ordinary(c.id)
}

// ordinary names the chunks that are believed even when their size is not.
func ordinary(id string) bool {
	switch id {
	case "fmt ", "data", "fact", "LIST", "id3 ", "ID3 ", "bext", "JUNK", "ds64", "cue ", "smpl", "iXML", "PEAK":
		return true
	}
	return false
}

// next is where the chunk after c begins. RIFF pads odd chunks with one byte;
// writers that forget it are followed when only that makes sense.
func (s *scan) next(c chunk) (int64, error) {
	end := c.end()
	switch {
	case end >= s.size:
		if end > s.size && c.id != "data" {
			s.info.AddDamage(c.off, "%q chunk says %d bytes, %d are there", tag.Clean(c.id), c.size, s.size-c.off)
		}
		return s.size, nil
	case s.wave64:
		return align8(end), nil
	case c.size&1 == 0:
		return end, nil
	}
	padded, ok, err := s.chunkAt(end + 1)
	if err != nil || ok && s.plausible(padded) {
		return end + 1, err
	}
	if bare, ok, err := s.chunkAt(end); err != nil || ok && s.plausible(bare) {
		s.detail("chunk without padding", tag.Clean(c.id))
		return end, err
	}
	return end + 1, nil
}

// chain says whether chunks lie from pos to the end of the file. It tells an
// empty data chunk from one whose writer never filled in the size.
func (s *scan) chain(pos int64) bool {
	for range 16 {
		c, ok, err := s.chunkAt(pos)
		if err != nil || !ok || !s.plausible(c) || c.end() > s.size {
			return false
		}
		if pos = c.end() + c.size&1; s.wave64 {
			pos = align8(c.end())
		}
		if pos >= s.size {
			return true
		}
	}
	return true
}

// peek reads what there is of b at off, less than len(b) at the end of the file.
func (s *scan) peek(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), max(s.size-off, 0)))
	return n, readFull(s.r, b[:n], off)
}

// body reads the first max bytes of a chunk, less if it is shorter.
func (s *scan) body(c chunk, most int64) ([]byte, error) {
	b := make([]byte, min(most, c.size, s.size-c.off))
	return b, readFull(s.r, b, c.off)
}

func (s *scan) detail(name, value string) {
	if len(s.info.Details) < 64 {
		s.info.Details = append(s.info.Details, audio.Field{Name: name, Value: value})
	}
}
