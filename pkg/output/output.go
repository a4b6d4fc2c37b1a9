// Package output is where decoded sound goes: a sound card, a WAV file, raw
// samples, or nowhere at the speed of a card.
//
// Samples flow in as interleaved floats (full scale -1 to +1) by the contract
// of player.Output; what a source stored as integers comes out as the same
// integers. It is the only package that knows sound servers and sound cards.
// It imports audio (with audio/wavfile) and, for the contract, player.
package output

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"secstream/pkg/player"
)

// Options say how outputs behave. The zero value works, but for "wav:-" and
// "raw:-".
type Options struct {
	Stdout io.Writer // where "wav:-" and "raw:-" write
	App    string    // the name a sound server shows, "secstream" if empty
}

// ErrNoDevice is wrapped when no sound output could be opened.
var ErrNoDevice = errors.New("no sound output")

// Open makes the output that name asks for:
//
//	auto       the same as speaker; a place for better guesses
//	speaker    the default sound output of this machine
//	null       nothing, at the speed of a sound card
//	wav:FILE   a WAV file with the exact samples; "wav:-" writes to Stdout
//	raw:FILE   the same samples without a header; "raw:-" likewise
//
// The caller, or the engine it is given to, closes it. A missing sound card
// gives an error that wraps ErrNoDevice and says what was tried and what to do.
func Open(name string, o Options) (player.Output, error) {
	kind, path, has := strings.Cut(name, ":")
	switch {
	case (kind == "wav" || kind == "raw") && path == "-":
		if o.Stdout == nil {
			return nil, fmt.Errorf("output %q: there is no standard output", name)
		}
		return &file{path: path, header: kind == "wav", stdout: o.Stdout}, nil
	case (kind == "wav" || kind == "raw") && path != "":
		return newFile(path, kind == "wav")
	case kind == "wav" || kind == "raw":
		return nil, fmt.Errorf("output %q: a file name is missing: %s:FILE, or %s:- for standard output", name, kind, kind)
	case has:
	case name == "null":
		return newNull(), nil
	case name == "speaker", name == "auto", name == "":
		if o.App == "" {
			o.App = "secstream"
		}
		return newSpeaker(o.App)
	}
	return nil, fmt.Errorf("output %q: not one of auto, speaker, null, wav:FILE, raw:FILE, wav:-, raw:-", name)
}
