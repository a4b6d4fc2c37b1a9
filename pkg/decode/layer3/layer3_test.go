package layer3

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand"
	"testing"

	gomp3 "github.com/hajimehoshi/go-mp3"
)

func TestCodes(t *testing.T) {
	for _, c := range codes {
		sum := 0.0
		seen := map[int]bool{}
		top := 0
		for _, l := range leaves(c.leaves) {
			sum += math.Exp2(-float64(l.size))
			seen[l.v] = true
			top = max(top, l.v>>4, l.v&15)
		}
		want := (top + 1) * (top + 1)
		if c.table >= quadA {
			want = 16
		}
		if sum != 1 || len(seen) != want || 3*want != len(c.leaves) {
			t.Errorf("code %d: %d values up to %d, Kraft sum %v", c.table, len(seen), top, sum)
		}
	}
}

func TestBands(t *testing.T) {
	tab := shared()
	for rate := range bands {
		for kind, l := range tab.layouts[rate] {
			sum := 0
			for _, w := range l.width[:l.n] {
				sum += int(w)
			}
			if sum != granuleLines {
				t.Errorf("%d Hz, layout %d: %d lines", rates[rate], kind, sum)
			}
		}
		if got := tab.long[rate][longBands]; got != granuleLines {
			t.Errorf("%d Hz: long bands end at %d", rates[rate], got)
		}
	}
}

func TestParseHeader(t *testing.T) {
	for _, c := range []struct {
		head string
		ok   bool
		size int
	}{
		{"\xff\xfb\x90\x64", true, 417},
		{"\xff\xfb\x92\x64", true, 418},
		{"\xff\xfb\xe8\x64", true, 1440}, // 320 kbit/s at 32 kHz
		{"\xff\xf3\x12\xc4", true, 27},   // 8 kbit/s at 22.05 kHz, padded
		{"\xff\xe3\xea\xc4", true, 1441}, // 160 kbit/s at 8 kHz, padded
		{"\xff\xfb\x00\x64", false, 0},   // free format
		{"\xff\xfb\xf0\x64", false, 0},   // forbidden bit rate
		{"\xff\xfb\x9c\x64", false, 0},   // forbidden sampling rate
		{"\xff\xfd\x90\x64", false, 0},   // layer II
		{"\xff\xeb\x90\x64", false, 0},   // forbidden version
		{"\xff\xdb\x90\x64", false, 0},   // no sync
		{"\xff\xfb\x90", false, 0},       // short
	} {
		h, ok := ParseHeader([]byte(c.head))
		if ok != c.ok || h.Size() != c.size {
			t.Errorf("% x: %v, %d bytes", c.head, ok, h.Size())
		}
	}
	for i := range 1 << 16 {
		h, ok := ParseHeader([]byte{0xff, 0xe0 | byte(i>>11), byte(i >> 3), byte(i << 5)})
		if ok && (h.Size() <= h.mainData() || h.Size() > maxFrame || h.SampleRate == 0 || h.BitRate == 0) {
			t.Fatalf("%+v: %d bytes", h, h.Size())
		}
	}
}

// slowIMDCT is the formula of 2.4.3.4.10.2 with the window of .3.
func slowIMDCT(x []float32, window func(i int) float64) []float64 {
	n := len(x)
	out := make([]float64, 2*n)
	for i := range out {
		for k, v := range x {
			out[i] += float64(v) * math.Cos(math.Pi/float64(4*n)*float64((2*i+1+n)*(2*k+1)))
		}
		out[i] *= window(i)
	}
	return out
}

func slowHybrid(x *[slots]float32, block int) []float64 {
	if block != shortBlock {
		return slowIMDCT(x[:], func(i int) float64 { return window36(block, i) })
	}
	out := make([]float64, 36)
	for w := range 3 {
		var in [6]float32
		for k := range in {
			in[k] = x[3*k+w]
		}
		for i, v := range slowIMDCT(in[:], func(i int) float64 { return math.Sin(math.Pi / 12 * (float64(i) + 0.5)) }) {
			out[6+6*w+i] += v
		}
	}
	return out
}

