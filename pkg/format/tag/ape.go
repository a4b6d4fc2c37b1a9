package tag

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

const apeHead = 32 // bytes of an APE header or footer

// APE reads the APEv1 or APEv2 tag that ends at byte end of r, and returns
// its length in bytes with the header (0 if there is none). The length is
// right even when the error says that the items are not.
func (file *File) APE(r io.ReaderAt, end int64) (Found, int64, error) {
	var f Found
	var b [apeHead]byte
	if end < apeHead {
		return f, 0, nil
	}
	if err := readFull(r, b[:], end-apeHead); err != nil {
		return f, 0, err
	}
	le := binary.LittleEndian
	size, n, flags := int64(le.Uint32(b[12:])), le.Uint32(b[16:]), le.Uint32(b[20:])
	if string(b[:8]) != "APETAGEX" || flags&(1<<29) != 0 { // bit 29: this is a header
		return f, 0, nil
	}
	length := size
	if flags&(1<<31) != 0 {
		length += apeHead
	}
	if size < apeHead || length > end {
		return f, 0, fault("ape", end-apeHead, "a tag of %d bytes does not fit", length)
	}
	a := apeReader{r: r, file: file, pos: end - size, end: end - apeHead, Found: &f}
	for range min(n, maxItems) {
		more, err := a.item()
		if err != nil || !more {
			return f, length, err
		}
	}
	return f, length, nil
}

// apeReader walks the items of a tag.
type apeReader struct {
	r        io.ReaderAt
	pos, end int64
	file     *File
	*Found
}

// item reads one item: length and flags of 32 bits, a name, a zero byte, the
// value.
func (a *apeReader) item() (more bool, err error) {
	const most = 8 + 255 + 1
	var buf [most]byte
	b := buf[:min(most, a.end-a.pos)]
	if len(b) < 10 {
		return false, nil
	}
	if err := readFull(a.r, b, a.pos); err != nil {
		return false, err
	}
	size, flags := int64(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint32(b[4:])
	name, _, ok := bytes.Cut(b[8:], []byte{0})
	from := a.pos + 8 + int64(len(name)) + 1
	if !ok || size > a.end-from {
		return false, fault("ape", a.pos, "an item of %d bytes does not fit", size)
	}
	a.pos = from + size
	return true, a.value(strings.ToUpper(string(name)), from, size, flags>>1&3)
}

// The kinds of an item.
const (
	apeText   = 0
	apeBinary = 1
)

func (a *apeReader) value(name string, from, size int64, kind uint32) error {
	switch {
	case kind == apeText && isLyrics(name):
		if !a.file.wordy(size) {
			return nil
		}
		b := make([]byte, size)
		if err := readFull(a.r, b, from); err != nil {
			return err
		}
		a.lyrics(eightBitAll(b))
	case kind == apeText:
		b := make([]byte, min(size, maxValue))
		if err := readFull(a.r, b, from); err != nil {
			return err
		}
		for _, value := range bytes.SplitN(b, []byte{0}, 64) {
			a.set(name, eightBit(value))
		}
	case kind == apeBinary && strings.HasPrefix(name, "COVER ART (") && size <= int64(a.room()):
		b := make([]byte, size)
		if err := readFull(a.r, b, from); err != nil {
			return err
		}
		if _, image, ok := bytes.Cut(b, []byte{0}); ok { // a file name comes first
			a.addPicture(newPicture("", apeKind(name), image))
		}
	}
	return nil
}

// apeKind turns "COVER ART (FRONT)" into the name APIC has for it.
func apeKind(name string) string {
	what := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "COVER ART ("), ")"))
	for _, k := range kinds {
		if k == what || k == what+" cover" {
			return k
		}
	}
	return kinds[0]
}

// readFull fills b from off. The end of the file is a fault of the tag.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fault("tag", off+int64(n), "the file ends early")
	}
	return err
}
