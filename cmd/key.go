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
// IDs outlive a restart; where it cannot be, IDs last as long as the process:
// that is better than no server.
func libraryKey(env Env, log *slog.Logger) []byte {
	passing := func(err error, mend string) []byte {
		log.Warn("track IDs will change at the next start", "err", err, "hint", mend)
		return freshKey()
	}
	const elsewhere = "set SECSTREAM_CONFIG_DIR to a folder that can be written to"
	dir, err := env.ConfigDir()
	if err != nil {
		return passing(err, elsewhere)
	}
	path := filepath.Join(dir, "library.key")
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == libraryKeySize:
		return key
	case err == nil:
		return passing(fmt.Errorf("%s has %d bytes and not %d", path, len(key), libraryKeySize), "remove it: a new one is made")
	case !errors.Is(err, fs.ErrNotExist):
		return passing(err, "make it readable, or remove it and a new one is made, or "+elsewhere)
	}
	key = freshKey()
	if err := writeNew(dir, path, key); err != nil {
		return passing(err, elsewhere)
	}
	return key
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
