//go:build unix

package token_test

import (
	"io/fs"
	"syscall"
)

func owner(info fs.FileInfo) [2]uint32 {
	sys := info.Sys().(*syscall.Stat_t)
	return [2]uint32{sys.Uid, sys.Gid}
}
