package cmd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"secstream/pkg/wire"
	"secstream/tui"
)

func TestResume(t *testing.T) {
	env := Env{ConfigDir: func() (string, error) { return filepath.Join(t.TempDir(), "new"), nil }}
	dir, _ := env.ConfigDir()
	env.ConfigDir = func() (string, error) { return dir, nil }
	tracks := []wire.LibraryTrack{{Path: "a.flac", Duration: 60}, {Path: "b/ü.flac", Duration: 90}}
	at := func(where string) *resume { return openResume(env, playOptions{}, &listener{name: where}) }

	if track, _ := at("http://one").find(tracks); track != -1 {
		t.Errorf("track %d before there was a file", track)
	}
	at("http://one").save(tracks, tui.Resume{Track: 1, Position: 61500 * time.Millisecond})
	at("http://two").save(tracks, tui.Resume{Track: 0, Position: time.Second})
	if track, pos := at("http://one").find(tracks); track != 1 || pos != 61500*time.Millisecond {
		t.Errorf("track %d at %v", track, pos)
	}
	if track, _ := at("http://one").find(tracks[:1]); track != -1 {
		t.Error("a track is resumed that is there no more")
	}
	if track, _ := at("http://one").find([]wire.LibraryTrack{tracks[0], {Path: "b/ü.flac", Duration: 60}}); track != -1 {
		t.Error("a position behind the end is resumed")
	}
	at("http://two").save(tracks, tui.Resume{Track: -1})
	if track, _ := at("http://two").find(tracks); track != -1 {
		t.Error("what was played to its end is resumed")
	}
	file := filepath.Join(dir, resumeFile)
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", fi.Mode(), err)
	}
	late := at("http://one")
	late.close()
	late.save(tracks, tui.Resume{Track: 0})
	if track, _ := at("http://one").find(tracks); track != 1 {
		t.Error("a closed place was saved")
	}
	for i := range 2 * maxPlaces {
		at(fmt.Sprint("http://host", i)).save(tracks, tui.Resume{Track: 0, Position: time.Second})
	}
	if places, err := readPlaces(file); err != nil || len(places) != maxPlaces || places[0].Where != "http://host199" {
		t.Errorf("%d places are kept: %v", len(places), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".resume-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWhatIsNotResumed(t *testing.T) {
	env := Env{ConfigDir: func() (string, error) { return t.TempDir(), nil }}
	for name, o := range map[string]playOptions{"no-resume": {noResume: true}, "one track": {track: "3"}} {
		if openResume(env, o, &listener{}) != nil {
			t.Errorf("%s: a place is kept", name)
		}
	}
	var none *resume // every use of it is allowed
	none.save(nil, tui.Resume{})
	none.close()
	if track, _ := none.find(nil); track != -1 {
		t.Error("nothing is resumed at something")
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add([]byte(`[{"where":"http://one","path":"a.flac","at":12.5,"when":"2026-01-02T03:04:05Z"}]`))
	f.Add([]byte(`[{"at":-1},{"at":1e300}]`))
	f.Add([]byte(strings.Repeat(`[`, 1000)))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		places, err := parsePlaces(text)
		if err != nil && places != nil || len(places) > maxPlaces {
			t.Fatalf("%d places, %v", len(places), err)
		}
		for _, p := range places {
			if !(p.At >= 0 && p.At < 1e7) {
				t.Fatalf("position %v", p.At)
			}
		}
	})
}

