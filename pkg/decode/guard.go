package decode

import (
	"errors"
	"fmt"
	"io"

	"secstream/pkg/audio"
)

// idleReads is how often in a row a decoder may come back with nothing before
// it is taken to be stuck. A healthy one may need a few calls to get through
// headers and preroll.
const idleReads = 64

var (
	errIdle    = errors.New("the decoder makes no progress")
	errOverrun = errors.New("the decoder claims more frames than it was asked for")
)

// guard stands between a decoder and the rest of the program. Whatever the
// decoder does short of looping without reading, the caller sees frames, an
// io.EOF or an error: a panic becomes an error that wraps audio.ErrCorrupt,
// as do more frames than the limit and a row of empty reads.
type guard struct {
	d        Decoder
	codec    audio.Codec
	channels int
	left     audio.Frames // frames still allowed
	limit    audio.Frames // 0: none
	err      error        // final, returned from now on
}

// guarded opens a decoder and puts it behind a guard. The opening is guarded too.
func guarded(p Params, data []byte, open func(Params, []byte) (Decoder, error)) (_ Decoder, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(p.Codec, v)
		}
	}()
	d, err := open(p, data)
	if err != nil {
		return nil, err
	}
	return &guard{d: d, codec: p.Codec, channels: p.Channels, left: p.Limit, limit: p.Limit}, nil
}

// Read is Decoder.Read. The frames up to the limit are still delivered.
func (g *guard) Read(p []float64) (audio.Frames, error) {
	switch {
	case len(p)%g.channels != 0:
		return 0, fmt.Errorf("decode %s: a buffer of %d samples does not hold whole frames of %d channels", g.codec, len(p), g.channels)
	case g.err != nil:
		return 0, g.err
	case len(p) == 0:
		return 0, nil
	}
	n, err := g.read(p)
	if g.limit > 0 && n > g.left {
		n, err = g.left, corrupt(g.codec, fmt.Errorf("more than %d frames", g.limit))
	}
	g.left -= n
	g.err = err
	if n > 0 {
		return n, nil
	}
	return 0, err
}

func (g *guard) faults() []Fault { return Faults(g.d) }

func (g *guard) read(p []float64) (n audio.Frames, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, panicked(g.codec, v)
		}
	}()
	for range idleReads {
		n, err = g.d.Read(p)
		switch {
		case n < 0 || n > audio.Frames(len(p)/g.channels):
			return 0, corrupt(g.codec, errOverrun)
		case n > 0 || err != nil:
			return n, err
		}
	}
	return 0, corrupt(g.codec, errIdle)
}

// corrupt says that the bytes of a slice are damaged and how that showed.
func corrupt(codec audio.Codec, cause error) error {
	return fmt.Errorf("decode %s: %w: %w", codec, audio.ErrCorrupt, cause)
}

func panicked(codec audio.Codec, v any) error {
	if err, ok := v.(error); ok && errors.Is(err, errIdle) {
		return corrupt(codec, err)
	}
	return corrupt(codec, fmt.Errorf("the decoder broke down: %v", v))
}

// input hands the bytes of a slice to a library that wants an io.Reader. A
// library that goes on reading at the end is stopped by a panic, which the
// guard turns into an error: it is the only way out of a loop in foreign code.
type input struct {
	data []byte
	off  int
	ends int
}

func (in *input) Read(p []byte) (int, error) {
	if in.off == len(in.data) && len(p) > 0 {
		if in.ends++; in.ends > idleReads {
			panic(errIdle)
		}
		return 0, io.EOF
	}
	n := copy(p, in.data[in.off:])
	in.off += n
	return n, nil
}
