//go:build !unix

package server

import (
	"io/fs"
	"syscall"
)

// private relies on the place: elsewhere each user has a folder of their own
// for temporary files.
func private(fs.FileInfo) bool { return true }

// diskFull are the errors of a disk without room: ERROR_HANDLE_DISK_FULL and
// ERROR_DISK_FULL of Windows.
var diskFull = []error{syscall.Errno(39), syscall.Errno(112)}