func TestHybrid(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	tab := shared()
	for block := range 4 {
		for sb := range subbands {
			var x, overlap, was [slots]float32
			var sub [slots][subbands]float32
			for i := range x {
				x[i], overlap[i] = rng.Float32()-0.5, rng.Float32()-0.5
			}
			was = overlap
			if block == shortBlock {
				imdct12(&x, &sub, sb, &overlap, &tab.win12[sb&1])
			} else {
				imdct36(&x, &sub, sb, &overlap, &tab.win36[sb&1][block])
			}
			want := slowHybrid(&x, block)
			for i := range slots {
				sign := invert(sb&1, i)
				// The decoder keeps the overlap with its sign inverted already.
				if d := float64(sub[i][sb]) - (want[i]*sign + float64(was[i])); math.Abs(d) > 4e-6 {
					t.Fatalf("block type %d, subband %d, sample %d: off by %g", block, sb, i, d)
				}
				if d := float64(overlap[i]) - want[18+i]*sign; math.Abs(d) > 4e-6 {
					t.Fatalf("block type %d, subband %d, overlap %d: off by %g", block, sb, i, d)
				}
			}
		}
	}
}

// TestSynthesis runs noise through the analysis filter bank of the standard's
// encoder, by formula, and through ours: it must come back. That holds only if
// window, transform and ring are all right. The bank itself is not perfect: what
// it loses lies 90 dB down.
func TestSynthesis(t *testing.T) {
	tab := shared()
	rng := rand.New(rand.NewSource(1))
	const n = 4 * granuleLines
	in := make([]float64, 512+n)
	for i := 512; i < len(in); i++ {
		in[i] = rng.Float64() - 0.5
	}
	var f filter
	out := make([]float32, n)
	for g := 0; g < n; g += granuleLines {
		var sub [slots][subbands]float32
		for s := range sub {
			end := 512 + g + 32*(s+1) // the newest sample comes before it
			for k := range subbands {
				for i := range 512 {
					w := float64(halfWindow[min(i, 512-i)]) / 65536 / 32
					if i/64%2 == 1 != (i > 256 && i%64 != 0) {
						w = -w // C[i] is D[i]/32 with every other 64 inverted, as is its mirror image
					}
					sub[s][k] += float32(math.Cos(float64((2*k+1)*(i-16))*math.Pi/64) * w * in[end-1-i])
				}
			}
		}
		f.run(tab, &sub, out[g:], 1)
	}
	const delay = 481
	noise := 0.0
	for i := delay; i < n; i++ {
		d := float64(out[i]) - in[512+i-delay]
		noise += d * d
	}
	if db := 10 * math.Log10(noise/(n-delay)*12); db > -80 {
		t.Errorf("noise at %.1f dB", db)
	}
}

// TestSecondOpinion compares with go-mp3, which is right on this file and
// truncates to 16 bits.
func TestSecondOpinion(t *testing.T) {
	stream := publicFrames(t, "speech-english-16k-mono.mp3")[:288*100]
	g, err := gomp3.NewDecoder(io.MultiReader(bytes.NewReader(stream)))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := io.ReadAll(g)
	if err != nil {
		t.Fatal(err)
	}
	ours := decodeAll(t, stream)
	if len(theirs) != 4*len(ours) {
		t.Fatalf("%d frames, theirs %d", len(ours), len(theirs)/4)
	}
	for i, v := range ours {
		want := float64(int16(binary.LittleEndian.Uint16(theirs[4*i:])))
		if math.Abs(float64(v)*32767-want) > 2 {
			t.Fatalf("sample %d: %g, theirs %g", i, float64(v)*32767, want)
		}
	}
}

// TestPreroll decodes from the middle of streams, with a frame in front that
// holds nothing but the reservoir. From one frame on (two in LSF) the
// samples must be those of the whole stream, bit for bit.
func TestPreroll(t *testing.T) {
	streams := map[string][]byte{}
	for _, name := range []string{"music-safari-cbr.mp3", "music-march-vbr.mp3", "speech-english-16k-mono.mp3"} {
		s := publicFrames(t, name)
		streams[name] = s[:min(len(s), 60000)]
	}
	for rate := range rates {
		streams["made "+string(rune('0'+rate))] = newMaker(1, rate, JointStereo, 0, 1, 2, 3).make(40)
	}
	for name, stream := range streams {
		var frames [][]byte
		for rest := stream; len(rest) >= HeaderSize; {
			h, ok := ParseHeader(rest)
			if !ok || h.Size() > len(rest) {
				break
			}
			frames, rest = append(frames, rest[:h.Size()]), rest[h.Size():]
		}
		h, _ := ParseHeader(frames[0])
		warm := 3 - h.granules()
		per := h.Samples() * h.Channels
		whole := decodeAll(t, bytes.Join(frames, nil))
		for at := warm; at < len(frames); at += 1 + len(frames)/40 {
			from := at - warm
			var reservoir []byte
			for _, f := range frames[:from] {
				fh, _ := ParseHeader(f)
				reservoir = append(reservoir, f[fh.mainData():]...)
			}
			part := append(feeder(t, frames[from], reservoir), bytes.Join(frames[from:min(at+4, len(frames))], nil)...)
			got := decodeAll(t, part)[(1+warm)*per:]
			for i, v := range got {
				if v != whole[at*per+i] {
					t.Fatalf("%s: frame %d: sample %d is %g, not %g", name, at, i, v, whole[at*per+i])
				}
			}
		}
	}
}

