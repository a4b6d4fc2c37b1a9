package cmd

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/decode"
	"secstream/pkg/format"
	"secstream/pkg/format/wav"
	"secstream/pkg/pack"
	"secstream/pkg/probe"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

// Bounds on what any file of a few kilobytes may cost, however it lies.
const (
	mutations  = 1000
	mostTime   = 5 * time.Second
	mostMemory = 64 << 20 // bytes, of everything allocated on the way
)

// TestMutatedFiles runs a thousand damaged files of each format through what
// serve and probe do with a file: open, index, cut, seal, open again, decode.
// Each must come to sound or to an error, soon and in little memory, and a
// slice that decodes must hold the frames it announces.
func TestMutatedFiles(t *testing.T) {
	files := mutations
	if raceEnabled {
		files /= 20 // there is one goroutine here, and others test with more
	}
	for name, bases := range map[string][][]byte{
		"wav": {
			publicWAV(t, "music-drums.wav", 24<<10), publicWAV(t, "speech-librivox-16k.wav", 16<<10),
		},
		"mp3": {
			publicHead(t, "music-safari-cbr.mp3", 12<<10), publicHead(t, "music-march-vbr.mp3", 16<<10), publicHead(t, "speech-english-16k-mono.mp3", 6<<10),
		},
		"flac": {
			publicHead(t, "speech-french-8k.flac", 20<<10), publicHead(t, "music-tabla.flac", 48<<10),
		},
		"vorbis": {
			publicHead(t, "speech-russian-8k.ogg", 14<<10), publicHead(t, "music-chimes.ogg", 20<<10),
		},
		"opus": {
			publicHead(t, "music-guitar.opus", 16<<10),
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := newGauntlet(t)
			for _, base := range bases {
				if err := run.file(base); err != nil {
					t.Fatalf("the undamaged file: %v", err)
				}
			}
			if name != "opus" && (run.failed > 0 || run.decoded < len(bases)) {
				t.Fatalf("%d slices of undamaged files decode, %d do not", run.decoded, run.failed)
			}
			rnd := rand.New(rand.NewPCG(7, uint64(len(name))))
			for i := range files {
				b := mutate(rnd, bases[i%len(bases)])
				if rnd.IntN(4) > 0 {
					mendOgg(b)
				}
				run.mutant(i, b)
			}
			t.Logf("%d files: %d refused, %d slices packed, %d decoded to their full length, %d not decodable; at most %v and %d MB for one",
				files, run.refused, run.packed, run.decoded, run.failed, run.slowest.Round(time.Millisecond), run.most>>20)
			if run.packed < files/4 || run.refused > files*4/5 {
				t.Error("too few got through for this to say much")
			}
		})
	}
}

// gauntlet is the way of a file through the program.
type gauntlet struct {
	t       *testing.T
	deflate *compress.Deflater
	box     *seal.Box
	buf     []float64

	refused, packed, decoded, failed int
	slowest                          time.Duration
	most                             uint64
}

func newGauntlet(t *testing.T) *gauntlet {
	deflate, err := compress.NewDeflater(1)
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.NewKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &gauntlet{t: t, deflate: deflate, box: seal.NewBox(key), buf: make([]float64, 1<<14)}
}

