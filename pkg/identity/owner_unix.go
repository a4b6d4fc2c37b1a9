//go:build unix

package identity

import (
	"io/fs"
	"os"
	"syscall"
)

// noFollow refuses to open a link that came since the file was looked at.
const noFollow = syscall.O_NOFOLLOW

// foreignOwner says whether what info is of belongs to another user than this
// one and root, who may do anything anyway.
func foreignOwner(info fs.FileInfo) (uid uint32, foreign bool) {
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return sys.Uid, sys.Uid != 0 && int(sys.Uid) != os.Geteuid()
}
