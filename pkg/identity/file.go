package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Errors callers branch on, wrapped by an *Error.
var (
	// ErrExposed is a file or folder that others may read or write though it
	// is for its owner alone.
	ErrExposed = errors.New("it is not private")
	// ErrLink is a link where a file or a folder has to be itself.
	ErrLink = errors.New("it is a link")
	// ErrDamaged is a file whose content is not what was written.
	ErrDamaged = errors.New("it is damaged")
	// ErrBusy is a file that another process keeps to itself for too long.
	ErrBusy = errors.New("another secstream is changing it, and does not come to an end")
)

// Kinds of files, as Error names them.
const (
	KindIdentity = "identity"
	KindPins     = "pins"
	KindPaired   = "paired servers"
)

// Error is a file that cannot be used as it is. Nothing is ever written over
// one.
type Error struct {
	Kind string // KindIdentity, KindPins or KindPaired
	Path string
	Line int // from 1; 0 where no line is to blame
	Err  error
	Mend string // what to do about it, for people
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s %s: %v", e.Kind, e.Path, e.Err)
	}
	return fmt.Sprintf("%s %s:%d: %v", e.Kind, e.Path, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// private is a file for its owner alone, which is read and replaced whole.
type private struct {
	kind string // of Error
	path string
	most int  // bytes
	own  bool // its folder is for it alone, and not one where others are, too
}

func (p private) wrong(path string, err error, mend string, args ...any) *Error {
	return &Error{Kind: p.kind, Path: path, Err: err, Mend: fmt.Sprintf(mend, args...)}
}

// check says whether the folder and the file are there, themselves, and
// private. Errors wrap fs.ErrNotExist, or are an *Error.
func (p private) check() error {
	if err := p.checkDir(filepath.Dir(p.path)); err != nil {
		return err
	}
	info, err := os.Lstat(p.path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", p.kind, err)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return p.wrong(p.path, ErrLink, "put the file itself in its place: it is replaced when it changes, and whoever owns the link could replace it too")
	case !info.Mode().IsRegular(): // to open a pipe would wait
		return p.wrong(p.path, errors.New("it is not a file"), "move it away")
	}
	return p.closed(p.path, info, 0o077, "600")
}

// checkDir refuses a folder in which others could put another file in the place
// of this one; and one of its own that they can look into.
func (p private) checkDir(dir string) error {
	look, mask, change := os.Stat, fs.FileMode(0o022), "go-w" // what the user has for all that is kept may be a link
	if p.own {
		look, mask, change = os.Lstat, 0o077, "700"
	}
	info, err := look(dir)
	switch {
	case err != nil:
		return fmt.Errorf("look at the folder of %s: %w", p.kind, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return p.wrong(dir, ErrLink, "put the folder itself in its place")
	case !info.IsDir():
		return p.wrong(dir, errors.New("it is not a folder"), "move it away")
	}
	return p.closed(dir, info, mask, change)
}

// closed says whether others can do with what is at path none of what mask
// has; change is what chmod takes to make it so.
func (p private) closed(path string, info fs.FileInfo, mask fs.FileMode, change string) error {
	if runtime.GOOS == "windows" { // there the bits are made up
		return nil
	}
	if mode := info.Mode().Perm(); mode&mask != 0 {
		able := "read"
		if mode&0o022 != 0 {
			able = "write to"
		}
		return p.wrong(path, fmt.Errorf("%w: others may %s it, mode %#o", ErrExposed, able, mode), "chmod %s %q%s", change, path, p.afterwards())
	}
	if uid, foreign := foreignOwner(info); foreign {
		return p.wrong(path, fmt.Errorf("%w: it belongs to user %d", ErrExposed, uid), "run as that user, or chown it to the one who runs this")
	}
	return nil
}

// afterwards is what to think of when others could get at a file.
func (p private) afterwards() string {
	switch p.kind {
	case KindIdentity:
		return `; if somebody may have read it, "secstream identity new" makes another`
	case KindPaired:
		return "; if somebody may have read it, whoever runs those servers removes this player's tokens there"
	}
	return "; and see that the pins are what they were"
}

// read returns the content of the file. Errors wrap fs.ErrNotExist, or are an
// *Error.
func (p private) read() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.content()
}

// content reads the file whoever may read it.
func (p private) content() ([]byte, error) {
	f, err := os.OpenFile(p.path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.kind, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(p.most)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", p.kind, p.path, err)
	}
	if len(text) > p.most {
		return nil, p.wrong(p.path, fmt.Errorf("%w: it has more than %d bytes", ErrDamaged, p.most), "put the file back from a copy")
	}
	return text, nil
}

// makeDir makes the folder, private whatever the umask.
func (p private) makeDir() error {
	dir := filepath.Dir(p.path)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("make a folder for %s: %w", p.kind, err)
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Chmod(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make a folder for %s: %w", p.kind, err)
	}
	return nil
}

// lockWait is how long another process may keep the file to itself.
const lockWait = 10 * time.Second

// locked runs do while no other process changes the file. It makes the folder,
// which is private then.
func (p private) locked(ctx context.Context, do func() error) (err error) {
	if err := errors.Join(p.makeDir(), p.checkDir(filepath.Dir(p.path))); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(p.path+".lock", flock.SetPermissions(0o600)) // a file of its own: the other one is replaced
	if ok, err := lock.TryLockContext(ctx, 5*time.Millisecond); !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return p.wrong(p.path, ErrBusy, "try again; if no secstream runs, some other program has locked %q", lock.Path())
		}
		return fmt.Errorf("lock %q: %w", lock.Path(), err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	return do()
}

// replace puts text in the place of the file. Whoever reads it sees the old or
// the new, never half of it, and after a crash one of the two is there. The
// caller holds the lock, so what has the passing name is left from a crash.
func (p private) replace(text []byte) error {
	passing := p.path + ".new"
	if err := os.Remove(passing); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", p.kind, err)
	}
	err := writePrivate(passing, text)
	if err == nil {
		err = os.Rename(passing, p.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", p.kind, errors.Join(err, os.Remove(passing)))
	}
	return syncDir(filepath.Dir(p.path))
}

// writePrivate writes a file that is not there yet, private whatever the umask.
func writePrivate(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = f.Chmod(0o600); err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a new name in dir outlast a crash, where the system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("keep %q: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("keep %q: %w", dir, err)
	}
	return nil
}
