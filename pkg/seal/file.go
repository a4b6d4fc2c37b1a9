package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// File is a file that is sealed on the disk under a key that is in memory
// alone: whoever gets hold of the disk, or of what a crash left there, has
// noise. It is written once, from its beginning to its end, and then read
// anywhere by any number at once.
//
// Every block of blockSize bytes is sealed by AES-256-GCM by itself, with its
// number as the nonce: the key is used for this file only, and no block is
// written twice, so no nonce is either (NIST SP 800-38D section 8.2.1).
type File struct {
	file *os.File
	aead cipher.AEAD
	size int64 // bytes in the clear
}

// blockSize is how much is sealed together. A small read opens one block,
// which takes some 5 µs.
const blockSize = 16 << 10

// fileBlocks holds buffers for one sealed block each. They are wiped before they
// go back.
var fileBlocks = sync.Pool{New: func() any { return new([blockSize + TagSize]byte) }}

// NewFile seals what goes to f, which it takes over, under a key of its own.
func NewFile(f *os.File) (*File, error) {
	var key [KeySize]byte
	_, _ = rand.Read(key[:]) // never fails
	defer clear(key[:])
	aead, err := AES256GCM{}.New(key[:])
	return &File{file: f, aead: aead}, err
}

func blockNonce(block int64) []byte {
	var n [NonceSize]byte
	binary.BigEndian.PutUint64(n[4:], uint64(block))
	return n[:]
}

// ReadFrom fills the file with all of r. It is called once. Errors are r's and
// the disk's.
func (v *File) ReadFrom(r io.Reader) (int64, error) {
	buf := fileBlocks.Get().(*[blockSize + TagSize]byte)
	defer func() { clear(buf[:]); fileBlocks.Put(buf) }()
	for i := int64(0); ; i++ {
		n, err := io.ReadFull(r, buf[:blockSize])
		if n > 0 {
			sealed := v.aead.Seal(buf[:0], blockNonce(i), buf[:n], nil)
			if _, err := v.file.Write(sealed); err != nil {
				return v.size, err
			}
			v.size += int64(n)
		}
		switch {
		case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
			return v.size, nil
		case err != nil:
			return v.size, err
		}
	}
}

// ReadAt reads bytes in the clear, as io.ReaderAt has it. Errors: ErrForged
// where the disk holds something else than was written, and the disk's.
func (v *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d", off)
	}
	buf := fileBlocks.Get().(*[blockSize + TagSize]byte)
	defer func() { clear(buf[:]); fileBlocks.Put(buf) }()
	for n < len(p) && off < v.size {
		plain, err := v.open(buf, off/blockSize)
		if err != nil {
			return n, err
		}
		k := copy(p[n:], plain[off%blockSize:])
		n += k
		off += int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// open reads block i into buf and opens it there.
func (v *File) open(buf *[blockSize + TagSize]byte, i int64) ([]byte, error) {
	size := min(blockSize, v.size-i*blockSize) + TagSize
	if _, err := v.file.ReadAt(buf[:size], i*(blockSize+TagSize)); err != nil {
		if err == io.EOF {
			err = ErrForged
		}
		return nil, err
	}
	plain, err := v.aead.Open(buf[:0], blockNonce(i), buf[:size], nil)
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}

// Close forgets the file. Reads that follow fail with os.ErrClosed.
func (v *File) Close() error { return v.file.Close() }
