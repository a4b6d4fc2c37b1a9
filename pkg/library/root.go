package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// root is one served folder, or a folder of which single files are served.
// Every open goes through its os.Root and so cannot leave the folder.
type root struct {
	abs   string            // absolute, as named
	arg   int               // where it is in Config.Roots; of no meaning with only
	shown string            // what paths are prefixed with, "" for none
	only  map[string]single // by name in the folder; nil serves all of it

	mu       sync.RWMutex // guards the two below
	resolved string       // abs with all links resolved, for watching
	dir      *os.Root     // nil once closed
}

// single is a file served by itself.
type single struct {
	shown string // its path in the list
	arg   int    // where it is in Config.Roots
}

var (
	errNotRegular = errors.New("not a regular file")
	errOutside    = errors.New("leads out of the folder")
	errClosed     = errors.New("library is closed")
)

// maxLinks bounds a chain of links that is followed by hand.
const maxLinks = 8

// openRoots opens all of paths, folders and files. Paths given twice count
// once. The caller closes what it gets.
func openRoots(paths []string) (roots []*root, err error) {
	defer func() {
		if err != nil {
			closeRoots(roots)
		}
	}()
	folders, names := map[string]*root{}, map[string]bool{}
	for i, p := range paths {
		if roots, err = addRoot(roots, folders, names, p, i); err != nil {
			return roots, fmt.Errorf("open %q: %w", p, cause(err))
		}
	}
	if len(roots) == 1 && roots[0].only == nil {
		roots[0].shown = ""
	}
	return roots, nil
}

// addRoot opens p, the arg-th path. folders holds, by resolved path, the roots that serve
// single files; names are the first path elements in use.
func addRoot(roots []*root, folders map[string]*root, names map[string]bool, p string, arg int) ([]*root, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return roots, err
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return roots, err
	}
	fi, err := os.Stat(resolved)
	if err != nil {
		return roots, err
	}
	if fi.IsDir() {
		same := func(r *root) bool { return r.only == nil && r.resolved == resolved }
		if slices.ContainsFunc(roots, same) {
			return roots, nil
		}
		r, err := newRoot(abs, resolved)
		if err != nil {
			return roots, err
		}
		r.arg, r.shown = arg, unique(names, filepath.Base(abs), "")
		return append(roots, r), nil
	}
	dir := filepath.Dir(resolved)
	r := folders[dir]
	if r == nil {
		if r, err = newRoot(dir, dir); err != nil {
			return roots, err
		}
		r.only = map[string]single{}
		folders[dir], roots = r, append(roots, r)
	}
	return roots, r.addFile(filepath.Base(resolved), filepath.Base(abs), names, arg)
}

// addFile makes the root serve the file called name as shown. One that was
// named before stays what it was then.
func (r *root) addFile(name, shown string, names map[string]bool, arg int) error {
	if _, twice := r.only[name]; twice {
		return nil
	}
	f, _, err := r.open(name)
	if err != nil {
		return err
	}
	ext := filepath.Ext(shown)
	r.only[name] = single{unique(names, strings.TrimSuffix(shown, ext), ext), arg}
	return f.Close()
}

// newRoot opens the folder. One whose names cannot be read is an error at
// once, not an empty library.
func newRoot(abs, resolved string) (*root, error) {
	dir, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	f, err := dir.Open(".")
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return &root{abs: abs, resolved: resolved, dir: dir}, f.Close()
}

// unique returns stem+ext, with a number before ext when that is taken.
func unique(taken map[string]bool, stem, ext string) string {
	if stem == "" || stem == string(filepath.Separator) {
		stem = "root"
	}
	name := stem + ext
	for i := 2; taken[name]; i++ {
		name = fmt.Sprintf("%s (%d)%s", stem, i, ext)
	}
	taken[name] = true
	return name
}

func closeRoots(roots []*root) {
	for _, r := range roots {
		r.close()
	}
}

func (r *root) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dir != nil {
		_ = r.dir.Close() // a folder that was only read from
		r.dir = nil
	}
}

// where is the resolved path of the folder.
func (r *root) where() string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.resolved
}

// renew opens the folder again when another one has taken its place, as after
// a mount.
func (r *root) renew() {
	now, err := os.Stat(r.abs)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dir == nil {
		return
	}
	if was, err := r.dir.Stat("."); err == nil && os.SameFile(was, now) {
		return
	}
	resolved, err := filepath.EvalSymlinks(r.abs)
	if err != nil {
		return
	}
	if dir, err := os.OpenRoot(resolved); err == nil {
		_ = r.dir.Close() // a folder that was only read from
		r.dir, r.resolved = dir, resolved
	}
}

// readable looks whether the folder is there and, if all of it is served, can
// be listed.
func (r *root) readable() error {
	if _, err := os.Stat(r.abs); err != nil || r.only != nil {
		return cause(err)
	}
	f, err := r.folder(".")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Readdirnames(1); err != io.EOF {
		return cause(err)
	}
	return nil
}

// open opens the regular file at name for reading. Anything else at that name
// is not opened at all: pipes would stall, devices may act.
func (r *root) open(name string) (*os.File, fs.FileInfo, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.dir == nil {
		return nil, nil, errClosed
	}
	name = filepath.FromSlash(name)
	look := r.dir.Stat
	if r.only != nil {
		look = r.dir.Lstat // a link would lead to a file that was not named
	}
	fi, err := look(name)
	if err != nil {
		return nil, nil, cause(err)
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, errNotRegular
	}
	f, err := r.dir.OpenFile(name, os.O_RDONLY|fileFlags, 0)
	if err != nil {
		return nil, nil, cause(err)
	}
	if fi, err = f.Stat(); err == nil && !fi.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, fi, nil
}

// folder opens the folder at name for listing.
func (r *root) folder(name string) (*os.File, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.dir == nil {
		return nil, errClosed
	}
	f, err := r.dir.OpenFile(filepath.FromSlash(name), os.O_RDONLY|folderFlags, 0)
	return f, cause(err)
}

func (r *root) lstat(name string) (fs.FileInfo, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.dir == nil {
		return nil, errClosed
	}
	fi, err := r.dir.Lstat(filepath.FromSlash(name))
	return fi, cause(err)
}

// follow returns what the link at name leads to, and a name by which it can be
// opened. os.Root refuses absolute links, so one that stays inside is made
// relative here; the result still has to pass os.Root.
func (r *root) follow(name string) (string, fs.FileInfo, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.dir == nil {
		return "", nil, errClosed
	}
	var first error
	for range maxLinks {
		fi, err := r.dir.Stat(filepath.FromSlash(name))
		if err == nil {
			return name, fi, nil
		}
		if first == nil {
			first = cause(err)
		}
		if _, system := errors.AsType[syscall.Errno](first); !system {
			first = errOutside // the only thing os.Root itself objects to
		}
		target, err := r.dir.Readlink(filepath.FromSlash(name))
		if err != nil {
			break
		}
		if filepath.IsAbs(target) {
			name = r.inside(target)
		} else {
			name = path.Join(path.Dir(name), filepath.ToSlash(target))
		}
		if !filepath.IsLocal(name) {
			break
		}
	}
	return "", nil, first
}

// inside makes an absolute path relative to the root, "" if it is outside.
func (r *root) inside(target string) string {
	for _, base := range []string{r.abs, r.resolved} {
		if rel, err := filepath.Rel(base, target); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return ""
}

// cause takes the operation and path off a system error; callers name the
// path as the user knows it.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
