package cmd

import (
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
	if err := os.WriteFile(file, []byte("{no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	at("http://one").save(tracks, tui.Resume{Track: 1, Position: time.Second})
	if track, _ := at("http://one").find(tracks); track != 1 {
		t.Error("a broken file is not written anew")
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
