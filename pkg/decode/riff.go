package decode

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
)

// MaxSlice is the most bytes a slice of AsWAV holds. Longer ones are refused
// before anything is decoded, so that memory is bounded by it.
const MaxSlice = 31 << 20

// riff is a coded track whose slices are PCM, each a RIFF WAVE file.
type riff struct {
	from audio.Track
	par  Params // of from's slices
	info audio.Info
	form wavfile.Format
	head int // bytes of a slice in front of the sound
}

// AsWAV gives a track whose slices hold the sound of t's as PCM, for clients
// that cannot decode t's codec: each slice is a complete RIFF WAVE file of
// exactly its own frames, without preroll. Samples are those that this package's
// decoders yield, stored as wavfile.Stored says and as play writes them to a
// file; channels are in the order of WAV files. A PCM track comes back as it is.
// Opus and what else cannot be decoded gives an error that wraps
// audio.ErrUnsupported.
//
// Carve takes t's slice and decodes that alone: memory is bounded by the slice,
// and buffers with sound in them are wiped and used again. It makes a decoder
// for every call, so it allocates what that takes, but not for the sound.
// Where the sound is damaged so that decoding stops, the rest of the slice is
// silence: a slice has the frames that were announced, and the next one begins
// in time. Damage that a decoder steps over sounds as it does when played.
//
// The track has a method Size(from, to audio.Cut) int64, the bytes that Carve
// yields.
func AsWAV(t audio.Track) (audio.Track, error) {
	info := t.Info()
	switch info.Codec {
	case audio.PCM:
		return t, nil
	case audio.Flac, audio.Layer3, audio.Vorbis:
	case audio.Opus:
		return nil, errOpus
	default:
		return nil, fmt.Errorf("decode %s: %w", info.Codec, audio.ErrUnsupported)
	}
	kind, valid := wavfile.Stored("", info.BitDepth)
	form := wavfile.Format{SampleRate: info.SampleRate, Channels: info.Channels, Sample: kind, ValidBits: valid, Speakers: info.Speakers}
	head, err := wavfile.AppendHeader(nil, form, 0)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w: %w", info.Codec, audio.ErrUnsupported, err)
	}
	par := Params{Codec: info.Codec, SampleRate: info.SampleRate, Channels: info.Channels}
	if info.Codec == audio.Flac {
		par.BitDepth = info.BitDepth
	}
	r := &riff{from: t, par: par, info: info, form: form, head: len(head)}
	r.describe(info)
	return r, nil
}

// describe makes info that of PCM.
func (t *riff) describe(info audio.Info) {
	frame := info.Channels * t.form.Sample.Bytes()
	info.Details = append(slices.Clone(info.Details), audio.Field{Name: "converted from", Value: string(info.Codec)})
	info.Container, info.Codec, info.Sample = audio.RIFF, audio.PCM, t.form.Sample
	info.Delay, info.Padding, info.RateMode = 0, 0, ""
	info.AudioOff, info.AudioBytes = 0, int64(info.Frames)*int64(frame)
	info.BitRate = int(min(int64(info.SampleRate)*int64(frame)*8, math.MaxInt32))
	if info.BitDepth == 0 {
		info.BitDepth = 8 * t.form.Sample.Bytes()
	}
	t.info = info
}

// Info is what is known of the track as Carve yields it.
func (t *riff) Info() audio.Info { return t.info }

// Cuts are those of the coded track; Off counts bytes of the coded file.
func (t *riff) Cuts() *audio.Index { return t.from.Cuts() }

// Preroll is 0: it is dropped before the slice is made.
func (t *riff) Preroll(audio.Cut) audio.Frames { return 0 }

// Size is how many bytes Carve yields for [from.At, to.At).
func (t *riff) Size(from, to audio.Cut) int64 {
	n := int64(max(to.At-from.At, 0)) * int64(t.form.Channels*t.form.Sample.Bytes())
	return int64(t.head) + n + n&1
}

// Carve appends the frames [from.At, to.At) as a RIFF WAVE file; see AsWAV and
// audio.Track. On an error nothing of the sound is left in dst.
func (t *riff) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	n := to.At - from.At
	size := t.Size(from, to)
	if n <= 0 || n > MaxSlice || size > MaxSlice {
		return dst, fmt.Errorf("decode %s: %w: a slice of %d frames", t.par.Codec, audio.ErrUnsupported, n)
	}
	start := len(dst)
	dst = slices.Grow(dst, int(size))
	out, err := wavfile.AppendHeader(dst, t.form, n)
	if err == nil {
		out, err = t.pour(out, r, from, to)
	}
	if err != nil {
		clear(out[start:])
		return dst, err
	}
	if len(out)-start < int(size) {
		out = append(out, 0) // chunks begin at even places
	}
	return out, nil
}

// pour appends the sound of a slice.
func (t *riff) pour(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	w := works.Get().(*work)
	defer w.release()
	var err error
	if w.coded, err = t.from.Carve(w.coded[:0], r, from, to); err != nil {
		w.coded = w.coded[:cap(w.coded)] // it may have got anywhere
		return dst, err
	}
	skip, n := t.from.Preroll(from), to.At-from.At
	par := t.par
	par.Limit = skip + n
	d, err := open(par, w.coded)
	if err != nil {
		return dst, err // its headers are at fault, and every slice has them
	}
	block := w.block[:len(w.block)/par.Channels*par.Channels]
	dst, missing, err := t.take(dst, d, block, skip, n)
	if err != nil && !errors.Is(err, audio.ErrCorrupt) {
		return dst, err
	}
	clear(block)
	for missing > 0 {
		k := min(missing, audio.Frames(len(block)/par.Channels))
		dst = wavfile.AppendSamples(dst, block[:int(k)*par.Channels], t.form.Sample)
		missing -= k
	}
	return dst, nil
}

// open makes the decoder of a slice, the quickest there is: many listeners may
// ask for slices at once.
func open(par Params, coded []byte) (Decoder, error) {
	if par.Codec == audio.Flac {
		return guarded(par, coded, newOwnFLAC)
	}
	return New(par, coded)
}

// take decodes skip frames that are dropped and n that are appended. When the
// decoder ends earlier it returns how many are missing, and the decoder's error
// if there was one.
func (t *riff) take(dst []byte, d Decoder, block []float64, skip, n audio.Frames) ([]byte, audio.Frames, error) {
	channels := audio.Frames(t.par.Channels)
	for n > 0 {
		k, err := d.Read(block[:min((skip+n)*channels, audio.Frames(len(block)))])
		if k == 0 {
			if err == io.EOF {
				err = nil
			}
			return dst, n, err
		}
		drop := min(skip, k)
		dst = wavfile.AppendSamples(dst, block[drop*channels:k*channels], t.form.Sample)
		skip -= drop
		n -= k - drop
	}
	return dst, 0, nil
}

// work is what a slice passes through on its way to PCM.
type work struct {
	coded []byte
	block []float64 // 255 channels fit
}

var works = sync.Pool{New: func() any { return &work{block: make([]float64, 8192)} }}

// release wipes the sound and hands w back for the next slice.
func (w *work) release() {
	clear(w.coded)
	clear(w.block)
	works.Put(w)
}
