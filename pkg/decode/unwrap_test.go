package decode_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/decode"
)

// wrapped is n frames of made-up sound as a file.
func wrapped(t testing.TB, f wavfile.Format, n audio.Frames) (file, sound []byte) {
	t.Helper()
	file, err := wavfile.AppendHeader(nil, f, n)
	if err != nil {
		t.Fatal(err)
	}
	sound = make([]byte, int(n)*f.Channels*f.Sample.Bytes())
	for i := range sound {
		sound[i] = byte(i*7 + 1)
	}
	return append(file, sound...), sound
}

func TestUnwrap(t *testing.T) {
	for _, kind := range []audio.Sample{audio.U8, audio.S16, audio.S24, audio.S32, audio.F32, audio.F64, audio.ALaw, audio.ULaw} {
		for _, channels := range []int{1, 2, 6, 255} {
			file, sound := wrapped(t, wavfile.Format{SampleRate: 48000, Channels: channels, Sample: kind}, 31)
			p := decode.Params{Codec: audio.PCM, Sample: kind, SampleRate: 48000, Channels: channels}
			got, err := decode.Unwrap(p, file, 31)
			if err != nil || !bytes.Equal(got, sound) || len(file)-len(sound) > decode.MaxHead {
				t.Errorf("%s of %d channels: %d bytes of %d, %v", kind, channels, len(got), len(sound), err)
			}
			if len(got) > 0 && &got[0] != &file[len(file)-len(sound)] {
				t.Error("the sound was copied, and is not wiped with the file")
			}
		}
	}
}

func TestUnwrapTrustsNothing(t *testing.T) {
	const frames = 100
	p := decode.Params{Codec: audio.PCM, Sample: audio.S16, SampleRate: 44100, Channels: 2}
	good, _ := wrapped(t, wavfile.Format{SampleRate: 44100, Channels: 2, Sample: audio.S16}, frames)
	wide, _ := wrapped(t, wavfile.Format{SampleRate: 44100, Channels: 2, Sample: audio.S16, ValidBits: 12}, frames)
	put := func(file []byte, at int, v uint32) []byte {
		b := bytes.Clone(file)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	chunk := func(id string, body string) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
		return append(append(b, body...), make([]byte, len(body)&1)...)
	}
	for name, b := range map[string][]byte{
		"12 valid bits":          wide,
		"RIFF size a lie":        put(good, 4, 1),
		"a chunk before":         append(append(bytes.Clone(good[:12]), chunk("LIST", "odd")...), good[12:]...),
		"a chunk after":          append(bytes.Clone(good), chunk("LIST", "odd")...),
		"half a chunk after":     append(bytes.Clone(good), "LIST\xff"...),
		"a chunk between":        append(append(bytes.Clone(good[:36]), chunk("fact", "1234")...), good[36:]...),
		"the rest is somebody's": append(bytes.Clone(good), bytes.Repeat([]byte{0xff}, 99)...),
	} {
		if sound, err := decode.Unwrap(p, b, frames); err != nil || len(sound) != 4*frames {
			t.Errorf("%s: %d bytes, %v", name, len(sound), err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "eleven bytes": good[:11], "no chunk": good[:12], "no sound": good[:36], "half a chunk": good[:40],
		"RF64": append([]byte("RF64"), good[4:]...), "no WAVE": append(append(bytes.Clone(good[:8]), "AVI "...), good[12:]...),
		"a frame short":      put(good, 40, 4*frames-4),
		"half a frame short": put(good, 40, 4*frames-2),
		"more than there is": put(good, 40, 4*frames+4),
		"size -1":            put(good, 40, 0xFFFFFFFF),
		"cut off":            good[:len(good)-1],
		"fmt of 14 bytes":    append(append(bytes.Clone(good[:12]), chunk("fmt ", string(good[20:34]))...), good[36:]...),
		"fmt too long":       put(good, 16, 1<<31),
		"sound first":        append(bytes.Clone(good[:12]), append(bytes.Clone(good[36:]), good[12:36]...)...),
		"another rate":       put(good, 24, 48000),
		"one channel":        put(good, 20, 1|1<<16),
		"float":              put(good, 20, 3|2<<16),
		"24 bits":            put(good, 32, 4|24<<16),
		"frames of 6 bytes":  put(good, 32, 6|16<<16),
		"another codec":      put(wide, 44, 0x55),
		"a GUID of another":  put(wide, 48, 0x11),
	} {
		if sound, err := decode.Unwrap(p, b, frames); !errors.Is(err, audio.ErrCorrupt) || sound != nil {
			t.Errorf("%s: %d bytes, %v", name, len(sound), err)
		}
	}
	for name, p := range map[string]decode.Params{"no kind": {Codec: audio.PCM, Channels: 2}, "no channels": {Codec: audio.PCM, Sample: audio.S16}} {
		if _, err := decode.Unwrap(p, good, frames); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	for _, kind := range []audio.Sample{audio.U8, audio.S16, audio.S24} {
		file, _ := wrapped(f, wavfile.Format{SampleRate: 8000, Channels: 1, Sample: kind}, 5)
		f.Add(file, int64(5))
	}
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff"), int64(1<<62))
	f.Fuzz(func(t *testing.T, b []byte, n int64) {
		for _, kind := range []audio.Sample{audio.U8, audio.S16, audio.S24, audio.F64} {
			p := decode.Params{Codec: audio.PCM, Sample: kind, SampleRate: 8000, Channels: 1}
			sound, err := decode.Unwrap(p, b, audio.Frames(n))
			if err == nil && int64(len(sound)) != n*int64(kind.Bytes()) {
				t.Fatalf("%d bytes for %d frames of %s", len(sound), n, kind)
			}
		}
	})
}
