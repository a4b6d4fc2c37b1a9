package library

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"secstream/pkg/audio"
)

// ErrNoLyrics means that a track has no lyrics, in it or beside it.
var ErrNoLyrics = errors.New("no lyrics")

// Lyrics returns the words of the track. Those with times come first, of the
// file and then of one beside it with the same name and the ending .lrc; then
// those without, in the same order. A track that is served as a single file
// has no folder to look in. Nothing is remembered: the files are read again.
// Errors are ErrNoLyrics and those of Open, wrapped.
func (l *Library) Lyrics(ctx context.Context, id string) (audio.Lyrics, error) {
	select {
	case l.covers <- struct{}{}:
		defer func() { <-l.covers }()
	case <-ctx.Done():
		return audio.Lyrics{}, ctx.Err()
	}
	file, err := l.openListed(ctx, id)
	if err != nil {
		return audio.Lyrics{}, err
	}
	defer file.Close() //nolint:errcheck // only read from
	found := l.inside(ctx, file).Lyrics
	if ctx.Err() != nil {
		return audio.Lyrics{}, ctx.Err()
	}
	if !found.Synced {
		found = found.Or(file.e.folder.root.lyrics(file.e.words))
	}
	if found.Size == 0 {
		return audio.Lyrics{}, fmt.Errorf("lyrics of %q: %w", file.path, ErrNoLyrics)
	}
	return found, nil
}

// lyrics reads the text file at name, nothing if it cannot.
func (r *root) lyrics(name string) audio.Lyrics {
	if name == "" {
		return audio.Lyrics{}
	}
	f, _, err := r.open(name)
	if err != nil {
		return audio.Lyrics{}
	}
	defer f.Close() //nolint:errcheck // only read from
	b, err := io.ReadAll(io.LimitReader(f, maxLyricFile+1))
	if err != nil || len(b) > maxLyricFile {
		return audio.Lyrics{}
	}
	return audio.NewLyrics(text(b))
}

// maxLyricFile bounds a file of lyrics, in bytes: in UTF-16 it has two of them
// for what is one in UTF-8.
const maxLyricFile = 2 * audio.MaxLyrics

// text reads a text file as its byte order mark says, as UTF-8 where it is
// that, and else as Latin-1.
func text(b []byte) string {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
	case utf8.Valid(b):
		return string(b)
	default:
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c)
		}
		return string(r)
	}
	units := make([]uint16, len(b)/2-1)
	for i := range units {
		units[i] = order.Uint16(b[2*i+2:])
	}
	return string(utf16.Decode(units))
}

// lyricFiles are the files of lyrics that a look at a folder has met: what they
// are opened by, by their names without the ending, as written and in lower
// case.
type lyricFiles map[string]string

// add takes a file if its name says that it holds lyrics.
func (l *lyricFiles) add(name, open string) {
	ext := path.Ext(name)
	if !strings.EqualFold(ext, ".lrc") {
		return
	}
	if *l == nil {
		*l = lyricFiles{}
	}
	stem := strings.TrimSuffix(name, ext)
	(*l)[stem] = open
	if lower := strings.ToLower(stem); (*l)[lower] == "" {
		(*l)[lower] = open
	}
}

// of finds the lyrics of each audio file, nil for none at all.
func (l lyricFiles) of(files map[string]*entry) map[string]string {
	if len(l) == 0 {
		return nil
	}
	var found map[string]string
	for name := range files {
		stem := strings.TrimSuffix(name, path.Ext(name))
		open := l[stem]
		if open == "" {
			open = l[strings.ToLower(stem)]
		}
		if open != "" {
			if found == nil {
				found = map[string]string{}
			}
			found[name] = open
		}
	}
	return found
}
