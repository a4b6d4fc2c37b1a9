// Package wavfile writes WAV files: RIFF that grows into RF64 when it must.
//
// In go the shape of the sound and its stored bytes, out comes a file. Reading
// is the job of format/wav. The package imports audio only.
package wavfile

import (
	"errors"
	"fmt"
	"io"
	"math"

	"secstream/pkg/audio"
)

// Format is the shape of the sound.
type Format struct {
	SampleRate int            // Hz, 1 to 4294967295
	Channels   int            // 1 to 255
	Sample     audio.Sample   // how each sample is stored
	ValidBits  int            // significant bits of a sample; 0 means all of them
	Speakers   audio.Speakers // where the channels belong; 0 is as usual
}

// align is the number of bytes of one frame.
func (f Format) align() int { return f.Channels * f.Sample.Bytes() }

func (f Format) check() error {
	switch bits := f.Sample.Bytes() * 8; {
	case bits == 0:
		return fmt.Errorf("write wav: sample kind %q is %w", f.Sample, audio.ErrUnsupported)
	case f.SampleRate < 1 || int64(f.SampleRate) > math.MaxUint32:
		return fmt.Errorf("write wav: sample rate %d Hz is out of range", f.SampleRate)
	case f.Channels < 1 || f.Channels > 255:
		return fmt.Errorf("write wav: %d channels are out of range", f.Channels)
	case f.ValidBits < 0 || f.ValidBits > bits:
		return fmt.Errorf("write wav: %d valid bits do not fit in %s", f.ValidBits, f.Sample)
	}
	return nil
}

// Writer writes one WAV file. It is not safe for concurrent use.
type Writer struct {
	w      io.Writer
	seek   io.Seeker // nil when w cannot go back
	start  int64     // where the file begins in w
	format Format
	bytes  int64 // of sound
	err    error // the first one; it sticks
	closed bool
}

// NewWriter writes the header of a WAV file to w, at the place where w stands.
// If w can seek, the header leaves room for 64-bit sizes and Close fills it
// in; until then, and for good if w cannot seek, the sizes say "to the end of
// the file", so that what was written of an interrupted file can be played.
// The caller closes w, after Close.
func NewWriter(w io.Writer, f Format) (*Writer, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	fw := &Writer{w: w, format: f}
	if s, ok := w.(io.Seeker); ok {
		// A pipe has the method too, but it fails.
		if pos, err := s.Seek(0, io.SeekCurrent); err == nil {
			fw.seek, fw.start = s, pos
		}
	}
	if _, err := w.Write(fw.header(false)); err != nil {
		return nil, fmt.Errorf("write wav header: %w", err)
	}
	return fw, nil
}

// Write adds stored samples: little-endian and interleaved, in pieces of any
// length.
func (w *Writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errors.New("write wav: the file is closed")
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.w.Write(p)
	w.bytes += int64(n)
	if err != nil {
		w.err = fmt.Errorf("write wav: after %d bytes of sound: %w", w.bytes, err)
	}
	return n, w.err
}

// Close pads the sound to an even length and fills in the sizes, where w can
// seek (elsewhere a pad byte would pass for sound). It does not
// close the underlying writer and leaves it standing at the end of the file.
// An error of an earlier Write comes again. Sound that ends within a frame is
// an error; the file is complete all the same.
func (w *Writer) Close() error {
	if w.closed {
		return w.err
	}
	w.closed = true
	if w.err == nil {
		w.err = w.finish()
	}
	return w.err
}

func (w *Writer) finish() error {
	if w.bytes&1 != 0 && w.seek != nil {
		if _, err := w.w.Write([]byte{0}); err != nil {
			return fmt.Errorf("write wav: pad the data chunk: %w", err)
		}
	}
	if w.seek != nil {
		if err := w.patch(); err != nil {
			return fmt.Errorf("write wav: fill in the sizes: %w", err)
		}
	}
	if rest := w.bytes % int64(w.format.align()); rest != 0 {
		return fmt.Errorf("write wav: the last frame has %d of %d bytes", rest, w.format.align())
	}
	return nil
}

func (w *Writer) patch() error {
	if _, err := w.seek.Seek(w.start, io.SeekStart); err != nil {
		return err
	}
	head := w.header(true)
	if _, err := w.w.Write(head); err != nil {
		return err
	}
	_, err := w.seek.Seek(w.start+int64(len(head))+w.bytes+w.bytes&1, io.SeekStart)
	return err
}
