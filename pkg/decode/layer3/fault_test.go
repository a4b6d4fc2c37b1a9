package layer3

import (
	"bytes"
	"testing"
)

// publicSplit returns frames of a public file, each a copy, from the first
// that holds sound on.
func publicSplit(t testing.TB, name string, n int) [][]byte {
	t.Helper()
	b := publicFrames(t, name)
	var out [][]byte
	for range n + 1 {
		h, _ := ParseHeader(b)
		out, b = append(out, bytes.Clone(b[:h.Size()])), b[h.Size():]
	}
	return out[1:] // the first holds a tag
}

// put writes the n low bits of v at bit pos of b.
func put(b []byte, pos, n, v int) {
	for i := range n {
		bit := byte(1) << (7 - (pos+i)&7)
		b[(pos+i)>>3] &^= bit
		if v>>(n-1-i)&1 != 0 {
			b[(pos+i)>>3] |= bit
		}
	}
}

// faults decodes frames and returns the fault of each, and whether it was silent.
func faults(t testing.TB, d *Decoder, frames [][]byte) (all []Fault, silent []bool) {
	t.Helper()
	var pcm [MaxSamples]float32
	for _, f := range frames {
		n, err := d.Frame(pcm[:], f)
		if err != nil {
			t.Fatal(err)
		}
		h, _ := ParseHeader(f)
		quiet := true
		for _, v := range pcm[:n*h.Channels] {
			quiet = quiet && v == 0
		}
		all, silent = append(all, d.Fault()), append(silent, quiet)
	}
	return all, silent
}

// TestFault: each kind of damage is told of at its frame, and nowhere else.
func TestFault(t *testing.T) {
	const (
		at       = 5
		side     = 8 * HeaderSize
		granule1 = side + 20 // of stereo MPEG-1: 9 bits of begin, 3 private, 8 of scfsi
		granule2 = granule1 + 59
		speech1  = side + 9 // of mono LSF: 8 bits of begin, 1 private
	)
	const music, speech = "music-safari-cbr.mp3", "speech-english-16k-mono.mp3"
	for _, c := range []struct {
		name, file string
		change     func(frame []byte)
		want       Fault
	}{
		{"all ones", music, func(b []byte) { put(b, side, 256, -1) }, BadSide},
		{"too many lines", music, func(b []byte) { put(b, granule2+12, 9, 289) }, BadSide},
		{"block type 0 switched to", music, func(b []byte) { put(b, granule1+33, 3, 4) }, BadSide},
		{"block type 0 switched to", speech, func(b []byte) { put(b, speech1+38, 3, 4) }, BadSide},
		{"lengths past the end", music, func(b []byte) { put(b, granule1, 12, 4095) }, Long},
		{"lengths past the end", speech, func(b []byte) { put(b, speech1, 12, 4095) }, Long},
		{"a length too small", music, func(b []byte) { put(b, granule1, 12, 90) }, Garbled},
		{"no length", speech, func(b []byte) { put(b, speech1, 12, 0) }, Garbled},
	} {
		frames := publicSplit(t, c.file, 12)
		c.change(frames[at])
		got, _ := faults(t, new(Decoder), frames)
		for i, f := range got {
			if want := c.want; i != at && f != Sound || i == at && f != want {
				t.Errorf("%s: %s: frame %d: %v", c.file, c.name, i, f)
			}
		}
		if c.want.Plain() == (c.want == Garbled) {
			t.Errorf("%v: plain %v", c.want, c.want.Plain())
		}
	}
}

// TestStartIsNoFault: frames without the reservoir before them are silent and
// sound; later, when no stream has such frames, they are damage.
func TestStartIsNoFault(t *testing.T) {
	frames := publicSplit(t, "music-safari-cbr.mp3", 40)[20:]
	put(frames[0], 8*HeaderSize, 9, 1)
	put(frames[1], 8*HeaderSize, 9, 511) // one frame carries less
	var d Decoder
	got, silent := faults(t, &d, frames)
	for i, f := range got {
		if f != Sound || silent[i] != (i < 2) {
			t.Errorf("frame %d of a stream cut out: %v, silent %v", i, f, silent[i])
		}
	}
	d.Reset()
	frames = publicSplit(t, "music-safari-cbr.mp3", 5)
	if got, _ = faults(t, &d, frames); got[1] != Sound {
		t.Fatalf("a sound start: %v", got)
	}
	put(frames[1], 8*HeaderSize, 9, 511)
	d.Reset()
	got, _ = faults(t, &d, frames)
	if got[0] != Sound || got[1] != Missing || got[2] != Sound {
		t.Errorf("data missing behind the start: %v", got)
	}
}
