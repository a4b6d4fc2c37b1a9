// Package audio holds the words every other package speaks: frames, codecs,
// facts about a file, places where it may be cut. It does no I/O of its own
// and imports nothing of ours.
package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Frames counts PCM frames: one sample for each channel. It is never a number
// of bytes and never samples times channels.
type Frames int64

// Duration is the time n frames take at rate frames a second (Hz, > 0).
func (n Frames) Duration(rate int) time.Duration {
	sec := int64(n) / int64(rate)
	rest := int64(n) % int64(rate)
	return time.Duration(sec)*time.Second + time.Duration(rest*int64(time.Second)/int64(rate))
}

// FramesIn is the number of whole frames in d at rate Hz.
func FramesIn(d time.Duration, rate int) Frames {
	sec := int64(d / time.Second)
	rest := int64(d % time.Second)
	return Frames(sec*int64(rate) + rest*int64(rate)/int64(time.Second))
}

// Container names the file format around the coded audio.
type Container string

// The containers secstream reads.
const (
	WAV  Container = "wav" // RIFF, RF64, BW64 and Sony Wave64
	MP3  Container = "mp3" // a bare MPEG audio stream, tags around it
	FLAC Container = "flac"
	Ogg  Container = "ogg"
)

// RIFF is no format of a file that is read: each slice of such a track is a RIFF
// WAVE file of its own. WAV means slices without a header, to clients of
// protocol v1.
const RIFF Container = "riff"

// Codec names how the samples are coded.
type Codec string

// The codecs secstream recognises well enough to slice.
const (
	PCM    Codec = "pcm" // see Sample for how each sample is stored
	Layer3 Codec = "mp3"
	Flac   Codec = "flac"
	Vorbis Codec = "vorbis"
	Opus   Codec = "opus"
)

// Sample says how one PCM sample is stored. All are little-endian and
// interleaved, as in a WAV file.
type Sample string

// Sample kinds of PCM; Info.Sample is empty for every codec but PCM.
const (
	U8   Sample = "u8" // unsigned, silence is 128
	S16  Sample = "s16"
	S24  Sample = "s24"
	S32  Sample = "s32"
	F32  Sample = "f32"
	F64  Sample = "f64"
	ALaw Sample = "alaw"  // G.711
	ULaw Sample = "mulaw" // G.711
)

// Bytes is the size of one stored sample, 0 for an unknown kind.
func (s Sample) Bytes() int {
	switch s {
	case U8, ALaw, ULaw:
		return 1
	case S16:
		return 2
	case S24:
		return 3
	case S32, F32:
		return 4
	case F64:
		return 8
	}
	return 0
}

// Info is what a file says of itself, corrected by what a scan found.
type Info struct {
	Container  Container
	Codec      Codec
	Sample     Sample   // PCM only
	SampleRate int      // Hz, 1 to 4294967295; never 0
	Channels   int      // 1 to 255; never 0
	Speakers   Speakers // where the channels belong; 0 is as usual, or nobody knows
	BitDepth   int      // significant bits of a sample; 16 for lossy codecs, which have none
	Frames     Frames   // playable frames, encoder delay and padding taken off; -1 if only a scan can tell
	Delay      Frames   // frames a decoder yields before the first playable one
	Padding    Frames   // frames a decoder yields after the last playable one
	AudioOff   int64    // where coded audio begins, bytes from the start of the file
	AudioBytes int64    // bytes of coded audio, as far as known
	BitRate    int      // average bits a second of coded audio, 0 if not known yet
	RateMode   string   // "cbr", "vbr", "abr" or "" where the word means nothing
	Encoder    string   // as the file names it
	Tags       Tags
	Pictures   []Picture
	Lyrics     Lyrics
	Details    []Field  // container facts worth showing, in file order
	Damage     []Damage // what a scan or a header check found wrong, in file order; bounded
	DamageN    int      // how much was found in all, at least len(Damage)
}

// Duration is the playing time, 0 when Frames is unknown.
func (i Info) Duration() time.Duration {
	if i.Frames <= 0 || i.SampleRate <= 0 {
		return 0
	}
	return i.Frames.Duration(i.SampleRate)
}

// MaxDamage bounds Info.Damage; DamageN goes on counting.
const MaxDamage = 64

