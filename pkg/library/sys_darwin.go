package library

import (
	"io/fs"
	"syscall"
)

// A pipe or device that takes a file's place after it was looked at must not
// stall the open, hence O_NONBLOCK; regular files do not mind it.
const (
	fileFlags   = syscall.O_NONBLOCK
	folderFlags = syscall.O_NONBLOCK | syscall.O_DIRECTORY
)

// identify returns what tells files apart, and the time of the last change of
// the inode (ns), which unlike the modification time nobody can set back.
func identify(fi fs.FileInfo) (dev, ino uint64, ctime int64) {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(uint32(st.Dev)), st.Ino, st.Ctimespec.Nano()
	}
	return 0, 0, 0
}
