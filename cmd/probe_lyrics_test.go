package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProbeLyrics: probe tells of words in a file, and whether they have times.
func TestProbeLyrics(t *testing.T) {
	song, err := os.ReadFile("../testdata/audio/speech-english-16k-mono.mp3")
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]string{"uslt": "29 bytes", "sylt": "with times, 49 bytes"} {
		words, err := os.ReadFile("../pkg/format/tag/testdata/" + tag + ".id3")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "a.mp3")
		if err := os.WriteFile(name, append(words, song...), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"secstream", "probe", name}, {"secstream", "probe", "--json", name}} {
			var out, errs bytes.Buffer
			if code := Main(t.Context(), args, Env{Stdout: &out, Stderr: &errs}); code != exitOK {
				t.Fatalf("%q: exit code %d, %s", args, code, errs.String())
			}
			if len(args) == 3 {
				if !strings.Contains(out.String(), "\n  lyrics      "+want+"\n") {
					t.Errorf("%s: no %q in\n%s", tag, want, out.String())
				}
				continue
			}
			var answer struct {
				Files []struct {
					Lyrics struct {
						Size   int
						Synced bool
					}
				}
			}
			if err := json.Unmarshal(out.Bytes(), &answer); err != nil || len(answer.Files) != 1 || answer.Files[0].Lyrics.Size == 0 ||
				answer.Files[0].Lyrics.Synced != (tag == "sylt") {
				t.Errorf("%s: %v in %s", tag, err, out.String())
			}
		}
	}
}
