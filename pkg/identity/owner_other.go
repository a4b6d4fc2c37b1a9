//go:build !unix

package identity

import "io/fs"

const noFollow = 0

// foreignOwner has nothing to say: what others may do is the folder's to tell.
func foreignOwner(fs.FileInfo) (uid uint32, foreign bool) { return 0, false }
