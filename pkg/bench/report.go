package bench

import (
	"fmt"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
)

// Schema names the version of the JSON that Report describes. Fields may be
// added under this name; one that changes its meaning or goes takes a new
// name.
const Schema = "secstream.bench/1"

// Report is what a run found. Speeds are in bytes of carved audio a second,
// before compression, times in seconds.
type Report struct {
	Schema    string    `json:"schema"`
	Machine   Machine   `json:"machine"`
	Settings  Settings  `json:"settings"`
	Proof     Proof     `json:"proof"`
	Headline  *Headline `json:"headline,omitempty"` // nil when nothing was packed
	Sources   []Source  `json:"sources"`
	Pack      []Pack    `json:"pack"`
	Exchanges Stat      `json:"exchangesPerSecond"` // the server's half of a key exchange by protocol v1, one core
	V2        V2        `json:"protocolV2"`         // beside v1, which all above is by
	Notes     []string  `json:"notes,omitempty"`
}

// Settings are how the run was made.
type Settings struct {
	Seconds   float64 `json:"secondsPerMeasurement"`
	Quick     bool    `json:"quick"`
	Generated bool    `json:"testSignal"` // no file was given
}

// Proof counts what was tried before anything was timed. All of it held.
type Proof struct {
	Slices    int `json:"slices"`      // packed, opened and equal to what was carved
	Flips     int `json:"flippedBits"` // refused
	WrongKeys int `json:"wrongKeys"`   // refused
	Moved     int `json:"moved"`       // slices of protocol v2 in another's place; refused
}

// Headline is the figure that counts, of the first WAV (or else of the first
// source) without compression at the slice length nearest to 5 s.
type Headline struct {
	Source string  `json:"source"`
	Slice  float64 `json:"sliceSeconds"`
	Level  int     `json:"compression"`
	Ratio  Stat    `json:"ratio"` // speed of packing on one core, bare AES-256-GCM being 1
	Read   *Stat   `json:"ratioToReadAndSeal,omitempty"`
	Target float64 `json:"target,omitempty"` // for WAV without compression
	Met    bool    `json:"met"`
}

// Source is one file.
type Source struct {
	Name       string  `json:"name"`
	Container  string  `json:"container"`
	Codec      string  `json:"codec"`
	Sample     string  `json:"sampleFormat,omitempty"`
	SampleRate int     `json:"sampleRate"`
	Channels   int     `json:"channels"`
	Duration   float64 `json:"duration"` // seconds
	Bytes      int64   `json:"bytes"`
	Scan       Stat    `json:"scanSeconds"`                  // headers and index
	ScanSpeed  float64 `json:"scanBytesPerSecond,omitempty"` // of the file; WAV is not walked and has none
	Decode     *Stat   `json:"decodeRealTime,omitempty"`     // seconds of sound a second of one core
	NoDecode   string  `json:"notDecoded,omitempty"`         // why Decode is missing
}

// Pack is one source packed in one way.
type Pack struct {
	Source     string  `json:"source"`
	Container  string  `json:"container"`
	Level      int     `json:"compression"`
	Slice      float64 `json:"sliceSeconds"` // asked for; a track that is shorter is one slice
	Slices     int     `json:"slices"`       // of the whole track
	Measured   int     `json:"measured"`     // of them, spread evenly
	PlainSize  float64 `json:"plainBytes"`   // of a measured slice, on average
	SealedSize float64 `json:"sealedBytes"`
	OneCore    Speed   `json:"oneCore"`
	AllCores   *Speed  `json:"allCores,omitempty"`           // nil on a machine with one
	ReadRatio  *Stat   `json:"ratioToReadAndSeal,omitempty"` // one core; the cipher reads the file first. For PCM without compression
	Stages     Stages  `json:"stages"`                       // of OneCore
	PerSlice   float64 `json:"secondsPerSlice"`
	Listeners  float64 `json:"listenersPerCore"`     // one core makes their slices as fast as they play them
	Unpack     Stat    `json:"unpackBytesPerSecond"` // one core
	Open       Stat    `json:"openBytesPerSecond"`   // the first step of it
	OpenShare  float64 `json:"openShare"`            // of the time of unpacking; the rest is inflating
	First      Stat    `json:"firstSliceSeconds"`    // both halves of a key exchange, one slice packed and opened
}

// Speed is the pipeline beside the bare cipher, both on the same number of
// cores.
type Speed struct {
	Cores int  `json:"cores"`
	Pack  Stat `json:"bytesPerSecond"`
	Bare  Stat `json:"bareBytesPerSecond"`
	Ratio Stat `json:"ratio"` // of the two, round by round
}

// Stages are the shares of packing that its steps take. They add up to 1.
type Stages struct {
	Carve    float64 `json:"carve"` // reading included
	Compress float64 `json:"compress"`
	Seal     float64 `json:"seal"`
}

func newReport(cfg Config) *Report {
	return &Report{
		Schema: Schema, Machine: thisMachine(),
		Settings: Settings{Seconds: cfg.Time.Seconds(), Quick: cfg.Quick, Generated: len(cfg.Files) == 0},
		Sources:  []Source{}, Pack: []Pack{},
	}
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// headline picks the figure that counts.
func (r *Report) headline() {
	var best *Pack
	for i := range r.Pack {
		if p := &r.Pack[i]; best == nil || p.rank() > best.rank() {
			best = p
		}
	}
	if best == nil {
		return
	}
	r.Headline = &Headline{Source: best.Source, Slice: best.Slice, Level: best.Level, Ratio: best.OneCore.Ratio, Read: best.ReadRatio}
	if best.Container == string(audio.WAV) && best.Level == compress.MinLevel {
		r.Headline.Target = Target
		r.Headline.Met = best.OneCore.Ratio.Median >= Target
	}
}

// rank orders what may stand in the headline: WAV first, then no compression,
// then slices near the length a server uses by itself.
func (p *Pack) rank() float64 { return rank(p.Container, p.Level, p.Slice) }

func rank(container string, level int, slice float64) float64 {
	rank := -max(slice, 5) / min(slice, 5)
	if level == compress.MinLevel {
		rank += 100
	}
	if container == string(audio.WAV) {
		rank += 1000
	}
	return rank
}
