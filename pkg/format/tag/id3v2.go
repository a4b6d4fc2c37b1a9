package tag

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"secstream/pkg/audio"
)

const id3Head = 10 // bytes of a tag header, and of a footer

// Flags of the tag header.
const (
	id3Unsync   = 0x80
	id3Extended = 0x40 // in version 2.2: compressed in a way never defined
	id3Footer   = 0x10
)

// ID3v2Size is the whole length in bytes, header and footer included, of the
// ID3v2 tag whose first ten bytes are b, or 0 if b starts none.
func ID3v2Size(b []byte) int64 {
	if len(b) < id3Head || string(b[:3]) != "ID3" || b[3] == 0xFF || b[4] == 0xFF {
		return 0
	}
	n, ok := synchsafe(b[6:])
	if !ok {
		return 0
	}
	n += id3Head
	if b[3] >= 4 && b[5]&id3Footer != 0 {
		n += id3Head
	}
	return n
}

// synchsafe reads 28 bits from four bytes (ID3v2.4 structure §6.2).
func synchsafe(b []byte) (n int64, ok bool) {
	for _, c := range b[:4] {
		if c >= 0x80 {
			return 0, false
		}
		n = n<<7 | int64(c)
	}
	return n, true
}

// File is what the tags of one file share, so that a file of many costs no more
// than one of a few: the lyrics of all of them have one limit, and so have the
// pictures of ID3v2 tags and what compressed frames expand to. Its zero value is
// a file of which nothing has been read. It is for one goroutine.
type File struct {
	expanded int           // bytes of compressed frames so far
	pictured int           // bytes of pictures so far
	worded   int           // bytes of lyrics so far, as they are in the file
	texts    int           // that they were
	zlib     io.ReadCloser // kept for the next frame, since each takes some 40 kB
}

// ID3v2 reads the ID3v2.2, 2.3 or 2.4 tag that starts at byte off of r. Nothing
// at or after byte size of r is touched; size is that of the whole file, or the
// end of the chunk the tag lies in. Only frames that are wanted are read. If
// the whole tag is unsynchronised, its first 24 MiB are held in memory for a
// moment. There is no error for a place where no tag begins.
func (file *File) ID3v2(r io.ReaderAt, off, size int64) (Found, error) {
	var f Found
	var b [id3Head]byte
	if size-off < id3Head {
		return f, nil
	}
	if err := readFull(r, b[:], off); err != nil {
		return f, err
	}
	length := ID3v2Size(b[:])
	if length == 0 {
		return f, nil
	}
	version, flags := b[3], b[5]
	if version < 2 || version > 4 || version == 2 && flags&id3Extended != 0 {
		return f, &audio.Error{Format: "id3v2", Off: off, Err: fmt.Errorf("version 2.%d, flags %#x is %w", version, flags, audio.ErrUnsupported)}
	}
	body, _ := synchsafe(b[6:])
	t := id3{r: r, base: off, pos: off + id3Head, end: off + id3Head + body, version: version, file: file, Found: &f}
	cut := t.end > size
	t.end = min(t.end, size)
	if flags&id3Unsync != 0 {
		if err := t.unsync(); err != nil {
			return f, err
		}
	}
	if flags&id3Extended != 0 {
		if err := t.extended(); err != nil {
			return f, err
		}
	}
	err := t.frames()
	t.finish()
	if err == nil && cut {
		err = fault("id3v2", off, "a tag of %d bytes does not fit", length)
	}
	return f, err
}

// id3 walks the frames of one tag.
type id3 struct {
	r          io.ReaderAt
	base       int64 // what positions count from, for messages
	pos, end   int64
	version    byte
	everyFrame bool // 2.4: all frames are unsynchronised
	text       map[string]string
	file       *File
	*Found
}

// unsync undoes the unsynchronisation of a whole tag (2.2 and 2.3; ID3v2.3
// §5): frame sizes there count what it was before. In 2.4 every frame is done
// by itself.
func (t *id3) unsync() error {
	if t.version == 4 {
		t.everyFrame = true
		return nil
	}
	b := make([]byte, min(t.end-t.pos, 24<<20))
	if err := readFull(t.r, b, t.pos); err != nil {
		return err
	}
	b = resync(b)
	t.r, t.pos, t.end = bytes.NewReader(b), 0, int64(len(b))
	return nil
}

// resync takes the zero out after every 0xFF, in place.
func resync(b []byte) []byte {
	out := b[:0]
	for i, c := range b {
		if c == 0 && i > 0 && b[i-1] == 0xFF {
			continue
		}
		out = append(out, c)
	}
	return out
}

