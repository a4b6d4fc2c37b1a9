package server

import (
	"context"
	"net/http"
	"path"
	"sort"
	"strconv"
	"sync"

	"secstream/pkg/audio"
	"secstream/pkg/library"
	"secstream/pkg/wire"
)

func metadata(i audio.Info) wire.CreateMetadata {
	return wire.CreateMetadata{
		Format: string(i.Container), SampleRate: i.SampleRate, Channels: i.Channels, Duration: i.Duration().Seconds(),
	}
}

// listing is the library as JSON: one text for everybody who asks.
type listing struct {
	mu       sync.Mutex
	text     []byte // never changed, only replaced
	version  uint64
	scanning bool
}

func (s *Server) listLibrary(w *reply, _ *http.Request) error {
	writeText(w, http.StatusOK, s.list.current(s.cfg.Library))
	return nil
}

// current is the list as of now.
func (l *listing) current(lib *library.Library) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := wire.Library{Folders: []string{}, Tracks: []wire.LibraryTrack{}}
	if lib != nil {
		// The version is read first: a change in between then shows as a newer one.
		list.Version = lib.Version()
		list.Scanning = !lib.Scanned().Ready
	}
	if l.text == nil || l.version != list.Version || l.scanning != list.Scanning {
		if lib != nil {
			fill(&list, lib)
		}
		l.text, l.version, l.scanning = mustJSON(list), list.Version, list.Scanning
	}
	return l.text
}

func fill(list *wire.Library, lib *library.Library) {
	folders := map[string]bool{}
	for _, t := range lib.Tracks() {
		folder := above(t.Path)
		for f := folder; !folders[f]; f = above(f) {
			folders[f] = true
		}
		list.Tracks = append(list.Tracks, wire.LibraryTrack{
			ID: t.ID, Path: t.Path, Folder: folder,
			Format: string(t.Info.Container), Codec: string(t.Info.Codec),
			SampleRate: t.Info.SampleRate, Channels: t.Info.Channels, BitDepth: t.Info.BitDepth,
			TotalSamples: int64(t.Info.Frames), Duration: t.Info.Duration().Seconds(),
			Size: t.Size, HasCover: t.HasCover, HasLyrics: t.HasLyrics, Tags: wire.FromTags(t.Info.Tags),
		})
	}
	for f := range folders {
		list.Folders = append(list.Folders, f)
	}
	sort.Strings(list.Folders)
	refused, _ := lib.Refused()
	for _, r := range refused {
		list.Refused = append(list.Refused, wire.Refusal(r))
	}
}

// above is the folder that something lies in, "" for the root and its own.
func above(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

func (s *Server) cover(w *reply, r *http.Request) error {
	return s.beside(w, r, func(ctx context.Context, id string) ([]byte, string, error) {
		return s.cfg.Library.Cover(ctx, id)
	})
}

// beside answers with what read finds of a track besides its sound, and the
// type of that. Reading takes room for the largest cover, as the tags of a file
// bring its pictures into memory; what is sent holds on to its own size.
func (s *Server) beside(w *reply, r *http.Request, read func(ctx context.Context, id string) ([]byte, string, error)) error {
	if s.cfg.Library == nil {
		return wire.Errorf(wire.TrackNotFound, "Track not found")
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := s.covers.Acquire(ctx, library.MaxCover); err != nil {
		return err
	}
	held := int64(library.MaxCover)
	defer func() { s.covers.Release(held) }()
	data, mime, err := read(r.Context(), r.PathValue("track"))
	if err != nil {
		return err
	}
	s.covers.Release(held - int64(len(data)))
	held = int64(len(data))
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	_, _ = w.send(data) // a client that went away is its own affair
	return nil
}
