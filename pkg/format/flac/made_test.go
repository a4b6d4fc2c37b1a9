package flac

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// made are streams that no encoder at hand writes. Other tests play them from
// testdata/made; SECSTREAM_WRITE=1 writes them anew.
func made() map[string][]byte {
	sizes := slices.Repeat([]int{4096, 16, 333, 1152, 20, 2048, 576}, 8)
	return map[string][]byte{
		"flac-variable.flac": (&maker{bits: 16, channels: 1, rate: 16000, variable: true, blocks: sizes}).file(5),
		"flac-4bit.flac":     (&maker{bits: 4, channels: 1, rate: 16000, blocks: append(slices.Repeat([]int{4096}, 14), 999)}).file(4),
	}
}

func TestMadeFilesAreMadeHere(t *testing.T) {
	for name, want := range made() {
		path := "../../../testdata/made/" + name
		if os.Getenv("SECSTREAM_WRITE") == "1" {
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is another", name)
		}
	}
}
