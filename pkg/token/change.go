package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// List reads the tokens in the file at path, in the order of its lines.
func List(path string) ([]Entry, error) {
	text, _, err := load(path)
	if err != nil {
		return nil, err
	}
	set, err := parse(text)
	if err != nil {
		return nil, inFile(path, err)
	}
	return set, nil
}

// header begins a file that Add makes.
const header = "# Tokens of secstream: NAME sha256:HEX YYYY-MM-DD, the hash of the token's text.\n"

// Add makes a token, puts its hash into the file at path and returns its text,
// which cannot be had again. It makes the file and its folder, for their owner
// alone, where they are not there yet. Errors wrap ErrName and ErrTaken.
func Add(ctx context.Context, path, name string) (text string, err error) {
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("%q: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make a folder for tokens: %w", err)
	}
	err = change(ctx, path, func(old []byte) ([]byte, error) {
		set, err := parse(old)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(set, func(e Entry) bool { return e.Name == name }) {
			return nil, fmt.Errorf("%q: %w", name, ErrTaken)
		}
		if len(old) == 0 {
			old = []byte(header)
		}
		if old[len(old)-1] != '\n' {
			old = append(old, '\n')
		}
		text = fresh()
		old = append(old, Entry{Name: name, Made: time.Now().UTC(), sum: hash(text)}.line()...)
		_, err = parse(old) // what is too much is refused now and not at the next start
		return old, err
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

// Remove takes the token of that name out of the file at path; whoever has it
// is refused from then on. All other lines stay as they are. Errors wrap
// ErrUnknown.
func Remove(ctx context.Context, path, name string) error {
	if name == "" {
		return fmt.Errorf("%q: %w", name, ErrUnknown)
	}
	if _, err := os.Stat(path); err != nil {
		return missing(path, err) // there is no folder to lock, perhaps
	}
	return change(ctx, path, func(old []byte) ([]byte, error) {
		if _, err := parse(old); err != nil {
			return nil, err
		}
		var left []byte
		for line := range bytes.Lines(old) {
			if e, _ := parseLine(string(line)); e.Name != name { // parse has taken them all
				left = append(left, line...)
			}
		}
		if len(left) == len(old) {
			return nil, fmt.Errorf("%q: %w", name, ErrUnknown)
		}
		return left, nil
	})
}

// lockWait is how long another process may keep the file to itself.
const lockWait = 10 * time.Second

// change replaces the content of the file at path by what edit makes of it,
// none of which another process changes meanwhile. Who reads the file sees the
// old or the new, never half of it.
func change(ctx context.Context, path string, edit func([]byte) ([]byte, error)) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays a link
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(path+".lock", flock.SetPermissions(0o600)) // a file of its own: the other one is replaced
	if ok, err := lock.TryLockContext(ctx, 10*time.Millisecond); !ok {
		return fmt.Errorf("lock %q: %w", lock.Path(), err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	old, info, err := load(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := edit(old)
	if err != nil {
		return inFile(path, err)
	}
	return replace(path, info, text)
}

// replace writes a whole file in the place of the one that is like old, with
// the same owner and rights: the server may run as another user.
func replace(path string, old fs.FileInfo, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tokens-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	_, err = f.Write(text)
	if old != nil && err == nil {
		err = keepOwner(f, old)
	}
	if old != nil && err == nil {
		err = f.Chmod(old.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write tokens: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
