package probe

import (
	"fmt"
	"strings"

	"secstream/pkg/audio"
	"secstream/pkg/wire"
)

// Schema names the version of the JSON that File describes. Fields may be
// added under this name; one that changes its meaning or goes takes a new
// name.
const Schema = "secstream.probe/1"

// File is what is known of one file, or of one track of a server. A field
// that has no meaning for the file, or that nothing tells, is left out; 0
// stands for nothing where a field is always there.
type File struct {
	Path          string    `json:"path"`                    // as named, or as found below the folder that was named; of a server, its name for the track
	ID            string    `json:"id,omitempty"`            // of a server's track
	Size          int64     `json:"size"`                    // bytes of the file
	Container     string    `json:"container,omitempty"`     // wav, mp3, flac, ogg
	Codec         string    `json:"codec,omitempty"`         // pcm, mp3, flac, vorbis, opus
	SampleFormat  string    `json:"sampleFormat,omitempty"`  // PCM: u8, s16, s24, s32, f32, f64, alaw, mulaw
	SampleRate    int       `json:"sampleRate,omitempty"`    // Hz
	Channels      int       `json:"channels,omitempty"`      // 1 to 255
	ChannelLayout string    `json:"channelLayout,omitempty"` // "stereo", "5.1", or the speakers a WAV file names
	BitDepth      int       `json:"bitDepth,omitempty"`      // significant bits of a sample; lossy codecs have none
	BitRate       int       `json:"bitRate,omitempty"`       // average bits a second of coded audio
	BitRateMode   string    `json:"bitRateMode,omitempty"`   // cbr, vbr, abr
	TotalSamples  int64     `json:"totalSamples"`            // playable samples of each channel, counted, not estimated
	Duration      float64   `json:"duration"`                // seconds
	Delay         int64     `json:"delay"`                   // samples a decoder yields before the first playable one
	Padding       int64     `json:"padding"`                 // samples a decoder yields after the last playable one
	AudioOffset   int64     `json:"audioOffset"`             // byte at which coded audio begins
	AudioEnd      int64     `json:"audioEnd,omitempty"`      // byte behind the last of it
	AudioBytes    int64     `json:"audioBytes"`              // bytes of coded audio; in Ogg, the headers of pages are not among them
	Encoder       string    `json:"encoder,omitempty"`       // as the file names it
	HasCover      bool      `json:"hasCover,omitempty"`      // of a server's track; files list their pictures
	HasLyrics     bool      `json:"hasLyrics,omitempty"`     // of a server's track; files tell of theirs
	Tags          wire.Tags `json:"tags"`
	Pictures      []Picture `json:"pictures,omitempty"`
	Lyrics        *Lyrics   `json:"lyrics,omitempty"`
	Details       []Detail  `json:"details,omitempty"`   // facts of the container, in file order
	Damage        []Damage  `json:"damage,omitempty"`    // in file order, the first 64
	DamageCount   int       `json:"damageCount"`         // how many faults there are in all
	Plan          *Plan     `json:"plan,omitempty"`      // when asked for
	Verify        *Verify   `json:"verify,omitempty"`    // when asked for
	Error         string    `json:"error,omitempty"`     // why the rest is missing, or ends where it does
	ErrorKind     string    `json:"errorKind,omitempty"` // as errors on standard error have it, or not_served: the server has the file and refuses it
}

// Lyrics are embedded words.
type Lyrics struct {
	Size   int  `json:"size"`   // bytes, as LRC or plain text in UTF-8
	Synced bool `json:"synced"` // lines have times
}

// Picture is an embedded image.
type Picture struct {
	Kind   string `json:"kind"` // "front cover", "other", …
	MIME   string `json:"mime"`
	Width  int    `json:"width,omitempty"` // pixels
	Height int    `json:"height,omitempty"`
	Size   int    `json:"size"` // bytes
}

// Detail is one fact of the container.
type Detail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Damage is one fault.
type Damage struct {
	Offset int64  `json:"offset"` // byte in the file, -1 when no single place is at fault
	What   string `json:"what"`
}

// Plan is how a track is cut into slices.
type Plan struct {
	SliceMillis int     `json:"sliceMillis,omitempty"` // target length; a server does not tell
	Randomize   bool    `json:"randomize,omitempty"`
	Variance    float64 `json:"variance,omitempty"`    // with Randomize
	Seed        string  `json:"seed,omitempty"`        // with Randomize
	Compression *int    `json:"compression,omitempty"` // DEFLATE level used for this codec, 0 to 9; a server does not tell
	Protocol    string  `json:"protocol,omitempty"`    // by which a file's slices were sealed, secstream/2
	Plain       int64   `json:"plain,omitempty"`       // bytes of all slices before compression
	Sealed      int64   `json:"sealed,omitempty"`      // bytes of all slices as they travel; of a file, without padding
	Overhead    Percent `json:"overhead,omitempty"`    // Sealed over the bytes of all ranges, less 100 %
	Padded      int64   `json:"padded,omitempty"`      // bytes of all slices as they travel with padding, when asked for
	PadOverhead Percent `json:"padOverhead,omitempty"` // Padded over Sealed, less 100 %
	MaxPreroll  int64   `json:"maxPreroll"`            // samples, the most of any slice
	MeanSeconds float64 `json:"meanDuration"`          // seconds a slice
	Slices      []Slice `json:"slices"`                // in play order
	Unmeasured  bool    `json:"unmeasured,omitempty"`  // a server's plan whose slices were not fetched
}