// extended steps over the extended header. Its flag is also met on tags that
// have none; then the first frame begins here.
func (t *id3) extended() error {
	var b [4]byte
	if t.end-t.pos < 4 {
		return nil
	}
	if err := readFull(t.r, b[:], t.pos); err != nil {
		return err
	}
	if frameName(string(b[:])) {
		return nil
	}
	n := int64(binary.BigEndian.Uint32(b[:])) + 4
	if t.version == 4 {
		safe, ok := synchsafe(b[:])
		if !ok || safe < 6 {
			safe = t.end
		}
		n = safe
	}
	if n > t.end-t.pos {
		return fault("id3v2", t.base, "an extended header of %d bytes does not fit", n)
	}
	t.pos += n
	return nil
}

// frame is one frame header.
type frame struct {
	name  string // as in 2.3
	size  int64
	flags byte // the format flags, in their 2.4 places
	extra int  // bytes that flags put in front of the content
}

// The format flags of 2.4 (ID3v2.4 structure §4.1.2).
const (
	frameGroup      = 0x40
	frameCompressed = 0x08
	frameEncrypted  = 0x04
	frameUnsync     = 0x02
	frameLength     = 0x01
)

// frames reads all frames up to the padding.
func (t *id3) frames() error {
	t.text = make(map[string]string)
	for range maxItems {
		f, ok, err := t.next()
		if err != nil || !ok {
			return err
		}
		if f.size > t.end-t.pos {
			return fault("id3v2", t.base, "frame %s of %d bytes does not fit", f.name, f.size)
		}
		if err := t.take(f); err != nil {
			return err
		}
		t.pos += f.size
	}
	return nil
}

// next reads the frame header at pos and steps over it. ok is false at the end
// of the frames: padding, or anything else that is no frame.
func (t *id3) next() (f frame, ok bool, err error) {
	n := int64(10)
	if t.version == 2 {
		n = 6
	}
	var b [10]byte
	if t.end-t.pos < n {
		return f, false, nil
	}
	if err := readFull(t.r, b[:n], t.pos); err != nil {
		return f, false, err
	}
	t.pos += n
	if t.version == 2 {
		f.name = longName(string(b[:3]))
		f.size = int64(b[3])<<16 | int64(b[4])<<8 | int64(b[5])
		return f, frameName(string(b[:3])), nil
	}
	f.name = string(b[:4])
	if b[3] == 0 { // iTunes wrote 2.3 tags with the names of 2.2
		f.name = longName(string(b[:3]))
	}
	f.size = int64(binary.BigEndian.Uint32(b[4:]))
	if t.version == 4 {
		f.size = t.frameSize(b[4:8])
		f.setFlags24(b[9], t.everyFrame)
	} else {
		f.setFlags23(b[9])
	}
	return f, frameName(f.name), nil
}

// frameSize reads the size of a 2.4 frame. It should be synchsafe; old iTunes
// versions wrote plain numbers, which is believed if only that leads to
// another frame or to the end.
func (t *id3) frameSize(b []byte) int64 {
	plain := int64(binary.BigEndian.Uint32(b))
	safe, ok := synchsafe(b)
	if !ok || safe != plain && !t.leads(safe) && t.leads(plain) {
		return plain
	}
	return safe
}

// leads says whether a frame of n bytes at pos is followed by something that
// makes sense.
func (t *id3) leads(n int64) bool {
	at := t.pos + n
	if at+10 > t.end {
		return at == t.end
	}
	var b [4]byte
	if readFull(t.r, b[:], at) != nil {
		return false
	}
	return b == [4]byte{} || frameName(string(b[:]))
}

func (f *frame) setFlags24(flags byte, unsync bool) {
	if unsync {
		flags |= frameUnsync
	}
	f.flags = flags
	if flags&frameGroup != 0 {
		f.extra++
	}
	if flags&frameLength != 0 {
		f.extra += 4
	}
}

func (f *frame) setFlags23(flags byte) {
	if flags&0x80 != 0 {
		f.flags |= frameCompressed
		f.extra += 4
	}
	if flags&0x40 != 0 {
		f.flags |= frameEncrypted
	}
	if flags&0x20 != 0 {
		f.extra++
	}
}

// frameName says whether s could name a frame.
func frameName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// longName is the 2.3 name of a 2.2 frame, the 2.2 name if it is not wanted.
func longName(s string) string {
	names := [...][2]string{
		{"TT2", "TIT2"}, {"TP1", "TPE1"}, {"TP2", "TPE2"}, {"TAL", "TALB"}, {"TRK", "TRCK"}, {"TPA", "TPOS"},
		{"TYE", "TYER"}, {"TDA", "TDAT"}, {"TCO", "TCON"}, {"TSS", "TSSE"}, {"TXX", "TXXX"}, {"COM", "COMM"}, {"PIC", "PIC"},
		{"ULT", "USLT"}, {"SLT", "SYLT"},
	}
	for _, n := range names {
		if n[0] == s {
			return n[1]
		}
	}
	return s
}