// mutant runs one file and holds it to the bounds. A panic names the file.
func (g *gauntlet) mutant(i int, data []byte) {
	defer func() {
		if v := recover(); v != nil {
			name := filepath.Join(os.TempDir(), "secstream-mutant")
			_ = os.WriteFile(name, data, 0o600)
			g.t.Fatalf("file %d, kept as %s: panic: %v", i, name, v)
		}
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	if err := g.file(data); err != nil {
		g.refused++
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	memory := after.TotalAlloc - before.TotalAlloc
	if !raceEnabled && (took > mostTime || memory > mostMemory) {
		g.t.Errorf("file %d: %v, %d MB", i, took, memory>>20)
	}
	g.slowest, g.most = max(g.slowest, took), max(g.most, memory)
}

// file is what probe and serve do. It returns the error that ends the way of
// a file before its first slice.
func (g *gauntlet) file(data []byte) error {
	ctx, r := context.Background(), bytes.NewReader(data)
	if _, err := probe.Read(ctx, r, r.Size(), probe.Options{Plan: true, Verify: true, Slices: slicer.Options{Millis: 1000}, Deflater: g.deflate}); err != nil {
		return err
	}
	stream, err := format.Open(r, r.Size())
	if err != nil {
		return err
	}
	track, err := stream.Index(ctx, r)
	if err != nil {
		return err
	}
	plan, err := slicer.Make(track.Cuts(), track.Info().SampleRate, slicer.Options{Millis: pack.Millis(track.Info(), 1000)})
	if err != nil {
		return err
	}
	g.slices(wav.Compatible(track), plan, r)
	return nil
}

func (g *gauntlet) slices(track audio.Track, plan slicer.Plan, r io.ReaderAt) {
	info := track.Info()
	packer, unpacker := pack.NewPacker(track, plan, g.deflate, g.box), pack.NewUnpacker(g.box)
	var sealed, plain []byte
	for i := range plan.Len() {
		var err error
		if sealed, err = packer.Append(sealed[:0], r, i); err != nil {
			g.failed++
			continue
		}
		g.packed++
		if plain, err = unpacker.Append(plain[:0], sealed, pack.MaxPlain); err != nil {
			g.t.Errorf("slice %d was sealed and does not open: %v", i, err)
			return
		}
		from, to := plan.Bounds(i)
		if due := int(to.At-from.At) * info.Channels * info.Sample.Bytes(); info.Codec == audio.PCM && len(plain) != due {
			g.t.Errorf("slice %d: %d bytes of PCM, %d are announced", i, len(plain), due)
		}
		switch got, err := g.decode(info, plain, track.Preroll(from), to.At-from.At); {
		case err != nil:
			g.failed++
		case got != to.At-from.At:
			g.t.Errorf("slice %d: %d frames, %d are announced", i, got, to.At-from.At)
		default:
			g.decoded++
		}
	}
}

// decode reads a slice as the player does: preroll off, then the frames that
// count. It returns how many of these came.
func (g *gauntlet) decode(info audio.Info, plain []byte, preroll, samples audio.Frames) (audio.Frames, error) {
	d, err := decode.New(decode.Params{
		Codec: info.Codec, Sample: info.Sample, SampleRate: info.SampleRate, Channels: info.Channels, BitDepth: info.BitDepth,
		Limit: preroll + samples + audio.Frames(info.SampleRate) + 1<<17,
	}, plain)
	if err != nil {
		return 0, err
	}
	channels := audio.Frames(info.Channels)
	var got audio.Frames
	for got < preroll+samples {
		n, err := d.Read(g.buf[:min(audio.Frames(len(g.buf))/channels, preroll+samples-got)*channels])
		got += n
		if err == io.EOF {
			return got - preroll, fmt.Errorf("%w: it ends early", audio.ErrCorrupt)
		}
		if err != nil {
			return got - preroll, err
		}
	}
	return got - preroll, nil
}

// publicHead is the beginning of a public file.
func publicHead(t *testing.T, name string, n int) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../testdata/audio", name))
	if err != nil {
		t.Fatal(err)
	}
	return b[:min(n, len(b))]
}

// publicWAV is the same of a WAV file, with sizes that fit.
func publicWAV(t *testing.T, name string, n int) []byte {
	t.Helper()
	b := bytes.Clone(publicHead(t, name, n))
	at := bytes.Index(b, []byte("data"))
	if at < 0 {
		t.Fatalf("%s: no data chunk in its first %d bytes", name, n)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(n-8))
	binary.LittleEndian.PutUint32(b[at+4:], uint32(n-at-8))
	return b
}

// mutate damages a copy of b in one to three of the ways files get damaged.
func mutate(rnd *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + rnd.IntN(3) {
		if len(b) < 64 {
			return b
		}
		at, n := rnd.IntN(len(b)), 1+rnd.IntN(400)
		if rnd.IntN(2) == 0 { // headers decide most
			at = rnd.IntN(min(len(b), 256))
		}
		end := min(at+n, len(b))
		switch rnd.IntN(7) {
		case 0:
			b[at] ^= 1 << rnd.IntN(8)
		case 1:
			b = b[:max(at, 16)]
		case 2:
			b = append(b[:at], b[end:]...)
		case 3:
			b = append(b[:at:at], append(noise(rnd, n), b[at:]...)...)
		case 4:
			clear(b[at:end])
		case 5:
			copy(b[at:end], noise(rnd, n))
		case 6:
			lie(rnd, b[at:])
		}
	}
	return b
}

// mendOgg puts the checksums of all Ogg pages right, so that what lies behind
// them is reached.
func mendOgg(b []byte) {
	for {
		at := bytes.Index(b, []byte("OggS"))
		if at < 0 || len(b) < at+27 {
			return
		}
		b = b[at:]
		n := 27 + int(b[26])
		if n > len(b) {
			return
		}
		for _, lace := range b[27:n] {
			n += int(lace)
		}
		if n > len(b) {
			b = b[4:]
			continue
		}
		clear(b[22:26])
		var crc uint32 // polynomial 04C11DB7, most significant bit first (RFC 3533 §6)
		for _, v := range b[:n] {
			crc ^= uint32(v) << 24
			for range 8 {
				crc = crc<<1 ^ crc>>31*0x04c11db7
			}
		}
		binary.LittleEndian.PutUint32(b[22:], crc)
		b = b[n:]
	}
}

func noise(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// lie writes a number that no header should hold, in either byte order.
func lie(rnd *rand.Rand, b []byte) {
	if len(b) < 8 {
		return
	}
	v := []uint64{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 62, 1<<64 - 1}[rnd.IntN(7)]
	switch rnd.IntN(4) {
	case 0:
		binary.LittleEndian.PutUint32(b, uint32(v))
	case 1:
		binary.BigEndian.PutUint32(b, uint32(v))
	case 2:
		binary.LittleEndian.PutUint64(b, v)
	case 3:
		binary.LittleEndian.PutUint16(b, uint16(v))
	}
}
