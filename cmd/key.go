package cmd

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

const libraryKeySize = 32

// libraryKey is the secret that track IDs are made with. It is kept, so that
// IDs outlive a restart; where it cannot be, IDs last as long as the process.
func libraryKey(env Env, log *slog.Logger) ([]byte, error) {
	dir, err := env.ConfigDir()
	if err != nil {
		log.Warn("track IDs will change at the next start", "err", err)
		return freshKey(), nil //nolint:nilerr // IDs that do not last are better than no server
	}
	path := filepath.Join(dir, "library.key")
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == libraryKeySize:
		return key, nil
	case err == nil:
		return nil, withHint(fmt.Errorf("%s has %d bytes and not %d", path, len(key), libraryKeySize),
			"remove the file: a new one is made, and tracks get new IDs")
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	key = freshKey()
	if err := writeNew(dir, path, key); err != nil {
		log.Warn("track IDs will change at the next start", "err", err)
	}
	return key, nil
}

func freshKey() []byte {
	key := make([]byte, libraryKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// writeNew writes a private file so that no other process ever sees half of
// it. When two start at once the last one stays.
func writeNew(dir, path string, data []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