// What cannot be read is told of, and kept aside with all that is in it; it is
// begun anew once that is safe.
func TestDamagedPlaces(t *testing.T) {
	tracks := []wire.LibraryTrack{{Path: "a.flac", Duration: 60}}
	for name, c := range map[string]struct{ text, want string }{
		"damaged":   {"{no JSON", "it does not hold what a player wrote: invalid character"},
		"cut off":   {`[{"where": "http://one", "path"`, "unexpected end of JSON input"},
		"empty":     {"", "unexpected end of JSON input"},
		"too large": {"[" + strings.Repeat(" ", maxResumeRead) + "]", "it has more than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			env := Env{ConfigDir: func() (string, error) { return dir, nil }}
			file := filepath.Join(dir, resumeFile)
			var told []string
			l := &listener{name: "http://one", tell: func(kind, text string) { told = append(told, kind+": "+text) }}
			for n := 1; n <= maxBad+1; n++ {
				if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
				told = nil
				r := openResume(env, playOptions{}, l)
				if track, _ := r.find(tracks); track != -1 {
					t.Errorf("track %d out of nothing", track)
				}
				r.save(tracks, tui.Resume{Track: 0, Position: time.Second})
				kept := file
				if n <= maxBad {
					if kept = filepath.Join(dir, badResume); n > 1 {
						kept += fmt.Sprint(n)
					}
					if track, at := r.find(tracks); track != 0 || at != time.Second {
						t.Errorf("track %d at %v is written anew", track, at)
					}
				}
				if got, err := os.ReadFile(kept); err != nil || string(got) != c.text {
					t.Errorf("%d: %d bytes are kept as %s: %v", n, len(got), kept, err)
				}
				if len(told) != 1 || !strings.HasPrefix(told[0], "warning: ") || !strings.Contains(told[0], c.want) || !strings.Contains(told[0], "kept") {
					t.Errorf("%d: told %q", n, told)
				}
			}
		})
	}
	t.Run("may not be read", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, resumeFile)
		if err := os.Mkdir(file, 0o700); err != nil { // for root, too
			t.Fatal(err)
		}
		var told []string
		r := openResume(Env{ConfigDir: func() (string, error) { return dir, nil }}, playOptions{}, &listener{name: "x", tell: func(_, text string) { told = append(told, text) }})
		r.save(tracks, tui.Resume{Track: 0})
		r.save(tracks, tui.Resume{Track: 0})
		if fi, err := os.Stat(file); err != nil || !fi.IsDir() || len(told) != 1 || !strings.Contains(told[0], "no place is kept until") {
			t.Errorf("%v, told %q", err, told)
		}
	})
}

// The file stays small: the oldest places make room, and one that is a file's
// worth itself is none.
func TestManyLongPlaces(t *testing.T) {
	dir := t.TempDir()
	env := Env{ConfigDir: func() (string, error) { return dir, nil }}
	tracks := []wire.LibraryTrack{{Path: "a.flac", Duration: 60}}
	at := func(where string) *resume { return openResume(env, playOptions{}, &listener{name: where}) }
	long := strings.Repeat("/a/long/way", 1000) // 11 kB
	for i := range 40 {
		at(fmt.Sprint(i, long)).save(tracks, tui.Resume{Track: 0, Position: time.Second})
	}
	file := filepath.Join(dir, resumeFile)
	check := func() {
		t.Helper()
		fi, err := os.Stat(file)
		if err != nil || fi.Size() > maxResumeBytes {
			t.Errorf("%d bytes: %v", fi.Size(), err)
		}
		places, err := readPlaces(file)
		if err != nil || len(places) < 20 || len(places) > 25 || places[0].Where != fmt.Sprint(39, long) {
			t.Errorf("%d places: %v", len(places), err)
		}
	}
	check()
	at(strings.Repeat(long, 10)).save(tracks, tui.Resume{Track: 0, Position: time.Second})
	check()
	// One of before there was a bound is read, and made small.
	var old []place
	for i := range 100 {
		old = append(old, place{Where: fmt.Sprint(i, long), Path: "a.flac", At: 1})
	}
	text, _ := json.Marshal(old)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if track, _ := at(fmt.Sprint(90, long)).find(tracks); track != 0 {
		t.Error("an old place is lost")
	}
	at(fmt.Sprint(39, long)).save(tracks, tui.Resume{Track: 0, Position: time.Second})
	check()
}
