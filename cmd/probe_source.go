package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/identity"
	"secstream/pkg/probe"
	"secstream/pkg/slicer"
)

// probeSource makes the jobs for the targets.
type probeSource struct {
	o      probeOptions
	read   probe.Options
	server []bool // of each target: it is an address
	dirs   []bool // of each target: it is a folder
	tell   teller // of a wait for a server
	env    Env

	// Progress, in bytes of files times the passes over them.
	total, done atomic.Int64
	files       atomic.Int64 // handed out or counted, whichever is more
	finished    atomic.Int64
	counted     atomic.Bool // total and files are complete
}

func newProbeSource(o probeOptions) (*probeSource, error) {
	deflate, err := compress.NewDeflater(o.compression)
	if err != nil {
		return nil, err
	}
	s := &probeSource{o: o, read: probe.Options{
		Plan: o.plan, Pad: o.pad, Verify: o.verify, Deflater: deflate,
		Slices: slicer.Options{Millis: int(o.slice.Milliseconds()), Randomize: o.randomize, Variance: o.variance, Seed: o.seed},
	}}
	for _, t := range o.targets {
		fi, err := os.Stat(t)
		s.server = append(s.server, isAddress(t))
		s.dirs = append(s.dirs, err == nil && fi.IsDir())
	}
	return s, nil
}

// isAddress says whether target means a server: an URL, or host:port where
// no file has such a name.
func isAddress(target string) bool {
	return isURL(target) || !exists(target) && isHostPort(target)
}

// addresses are those of the targets that mean a server.
func (o probeOptions) addresses() (list []string) {
	for _, t := range o.targets {
		if isAddress(t) {
			list = append(list, t)
		}
	}
	return list
}

// single says that one file is probed, or one track of a server.
func (s *probeSource) single() bool {
	return len(s.o.targets) == 1 && !s.dirs[0] && (!s.server[0] || s.o.track != "")
}

// folder is the one folder that is probed, "" when it is something else.
func (s *probeSource) folder() string {
	if len(s.o.targets) == 1 && s.dirs[0] {
		return s.o.targets[0]
	}
	return ""
}

