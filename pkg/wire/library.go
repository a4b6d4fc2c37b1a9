package wire

import "secstream/pkg/audio"

// LibraryPath is where the list of tracks is, below the server's address.
const LibraryPath = "/api/library"

// Library is the answer of LibraryPath: the folder tree flattened, sorted by
// path.
type Library struct {
	Scanning bool           `json:"scanning"` // more tracks may still appear
	Version  uint64         `json:"version"`  // changes whenever the list does
	Folders  []string       `json:"folders"`  // every folder that holds tracks, "" for the root
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
	Tags         Tags    `json:"tags"`
}

// Refusal is a file that looked like audio and cannot be served.
type Refusal struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
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
