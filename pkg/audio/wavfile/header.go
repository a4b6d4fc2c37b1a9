package wavfile

import (
	"encoding/binary"
	"math"

	"secstream/pkg/audio"
)

// unknown is the size of a chunk whose end is not known (yet): readers take
// all there is.
const unknown = math.MaxUint32

// header is everything in front of the sound. Its length depends on the format
// only, so that it can be written again over itself. final says that the sizes
// are known.
func (w *Writer) header(final bool) []byte {
	var ds64, fact []byte
	if w.seek != nil {
		ds64 = make([]byte, 28)
	}
	form := w.format.chunk()
	if w.format.Sample == audio.F32 || w.format.Sample == audio.F64 || len(form) == 40 ||
		w.format.Sample == audio.ALaw || w.format.Sample == audio.ULaw {
		fact = make([]byte, 4)
	}
	frames := w.bytes / int64(w.format.align())
	head := 12 + chunkLen(ds64) + chunkLen(form) + chunkLen(fact) + 8
	riff := int64(head) - 8 + w.bytes + w.bytes&1

	name, spare := "RIFF", "JUNK"
	size32 := func(n int64) uint32 {
		if !final || n > unknown {
			return unknown
		}
		return uint32(n)
	}
	riffSize, dataSize := size32(riff), size32(w.bytes)
	if final && riff >= unknown && ds64 != nil {
		// EBU Tech 3306: all 32-bit sizes are -1, the true ones in ds64.
		name, spare, riffSize, dataSize = "RF64", "ds64", unknown, unknown
		binary.LittleEndian.PutUint64(ds64, uint64(riff))
		binary.LittleEndian.PutUint64(ds64[8:], uint64(w.bytes))
		binary.LittleEndian.PutUint64(ds64[16:], uint64(frames))
	}
	if fact != nil {
		binary.LittleEndian.PutUint32(fact, size32(frames))
	}
	b := make([]byte, 0, head)
	b = append(b, name...)
	b = binary.LittleEndian.AppendUint32(b, riffSize)
	b = append(b, "WAVE"...)
	b = appendChunk(b, spare, ds64)
	b = appendChunk(b, "fmt ", form)
	b = appendChunk(b, "fact", fact)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, dataSize)
}

// AppendHeader appends all of a WAV file that stands before n frames of sound:
// the caller appends the sound, and a zero byte if that has an odd length. Its
// length depends on the format only. Errors are those of NewWriter.
func AppendHeader(dst []byte, f Format, n audio.Frames) ([]byte, error) {
	if err := f.check(); err != nil {
		return dst, err
	}
	w := Writer{format: f, bytes: int64(n) * int64(f.align())}
	return append(dst, w.header(true)...), nil
}

// chunkLen is the length of a chunk with its header; an absent one has none.
func chunkLen(body []byte) int {
	if body == nil {
		return 0
	}
	return 8 + len(body)
}

func appendChunk(b []byte, id string, body []byte) []byte {
	if body == nil {
		return b
	}
	b = append(b, id...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// chunk is the body of the fmt chunk: 16 bytes for plain PCM, 18 for other
// codecs, 40 (WAVEFORMATEXTENSIBLE) when channels or their places, more than 16
// bits of an integer or valid bits ask for it.
func (f Format) chunk() []byte {
	code := uint16(1)
	switch f.Sample {
	case audio.F32, audio.F64:
		code = 3
	case audio.ALaw:
		code = 6
	case audio.ULaw:
		code = 7
	}
	bits := f.Sample.Bytes() * 8
	wide := f.Channels > 2 || f.mask() != audio.UsualSpeakers(f.Channels) || code == 1 && bits > 16 || f.ValidBits != 0 && f.ValidBits != bits
	first := code
	if wide {
		first = 0xFFFE
	}
	b := make([]byte, 0, 40)
	b = binary.LittleEndian.AppendUint16(b, first)
	b = binary.LittleEndian.AppendUint16(b, uint16(f.Channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.SampleRate))
	b = binary.LittleEndian.AppendUint32(b, uint32(min(int64(f.SampleRate)*int64(f.align()), math.MaxUint32)))
	b = binary.LittleEndian.AppendUint16(b, uint16(f.align()))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	if wide {
		return f.extend(b, code, bits)
	}
	if code != 1 {
		b = append(b, 0, 0)
	}
	return b
}

// extend adds what WAVEFORMATEXTENSIBLE has more than WAVEFORMATEX.
func (f Format) extend(b []byte, code uint16, bits int) []byte {
	valid := f.ValidBits
	if valid == 0 {
		valid = bits
	}
	b = binary.LittleEndian.AppendUint16(b, 22)
	b = binary.LittleEndian.AppendUint16(b, uint16(valid))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.mask()))
	b = binary.LittleEndian.AppendUint16(b, code)
	return append(b, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71"...)
}

// mask is dwChannelMask: 0, meaning none in particular, past 8 channels that
// nobody has given places to.
func (f Format) mask() audio.Speakers { return f.Speakers.For(f.Channels) }
