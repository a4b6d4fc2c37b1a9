// Package output is where decoded sound goes: a sound card, a WAV file, raw
// samples, or nowhere, at the speed of a card or as fast as it comes.
//
// Samples flow in as interleaved floats (full scale -1 to +1) by the contract
// of player.Output; what a source stored as integers comes out as the same
// integers. It is the only package that knows sound servers and sound cards.
// It imports audio (with audio/wavfile), caught, mix and, for the contract, player.
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

// ErrUnknown is wrapped when there are outputs, but none of the name that was
// asked for. The error names those that there are.
var ErrUnknown = errors.New("there is no such output")

// Names is what Open takes, in the words of a help text.
const Names = "auto, speaker, pulse[:SINK], alsa[:DEVICE], null, null:fast, wav:FILE, raw:FILE, wav:- and raw:-"

// Check says what is wrong with the name of an output, nil if Open could take
// it. Whether there is such a device, or file, only Open finds out.
func Check(name string) error {
	kind, rest, has := strings.Cut(name, ":")
	switch kind {
	case "wav", "raw":
		if rest == "" {
			return fmt.Errorf("output %q: a file name is missing: %s:FILE, or %s:- for standard output", name, kind, kind)
		}
		return nil
	case "auto", "speaker", "":
		if !has {
			return nil
		}
	case "null":
		if !has || rest == "fast" {
			return nil
		}
	case "pulse", "alsa":
		if has && rest == "" {
			return fmt.Errorf("output %q: the name of a device is missing behind the colon", name)
		}
		return checkKind(kind)
	}
	return fmt.Errorf("output %q: not one of %s", name, Names)
}

// File says that name stands for a file or standard output, not for a device.
func File(name string) bool {
	kind, _, _ := strings.Cut(name, ":")
	return kind == "wav" || kind == "raw"
}

// Open makes the output that name asks for:
//
//	auto           the default sound output of this machine, also as speaker
//	pulse[:SINK]   a sink of the sound server, PulseAudio or PipeWire; else its default
//	alsa[:DEVICE]  a device of ALSA, by ALSA's name for it; else its default
//	null           nothing, at the speed of a sound card
//	null:fast      nothing, as fast as it comes, counted
//	wav:FILE       a WAV file with the exact samples; "wav:-" writes to Stdout
//	raw:FILE       the same samples without a header; "raw:-" likewise
//
// Channels are in the order of WAV files everywhere. "wav:" declares where they
// belong; "raw:" cannot, but holds tracks of one layout only, as "wav:" does.
//
// The caller, or the engine it is given to, closes it. A missing sound card
// gives an error that wraps ErrNoDevice and says what was tried and what to do,
// an unknown device one that wraps ErrUnknown and says which there are.
func Open(name string, o Options) (player.Output, error) {
	if err := Check(name); err != nil {
		return nil, err
	}
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "wav", "raw":
		if rest != "-" {
			return newFile(rest, kind == "wav")
		}
		if o.Stdout == nil {
			return nil, fmt.Errorf("output %q: there is no standard output", name)
		}
		return &file{path: rest, header: kind == "wav", stdout: o.Stdout}, nil
	case "null":
		if rest == "fast" {
			return &Counter{}, nil
		}
		return newNull(), nil
	}
	if o.App == "" {
		o.App = "secstream"
	}
	if kind == "" || kind == "speaker" {
		kind = "auto"
	}
	return newSpeaker(place{kind: kind, name: rest, app: o.App})
}

// Device is a sound output that can be chosen.
type Device struct {
	Name     string // as Open takes it
	Text     string // what it calls itself, "" if it does not
	Rate     int    // Hz, 0 if it is not known, or any will do
	Channels int    // likewise
	Default  bool   // of its kind
}

// Group is the devices of one kind.
type Group struct {
	Kind    string // "PulseAudio", "ALSA"
	Devices []Device
	Err     error // why there are none, or not all
}
