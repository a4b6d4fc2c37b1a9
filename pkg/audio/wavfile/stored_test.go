package wavfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"secstream/pkg/audio"
)

func TestAppendSamples(t *testing.T) {
	// Every integer comes back, and what is out of range is clipped.
	for v := -1 << 15; v < 1<<15; v++ {
		x := float64(v) / (1 << 15)
		if b := AppendSamples(nil, []float64{x}, audio.S16); int16(binary.LittleEndian.Uint16(b)) != int16(v) {
			t.Fatalf("s16 %d becomes % x", v, b)
		}
		if b := AppendSamples(nil, []float64{float64(v>>8) / (1 << 7)}, audio.U8); int(b[0])-128 != v>>8 {
			t.Fatalf("u8 %d becomes % x", v>>8, b)
		}
	}
	for _, v := range []int32{math.MinInt32, math.MinInt32 + 1, -1, 0, 1, 12345678, math.MaxInt32} {
		if b := AppendSamples(nil, []float64{float64(v) / (1 << 31)}, audio.S32); int32(binary.LittleEndian.Uint32(b)) != v {
			t.Errorf("s32 %d becomes % x", v, b)
		}
		w := v >> 8
		if b := AppendSamples(nil, []float64{float64(w) / (1 << 23)}, audio.S24); !bytes.Equal(b, []byte{byte(w), byte(w >> 8), byte(w >> 16)}) {
			t.Errorf("s24 %d becomes % x", w, b)
		}
		f := math.Float32frombits(uint32(v))
		if b := AppendSamples(nil, []float64{float64(f)}, audio.F32); f == f && math.Float32frombits(binary.LittleEndian.Uint32(b)) != f {
			t.Errorf("f32 %g becomes % x", f, b)
		}
	}
	got := AppendSamples(nil, []float64{1, 1.5, -1, -7, math.Inf(1), math.Inf(-1), math.NaN(), 0.6 / 32768, -0.4 / 32768}, audio.S16)
	want := []int16{32767, 32767, -32768, -32768, 32767, -32768, 0, 1, 0}
	for i, w := range want {
		if v := int16(binary.LittleEndian.Uint16(got[2*i:])); v != w {
			t.Errorf("value %d becomes %d, want %d", i, v, w)
		}
	}
}
