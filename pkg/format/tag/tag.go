// Package tag reads descriptive tags, embedded pictures and lyrics: ID3v1,
// ID3v2, APEv2, Lyrics3, Vorbis comments, FLAC pictures and RIFF INFO. It
// imports audio only; the format parsers call it with the bytes they found.
//
// Text comes out clean: valid UTF-8, no control characters, at most 4096 bytes
// (see Clean); lyrics as audio.NewLyrics has them. Pictures are at most 64 a tag, 16 MiB each and 32 MiB in all,
// copied out of the caller's buffer; what is larger is left out. Of the tags of
// a file, which may be many, a File bounds what they cost together. A tag that is damaged gives what could be read and an
// *audio.Error; a read error comes as it came. Everything here but a File is
// safe for concurrent use.
//
// The readers are our own. Of the library that was weighed (dhowden/tag), only
// ID3v2 would have served. Of a dozen valid but less usual tags it read two: one
// odd byte of UTF-16 loses the whole tag, compressed and singly unsynchronised
// frames come out as noise or not at all, frame sizes as old iTunes versions
// wrote them end the reading, several values run together, genre "17" becomes
// "7", and escape sequences pass through.
package tag

import (
	"fmt"

	"secstream/pkg/audio"
)

// Bounds on what one tag may cost, or one file. Pictures of real files are under 5 MiB.
const (
	maxPictures    = 64
	maxPicture     = 16 << 20
	maxAllPictures = 32 << 20
	maxItems       = 4096     // frames, items or comments of one tag that are looked at
	maxValue       = 64 << 10 // bytes of one text that are read
	maxExpanded    = 32 << 20 // bytes that the compressed frames of one file may become
)

// Found is what one tag block held.
type Found struct {
	Tags     audio.Tags
	Pictures []audio.Picture
	Lyrics   audio.Lyrics
	Encoder  string
	Speakers audio.Speakers // of FLAC; 0 if the tag does not say
}

// Merge fills what f lacks from g: each text and number by itself, pictures
// only if f has none, lyrics if f has none or none with times.
func (f *Found) Merge(g Found) {
	t, u := &f.Tags, &g.Tags
	for _, p := range []struct {
		to   *string
		from string
	}{
		{&t.Title, u.Title}, {&t.Artist, u.Artist}, {&t.Album, u.Album}, {&t.AlbumArtist, u.AlbumArtist},
		{&t.Date, u.Date}, {&t.Genre, u.Genre}, {&t.Comment, u.Comment}, {&f.Encoder, g.Encoder},
	} {
		if *p.to == "" {
			*p.to = p.from
		}
	}
	for _, p := range []struct {
		to   *int
		from int
	}{{&t.Track, u.Track}, {&t.TrackTotal, u.TrackTotal}, {&t.Disc, u.Disc}, {&t.DiscTotal, u.DiscTotal}} {
		if *p.to == 0 {
			*p.to = p.from
		}
	}
	for _, p := range []struct{ to, from **float64 }{
		{&t.TrackGain, &u.TrackGain}, {&t.TrackPeak, &u.TrackPeak},
		{&t.AlbumGain, &u.AlbumGain}, {&t.AlbumPeak, &u.AlbumPeak},
	} {
		if *p.to == nil {
			*p.to = *p.from
		}
	}
	if len(f.Pictures) == 0 {
		f.Pictures = g.Pictures
	}
	f.Lyrics = f.Lyrics.Or(g.Lyrics)
}

// addPicture keeps p if it is an image and there is room for it, and says so.
func (f *Found) addPicture(p audio.Picture) bool {
	if p.Size <= 0 || p.Size > f.room() {
		return false
	}
	f.Pictures = append(f.Pictures, p)
	return true
}

// room is how large the next picture may be.
func (f *Found) room() int {
	if len(f.Pictures) >= maxPictures {
		return 0
	}
	room := maxAllPictures
	for _, p := range f.Pictures {
		room -= p.Size
	}
	return min(room, maxPicture)
}

func fault(kind string, off int64, format string, args ...any) error {
	return &audio.Error{Format: kind, Off: off, Err: fmt.Errorf(format+": %w", append(args, audio.ErrCorrupt)...)}
}