// AddDamage notes one fault at byte offset off.
func (i *Info) AddDamage(off int64, format string, args ...any) {
	i.DamageN++
	if len(i.Damage) < MaxDamage {
		i.Damage = append(i.Damage, Damage{Off: off, What: fmt.Sprintf(format, args...)})
	}
}

// WithoutPictureData is i with the images themselves let go of, and the text of
// the lyrics. A Track keeps its Info so: tracks are remembered by the hundred.
func (i Info) WithoutPictureData() Info {
	i.Pictures = slices.Clone(i.Pictures)
	for k := range i.Pictures {
		i.Pictures[k].Data = nil
	}
	i.Lyrics.Text = ""
	return i
}

// Field is one fact for people: a name and a value ("channel mode", "joint stereo").
type Field struct{ Name, Value string }

// Damage is one fault in a file.
type Damage struct {
	Off  int64  // byte offset in the file
	What string // lower case, no full stop: "frame CRC does not match"
}

// Tags are the descriptive fields that players show. Empty and 0 mean unset.
type Tags struct {
	Title, Artist, Album, AlbumArtist, Date, Genre string
	Track, TrackTotal, Disc, DiscTotal             int
	TrackGain, TrackPeak, AlbumGain, AlbumPeak     *float64 // ReplayGain: dB and linear peak (1.0 = full scale)
	Comment                                        string
}

// Picture is an embedded image.
type Picture struct {
	MIME   string // "image/jpeg"
	Kind   string // ID3v2 APIC name in lower case: "front cover", "other", …
	Width  int    // pixels, 0 if the file does not say
	Height int
	Size   int    // bytes
	Data   []byte // the image itself; a holder of many Infos drops it and opens the file again when asked
}

// Cut is a place where a file may be cut. Only the format that made it reads
// Off and Aux.
type Cut struct {
	Off int64  // byte offset of the codec unit to start from; never decreases along the file
	At  Frames // playable frames before this cut; strictly increases along the file
	Aux uint32 // private to the format
}

// Span is the part of a track's timeline that one slice holds.
type Span struct {
	Start   Frames // first playable frame, counted from the start of the track
	Samples Frames // playable frames in the slice, > 0
	Preroll Frames // frames a plain decoder of the slice yields before Start; decode and drop them
}

// Stream is a file whose headers have been read. It holds no reader.
type Stream interface {
	// Info is what the headers say, images included. The returned value shares
	// nothing that changes.
	Info() Info
	// Index walks the file once and returns the track, exact in every figure.
	// r is the file Open read. It returns ctx's error when cancelled, a read
	// error as it came, and an *Error when no audio is left to play. Damage
	// that can be stepped over is noted in Info and left out of the timeline.
	Index(ctx context.Context, r io.ReaderAt) (Track, error)
}

// Track is a file ready to be sliced. It holds no reader, never changes, and
// is safe for concurrent use.
type Track interface {
	// Info is exact in every figure. Its Pictures lack Data.
	Info() Info
	// Cuts are all places the track may be cut, the end included.
	Cuts() *Index
	// Preroll is the number of frames a plain decoder of a slice that starts
	// at from yields before the first that counts.
	Preroll(from Cut) Frames
	// Carve appends to dst the playable frames [from.At, to.At) as a file of
	// the track's own format that an ordinary decoder takes by itself, and
	// returns the extended slice. No sample is coded again. from and to come
	// from Cuts. It allocates nothing when dst has room. A file that shrank
	// or changed gives an *Error; dst is then of no use.
	Carve(dst []byte, r io.ReaderAt, from, to Cut) ([]byte, error)
}

// Errors that an Error wraps when callers may want to branch.
var (
	ErrNotAudio    = errors.New("not an audio file secstream knows")
	ErrUnsupported = errors.New("not supported")
	ErrCorrupt     = errors.New("damaged")
)

// Error is a fault found in a file: which parser, where, what.
type Error struct {
	Format string // "wav", "mp3", "flac", "ogg", or the name of a format that is refused
	Off    int64  // byte offset in the file, -1 when no single place is at fault
	Err    error
}

func (e *Error) Error() string {
	if e.Off < 0 {
		return fmt.Sprintf("%s: %v", e.Format, e.Err)
	}
	return fmt.Sprintf("%s: at byte %d: %v", e.Format, e.Off, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
