package output

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/player"
)

var _ player.Output = (*file)(nil)

// file stores samples. A regular file is written under another name beside it
// and takes its place in Close, so that the name never holds half a file and
// an older one survives a failure.
type file struct {
	path   string // "-" for stdout
	header bool   // WAV
	stdout io.Writer

	dest  string   // path, symbolic links followed
	temp  string   // where the file grows, "" if it is written directly
	f     *os.File // nil for stdout
	buf   *bufio.Writer
	wav   *wavfile.Writer
	form  wavfile.Format
	open  bool
	done  bool
	bytes []byte // of one Write
	err   error  // the first one; it sticks
}

// newFile checks that path can be written, without touching what is there.
func newFile(path string, header bool) (*file, error) {
	o := &file{path: path, header: header, dest: path}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		o.dest = real
	}
	if info, err := os.Stat(o.dest); err == nil && info.IsDir() {
		return nil, fmt.Errorf("write %q: it is a folder", path)
	}
	dir := filepath.Dir(o.dest)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("write %q: there is no folder %q", path, dir)
	}
	return o, nil
}

// Open takes one shape for the whole file.
func (o *file) Open(spec player.Spec) error {
	form := stored(spec)
	switch {
	case o.err != nil:
		return o.err
	case o.done:
		return fmt.Errorf("write %q: %w", o.path, fs.ErrClosed)
	case o.open && form == o.form:
		return nil
	case o.open:
		// What is there stays whole: the error is the track's, not the file's.
		return fmt.Errorf("write %q: it holds %s, which a track of %s does not fit; choose one track with --track",
			o.path, inWords(o.form), inWords(form))
	}
	if err := o.create(); err != nil {
		return o.fail(err)
	}
	o.form, o.open = form, true
	if !o.header {
		return nil
	}
	var err error
	if o.wav, err = wavfile.NewWriter(o.sink(), form); err != nil {
		return o.fail(err)
	}
	return nil
}

// Fits says that sound of this shape may follow what is open by Write alone.
func (o *file) Fits(spec player.Spec) bool {
	return o.err == nil && o.open && !o.done && stored(spec) == o.form
}

func inWords(f wavfile.Format) string {
	text := fmt.Sprintf("%d-channel %s at %d Hz", f.Channels, f.Sample, f.SampleRate)
	if f.Speakers != audio.UsualSpeakers(f.Channels) {
		text += fmt.Sprintf(" (%v)", f.Speakers)
	}
	return text
}

// create opens the file to write to. What is no regular file (a device, a
// named pipe) is written as a stream and never replaced.
func (o *file) create() error {
	if o.stdout != nil {
		o.buf = bufio.NewWriterSize(o.stdout, 1<<16)
		return nil
	}
	info, err := os.Stat(o.dest)
	if err == nil && !info.Mode().IsRegular() {
		if o.f, err = os.OpenFile(o.dest, os.O_WRONLY, 0); err != nil {
			return err
		}
		o.buf = bufio.NewWriterSize(o.f, 1<<16)
		return nil
	}
	o.temp = filepath.Join(filepath.Dir(o.dest), "."+filepath.Base(o.dest)+"."+rand.Text()[:8]+".part")
	if o.f, err = os.OpenFile(o.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
		o.temp = ""
		return err
	}
	if info != nil {
		// The new file is for whom the old one was. If that cannot be done,
		// the default mode is no harm.
		_ = o.f.Chmod(info.Mode().Perm())
	}
	return nil
}

// sink is where bytes go: something that can seek only if it is a regular file.
func (o *file) sink() io.Writer {
	if o.buf != nil {
		return o.buf
	}
	return o.f
}

// Write stores p.
func (o *file) Write(p []float64) error {
	switch {
	case o.err != nil:
		return o.err
	case !o.open || o.done:
		return fmt.Errorf("write %q: %w", o.path, fs.ErrClosed)
	}
	o.bytes = encode(o.bytes, p, o.form.Sample)
	defer clear(o.bytes)
	var err error
	if o.wav != nil {
		_, err = o.wav.Write(o.bytes)
	} else {
		_, err = o.sink().Write(o.bytes)
	}
	if err != nil {
		return o.fail(err)
	}
	return nil
}

// Buffered is 0: what is stored counts as heard.
func (o *file) Buffered() audio.Frames { return 0 }

// Flush does nothing: a file keeps everything.
func (o *file) Flush() {}

// Drain hands all that was written to the system.
func (o *file) Drain() error {
	if o.err == nil && o.buf != nil {
		if err := o.buf.Flush(); err != nil {
			return o.fail(err)
		}
	}
	return o.err
}

// Paced says no: a file takes sound as fast as it comes.
func (o *file) Paced() bool { return false }

// Close completes the file and gives it its name. After an earlier error the
// unfinished file is removed and that error comes again.
func (o *file) Close() error {
	if o.done || o.err != nil {
		o.done = true
		return o.err
	}
	o.done = true
	if !o.open {
		return nil
	}
	if err := o.finish(); err != nil {
		return o.fail(err)
	}
	return nil
}

func (o *file) finish() error {
	if o.wav != nil {
		if err := o.wav.Close(); err != nil {
			return err
		}
	}
	if err := o.Drain(); err != nil {
		return err
	}
	o.wipe()
	if o.f == nil {
		return nil
	}
	if o.temp != "" {
		// A full disk may show only now, while the old file is still there.
		if err := o.f.Sync(); err != nil {
			return err
		}
	}
	f := o.f
	o.f = nil
	if err := f.Close(); err != nil {
		return err
	}
	if o.temp == "" {
		return nil
	}
	return os.Rename(o.temp, o.dest)
}

// Abort ends the output and leaves what stood under its name before.
func (o *file) Abort() error {
	o.done = true
	o.discard()
	return nil
}

// wipe overwrites what is buffered, or was.
func (o *file) wipe() {
	if o.buf != nil {
		o.buf.Reset(io.Discard) // what could not be written is not to be
		b := o.buf.AvailableBuffer()
		clear(b[:cap(b)])
	}
}

func (o *file) discard() {
	o.wipe()
	if o.f != nil {
		_ = o.f.Close() // nothing of it is kept
		o.f = nil
	}
	if o.temp != "" {
		_ = os.Remove(o.temp) // it may be the very disk that fails
		o.temp = ""
	}
}

// fail keeps the first error, in terms of the name the user gave.
func (o *file) fail(err error) error {
	if o.err != nil {
		return o.err
	}
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	name := o.path
	if o.stdout != nil {
		name = "standard output"
	}
	o.err = fmt.Errorf("write %q: %w", name, err)
	o.discard()
	return o.err
}
