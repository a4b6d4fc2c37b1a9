package layer3

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	gomp3 "github.com/hajimehoshi/go-mp3"
)

const publicDir = "../../../testdata/audio"

// publicFrames returns the frames of a public file, end to end, its tag frame
// included.
func publicFrames(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(publicDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 10 && string(b[:3]) == "ID3" {
		b = b[10+int(b[6])<<21+int(b[7])<<14+int(b[8])<<7+int(b[9]):]
	}
	end := 0
	for {
		h, ok := ParseHeader(b[end:])
		if !ok || end+h.Size() > len(b) {
			break
		}
		end += h.Size()
	}
	if end == 0 {
		t.Fatalf("%s: no frames", name)
	}
	return b[:end]
}

// BenchmarkFrame decodes whole files and then has go-mp3 do the same.
func BenchmarkFrame(b *testing.B) {
	for _, name := range []string{"music-safari-cbr.mp3", "music-march-vbr.mp3", "speech-english-16k-mono.mp3"} {
		b.Run(name, func(b *testing.B) {
			stream := publicFrames(b, name)
			h, _ := ParseHeader(stream)
			var d Decoder
			var pcm [MaxSamples]float32
			samples := 0
			shared() // build the tables outside the clock
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				samples = 0
				for at := 0; at < len(stream); {
					h, _ := ParseHeader(stream[at:])
					n, err := d.Frame(pcm[:], stream[at:at+h.Size()])
					if err != nil {
						b.Fatal(err)
					}
					samples += n
					at += h.Size()
				}
			}
			ours := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(samples)/float64(h.SampleRate)/ours, "x-realtime")
			theirs := time.Hour.Seconds()
			for range 2 {
				start := time.Now()
				g, err := gomp3.NewDecoder(io.MultiReader(bytes.NewReader(stream)))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, g); err != nil {
					b.Fatal(err)
				}
				theirs = min(theirs, time.Since(start).Seconds())
			}
			b.ReportMetric(theirs/ours, "x-go-mp3")
		})
	}
}
