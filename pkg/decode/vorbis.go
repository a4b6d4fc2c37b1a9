package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jfreymuth/vorbis"

	"secstream/pkg/audio"
)

// vorbisOrder says, for each channel of a WAV file, which Vorbis channel goes
// there (Vorbis I §4.3.9); other channel counts have the same order in both.
var vorbisOrder = [9][]int{
	3: {0, 2, 1},
	5: {0, 2, 1, 3, 4},
	6: {0, 2, 1, 5, 3, 4},
	7: {0, 2, 1, 6, 5, 3, 4},
	8: {0, 2, 1, 7, 5, 6, 3, 4},
}

// vorbisDecoder decodes packet by packet. The library's Ogg reader is left
// out: it clamps samples to full scale and trims the start of a stream wrongly.
type vorbisDecoder struct {
	dec      *vorbis.Decoder
	in       oggPackets
	block    vorbisBlocks
	channels int
	order    []int
	buf      []float32 // what the library decodes into
	got      []float32 // decoded and not handed out yet
	lead     int64     // frames to drop first
	left     int64     // frames to hand out
	packet   int       // number of the last one
	err      error
}

// newVorbis opens a slice: Ogg pages of one stream without gaps. How many
// frames it yields is what its granule positions say (Vorbis I §A.2).
func newVorbis(p Params, data []byte) (Decoder, error) {
	d := &vorbisDecoder{in: oggPackets{data: data}, channels: p.Channels}
	if err := d.open(p); err != nil {
		if errors.Is(err, audio.ErrUnsupported) {
			return nil, fmt.Errorf("decode vorbis: %w", err)
		}
		return nil, corrupt(audio.Vorbis, err)
	}
	return d, nil
}

func (d *vorbisDecoder) open(p Params) error {
	ident, err := d.in.header(1)
	if err != nil {
		return err
	}
	if err := d.block.ident(ident, p); err != nil {
		return err
	}
	if _, err := d.in.header(3); err != nil {
		return err
	}
	setup, err := d.in.header(5)
	if err != nil {
		return err
	}
	checked, err := checkVorbisSetup(setup, p.Channels)
	if err != nil {
		return err
	}
	d.block.long, d.block.modes, d.block.bits = checked.long, checked.modes, checked.bits
	if err := d.measure(); err != nil {
		return err
	}
	d.dec = new(vorbis.Decoder)
	if err := d.dec.ReadHeader(ident); err != nil {
		return err
	}
	if err := d.dec.ReadHeader(checked.packet); err != nil {
		return err
	}
	d.buf = make([]float32, d.dec.BufferSize())
	if p.Channels < len(vorbisOrder) {
		d.order = vorbisOrder[p.Channels]
	}
	return nil
}

// measure walks the audio packets without decoding them to find how many
// frames to drop at the start and how many to hand out.
func (d *vorbisDecoder) measure() error {
	in := d.in // a copy: the walk leaves d.in where it is
	in.buf = nil
	blocks := d.block
	var total, gran, since int64
	known := false
	for {
		packet, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if n, ok := blocks.yield(packet); ok {
			total += n
			since += n
		}
		g, last := in.granule()
		if g < 0 {
			continue
		}
		switch over := gran + since - g; {
		case over <= 0:
		case last:
			total -= min(over, since)
		case !known:
			d.lead = over
		}
		gran, since, known = g, 0, true
	}
	d.left = max(total-d.lead, 0)
	return nil
}

func (d *vorbisDecoder) Read(p []float64) (audio.Frames, error) {
	n := 0
	for n < len(p) && d.err == nil {
		if len(d.got) == 0 {
			d.err = d.next()
			continue
		}
		n += d.take(p[n:])
	}
	if n > 0 {
		return audio.Frames(n / d.channels), nil
	}
	return 0, d.err
}

// take hands out decoded samples in the channel order of WAV files.
func (d *vorbisDecoder) take(p []float64) int {
	n := min(len(p), len(d.got))
	if d.order == nil {
		for i, v := range d.got[:n] {
			p[i] = float64(v)
		}
	} else {
		for i := 0; i < n; i += d.channels {
			for c, from := range d.order {
				p[i+c] = float64(d.got[i+from])
			}
		}
	}
	d.got = d.got[n:]
	return n
}

// next decodes a packet, down to what the slice counts of it.
func (d *vorbisDecoder) next() error {
	if d.left == 0 {
		return io.EOF
	}
	packet, err := d.in.next()
	if err != nil {
		return corrupt(audio.Vorbis, fmt.Errorf("packet %d: %w", d.packet, err))
	}
	d.packet++
	want, ok := d.block.yield(packet)
	if !ok {
		return nil // no audio: decoders step over it
	}
	out, err := d.dec.DecodeInto(packet, d.buf)
	if err == nil && int64(len(out)) != want*int64(d.channels) {
		err = fmt.Errorf("%d samples where %d frames were due", len(out), want)
	}
	if err != nil {
		return corrupt(audio.Vorbis, fmt.Errorf("packet %d: %w", d.packet-1, err))
	}
	drop := min(d.lead, want)
	keep := min(want-drop, d.left)
	d.lead -= drop
	d.left -= keep
	d.got = out[int(drop)*d.channels : int(drop+keep)*d.channels]
	return nil
}

// vorbisBlocks tells how many frames packets yield.
type vorbisBlocks struct {
	size  [2]int64 // frames of the short and the long block
	long  uint64   // bit i set: mode i uses the long block
	modes int
	bits  uint  // of a mode number
	last  int64 // size of the last block, 0 before the first
}

// ident checks the identification packet (Vorbis I §4.2.2) against p.
func (b *vorbisBlocks) ident(packet []byte, p Params) error {
	if len(packet) < 30 || binary.LittleEndian.Uint32(packet[7:]) != 0 || packet[29]&1 == 0 {
		return errors.New("identification header makes no sense")
	}
	channels, rate := int(packet[11]), int(binary.LittleEndian.Uint32(packet[12:]))
	short, long := packet[28]&15, packet[28]>>4
	switch {
	case channels != p.Channels:
		return fmt.Errorf("%d channels where %d were announced", channels, p.Channels)
	case p.SampleRate != 0 && rate != p.SampleRate:
		return fmt.Errorf("%d Hz where %d were announced", rate, p.SampleRate)
	case short < 6 || long > 13 || short > long:
		return fmt.Errorf("block sizes 2^%d and 2^%d", short, long)
	}
	b.size = [2]int64{1 << short, 1 << long}
	return nil
}

// yield is how many frames come out for the next packet, half of which
// overlaps with the one before (Vorbis I §4.3.8); false if it is no audio.
func (b *vorbisBlocks) yield(packet []byte) (int64, bool) {
	if len(packet) == 0 || packet[0]&1 != 0 {
		return 0, false
	}
	mode := int(packet[0] >> 1 & (1<<b.bits - 1))
	long := b.long >> mode & 1
	if mode >= b.modes || long == 1 && uint(len(packet))*8 < 1+b.bits+2 {
		return 0, false
	}
	size := b.size[long]
	var n int64
	if b.last > 0 {
		n = b.last/4 + size/4
	}
	b.last = size
	return n, true
}
