package wav

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
)

func TestCompatible(t *testing.T) {
	// Long enough for several blocks of the conversion, and all codes.
	codes := make([]byte, 70001*2)
	for i := range codes {
		codes[i] = byte(i + i>>8)
	}
	for _, c := range []struct {
		in, out audio.Sample
		bits    int
	}{
		{audio.U8, audio.S16, 16}, {audio.ALaw, audio.S16, 16}, {audio.ULaw, audio.S16, 16},
		{audio.S16, audio.S16, 16}, {audio.S24, audio.S24, 24}, {audio.S32, audio.S32, 32}, {audio.F32, audio.F32, 32},
	} {
		sound := codes[:len(codes)/(2*c.in.Bytes())*2*c.in.Bytes()]
		file := written(t, wavfile.Format{SampleRate: 8000, Channels: 2, Sample: c.in}, sound)
		tr, err := open(file)
		if err != nil {
			t.Fatal(err)
		}
		wide := Compatible(tr)
		i := wide.Info()
		if i.Sample != c.out || i.BitDepth != c.bits || i.Frames != tr.Info().Frames || i.BitRate != 16000*c.bits {
			t.Errorf("%s: %+v", c.in, i)
		}
		got := whole(t, wide, file)
		if c.in == c.out {
			if wide != tr || !bytes.Equal(got, sound) {
				t.Errorf("%s did not stay as it is", c.in)
			}
			continue
		}
		for k, code := range sound {
			v := int16(binary.LittleEndian.Uint16(got[2*k:]))
			want := map[audio.Sample]int16{
				audio.U8: (int16(code) - 128) << 8, audio.ALaw: ExpandALaw(code), audio.ULaw: ExpandULaw(code),
			}[c.in]
			if v != want {
				t.Fatalf("%s: code %d at %d became %d, want %d", c.in, code, k, v, want)
			}
		}
	}
}

func TestCompatibleFloat64(t *testing.T) {
	var sound []byte
	values := []float64{0, 1, -1, 0.1, math.Pi, 1e-300, 1e300, math.Copysign(0, -1)}
	for range 1000 {
		for _, v := range values {
			sound = binary.LittleEndian.AppendUint64(sound, math.Float64bits(v))
		}
	}
	file := written(t, wavfile.Format{SampleRate: 8000, Channels: 4, Sample: audio.F64}, sound)
	tr, err := open(file)
	if err != nil {
		t.Fatal(err)
	}
	got := whole(t, Compatible(tr), file)
	if len(got) != len(sound)/2 {
		t.Fatalf("%d bytes", len(got))
	}
	for k := range 8000 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(got[4*k:]))
		if v != float32(values[k%8]) {
			t.Fatalf("%v became %v", values[k%8], v)
		}
	}
}

// TestG711 holds the expansion against values of the tables in ITU-T G.711.
func TestG711(t *testing.T) {
	for _, c := range []struct {
		code byte
		a, u int16
	}{
		{0x00, -5504, -32124}, {0x55, -8, -716}, {0xD5, 8, 716}, {0x2A, -32256, -5372}, {0xAA, 32256, 5372},
		{0x80, 5504, 32124}, {0xFF, 848, 0}, {0x7F, -848, 0},
	} {
		if a, u := ExpandALaw(c.code), ExpandULaw(c.code); a != c.a || u != c.u {
			t.Errorf("0x%02X: A-law %d, want %d; mu-law %d, want %d", c.code, a, c.a, u, c.u)
		}
	}
}

func TestG711AgainstFFmpeg(t *testing.T) {
	ffmpeg := tool(t, "ffmpeg")
	var codes []byte
	for i := range 256 {
		codes = append(codes, byte(i))
	}
	for _, s := range []audio.Sample{audio.ALaw, audio.ULaw} {
		cmd := exec.Command(ffmpeg, "-v", "error", "-f", string(s), "-ar", "8000", "-i", "-", "-f", "s16le", "-")
		cmd.Stdin = bytes.NewReader(codes)
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := convert(nil, codes, s); !bytes.Equal(got, want) {
			t.Errorf("%s: ffmpeg expands otherwise", s)
		}
	}
}
