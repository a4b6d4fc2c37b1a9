//go:build unix

package token

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives f the owner and group of old, where they are others.
func keepOwner(f *os.File, old fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	was, ok := old.Sys().(*syscall.Stat_t)
	is, same := info.Sys().(*syscall.Stat_t)
	if !ok || !same || was.Uid == is.Uid && was.Gid == is.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}
