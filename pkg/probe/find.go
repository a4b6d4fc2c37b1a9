package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

// ErrNoAudio is what a folder without audio gives.
var ErrNoAudio = errors.New("there is no audio in it")

// Find calls found for every file at or below path, in path order. A file
// named itself is always found; in folders only names that look like audio
// are, and neither hidden files and folders nor what folders that are links
// lead to. A folder that cannot be read, or holds no audio, is passed to found
// with the reason. Find ends early with ctx's error, or when found returns
// false.
func Find(ctx context.Context, path string, found func(path string, why error) bool) error {
	fi, err := os.Stat(path)
	if err != nil {
		found(path, cause(err))
		return ctx.Err()
	}
	if !fi.IsDir() {
		found(path, nil)
		return ctx.Err()
	}
	n := 0
	err = below(ctx, path, func(path string, why error) bool { n++; return found(path, why) })
	if err == nil && n == 0 {
		found(path, ErrNoAudio)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

var errEnough = errors.New("enough")

// below finds what dir holds. It goes as deep as paths can be long.
func below(ctx context.Context, dir string, found func(string, error) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir) // in order
	if err != nil && !found(dir, cause(err)) {
		return errEnough
	}
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(name, "."):
		case e.IsDir():
			if err := below(ctx, path, found); err != nil {
				return err
			}
		case format.Known(name) && regular(e, path):
			if !found(path, nil) {
				return errEnough
			}
		}
	}
	return nil
}

// regular says whether the entry is a file, or a link to one.
func regular(e fs.DirEntry, path string) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}

// Open opens the file at path for reading and tells its size. What is no file
// is not opened, for a pipe would stall and a device may act: that gives an
// error wrapping audio.ErrNotAudio.
func Open(path string) (*os.File, int64, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, 0, cause(err)
	}
	if what := kind(fi.Mode()); what != "" {
		return nil, 0, fmt.Errorf("%w: it is %s", audio.ErrNotAudio, what)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, cause(err)
	}
	return f, fi.Size(), nil
}

// kind names what is no file.
func kind(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return ""
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}

// cause drops the path from err: whoever tells of it names the file.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