// Slice is one slice of a plan.
type Slice struct {
	Index    int     `json:"index"`
	Start    int64   `json:"start"`              // first playable sample
	Samples  int64   `json:"samples"`            // playable samples
	Time     float64 `json:"time"`               // seconds from the start of the track
	Duration float64 `json:"duration"`           // seconds
	Preroll  int64   `json:"preroll"`            // samples a plain decoder yields first, to be dropped
	Range    *Range  `json:"range,omitempty"`    // of the file, by whole pages in Ogg; a server does not tell
	Plain    int64   `json:"plain,omitempty"`    // bytes before compression
	Sealed   int64   `json:"sealed,omitempty"`   // bytes as they travel: compressed, tag and nonce included; of a file, without padding
	Overhead Percent `json:"overhead,omitempty"` // Sealed over Range.Bytes, less 100 %
	Padded   int64   `json:"padded,omitempty"`   // bytes as they travel with padding, when asked for

	PadOverhead Percent `json:"padOverhead,omitempty"` // Padded over Sealed, less 100 %
}

// Range is a stretch of a file.
type Range struct {
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
}

// Percent is a share in percent; nil means there is nothing to compare with.
type Percent *float64

// Verify is what decoding every slice by itself, as a listener does, found.
type Verify struct {
	OK         bool     `json:"ok"`                   // nothing is wrong with what could be checked
	Slices     int      `json:"slices"`               // how many were looked at
	Decoded    bool     `json:"decoded"`              // the codec can be decoded here
	NotDecoded string   `json:"notDecoded,omitempty"` // why not
	Samples    int64    `json:"samples"`              // playable samples that came out
	MD5        string   `json:"md5,omitempty"`        // FLAC: "match", "mismatch", or "absent" when the file has none
	Stated     string   `json:"md5Stated,omitempty"`  // on a mismatch
	Found      string   `json:"md5Found,omitempty"`   // on a mismatch
	Faults     []Damage `json:"faults,omitempty"`     // the first 64
	FaultCount int      `json:"faultCount"`
}

// Damaged says whether anything is wrong with the file's content.
func (f *File) Damaged() bool {
	return f.DamageCount > 0 || f.Verify != nil && !f.Verify.OK
}

// describe fills in what i says.
func (f *File) describe(i audio.Info) {
	f.Container, f.Codec, f.SampleFormat = string(i.Container), string(i.Codec), string(i.Sample)
	f.SampleRate, f.Channels = i.SampleRate, i.Channels
	f.ChannelLayout = layout(i)
	if i.Codec == audio.PCM || i.Codec == audio.Flac {
		f.BitDepth = i.BitDepth
	}
	f.BitRate, f.BitRateMode = i.BitRate, i.RateMode
	f.TotalSamples, f.Duration = max(int64(i.Frames), 0), i.Duration().Seconds()
	f.Delay, f.Padding = int64(i.Delay), int64(i.Padding)
	f.AudioOffset, f.AudioBytes = i.AudioOff, i.AudioBytes
	f.Encoder, f.Tags = i.Encoder, wire.FromTags(i.Tags)
	f.Pictures, f.Lyrics, f.Details, f.Damage = nil, nil, nil, nil
	if i.Lyrics.Size > 0 {
		f.Lyrics = &Lyrics{Size: i.Lyrics.Size, Synced: i.Lyrics.Synced}
	}
	for _, p := range i.Pictures {
		f.Pictures = append(f.Pictures, Picture{Kind: p.Kind, MIME: p.MIME, Width: p.Width, Height: p.Height, Size: p.Size})
	}
	for _, d := range i.Details {
		f.Details = append(f.Details, Detail(d))
	}
	for _, d := range i.Damage {
		f.Damage = append(f.Damage, Damage{Offset: d.Off, What: d.What})
	}
	f.DamageCount = i.DamageN
}

// FromLibrary is what a server's list tells of a track.
func FromLibrary(t wire.LibraryTrack) File {
	f := File{
		Path: t.Path, ID: t.ID, Size: t.Size, Container: t.Format, Codec: t.Codec,
		SampleRate: t.SampleRate, Channels: t.Channels, TotalSamples: t.TotalSamples, Duration: t.Duration,
		HasCover: t.HasCover, HasLyrics: t.HasLyrics, Tags: t.Tags,
	}
	codec := audio.Codec(t.Codec)
	f.ChannelLayout = layout(audio.Info{Codec: codec, Channels: t.Channels})
	if codec == audio.PCM || codec == audio.Flac {
		f.BitDepth = t.BitDepth
	}
	return f
}

// layout names the channels where the format fixes them: FLAC by RFC 9639
// §9.1.3, Vorbis by its specification §4.3.9 and Opus by RFC 7845 §5.1.1.2,
// which agree. A WAV file of more than two names its speakers or leaves it
// open; a FLAC file may name others (RFC 9639 §8.6.2).
func layout(i audio.Info) string {
	fixed := [...]string{"", "mono", "stereo", "3.0", "quadraphonic", "5.0", "5.1", "6.1", "7.1"}
	usual := i.Speakers.For(i.Channels) == audio.UsualSpeakers(i.Channels)
	if i.Channels < len(fixed) && usual && (i.Channels <= 2 || i.Codec != audio.PCM) {
		return fixed[max(i.Channels, 0)]
	}
	for _, d := range i.Details {
		if d.Name == "speakers" || d.Name == "channel layout" {
			return strings.TrimSpace(d.Value)
		}
	}
	return ""
}

// fault notes what is wrong at byte off, -1 for no single place.
func (v *Verify) fault(off int64, format string, args ...any) {
	v.FaultCount++
	if len(v.Faults) < audio.MaxDamage {
		v.Faults = append(v.Faults, Damage{Offset: off, What: fmt.Sprintf(format, args...)})
	}
}
