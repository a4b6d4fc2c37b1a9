package library

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
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
func (s stamp) sameData(t stamp) bool { return s.data() == t.data() }

func (s stamp) data() stamp {
	s.ctime = 0
	return s
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
// long WAV file can go unseen, and so the file keeps its ID. What must not mix
// the two goes by identity. Beyond that, prints collide only if HMAC-SHA-256
// does.
type fingerprint [sha256.Size]byte

// takePrint reads at most 192 KiB of r.
func takePrint(ctx context.Context, key []byte, r io.ReaderAt, size int64) (p fingerprint, err error) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("secstream track 1\x00"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(size)))
	buf := make([]byte, endBytes)
	read := func(off, n int64) {
		if err == nil {
			err = feed(ctx, mac, r, buf, off, n)
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

// takeWhole is the fingerprint of all of r: where a print is a sample, only
// this tells whether two files have the same content.
func takeWhole(ctx context.Context, key []byte, r io.ReaderAt, size int64) (p fingerprint, err error) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("secstream whole 1\x00"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(size)))
	err = feed(ctx, mac, r, make([]byte, wholeBuffer), 0, size)
	mac.Sum(p[:0])
	return p, err
}

const wholeBuffer = 256 << 10

// feed writes n bytes of r, from off on, to mac.
func feed(ctx context.Context, mac hash.Hash, r io.ReaderAt, buf []byte, off, n int64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buf[:min(n, int64(len(buf)))]
		got, err := r.ReadAt(part, off)
		mac.Write(part[:got])
		switch {
		case got == len(part):
		case err == nil || err == io.EOF:
			return io.ErrUnexpectedEOF // it shrank
		default:
			return err
		}
		off, n = off+int64(got), n-int64(got)
	}
	return nil
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

// identity names a content, for who must not mix it with another: sessions,
// and caches that outlive an open file. A print that covers the whole file
// does that by itself, wherever the file lies. The print of a longer one is a
// sample, so its identity takes in what shows every write to the file, seen by
// the print or not, and what tells the file from copies that may differ.
func (p fingerprint) identity(key []byte, s stamp) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("secstream version 2\x00"))
	mac.Write(p[:])
	if s.size > wholeBytes {
		for _, v := range []uint64{uint64(s.size), uint64(s.mtime), s.dev, s.ino} {
			mac.Write(binary.BigEndian.AppendUint64(nil, v))
		}
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
