package decode

import (
	"encoding/binary"
	"errors"
	"fmt"

	"secstream/pkg/audio"
)

// MaxHead is the most bytes a RIFF slice holds besides its sound, a little
// more than any writer needs.
const MaxHead = 1 << 10

var errNotWAV = errors.New("not a RIFF WAVE file")

// Unwrap returns the sound in data, a RIFF slice of n frames as p announces
// them, without copying it. What the file says of itself must agree with p and
// n; whatever else it holds is stepped over. Errors wrap audio.ErrCorrupt.
func Unwrap(p Params, data []byte, n audio.Frames) ([]byte, error) {
	sound, err := unwrap(p, data, n)
	if err != nil {
		return nil, corrupt(audio.PCM, err)
	}
	return sound, nil
}

func unwrap(p Params, data []byte, n audio.Frames) ([]byte, error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return nil, errNotWAV
	}
	described := false
	for rest := data[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		if size > int64(len(rest)) {
			return nil, fmt.Errorf("%q chunk of %d bytes where %d are left", id, size, len(rest))
		}
		body := rest[:size:size]
		rest = rest[min(size+size&1, int64(len(rest))):]
		switch id {
		case "fmt ":
			if err := p.describedBy(body); err != nil {
				return nil, err
			}
			described = true
		case "data":
			frame := int64(p.Channels) * int64(p.Sample.Bytes())
			switch {
			case !described:
				return nil, errors.New("sound before its description")
			case frame == 0 || size%frame != 0 || size/frame != int64(n):
				return nil, fmt.Errorf("%d bytes of sound where %d frames of %d were announced", size, n, frame)
			}
			return body, nil
		}
	}
	return nil, errors.New("no sound")
}

// describedBy checks a fmt chunk (the Multimedia Programming Interface's
// WAVEFORMATEX and WAVEFORMATEXTENSIBLE) against p.
func (p Params) describedBy(form []byte) error {
	if len(form) < 16 {
		return errors.New("a description cut short")
	}
	u16 := binary.LittleEndian.Uint16
	code, channels, rate := u16(form), int(u16(form[2:])), int64(binary.LittleEndian.Uint32(form[4:]))
	frame, bits := int(u16(form[12:])), int(u16(form[14:]))
	const extensible, guid = 0xFFFE, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71"
	if code == extensible && len(form) >= 40 && string(form[26:40]) == guid {
		code = u16(form[24:])
	}
	want := uint16(1)
	switch p.Sample {
	case audio.F32, audio.F64:
		want = 3
	case audio.ALaw:
		want = 6
	case audio.ULaw:
		want = 7
	}
	switch size := p.Sample.Bytes(); {
	case code != want || bits != 8*size || frame != p.Channels*size:
		return fmt.Errorf("samples of code %d and %d bits in frames of %d bytes where %s was announced", code, bits, frame, p.Sample)
	case channels != p.Channels:
		return fmt.Errorf("%d channels where %d were announced", channels, p.Channels)
	case p.SampleRate != 0 && rate != int64(p.SampleRate):
		return fmt.Errorf("%d Hz where %d were announced", rate, p.SampleRate)
	}
	return nil
}
