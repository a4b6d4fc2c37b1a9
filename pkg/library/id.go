package library

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
)

// What a print reads of a file. Tags sit at the ends, so the ends are read
// whole; the blocks between catch an edit of the sound that leaves them alone.
// A file of at most wholeBytes is read entirely.
const (
	endBytes   = 64 << 10
	blockBytes = 4 << 10
	blocks     = 16
	wholeBytes = 2*endBytes + blocks*blockBytes
)

// stamp tells the versions of a file apart without reading it.
type stamp struct {
	size, mtime, ctime int64 // bytes; ns since 1970; ns, 0 where the system has none
	dev, ino           uint64
}

func stampOf(fi fs.FileInfo) stamp {
	s := stamp{size: fi.Size(), mtime: fi.ModTime().UnixNano()}
	s.dev, s.ino, s.ctime = identify(fi)
	return s
}

// sameData is equality without the inode change time, which moves when a file
// is renamed, linked or gets other permissions.
func (s stamp) sameData(t stamp) bool {
	s.ctime = t.ctime
	return s == t
}

// fingerprint identifies content: HMAC-SHA-256, keyed by Config.IDKey, over
// the size (64 bits, big-endian) and
//   - the whole file, if it has at most 192 KiB,
//   - else its first 64 KiB, 16 blocks of 4 KiB whose starts are spread evenly
//     between the two ends, and its last 64 KiB, in that order.
//
// Without the key it says nothing about the file and cannot be recomputed.
// Two files of one size that differ in none of the bytes read have the same
// print: an encoder's output never does that by chance, for its bytes all
// depend on what came before, but an edit of a few samples in the middle of a
// long WAV file can go unseen. Beyond that, prints collide only if
// HMAC-SHA-256 does.
type fingerprint [sha256.Size]byte

// takePrint reads at most 192 KiB of r.
func takePrint(ctx context.Context, key []byte, r io.ReaderAt, size int64) (p fingerprint, err error) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("secstream track 1\x00"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(size)))
	buf := make([]byte, endBytes)
	read := func(off, n int64) {
		for n > 0 && err == nil {
			if err = ctx.Err(); err != nil {
				return
			}
			part := buf[:min(n, endBytes)]
			var got int
			if got, err = r.ReadAt(part, off); got == len(part) {
				err = nil
			} else if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF // it shrank
			}
			mac.Write(part[:got])
			off, n = off+int64(got), n-int64(got)
		}
	}
	if size <= wholeBytes {
		read(0, size)
	} else {
		read(0, endBytes)
		room := size - 2*endBytes - blockBytes
		for i := range int64(blocks) {
			read(endBytes+room/(blocks-1)*i, blockBytes)
		}
		read(size-endBytes, endBytes)
	}
	mac.Sum(p[:0])
	return p, err
}

// id is the public name of the copy-th file, counted from 0, with this print:
// 128 bits in hex. The first file's is cut from the print itself. Among a
// million tracks two IDs meet with a chance of about 2^-89.
func (p fingerprint) id(key []byte, copy int) string {
	if copy == 0 {
		return hex.EncodeToString(p[:16])
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("secstream copy 1\x00"))
	mac.Write(p[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(copy)))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// identity names one version of one file for caches that outlive an open
// file: unlike an ID it changes with every write to the file, seen by the
// print or not.
func (p fingerprint) identity(key []byte, s stamp) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("secstream version 1\x00"))
	mac.Write(p[:])
	for _, v := range []uint64{uint64(s.size), uint64(s.mtime), s.dev, s.ino} {
		mac.Write(binary.BigEndian.AppendUint64(nil, v))
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
