// Package token says whose bearer token a text is. A file of names and hashes
// goes in, the name of a token's owner comes out; a token itself is in nobody's
// hands but its owner's, and here for as long as one is made or checked. It
// imports nothing of ours.
//
// A token is 256 random bits. Its hash is plain SHA-256: a slow hash, as for
// passwords, buys time against guessing, and nobody guesses 256 bits. Each
// request has a token checked, so a slow hash would only be a way to keep the
// server busy.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Prefix begins every token, so that people and programs that look for lost
// secrets know one when they see it.
const Prefix = "sst_"

// Length is that of every token, in bytes. Nothing of another length is looked
// at.
const Length = len(Prefix) + 43 // base64url of 32 bytes, without padding

// lookEvery is how often, at most, a check looks whether the file has changed.
const lookEvery = time.Second

// File is the tokens of one file. It is safe for concurrent use.
type File struct {
	path  string
	log   *slog.Logger
	set   atomic.Pointer[[]Entry]
	start time.Time
	next  atomic.Int64 // when to look at the file again, in nanoseconds after start

	mu   sync.Mutex  // guards what follows, and the reading of the file
	seen fs.FileInfo // the file as it was last read, or tried to; nil when it was not there
	told bool        // that it cannot be read as it is
}

// Open reads the tokens in the file at path. A nil log is for nobody. Errors
// are a *Error where the file is not there, or not as it should be.
func Open(path string, log *slog.Logger) (*File, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &File{path: path, log: log, start: time.Now()}
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Check says whose token text is. It takes the same time whichever of the
// tokens it is, and whether it is one. About once a second it looks whether the
// file has changed; a file that cannot be read then leaves the tokens as they
// were, and the log says so once.
func (f *File) Check(text string) (name string, ok bool) {
	f.look()
	if len(text) != Length {
		return "", false
	}
	sum := hash(text)
	set := *f.set.Load()
	found := -1
	for i := range set {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], set[i].sum[:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return set[found].Name, true
}

// Len is the number of tokens.
func (f *File) Len() int { return len(*f.set.Load()) }

// Reload reads the file now. After an error the tokens are those of before.
func (f *File) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next.Store(int64(time.Since(f.start) + lookEvery))
	return f.read()
}

// look reads the file when its time has come and it is another than before.
// One caller does it; the others go on with what there is.
func (f *File) look() {
	now := time.Since(f.start) // the wall clock may be set back
	if int64(now) < f.next.Load() || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	f.next.Store(int64(now + lookEvery))
	info, err := os.Stat(f.path)
	if err != nil {
		info = nil
	}
	if same(info, f.seen) {
		return
	}
	was := f.Len()
	if err := f.read(); err == nil {
		f.log.Info("tokens were read again", "path", f.path, "tokens", f.Len(), "before", was)
	} else if !f.told {
		f.told = true
		f.log.Warn("the token file cannot be used: the tokens stay as they were", "path", f.path, "err", err)
	}
}

// read replaces the tokens by those of the file. The caller holds mu.
func (f *File) read() error {
	text, info, err := load(f.path)
	if !same(info, f.seen) {
		f.seen, f.told = info, false
	}
	if err != nil {
		return err
	}
	set, err := parse(text)
	if err != nil {
		return inFile(f.path, err)
	}
	f.set.Store(&set)
	f.told = false
	return nil
}

// same says whether two looks at the file saw one and the same content.
func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}

// load reads the whole file at path and says what it was before that; nil
// where there is none.
func load(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, missing(path, err)
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait
		return nil, info, &Error{Path: path, Err: errNotRegular}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, info, fmt.Errorf("read tokens: %w", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, fmt.Errorf("read tokens: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows" { // there the bits are made up
		return nil, info, &Error{Path: path, Err: fmt.Errorf("%w: mode %#o", ErrWritable, info.Mode().Perm())}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, info, fmt.Errorf("read tokens of %q: %w", path, err)
	}
	return text, info, nil
}

// missing puts the error of os.Stat in fewer words.
func missing(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Path: path, Err: fs.ErrNotExist}
	}
	return fmt.Errorf("read tokens: %w", err)
}

func hash(text string) [sha256.Size]byte {
	var b [Length]byte
	copy(b[:], text)
	return sha256.Sum256(b[:])
}

// fresh is a new token.
func fresh() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return Prefix + base64.RawURLEncoding.EncodeToString(b[:])
}