// feeder makes a silent frame like frame whose main data ends like reservoir.
func feeder(t *testing.T, frame, reservoir []byte) []byte {
	reach := maxReservoir
	if h, _ := ParseHeader(frame); h.lsf() {
		reach = 255
	}
	reservoir = reservoir[max(0, len(reservoir)-reach):]
	for rate := byte(1); rate < 15; rate++ {
		head := []byte{frame[0], frame[1] | 1, rate<<4 | frame[2]&0x0c, frame[3]}
		h, _ := ParseHeader(head)
		room := h.Size() - h.mainData()
		if room >= len(reservoir) {
			return append(append(head, make([]byte, h.Size()-4-len(reservoir))...), reservoir...)
		}
	}
	t.Fatal("no frame is large enough")
	return nil
}

// TestNoPosition: the largest value a position can have means that the band is
// not coded in intensity stereo: 7 in MPEG-1, in LSF what its width allows. The
// judges of TestMade do not agree on the latter.
func TestNoPosition(t *testing.T) {
	ones := bits{data: bytes.Repeat([]byte{0xff}, 200)}
	var s scaleFactors
	for _, kind := range []int{allLong, allShort, mixedBlock} {
		for compress := range 512 {
			ones.seek(0)
			s = scaleFactors{}
			s.readLSF(&ones, &granule{compress: compress}, kind, true)
			width, row := lsfWidths(compress, true)
			at := 0
			for i, n := range scaleGroups[row][kind] {
				for range n {
					if none := s.pos[at] == noPosition; none != (width[i] > 0) {
						t.Fatalf("layout %d, compress %d, band %d: position %d", kind, compress, at, s.pos[at])
					}
					at++
				}
			}
		}
		ones.seek(0)
		s = scaleFactors{}
		s.readMPEG1(&ones, &granule{compress: 13}, kind, 0) // 3 bits each
		if s.pos[0] != noPosition || s.v[0] != 7 {
			t.Errorf("layout %d: position %d for 7", kind, s.pos[0])
		}
	}
}

func TestReset(t *testing.T) {
	stream := newMaker(3, 0, JointStereo, 0, 1, 2, 3).make(20)
	want := decodeAll(t, stream)
	var d Decoder
	for range 2 {
		var pcm [MaxSamples]float32
		for at, done := 0, 0; at < len(stream); {
			h, _ := ParseHeader(stream[at:])
			n, err := d.Frame(pcm[:], stream[at:])
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range pcm[:n*h.Channels] {
				if v != want[done+i] {
					t.Fatalf("sample %d differs", done+i)
				}
			}
			at, done = at+h.Size(), done+n*h.Channels
		}
		d.Reset()
	}
}

func TestFrameErrors(t *testing.T) {
	frame := newMaker(1, 0, Stereo).make(1)
	var d Decoder
	var pcm [MaxSamples]float32
	for name, c := range map[string]struct {
		dst   []float32
		frame []byte
		want  error
	}{
		"nothing": {pcm[:], nil, errHeader},
		"junk":    {pcm[:], []byte("RIFF...."), errHeader},
		"cut":     {pcm[:], frame[:len(frame)-1], errShort},
		"small":   {pcm[:2303], frame, errRoom},
	} {
		if _, err := d.Frame(c.dst, c.frame); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestAllocs(t *testing.T) {
	stream := newMaker(1, 0, JointStereo, 0, 1, 2, 3).make(10)
	var d Decoder
	var pcm [MaxSamples]float32
	n := testing.AllocsPerRun(20, func() {
		for at := 0; at < len(stream); {
			h, _ := ParseHeader(stream[at:])
			if _, err := d.Frame(pcm[:], stream[at:at+h.Size()]); err != nil {
				t.Fatal(err)
			}
			at += h.Size()
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
