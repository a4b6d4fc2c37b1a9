package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"secstream/pkg/audio"
	"secstream/pkg/decode/layer3"
)

var (
	errStereo  = errors.New("stereo frame in a mono stream")
	errNoFrame = errors.New("no frame of layer III")
)

// mp3 finds the frames in the bytes of a slice and decodes them. What lies
// between frames is stepped over as if it were not there, so the samples
// depend on the frames alone.
type mp3 struct {
	data     []byte
	off      int  // what comes before is done with
	synced   bool // a frame ended at off
	rate     int  // Hz; frames of another rate are junk
	channels int
	dec      layer3.Decoder
	pcm      [layer3.MaxSamples]float32
	rest     []float32 // part of pcm not read yet
	made     audio.Frames
	bad      []Fault
	err      error
}

// newMP3 decodes Layer III. ID3v2 tags in front and a Xing, Info or VBRI frame
// at the start are skipped and nothing else is taken off: encoder delay,
// padding and preroll are there for the caller to drop. Mono frames are doubled
// when p.Channels is 2. A last frame that is cut off is left out. Limits and
// panics are the guard's business.
func newMP3(p Params, data []byte) (Decoder, error) {
	if p.Channels > 2 {
		return nil, fmt.Errorf("decode mp3: %w: %d channels", audio.ErrUnsupported, p.Channels)
	}
	d := &mp3{data: data, off: id3v2End(data), rate: p.SampleRate, channels: p.Channels}
	frame, h := d.next()
	if frame == nil {
		return nil, corrupt(audio.Layer3, errNoFrame)
	}
	d.rate = h.SampleRate
	if !describes(frame, h) {
		d.off -= len(frame)
	}
	return d, nil
}

// Read is Decoder.Read.
func (d *mp3) Read(p []float64) (audio.Frames, error) {
	n := 0
	for n < len(p) {
		if len(d.rest) == 0 && !d.decode() {
			break
		}
		k := min(len(p)-n, len(d.rest))
		for i, v := range d.rest[:k] {
			p[n+i] = float64(v)
		}
		d.rest = d.rest[k:]
		n += k
	}
	if n == 0 && len(p) > 0 {
		return 0, d.err
	}
	return audio.Frames(n / d.channels), nil
}

// decode makes the next frame's samples the rest, or sets err.
func (d *mp3) decode() bool {
	if d.err != nil {
		return false
	}
	frame, h := d.next()
	switch {
	case frame == nil:
		d.err = io.EOF
		return false
	case h.Channels > d.channels:
		d.err = corrupt(audio.Layer3, &audio.Error{Format: "mp3", Off: int64(d.off - len(frame)), Err: errStereo})
		return false
	}
	n, err := d.dec.Frame(d.pcm[:], frame)
	if err != nil {
		d.err = corrupt(audio.Layer3, err)
		return false
	}
	if h.Channels < d.channels {
		for i := n - 1; i >= 0; i-- {
			d.pcm[2*i], d.pcm[2*i+1] = d.pcm[i], d.pcm[i]
		}
	}
	d.rest = d.pcm[:n*d.channels]
	d.note(audio.Frames(n))
	return true
}

// note keeps the fault of the frame just decoded to n frames of sound. There
// are no more of them than frames in the slice, and none in a sound one.
func (d *mp3) note(n audio.Frames) {
	if f := d.dec.Fault(); f != layer3.Sound {
		d.bad = append(d.bad, Fault{At: d.made, Len: n, What: f.String(), Plain: f.Plain()})
	}
	d.made += n
}

func (d *mp3) faults() []Fault { return d.bad }

// next moves past the next whole frame and returns it, nil at the end. A header
// counts where the last frame ended; elsewhere only if another one, or the
// end, follows its frame.
func (d *mp3) next() ([]byte, layer3.Header) {
	for ; d.off < len(d.data); d.off++ {
		if h, ok := d.header(d.off); ok {
			end := d.off + h.Size()
			if end <= len(d.data) && (d.synced || d.confirmed(end, h)) {
				frame := d.data[d.off:end]
				d.off, d.synced = end, true
				return frame, h
			}
		}
		d.synced = false
		skip := bytes.IndexByte(d.data[d.off+1:], 0xff)
		if skip < 0 {
			break
		}
		d.off += skip // and one
	}
	d.off = len(d.data)
	return nil, layer3.Header{}
}

func (d *mp3) confirmed(end int, h layer3.Header) bool {
	after, ok := d.header(end)
	return end == len(d.data) || ok && after.SampleRate == h.SampleRate
}

// header reads the header at off if it can be one of this stream.
func (d *mp3) header(off int) (layer3.Header, bool) {
	h, ok := layer3.ParseHeader(d.data[off:])
	return h, ok && (d.rate == 0 || h.SampleRate == d.rate)
}

// describes says whether a first frame holds a Xing, Info or VBRI tag instead
// of sound. Where there is a CRC, encoders disagree on whether it counts.
func describes(frame []byte, h layer3.Header) bool {
	at := layer3.HeaderSize + h.SideInfo()
	for _, tag := range []struct {
		name string
		at   int
	}{{"Xing", at}, {"Info", at}, {"Xing", at + 2}, {"Info", at + 2}, {"VBRI", layer3.HeaderSize + 32}} {
		if len(frame) > tag.at && bytes.HasPrefix(frame[tag.at:], []byte(tag.name)) {
			return true
		}
	}
	return false
}

// id3v2End is where the ID3v2 tags at the start of b end, 0 if there are none.
func id3v2End(b []byte) int {
	end := 0
	for len(b)-end >= 10 && string(b[end:end+3]) == "ID3" {
		t := b[end : end+10]
		size := 10 + int(t[6]&127)<<21 + int(t[7]&127)<<14 + int(t[8]&127)<<7 + int(t[9]&127)
		if t[5]&0x10 != 0 { // a footer
			size += 10
		}
		end = min(end+size, len(b))
	}
	return end
}
