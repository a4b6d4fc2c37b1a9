package decode

import "secstream/pkg/decode/layer3"

// Wipe zeroes the sound that d still holds, and what it copied of its bytes; d
// is of no use afterwards. What the Vorbis library keeps to itself, the
// overlap of two blocks, is out of reach.
func Wipe(d Decoder) {
	if w, ok := d.(interface{ wipe() }); ok {
		w.wipe()
	}
}

func (g *guard) wipe() { Wipe(g.d) }

func (d *mp3) wipe() {
	clear(d.pcm[:])
	d.dec, d.rest = layer3.Decoder{}, nil
}

func (d *flacDecoder) wipe() {
	d.frames.wipe()
	d.block, d.pos = 0, 0
}

func (d *flacFrames) wipe() {
	for _, x := range d.x {
		clear(x[:cap(x)])
	}
}

func (d *flacLibrary) wipe() {
	if d.frame != nil {
		for _, sub := range d.frame.Subframes {
			clear(sub.Samples)
		}
	}
}

func (d *vorbisDecoder) wipe() {
	clear(d.buf[:cap(d.buf)])
	clear(d.in.buf[:cap(d.in.buf)])
	d.got = nil
}
