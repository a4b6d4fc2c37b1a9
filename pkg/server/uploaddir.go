package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// Names in and of directories for uploads.
const (
	uploadDirs = "secstream-uploads-"
	uploadLock = "secstream.lock" // marks a directory as one of these; held while its server lives
	uploadName = "upload-"
)

// UploadDir makes a private directory for uploads below base, the system's
// place for temporary files if that is "", and returns a function that removes
// it again. Directories that servers of this user have left there by a crash
// are removed with what is in them.
//
// Nothing else is: a directory has to have the name, this user for its owner
// and no rights for others, and a lock file that nobody holds, and it goes
// only when nothing is in it but that and uploads. Links are not followed.
func UploadDir(base string) (dir string, remove func() error, err error) {
	if base == "" {
		base = os.TempDir()
	}
	if err := sweepUploads(base); err != nil {
		return "", nil, fmt.Errorf("remove what a crash left of uploads: %w", err)
	}
	const tries = 3 // another server that sweeps may have been quicker than the lock
	for range tries {
		if dir, err = os.MkdirTemp(base, uploadDirs); err != nil { // for this user only
			break
		}
		lock := lockOf(dir)
		var ok bool
		if ok, err = lock.TryLock(); err != nil {
			continue
		}
		if _, err = os.Lstat(lock.Path()); ok && err == nil {
			return dir, func() error { return dropUploads(dir, lock) }, nil
		}
		_ = lock.Close()
		err = errors.Join(err, errors.New("it is taken"))
	}
	return "", nil, fmt.Errorf("make a folder for uploads: %w", err)
}

func lockOf(dir string) *flock.Flock {
	return flock.New(filepath.Join(dir, uploadLock), flock.SetPermissions(0o600))
}

// sweepUploads removes the directories below base that belong to no server any
// more. What cannot be removed stays; the next start tries again.
func sweepUploads(base string) error {
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, fs.ErrPermission) { // some may be written to and not listed
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(base, e.Name())
		if !strings.HasPrefix(e.Name(), uploadDirs) || !ourDir(dir) {
			continue
		}
		lock := lockOf(dir)
		if ok, err := lock.TryLock(); err == nil && ok {
			_ = dropUploads(dir, lock)
		}
	}
	return nil
}

// ourDir says whether dir is one that UploadDir made for this user.
func ourDir(dir string) bool {
	fi, err := os.Lstat(dir)
	if err != nil || !fi.IsDir() || !private(fi) {
		return false
	}
	mark, err := os.Lstat(filepath.Join(dir, uploadLock))
	return err == nil && mark.Mode().IsRegular()
}

// dropUploads removes dir, whose lock is held, with its uploads. It leaves it
// where it finds something else.
func dropUploads(dir string, lock *flock.Flock) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), uploadName) && e.Type().IsRegular() {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	// Some systems remove no file that is open. Whoever comes in between finds an
	// empty directory to remove.
	err = errors.Join(err, lock.Close())
	for _, name := range []string{lock.Path(), dir} {
		if e := os.Remove(name); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
