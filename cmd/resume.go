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
	"strconv"
	"strings"
	"sync"
	"time"

	"secstream/pkg/wire"
	"secstream/tui"
)

// resumeFile is where the places are kept at which listeners left, in the
// configuration folder.
const resumeFile = "resume.json"

// Bounds of the file: it holds the latest places, as many as it has room for.
// A place that alone takes more than maxPlaceBytes is none.
const (
	maxPlaces      = 100
	maxResumeBytes = 256 << 10
	maxPlaceBytes  = maxResumeBytes / 4
	maxResumeRead  = 4 << 20 // of what others wrote
)

// A file that cannot be read is renamed to badResume, or while there is such a
// one to the same with a number, up to maxBad.
const (
	badResume = resumeFile + ".bad"
	maxBad    = 9
)

// errPlaces is of a file that does not hold places.
var errPlaces = errors.New("it does not hold what a player wrote")

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
	tell        teller // of a file that cannot be read

	mu     sync.Mutex
	closed bool
	stuck  bool // the file cannot be read and not be put aside: it stays as it is
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
	return &resume{path: filepath.Join(dir, resumeFile), where: where, tell: l.tell}
}

// find is the track the listener left in and the position, -1 when nothing is
// known or the track is there no more.
func (r *resume) find(tracks []wire.LibraryTrack) (track int, at time.Duration) {
	if r == nil {
		return -1, 0
	}
	r.mu.Lock()
	places := r.read()
	r.mu.Unlock()
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
	places := r.read()
	if r.stuck {
		return
	}
	places = slices.DeleteFunc(places, func(p place) bool { return p.Where == r.where })
	if at.Track >= 0 && at.Track < len(tracks) {
		here := place{r.where, tracks[at.Track].Path, at.Position.Seconds(), time.Now().UTC().Truncate(time.Second)}
		if len(here.Where)+len(here.Path) <= maxPlaceBytes { // else it would push the others out
			places = slices.Insert(places, 0, here)
		}
	}
	_ = writePlaces(r.path, places)
}

// read are the places in the file. One that cannot be read is told of and put
// aside, so that nothing is lost when it is written anew. The caller holds mu.
func (r *resume) read() []place {
	if r.stuck {
		return nil
	}
	places, err := readPlaces(r.path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return places
	}
	text := fmt.Sprintf("the places to go on at cannot be read from %s: %s; ", r.path, clean(err))
	if name, moved := putAside(r.path, err); moved == nil {
		text += "it is kept as " + name + ", and a new one begun"
	} else {
		r.stuck = true
		text += "no place is kept until it is mended or removed"
	}
	if r.tell != nil {
		r.tell("warning", text)
	}
	return nil
}

// putAside renames what could not be read because of err to the first name that
// is free. What may yet be well is left where it is.
func putAside(path string, err error) (name string, _ error) {
	if !errors.Is(err, errPlaces) {
		return "", err
	}
	for n := 1; n <= maxBad; n++ {
		name := badResume
		if n > 1 {
			name += strconv.Itoa(n)
		}
		aside := filepath.Join(filepath.Dir(path), name)
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return name, os.Rename(path, aside)
		}
	}
	return "", fmt.Errorf("%d of them are kept already", maxBad)
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
	text, err := io.ReadAll(io.LimitReader(f, maxResumeRead+1))
	if err != nil {
		return nil, err
	}
	return parsePlaces(text)
}

func parsePlaces(text []byte) ([]place, error) {
	var places []place
	if len(text) > maxResumeRead {
		return nil, fmt.Errorf("%w: it has more than %d bytes", errPlaces, maxResumeRead)
	}
	if err := json.Unmarshal(text, &places); err != nil {
		return nil, fmt.Errorf("%w: %w", errPlaces, err)
	}
	for i := range places {
		if at := places[i].At; !(at >= 0 && at < 1e7) {
			places[i].At = 0
		}
	}
	return places[:min(len(places), maxPlaces)], nil
}

// fitted are places as they are written: the latest of them, in no more than
// maxResumeBytes.
func fitted(places []place) ([]byte, error) {
	places = places[:min(len(places), maxPlaces)]
	for {
		text, err := json.MarshalIndent(places, "", " ")
		if err != nil || len(text) < maxResumeBytes || len(places) == 0 {
			return append(text, '\n'), err
		}
		places = places[:len(places)-1]
	}
}

// writePlaces replaces the file in one step, for its owner's eyes alone.
func writePlaces(path string, places []place) error {
	text, err := fitted(places)
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
	_, err = f.Write(text)
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
