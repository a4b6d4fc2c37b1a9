package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// allocated is how many bytes f asks for in all.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// An answer takes a few times the memory of its bytes, whatever it repeats:
// "{}" is two bytes on the way and some 300 as a struct.
func TestAnswersTakeWhatTheyWeigh(t *testing.T) {
	const size, times = 4 << 20, 20 // all that is asked for, what growing lists leave behind among it
	short := `{"id":"a","path":"` + strings.Repeat("b", leastTrack-20) + `"}`
	for _, c := range []struct {
		name, before, entry, after string
		out                        interface{ Decode([]byte) error }
		taken                      bool
	}{
		{"tracks of a session", `{"sessionInfo":{"tracks":[`, `{}`, `]}}`, new(KeyAnswer), true},
		{"tracks behind the lists", `{"sessionInfo":{"sliceIds":["a"],"slices":[{"start":0,"samples":1,"preroll":0}],"tracks":[`, `{}`, `]}}`, new(KeyAnswer), true},
		{"slices", `{"sessionInfo":{"slices":[`, `{}`, `]}}`, new(KeyAnswer), false},
		{"slice IDs", `{"sessionInfo":{"sliceIds":[`, `""`, `]}}`, new(KeyAnswer), false},
		{"tracks", `{"tracks":[`, `{}`, `]}`, new(Library), false},
		{"tracks of an ID", `{"tracks":[`, `{"id":"a"}`, `]}`, new(Library), false},
		{"tracks as short as can be", `{"tracks":[`, short, `]}`, new(Library), true},
		{"refusals", `{"refused":[`, `{}`, `]}`, new(Library), false},
		{"folders", `{"folders":[`, `""`, `]}`, new(Library), true},
	} {
		n := size / (len(c.entry) + 1)
		b := []byte(c.before + strings.Repeat(c.entry+",", n-1) + c.entry + c.after)
		var err error
		got := allocated(func() { err = c.out.Decode(b) })
		if got > times*len(b) || (err == nil) != c.taken {
			t.Errorf("%s: %d bytes asked for %d of memory, %v", c.name, len(b), got, err)
		}
	}
}

func library(n int) *Library {
	gain := -3.25
	l := &Library{Scanning: true, Version: 7, Folders: []string{"a"}, Tracks: []LibraryTrack{}, Refused: []Refusal{{"a/x.mp3", "it is empty"}}}
	for i := range n {
		l.Tracks = append(l.Tracks, LibraryTrack{
			ID: fmt.Sprintf("%032x", i), Path: "a/ü.wav", Folder: "a", Format: "wav", Codec: "pcm", SampleRate: 8000,
			Channels: 1, TotalSamples: 5, Duration: 0.5, HasCover: true, HasLyrics: i%2 == 0, Tags: Tags{Title: "T\u2028", Disc: 3, TrackGain: &gain},
		})
	}
	return l
}

// Decode reads what encoding/json reads, however the answer is damaged, but
// for the folders; more than that it may only refuse.
func TestLibraryIsReadAsByTheLibrary(t *testing.T) {
	good, err := json.Marshal(library(3))
	if err != nil {
		t.Fatal(err)
	}
	want := library(3)
	want.Folders = nil
	got := new(Library)
	if err := got.Decode(good); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	rnd, taken := rand.New(rand.NewPCG(3, 4)), 0
	for range 20000 {
		i := rnd.IntN(len(good))
		b := append([]byte(nil), good[:i]...)
		if rnd.IntN(2) == 0 {
			b = append(b, []string{`"`, `,`, `0`, `{`, `]`, ` `, `null`, `x`}[rnd.IntN(8)]...)
		}
		b = append(b, good[min(len(good), i+rnd.IntN(6)):]...)
		quick, slow := new(Library), new(Library)
		if quick.Decode(b) != nil {
			continue
		}
		taken++
		err := json.Unmarshal(b, slow)
		if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) && wrong.Field == "folders" {
			err = nil // which Decode does not look at
		}
		if slow.Folders = nil; err != nil || !reflect.DeepEqual(quick, slow) {
			t.Fatalf("%+v\nencoding/json: %+v, %v\n%q", quick, slow, err, b)
		}
	}
	if taken < 1000 {
		t.Errorf("only %d damaged answers were compared", taken)
	}
}

// The bounds leave room for the shortest entries a server writes.
func TestShortEntriesAreTaken(t *testing.T) {
	l := new(Library)
	for i := range 5 * someEntries {
		l.Tracks = append(l.Tracks, LibraryTrack{ID: fmt.Sprintf("%032x", i), Path: "a.wav"})
		l.Refused = append(l.Refused, Refusal{"a.wav", "empty"})
	}
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	if got := new(Library); got.Decode(b) != nil || len(got.Tracks) != len(l.Tracks) || len(got.Refused) != len(l.Refused) {
		t.Errorf("%v", got.Decode(b))
	}
}

func TestTracksWithoutAnIDAreRefused(t *testing.T) {
	for _, id := range []string{`{"path":"a.wav"}`, `{"id":""}`, `null`, `{"id":"` + strings.Repeat("x", MaxText+1) + `"}`} {
		if err := new(Library).Decode([]byte(`{"tracks":[` + id + `]}`)); err == nil {
			t.Errorf("%.40s is taken", id)
		}
	}
}

// Texts of a server are cut where they arrive, between characters.
func TestTextsAreCut(t *testing.T) {
	long := "x" + strings.Repeat("語", 1<<20)
	var l Library
	track := fmt.Sprintf(`{"id":"a","path":%q,"folder":%q,"tags":{"title":%q,"comment":%q}}`, long, long, long, long)
	if err := l.Decode([]byte(fmt.Sprintf(`{"tracks":[%s],"refused":[{"path":%q,"reason":%q}]}`, track, long, long))); err != nil {
		t.Fatal(err)
	}
	var a KeyAnswer
	if err := a.Decode([]byte(fmt.Sprintf(`{"sessionInfo":{"damage":{"count":1,"what":%q}}}`, long))); err != nil {
		t.Fatal(err)
	}
	e := ReadError(http.StatusNotFound, []byte(fmt.Sprintf(`{"error":%q,"details":%q,"code":%q}`, long, long, long)))
	lt := l.Tracks[0]
	for i, text := range []string{lt.Path, lt.Folder, lt.Tags.Title, lt.Tags.Comment, l.Refused[0].Path, l.Refused[0].Reason,
		a.SessionInfo.Damage.What, e.Message, e.Details, string(e.Code)} {
		if len(text) > MaxText || len(text) < MaxText-4 || !strings.HasPrefix(long, text) {
			t.Errorf("text %d: %d bytes", i, len(text))
		}
	}
}

func FuzzLibrary(f *testing.F) {
	b, err := json.Marshal(library(2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = new(Library).Decode(b) // it may fail, and nothing else
	})
}

func BenchmarkLibrary(b *testing.B) {
	text, err := json.Marshal(library(1000))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_ = new(Library).Decode(text)
	}
}
