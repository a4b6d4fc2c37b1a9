package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"secstream/pkg/audio"
)

// LibraryPath is where the list of tracks is, below the server's address.
const LibraryPath = "/api/library"

// Library is the answer of LibraryPath: the folder tree flattened, sorted by
// path.
type Library struct {
	Scanning bool           `json:"scanning"` // more tracks may still appear
	Version  uint64         `json:"version"`  // changes whenever the list does
	Folders  []string       `json:"folders"`  // every folder with tracks in or below it, "" for the root
	Tracks   []LibraryTrack `json:"tracks"`
	Refused  []Refusal      `json:"refused,omitempty"`
}

// LibraryTrack is one track of the served folder.
type LibraryTrack struct {
	ID           string  `json:"id"`
	Path         string  `json:"path"`
	Folder       string  `json:"folder"`
	Format       string  `json:"format"`
	Codec        string  `json:"codec"`
	SampleRate   int     `json:"sampleRate"`
	Channels     int     `json:"channels"`
	BitDepth     int     `json:"bitDepth"`
	TotalSamples int64   `json:"totalSamples"` // PCM frames
	Duration     float64 `json:"duration"`     // seconds
	Size         int64   `json:"size"`         // bytes of the file
	HasCover     bool    `json:"hasCover"`
	HasLyrics    bool    `json:"hasLyrics"`
	Tags         Tags    `json:"tags"`
}

// Refusal is a file that looked like audio and cannot be served.
type Refusal struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Bounds on a list that is read. An entry of LibraryTrack takes some 300 bytes
// in memory, so more entries than the bytes that came can stand for are not
// taken; the shortest real ones are a good deal longer.
const (
	maxTracks    = 1_000_000 // as many as a server lists
	leastTrack   = 150       // bytes of JSON
	leastRefusal = 25
)

// Decode reads a server's list as encoding/json does, but for Folders, which
// no listener needs and tracks have anyway. Texts are cut to MaxText. It
// refuses tracks without an ID and lists whose entries say next to nothing,
// and keeps memory to a few times len(b).
func (l *Library) Decode(b []byte) error {
	err := l.decode(json.NewDecoder(bytes.NewReader(b)), len(b))
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (l *Library) decode(dec *json.Decoder, size int) error {
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return cmp.Or(err, errors.New("something else stands where the library should"))
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		if err := l.field(dec, name.(string), size); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the library")
	}
	return nil
}

// field reads the value of one field of an answer of size bytes.
func (l *Library) field(dec *json.Decoder, name string, size int) (err error) {
	switch {
	case strings.EqualFold(name, "scanning"):
		return dec.Decode(&l.Scanning)
	case strings.EqualFold(name, "version"):
		return dec.Decode(&l.Version)
	case strings.EqualFold(name, "tracks"):
		l.Tracks, err = readList(dec, min(someEntries+size/leastTrack, maxTracks), (*LibraryTrack).receive)
		return err
	case strings.EqualFold(name, "refused"):
		l.Refused, err = readList(dec, someEntries+size/leastRefusal, (*Refusal).receive)
		return err
	}
	return dec.Decode(new(ignored))
}

// receive takes a track as a server described it.
func (t *LibraryTrack) receive() error {
	if t.ID == "" || len(t.ID) > MaxText {
		return errors.New("a track without an ID to ask for it by")
	}
	g := &t.Tags
	cutAll(&t.Path, &t.Folder, &t.Format, &t.Codec, &g.Title, &g.Artist, &g.Album, &g.AlbumArtist, &g.Date, &g.Genre, &g.Comment)
	return nil
}

func (r *Refusal) receive() error {
	cutAll(&r.Path, &r.Reason)
	return nil
}

// Tags are audio.Tags as JSON.
type Tags struct {
	Title       string   `json:"title,omitempty"`
	Artist      string   `json:"artist,omitempty"`
	Album       string   `json:"album,omitempty"`
	AlbumArtist string   `json:"albumArtist,omitempty"`
	Date        string   `json:"date,omitempty"`
	Genre       string   `json:"genre,omitempty"`
	Track       int      `json:"track,omitempty"`
	TrackTotal  int      `json:"trackTotal,omitempty"`
	Disc        int      `json:"disc,omitempty"`
	DiscTotal   int      `json:"discTotal,omitempty"`
	Comment     string   `json:"comment,omitempty"`
	TrackGain   *float64 `json:"replayGainTrackGain,omitempty"` // dB
	TrackPeak   *float64 `json:"replayGainTrackPeak,omitempty"` // 1.0 = full scale
	AlbumGain   *float64 `json:"replayGainAlbumGain,omitempty"`
	AlbumPeak   *float64 `json:"replayGainAlbumPeak,omitempty"`
}

// FromTags converts t for the wire.
func FromTags(t audio.Tags) Tags {
	return Tags{
		Title: t.Title, Artist: t.Artist, Album: t.Album, AlbumArtist: t.AlbumArtist,
		Date: t.Date, Genre: t.Genre, Track: t.Track, TrackTotal: t.TrackTotal,
		Disc: t.Disc, DiscTotal: t.DiscTotal, Comment: t.Comment,
		TrackGain: t.TrackGain, TrackPeak: t.TrackPeak, AlbumGain: t.AlbumGain, AlbumPeak: t.AlbumPeak,
	}
}

// Audio converts t back.
func (t Tags) Audio() audio.Tags {
	return audio.Tags{
		Title: t.Title, Artist: t.Artist, Album: t.Album, AlbumArtist: t.AlbumArtist,
		Date: t.Date, Genre: t.Genre, Track: t.Track, TrackTotal: t.TrackTotal,
		Disc: t.Disc, DiscTotal: t.DiscTotal, Comment: t.Comment,
		TrackGain: t.TrackGain, TrackPeak: t.TrackPeak, AlbumGain: t.AlbumGain, AlbumPeak: t.AlbumPeak,
	}
}
