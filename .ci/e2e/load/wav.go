package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
)

// writeWAV writes a file of size bytes, noise and holes.
func writeWAV(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	data := (size - 44) / 4 * 4
	if _, err := f.Write(wavHeader(data)); err != nil {
		return err
	}
	noise := make([]byte, 2<<20) // two slices of 5 s at least, one of them whole
	rnd := rand.NewChaCha8([32]byte{1})
	for at := int64(44); at+int64(len(noise)) < size; at += 16 << 20 {
		_, _ = rnd.Read(noise) // never fails
		if _, err := f.WriteAt(noise, at); err != nil {
			return err
		}
	}
	return errors.Join(f.Truncate(44+data), f.Close())
}

// bytesPerSecond of 16-bit stereo at 44.1 kHz.
const bytesPerSecond = 4 * 44100

// wavHeader is that of so many bytes of 16-bit stereo at 44.1 kHz.
func wavHeader(data int64) []byte {
	h := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(data+36))...)
	h = append(h, "WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00data"...)
	return binary.LittleEndian.AppendUint32(h, uint32(data))
}

// tone is a WAV file whose samples are text, over and over: what of it lies
// about in the clear can be searched for.
func tone(seconds int, text string) []byte {
	data := bytes.Repeat([]byte(text), seconds*bytesPerSecond/len(text)+1)[:seconds*bytesPerSecond]
	return append(wavHeader(int64(len(data))), data...)
}
