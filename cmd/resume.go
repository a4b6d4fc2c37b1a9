package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"secstream/pkg/wire"
	"secstream/tui"
)

// resumeFile is where the places are kept at which listeners left, in the
// configuration folder.
const resumeFile = "resume.json"

// Bounds of the file: it holds the latest places.
const (
	maxPlaces      = 100
	maxResumeBytes = 256 << 10
)

// place is where a listener left. It has no secrets: an address is without
// what was behind the question mark, and without a token.
type place struct {
	Where string    `json:"where"` // an address, or absolute paths
	Path  string    `json:"path"`  // of the track, in the library
	At    float64   `json:"at"`    // seconds
	When  time.Time `json:"when"`
}

// resume keeps the place of one player. Of two players that write at once the
// later one wins; the place of the other is lost.
type resume struct {
	path, where string

	mu     sync.Mutex
	closed bool
}

// openResume is nil where nothing is to be resumed.
func openResume(env Env, o playOptions, l *listener) *resume {
	dir, err := env.configDir()
	if err != nil || o.noResume || o.track != "" {
		return nil
	}
	where := l.name
	if l.local != nil {
		paths := make([]string, len(l.paths))
		for i, p := range l.paths {
			if paths[i], err = filepath.Abs(p); err != nil {
				return nil
			}
		}
		where = strings.Join(paths, "\n")
	}
	return &resume{path: filepath.Join(dir, resumeFile), where: where}
}

// find is the track the listener left in and the position, -1 when nothing is
// known or the track is there no more.
func (r *resume) find(tracks []wire.LibraryTrack) (track int, at time.Duration) {
	if r == nil {
		return -1, 0
	}
	places, err := readPlaces(r.path)
	if err != nil {
		return -1, 0
	}
	for _, p := range places {
		if p.Where != r.where {
			continue
		}
		i := slices.IndexFunc(tracks, func(t wire.LibraryTrack) bool { return t.Path == p.Path })
		at := seconds(p.At)
		if i < 0 || at < 0 || at >= seconds(tracks[i].Duration) {
			return -1, 0
		}
		return i, at
	}
	return -1, 0
}

// save notes a place. What cannot be kept is not: a player plays all the same.
func (r *resume) save(tracks []wire.LibraryTrack, at tui.Resume) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	places, err := readPlaces(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		places = nil // what cannot be read is written anew
	}
	places = slices.DeleteFunc(places, func(p place) bool { return p.Where == r.where })
	if at.Track >= 0 && at.Track < len(tracks) {
		here := place{r.where, tracks[at.Track].Path, at.Position.Seconds(), time.Now().UTC().Truncate(time.Second)}
		places = slices.Insert(places, 0, here)
	}
	_ = writePlaces(r.path, places[:min(len(places), maxPlaces)])
}

// close keeps the last place from being overtaken by an earlier one that is
// still on its way.
func (r *resume) close() {
	if r != nil {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
	}
}

// readPlaces reads the file at path, the latest place first.
func readPlaces(path string) ([]place, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxResumeBytes+1))
	if err != nil {
		return nil, err
	}
	return parsePlaces(text)
}

func parsePlaces(text []byte) ([]place, error) {
	var places []place
	if len(text) > maxResumeBytes {
		return nil, fmt.Errorf("more than %d bytes", maxResumeBytes)
	}
	if err := json.Unmarshal(text, &places); err != nil {
		return nil, err
	}
	for i := range places {
		if at := places[i].At; !(at >= 0 && at < 1e7) {
			places[i].At = 0
		}
	}
	return places[:min(len(places), maxPlaces)], nil
}

// writePlaces replaces the file in one step, for its owner's eyes alone.
func writePlaces(path string, places []place) error {
	text, err := json.MarshalIndent(places, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".resume-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // err says what went wrong first
	}
	return err
}
