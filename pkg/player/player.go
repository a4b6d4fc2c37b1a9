// Package player turns slices into continuous sound: it decodes ahead, drops
// preroll, joins slices and tracks without a gap, and drives an Output.
//
// It imports audio, caught and decode only. Where slices come from (Source) and where
// sound goes (Output) are interfaces declared here; client and output satisfy
// them and cmd connects them.
package player

import (
	"context"
	"errors"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
)

// Source is one opened track.
type Source interface {
	// Info describes the track; Frames is exact.
	Info() audio.Info
	// Params are what each slice's bytes need to be decoded (Limit unset).
	Params() decode.Params
	// Len is the number of slices, Span the part of the timeline slice i holds.
	Len() int
	Span(i int) audio.Span
	// Slice returns the plain bytes of slice i. They stay valid until
	// Release(i), which wipes them. A source may fetch slices after i ahead of
	// time. Slice is called from one goroutine at a time.
	Slice(ctx context.Context, i int) ([]byte, error)
	Release(i int)
	// Close wipes keys and slices and ends the session.
	Close() error
}

// Spec is the shape of the sound an Output takes.
type Spec struct {
	SampleRate int
	Channels   int
	Speakers   audio.Speakers // where the channels belong; 0 is as usual
	BitDepth   int            // what the source has; an output that stores integers uses it
	Sample     audio.Sample   // how the source stores PCM, "" for coded audio
}

// Output is where sound goes: a sound card, a file, nothing.
// All methods but Buffered are called from one goroutine.
type Output interface {
	// Open prepares for sound of this shape. It is called before the first
	// Write and again when the shape changes, after Drain.
	Open(spec Spec) error
	// Write takes interleaved samples (full scale -1 to +1) and blocks for as
	// long as the output has no room; that is what paces playback.
	Write(p []float64) error
	// Buffered is how many frames were written but not heard yet. It may be
	// called from any goroutine.
	Buffered() audio.Frames
	// Flush drops what was not heard yet. Outputs that keep everything (a
	// file) do nothing.
	Flush()
	// Drain returns when all that was written has been heard or stored.
	Drain() error
	// Close ends the output; a file is complete after it.
	Close() error
	// Paced says whether Write runs in real time. When false (a file), there
	// is no pause, and silence is never inserted.
	Paced() bool
}

// Fitter is an Output that knows when Open would change nothing: sound of such
// a shape follows by Write alone, without a gap.
type Fitter interface{ Fits(spec Spec) bool }

// Warner is an Output that tells what is not as the source has it, or as it was
// asked for, "" for nothing. It is asked after Open and Write.
type Warner interface{ Warning() string }

// Teller is an Output that has something to tell while a call lasts: it calls
// tell from within that call, with a text as that of Warner. Tell comes first.
type Teller interface{ Tell(tell func(text string)) }

// Interrupter is an Output whose calls may wait for others, who may never
// answer. Interrupt has the call that is under way return soon, and all that
// follow, with an error that wraps ErrInterrupted where they did not do what
// they are for. Only Close is of use then. It is called from any goroutine,
// once Run was told to end and did not, and does not block.
type Interrupter interface{ Interrupt() }

// ErrInterrupted is wrapped by what an Interrupter returns after Interrupt.
var ErrInterrupted = errors.New("the output was interrupted")
