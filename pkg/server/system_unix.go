//go:build unix

package server

import (
	"io/fs"
	"os"
	"syscall"
)

// private says whether this user has it, and nobody else has rights to it.
func private(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && fi.Mode().Perm()&0o077 == 0
}

// diskFull are the errors of a disk, or of the user's share of it, without room.
var diskFull = []error{syscall.ENOSPC, syscall.EDQUOT}
