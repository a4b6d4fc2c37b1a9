package format

import (
	"bytes"
	"compress/zlib"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestManyBombs puts tags in front of a file whose pictures expand a
// thousandfold: opening it must cost no more than one such tag, in any format.
func TestManyBombs(t *testing.T) {
	safe := func(n int) string {
		return string([]byte{byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)})
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write([]byte("\x00image/png\x00\x03\x00" + strings.Repeat("\x00", 20<<20)))
	_ = w.Close()
	frame := "APIC" + safe(4+z.Len()) + "\x00\x09" + safe(99) + z.String()
	tag := "ID3\x04\x00\x00" + safe(2*len(frame)) + frame + frame
	for name, tags := range map[string]int{"speech-english-16k-mono.mp3": 64, "music-guitar.flac": 7, "speech-librivox-16k.wav": 7} {
		sound, err := os.ReadFile("../../testdata/audio/" + name)
		if err != nil {
			t.Fatal(err)
		}
		file := append([]byte(strings.Repeat(tag, tags)), sound...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := openBytes(file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8*32<<20 { // what may expand, with all that growing takes; a tag each would be 64 times 32 MiB
			t.Errorf("%s: %d bytes allocated for %d tags of %d", name, n, tags, len(tag))
		}
	}
}
