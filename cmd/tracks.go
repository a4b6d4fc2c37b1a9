package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/wire"
)

// listener is a way to the tracks: a server elsewhere, or one of our own.
type listener struct {
	client *client.Client
	name   string // what people call it
	paths  []string
	local  *host  // nil for a server elsewhere
	trust  *trust // nil for the player's own server, and by protocol 1
	stop   func() error
	tell   teller        // of a wait for a scan
	every  time.Duration // between its words, 0 for what is usual

	refused []wire.Refusal // files passed over; set by tracks
}

func (l *listener) close() {
	if l.client != nil {
		_ = l.client.Close() // a session that is not ended expires
	}
	if l.stop != nil {
		_ = l.stop() // the play is over; what a server in here says at its end helps nobody
	}
}

// tracks lists what will be played. It waits for the end of a scan, unless
// the track asked for is there before.
func (l *listener) tracks(ctx context.Context, which string) ([]wire.LibraryTrack, error) {
	wait := scan{client: l.client, name: l.name, own: l.local != nil, tell: l.tell, every: l.every}
	list, err := wait.list(ctx, func(so *wire.Library) bool { return named(so.Tracks, which) })
	if err != nil {
		return nil, vouch(l.expired(err), "play", l.name)
	}
	cleanList(list)
	l.order(list.Tracks)
	l.refused = list.Refused
	if l.local != nil {
		l.refused = slices.Concat(l.refused, l.local.denied)
	}
	return l.choose(list, which)
}

// expired is expired for the server that l is a way to.
func (l *listener) expired(err error) error {
	if l.trust == nil {
		return err
	}
	return expired(err, l.trust)
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

// spare refuses an output that is a file which was named to be played or is
// among tracks: the sound would take its place.
func (l *listener) spare(output string, tracks []wire.LibraryTrack) error {
	kind, file, _ := strings.Cut(output, ":")
	dest, err := os.Stat(file)
	if err != nil || file == "-" || l.local == nil || !dest.Mode().IsRegular() {
		return nil //nolint:nilerr // what is not there is not harmed
	}
	same := func(fi os.FileInfo, err error) bool { return err == nil && os.SameFile(fi, dest) }
	if !slices.ContainsFunc(l.paths, func(path string) bool { return same(os.Stat(path)) }) &&
		!slices.ContainsFunc(tracks, func(t wire.LibraryTrack) bool { return same(l.local.lib.Stat(t.ID)) }) {
		return nil
	}
	ext := filepath.Ext(file)
	other := strings.TrimSuffix(file, ext) + "-played" + ext
	return usageErrorf("write to another file, as --output "+quoteAll([]string{kind + ":" + other}),
		"--output %s would replace a file that is to be played", output)
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
				return unreadable(fmt.Sprintf("cannot read %q: %s", path, r.Reason), r.Reason, path)
			}
		}
	}
	return nil
}

func (l *listener) choose(list *wire.Library, which string) ([]wire.LibraryTrack, error) {
	if len(list.Tracks) == 0 && list.Scanning {
		return nil, withHint(fmt.Errorf("%s is still being scanned and has no tracks yet", l.name), "try again in a while")
	}
	if len(list.Tracks) == 0 {
		return nil, l.nothing(list.Refused)
	}
	if which == "" {
		return list.Tracks, nil
	}
	found := find(list.Tracks, which)
	switch {
	case len(found) == 0 && list.Scanning:
		return nil, withHint(fmt.Errorf("no track of %s is called %q so far, and it is still being scanned", l.name, which), "try again in a while")
	case len(found) == 0:
		return nil, withHint(fmt.Errorf("no track of %s is called %q", l.name, which), "secstream play without --track plays all %d", len(list.Tracks))
	case len(found) > 1:
		return nil, withHint(fmt.Errorf("%d tracks of %s match %q", len(found), l.name, which), "be more exact, as --track %s", quoteAll([]string{found[0].Path}))
	}
	return found, nil
}

// nothing is the error for a library without tracks.
func (l *listener) nothing(refused []wire.Refusal) error {
	if len(refused) == 0 && l.local == nil {
		return withHint(fmt.Errorf("there is no audio on %s", l.name), "whoever runs it puts WAV, MP3, FLAC or Ogg files into the folder it serves; they are noticed")
	}
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
	probed := l.paths
	if len(probed) == 0 {
		probed = []string{l.name}
	}
	return unreadable(text, refused[0].Reason, probed...)
}

// unreadable is the error for files that a library refused. A probe shows
// more of them, unless it may not read them either.
func unreadable(text, reason string, paths ...string) error {
	err := &probeFailure{text, refusedAudio(reason)}
	if errors.Is(err, syscall.EACCES) {
		return err
	}
	return withHint(err, "run %q to see how far it parses", "secstream probe "+quoteAll(paths))
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
