package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os/exec"
	"testing"

	"secstream/pkg/audio"
)

// readAll decodes to the end in reads of an awkward size.
func readAll(d Decoder, channels int) ([]float64, error) {
	var out []float64
	buf := make([]float64, 1013*channels)
	for {
		n, err := d.Read(buf)
		out = append(out, buf[:int(n)*channels]...)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

func pcmSamples(t *testing.T, kind audio.Sample, channels int, data []byte) []float64 {
	t.Helper()
	d, err := New(Params{Codec: audio.PCM, Sample: kind, Channels: channels}, data)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	out, err := readAll(d, channels)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return out
}

func TestPCMIntegersExact(t *testing.T) {
	for _, c := range []struct {
		kind audio.Sample
		bits int
	}{{audio.U8, 8}, {audio.S16, 16}, {audio.S24, 24}, {audio.S32, 32}} {
		full := int64(1) << (c.bits - 1)
		values := []int64{-full, -full + 1, -1, 0, 1, full/3 + 1, full - 2, full - 1}
		var data []byte
		for _, v := range values {
			b := binary.LittleEndian.AppendUint64(nil, uint64(v))
			if c.kind == audio.U8 {
				b[0] += 128
			}
			data = append(data, b[:c.bits/8]...)
		}
		got := pcmSamples(t, c.kind, 2, data)
		for i, v := range values {
			if got[i]*float64(full) != float64(v) {
				t.Errorf("%s: %d became %v", c.kind, v, got[i])
			}
		}
	}
}

func TestPCMFloatsExact(t *testing.T) {
	values := []float64{0, 1, -1, 0.1, 1e-30, 3.5, math.Inf(1), math.SmallestNonzeroFloat32}
	var f32, f64 []byte
	for _, v := range values {
		f32 = binary.LittleEndian.AppendUint32(f32, math.Float32bits(float32(v)))
		f64 = binary.LittleEndian.AppendUint64(f64, math.Float64bits(v))
	}
	for i, v := range pcmSamples(t, audio.F32, 1, f32) {
		if v != float64(float32(values[i])) {
			t.Errorf("f32: %v became %v", values[i], v)
		}
	}
	for i, v := range pcmSamples(t, audio.F64, 1, f64) {
		if v != values[i] {
			t.Errorf("f64: %v became %v", values[i], v)
		}
	}
}

// The corner values are those of the G.711 tables, in 16-bit terms.
func TestPCMG711(t *testing.T) {
	for _, c := range []struct {
		kind audio.Sample
		code byte
		want int
	}{
		{audio.ALaw, 0xD5, 8}, {audio.ALaw, 0x55, -8}, {audio.ALaw, 0xAA, 32256}, {audio.ALaw, 0x2A, -32256},
		{audio.ULaw, 0xFF, 0}, {audio.ULaw, 0x7F, 0}, {audio.ULaw, 0x80, 32124}, {audio.ULaw, 0x00, -32124}, {audio.ULaw, 0xFE, 8},
	} {
		if got := pcmSamples(t, c.kind, 1, []byte{c.code})[0] * 32768; got != float64(c.want) {
			t.Errorf("%s %#x: %v, want %d", c.kind, c.code, got, c.want)
		}
	}
}

func TestPCMG711AgainstFFmpeg(t *testing.T) {
	ffmpeg := tool(t, "ffmpeg")
	codes := make([]byte, 256)
	for i := range codes {
		codes[i] = byte(i)
	}
	for _, kind := range []audio.Sample{audio.ALaw, audio.ULaw} {
		cmd := exec.Command(ffmpeg, "-v", "error", "-f", string(kind), "-ar", "8000", "-ac", "1", "-i", "-", "-f", "s16le", "-")
		cmd.Stdin = bytes.NewReader(codes)
		ref, err := cmd.Output()
		if err != nil || len(ref) != 512 {
			t.Fatalf("ffmpeg: %v, %d bytes", err, len(ref))
		}
		want := pcmSamples(t, audio.S16, 1, ref)
		for i, v := range pcmSamples(t, kind, 1, codes) {
			if v != want[i] {
				t.Errorf("%s %#x: %v, ffmpeg says %v", kind, i, v*32768, want[i]*32768)
			}
		}
	}
}

func TestPCMRefusals(t *testing.T) {
	for _, c := range []struct {
		p    Params
		data []byte
		want error
	}{
		{Params{Codec: audio.PCM, Sample: "s20", Channels: 1}, nil, audio.ErrUnsupported},
		{Params{Codec: audio.PCM, Sample: audio.S16, Channels: 2}, make([]byte, 6), audio.ErrCorrupt},
		{Params{Codec: audio.Opus, Channels: 2}, nil, audio.ErrUnsupported},
		{Params{Codec: "aac", Channels: 2}, nil, audio.ErrUnsupported},
	} {
		if _, err := New(c.p, c.data); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.p, err, c.want)
		}
	}
	if _, err := New(Params{Codec: audio.PCM, Sample: audio.S16}, nil); err == nil {
		t.Error("no channels: no error")
	}
}

func TestPCMReadAllocatesNothing(t *testing.T) {
	data, buf := make([]byte, 1<<20), make([]float64, 64)
	d, err := New(Params{Codec: audio.PCM, Sample: audio.S24, Channels: 1}, data[:1<<20/3*3])
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { d.Read(buf) }); n != 0 {
		t.Errorf("%v allocations a read", n)
	}
}
