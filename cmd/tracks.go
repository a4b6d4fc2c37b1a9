package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/wire"
)

// listener is a way to the tracks: a server elsewhere, or one of our own.
type listener struct {
	client *client.Client
	name   string // what people call it
	paths  []string
	local  *host // nil for a server elsewhere
	stop   func() error

	refused []wire.Refusal // files passed over; set by tracks
}

func (l *listener) close() {
	if l.stop != nil {
		_ = l.stop() // the play is over; what a server in here says at its end helps nobody
	}
}

// Waits between two looks at a library that is being scanned. They grow: the
// list of a large library is large.
const (
	firstPoll = 50 * time.Millisecond
	lastPoll  = 2 * time.Second
)

// tracks lists what will be played. It waits for the end of a scan, unless
// the track asked for is there before.
func (l *listener) tracks(ctx context.Context, which string) ([]wire.LibraryTrack, error) {
	for wait := firstPoll; ; wait = min(wait*2, lastPoll) {
		list, err := l.client.Library(ctx)
		if err != nil {
			return nil, err
		}
		cleanList(list)
		if !list.Scanning || named(list.Tracks, which) {
			l.order(list.Tracks)
			l.refused = list.Refused
			return l.choose(list, which)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// named says whether which is the ID or the whole path of a track: then no
// other track can be meant, however many are still to come.
func named(tracks []wire.LibraryTrack, which string) bool {
	return slices.ContainsFunc(tracks, func(t wire.LibraryTrack) bool { return t.ID == which || t.Path == which })
}

// cleanList takes out of a server's list what a terminal would obey.
func cleanList(list *wire.Library) {
	for i := range list.Tracks {
		t := &list.Tracks[i]
		for _, text := range []*string{&t.Path, &t.Folder, &t.Format, &t.Codec, &t.Tags.Title, &t.Tags.Artist,
			&t.Tags.Album, &t.Tags.AlbumArtist, &t.Tags.Date, &t.Tags.Genre, &t.Tags.Comment} {
			*text = printable(*text)
		}
		t.Duration = float64(t.TotalSamples) / float64(max(t.SampleRate, 1))
	}
	for i := range list.Refused {
		r := &list.Refused[i]
		r.Path, r.Reason = printable(r.Path), printable(r.Reason)
	}
}

// order puts tracks of our own server in the order of the arguments.
func (l *listener) order(tracks []wire.LibraryTrack) {
	if l.local == nil {
		return
	}
	root := func(t wire.LibraryTrack) int {
		if found := l.local.lib.Track(t.ID); found != nil {
			return found.Root
		}
		return 0
	}
	slices.SortStableFunc(tracks, func(a, b wire.LibraryTrack) int { return root(a) - root(b) })
}

// missed is the error for files that were named and could not be played, nil
// when there are none.
func (l *listener) missed() error {
	for _, path := range l.paths {
		if fi, err := os.Stat(path); err != nil || fi.IsDir() {
			continue
		}
		for _, r := range l.refused {
			if r.Path == filepath.Base(path) {
				return withHint(refusedAudio(fmt.Sprintf("cannot read %q: %s", path, r.Reason)),
					"run %q to see how far it parses", "secstream probe "+quoteAll([]string{path}))
			}
		}
	}
	return nil
}

func (l *listener) choose(list *wire.Library, which string) ([]wire.LibraryTrack, error) {
	if len(list.Tracks) == 0 {
		return nil, l.nothing(list.Refused)
	}
	if which == "" {
		return list.Tracks, nil
	}
	found := find(list.Tracks, which)
	switch {
	case len(found) == 0:
		return nil, withHint(fmt.Errorf("no track of %s is called %q", l.name, which), "secstream play without --track plays all %d", len(list.Tracks))
	case len(found) > 1:
		return nil, withHint(fmt.Errorf("%d tracks of %s match %q", len(found), l.name, which), "be more exact, as --track %s", quoteAll([]string{found[0].Path}))
	}
	return found, nil
}

// nothing is the error for a library without tracks.
func (l *listener) nothing(refused []wire.Refusal) error {
	if len(refused) == 0 {
		return withHint(fmt.Errorf("there is no audio in %s", l.name), "secstream plays WAV, MP3, FLAC and Ogg Vorbis files")
	}
	if err := l.missed(); err != nil {
		return err
	}
	text := fmt.Sprintf("cannot read %q: %s", refused[0].Path, refused[0].Reason)
	if len(refused) > 1 {
		text += fmt.Sprintf(" (and %s more)", plural(len(refused)-1, "file"))
	}
	return withHint(refusedAudio(text), "run %q to see how far it parses", "secstream probe "+l.name)
}

// find looks for a track by number, ID, path, and at last part of its title
// or path.
func find(tracks []wire.LibraryTrack, which string) []wire.LibraryTrack {
	var n int
	if _, err := fmt.Sscanf(which+"\n", "%d\n", &n); err == nil && n >= 1 && n <= len(tracks) {
		return tracks[n-1 : n]
	}
	var part []wire.LibraryTrack
	for _, t := range tracks {
		if t.ID == which || t.Path == which {
			return []wire.LibraryTrack{t}
		}
		if containsFold(t.Tags.Title, which) || containsFold(t.Path, which) {
			part = append(part, t)
		}
	}
	return part
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

func title(t wire.LibraryTrack) string {
	if t.Tags.Title != "" {
		return t.Tags.Title
	}
	return t.Path[strings.LastIndex(t.Path, "/")+1:]
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// quiet is for servers inside a player, which has the screen to itself.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
