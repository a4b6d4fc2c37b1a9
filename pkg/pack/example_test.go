package pack_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"os"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/format"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

// open opens a file of music and cuts it into slices of 5 s.
func open(path string) (*os.File, audio.Track, slicer.Plan) {
	f, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	st, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	stream, err := format.Open(f, st.Size())
	if err != nil {
		log.Fatal(err)
	}
	track, err := stream.Index(context.Background(), f)
	if err != nil {
		log.Fatal(err)
	}
	plan, err := slicer.Make(track.Cuts(), track.Info().SampleRate, slicer.Options{Millis: 5000})
	if err != nil {
		log.Fatal(err)
	}
	return f, track, plan
}

// box is both ends' in these examples. Package handshake agrees on its key.
func box(c seal.Cipher) *seal.Box {
	key, err := seal.NewKey(bytes.Repeat([]byte("secret: "), seal.KeySize/8))
	if err != nil {
		log.Fatal(err)
	}
	defer key.Wipe()
	b, err := seal.NewBoxWith(c, key)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

// A slice goes out compressed by Zstandard and sealed by ChaCha20-Poly1305, and
// comes back as it was. A server says so by session.Config{Compression: zstd,
// Cipher: seal.ChaCha20Poly1305{}}, and our client understands.
func Example() {
	file, track, plan := open("../../testdata/audio/music-drums.wav")
	defer file.Close()
	zstd, err := compress.NewZstd(compress.MaxZstd)
	if err != nil {
		log.Fatal(err)
	}
	sealed := box(seal.ChaCha20Poly1305{})

	packer := pack.NewPacker(track, plan, zstd, sealed)
	body, err := packer.Append(nil, file, 0)
	if err != nil {
		log.Fatal(err)
	}
	smaller := len(body) < 882000*7/10

	reader, err := compress.Lookup("zstd")
	if err != nil {
		log.Fatal(err)
	}
	plain, err := pack.NewUnpackerWith(reader, sealed).Append(nil, body, pack.MaxPlain)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(plain), "bytes; less than 70 % of that on the way:", smaller)
	// Output: 882000 bytes; less than 70 % of that on the way: true
}

// deltas is a codec of one's own: 16-bit mono as differences from one sample to
// the next, which are smaller than samples, compressed by another codec.
type deltas struct{ compress.Codec }

func (d deltas) Name() string { return "deltas-" + d.Codec.Name() }

func (d deltas) Append(dst, src []byte) []byte {
	diff := bytes.Clone(src) // to be kept for the next slice where speed matters
	for i := len(src)&^1 - 2; i >= 2; i -= 2 {
		add(diff[i:], -sample(src[i-2:]))
	}
	return d.Codec.Append(dst, diff)
}

func (d deltas) Expand(dst, src []byte, limit int) ([]byte, error) {
	start := len(dst)
	dst, err := d.Codec.Expand(dst, src, limit)
	for i := start + 2; i+2 <= len(dst); i += 2 {
		add(dst[i:], sample(dst[i-2:]))
	}
	return dst, err
}

func sample(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) }

func add(b []byte, v int16) { binary.LittleEndian.PutUint16(b, uint16(sample(b)+v)) }

// A program's own codec is given to session.Config.Compression on the one end
// and client.Config.Codecs on the other. Here it is plugged into the packer.
func ExampleNewPacker_codec() {
	file, track, plan := open("../../testdata/audio/speech-librivox-16k.wav")
	defer file.Close()
	deflate, err := compress.NewDeflater(compress.DefaultLevel)
	if err != nil {
		log.Fatal(err)
	}
	var size []int
	for _, codec := range []compress.Codec{deflate, deltas{deflate}} {
		key := box(seal.AES256GCM{})
		body, err := pack.NewPacker(track, plan, codec, key).Append(nil, file, 0)
		if err != nil {
			log.Fatal(err)
		}
		size = append(size, len(body))
		plain, err := pack.NewUnpackerWith(codec, key).Append(nil, body, pack.MaxPlain)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(codec.Name()+":", len(plain), "bytes come back")
	}
	fmt.Println("deltas are smaller:", size[1] < size[0])
	// Output:
	// deflate: 160000 bytes come back
	// deltas-deflate: 160000 bytes come back
	// deltas are smaller: true
}