// find emits a job for every file of every target.
func (s *probeSource) find(ctx context.Context, emit func(*probeJob) bool) error {
	for i, t := range s.o.targets {
		var err error
		if s.server[i] {
			err = s.findTracks(ctx, t, emit)
		} else {
			err = probe.Find(ctx, t, func(path string, why error) bool { return emit(s.fileJob(path, why)) })
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// failedJob is a job whose end is known.
func failedJob(path string, err error) *probeJob {
	if identity.Claimed(path) || errors.Is(err, fs.ErrNotExist) { // the latter may have been meant for an address
		path = withoutSecret(path)
	}
	return &probeJob{path: path, run: func(context.Context) (probe.File, error) { return probe.File{Path: path}, err }}
}

func (s *probeSource) fileJob(path string, why error) *probeJob {
	if why != nil {
		return failedJob(path, why)
	}
	return &probeJob{path: path, run: func(ctx context.Context) (probe.File, error) {
		f, size, err := probe.Open(path)
		if err != nil {
			return probe.File{Path: path}, err
		}
		defer f.Close()
		r := &watchedReader{r: f, done: &s.done, left: size * int64(s.read.Passes())}
		file, err := probe.Read(ctx, r, size, s.read)
		s.done.Add(r.left)
		s.finished.Add(1)
		file.Path = path
		return file, err
	}}
}

// watchedReader tells how far the reading of a file is. It is for one
// goroutine.
type watchedReader struct {
	r    io.ReaderAt
	done *atomic.Int64
	left int64 // what reading may still add to done
}

func (w *watchedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.r.ReadAt(p, off)
	k := min(int64(n), w.left)
	w.left -= k
	w.done.Add(k)
	return n, err
}

// count finds out how much there is to do, for the progress bar. It walks the
// same folders as find, well ahead of it.
func (s *probeSource) count(ctx context.Context) {
	for i, t := range s.o.targets {
		if s.server[i] {
			return // its tracks are counted when they are listed
		}
		err := probe.Find(ctx, t, func(path string, _ error) bool {
			if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
				s.total.Add(fi.Size() * int64(s.read.Passes()))
				s.files.Add(1)
			}
			return true
		})
		if err != nil {
			return
		}
	}
	s.counted.Store(true)
}

// probeTally sums up what was found.
type probeTally struct {
	files, damaged, failed int
	refused                int // files a server does not serve; not among files
	size                   int64
	seconds                float64
	slices                 int
	sealed, padded         int64
	noun                   string    // what is counted
	worst                  error     // of the files that failed
	job                    *probeJob // the first that is not well
}

func (t *probeTally) add(j *probeJob) {
	if j.refused {
		t.refused++
		return
	}
	t.files++
	t.size += j.file.Size
	t.seconds += j.file.Duration
	if p := j.file.Plan; p != nil {
		t.slices += len(p.Slices)
		t.sealed += p.Sealed
		t.padded += p.Padded
	}
	if j.err == nil && !j.file.Damaged() {
		return
	}
	if t.job == nil {
		t.job = j
	}
	if j.err == nil {
		t.damaged++
		return
	}
	t.failed++
	if t.worst == nil || outcomeOf(j.err).code > outcomeOf(t.worst).code {
		t.worst = j.err
	}
}

// result is the error the command ends with: what ails the only file, or how
// many are not well. Of different ailments the one with the highest exit code
// counts.
func (t *probeTally) result() error {
	switch {
	case t.failed+t.damaged == 0:
		return nil
	case t.files == 1 && t.failed == 1:
		return tell(t.job)
	case t.files == 1:
		return &probeFailure{fmt.Sprintf("%q is damaged", t.job.path), errDamaged}
	}
	text := plural(t.files, t.noun) + ":"
	if t.failed > 0 {
		text += fmt.Sprintf(" %d cannot be read", t.failed)
	}
	if t.failed > 0 && t.damaged > 0 {
		text += ","
	}
	if t.damaged > 0 {
		text += fmt.Sprintf(" %d damaged", t.damaged)
	}
	worst := t.worst
	if worst == nil || t.damaged > 0 && outcomeOf(worst).code < exitAudio {
		worst = errDamaged
	}
	return withHint(&probeFailure{text, worst}, "") // what to do about each is told where it is listed
}

// probeFailure puts an error in other words: those of it that matter here, or
// the sum of many that have been told of already.
type probeFailure struct {
	text  string
	cause error
}

func (e *probeFailure) Error() string { return e.text }
func (e *probeFailure) Unwrap() error { return e.cause }

// tell says what ails the file, or the server, of a job.
func tell(j *probeJob) error {
	switch {
	case j.remote:
		return j.err
	case errors.Is(j.err, probe.ErrNoAudio):
		return withHint(&probeFailure{"there is no audio in " + j.path, j.err}, "secstream reads WAV, MP3, FLAC and Ogg files")
	case errors.Is(j.err, fs.ErrNotExist):
		return withHint(&probeFailure{fmt.Sprintf("there is no file or folder %q", j.path), j.err}, "an address looks like http://127.0.0.1:8420")
	case errors.Is(j.err, audio.ErrUnsupported) && !as[*audio.Error](j.err): // of a file that was read only the slicer says so
		return withHint(fmt.Errorf("cannot slice %q: %w", j.path, j.err), "longer slices are fewer, as --slice 30s")
	case errors.Is(j.err, audio.ErrCorrupt):
		return withHint(fmt.Errorf("cannot read %q: %w", j.path, j.err), "") // it says where; there is no more to find
	}
	return fmt.Errorf("cannot read %q: %w", j.path, j.err)
}

// noun is what the targets hold.
func (s *probeSource) noun() string {
	if slices.Contains(s.server, false) {
		return "file"
	}
	return "track"
}
