package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"secstream/pkg/audio"
)

func facts(n int) TrackFacts {
	f := TrackFacts{
		TotalSlices: n, SliceMillis: 5000, SampleRate: 44100, Channels: 2, BitDepth: 16, SliceIDs: []string{},
		Format: "mp3", Codec: "mp3", TotalSamples: int64(n) * 220500,
	}
	for i := range n {
		f.SliceIDs = append(f.SliceIDs, fmt.Sprintf("aZ09_-%015d", i*i))
		f.Slices = append(f.Slices, Slice{audio.Frames(i * 220500), 220500, audio.Frames(i % 3 * 1105)})
	}
	return f
}

func answers() map[string]*KeyAnswer {
	one := &SessionInfo{SessionID: "session_x", TrackFacts: facts(2160), Duration: 10800}
	several := &SessionInfo{SessionID: "session_x", TrackFacts: facts(3), ActiveTrackID: "a", Tracks: []TrackInfo{
		{TrackID: "a", TrackFacts: facts(3), Title: `"sliceIds":[],"slices":[]`},
		{TrackID: "b", TrackIndex: 1, TrackFacts: TrackFacts{SliceIDs: []string{}}, Album: `\"sliceIds":[]`},
		{TrackID: "c", TrackIndex: 2, TrackFacts: facts(1)},
	}}
	wrap := func(s *SessionInfo) *KeyAnswer {
		return &KeyAnswer{PublicKey: `"sliceIds":[]`, SessionInfo: s, Metadata: V1Metadata()}
	}
	return map[string]*KeyAnswer{
		"one track": wrap(one), "several": wrap(several), "nothing": wrap(nil),
		"no slices": wrap(&SessionInfo{TrackFacts: facts(0)}), "one slice": wrap(&SessionInfo{TrackFacts: facts(1)}),
	}
}

func TestListsSurvive(t *testing.T) {
	for name, a := range answers() {
		before, _ := json.Marshal(a)
		b, err := a.Append(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var slow KeyAnswer
		if err := json.Unmarshal(b, &slow); err != nil || !reflect.DeepEqual(&slow, a) {
			t.Errorf("%s: encoding/json reads something else: %v\n%.300s", name, err, b)
		}
		if quick := new(KeyAnswer); quick.Decode(b) != nil || !reflect.DeepEqual(quick, used(a)) {
			t.Errorf("%s: Decode reads something else", name)
		}
		if after, _ := json.Marshal(a); string(after) != string(before) {
			t.Errorf("%s: Append changed the answer", name)
		}
		if a.SessionInfo == nil {
			continue
		}
		var whole struct{ SessionInfo json.RawMessage }
		if info, err := a.SessionInfo.Append(nil); err != nil || json.Unmarshal(b, &whole) != nil || string(whole.SessionInfo) != string(info) {
			t.Errorf("%s: the description alone is another: %v", name, err)
		}
	}
	b, _ := answers()["one track"].Append(nil)
	if _, _, ok := takeLists(b); !ok {
		t.Error("the quick way is not taken")
	}
}

// used is a as Decode leaves it: without the tracks.
func used(a *KeyAnswer) *KeyAnswer {
	short := *a
	if a.SessionInfo != nil {
		info := *a.SessionInfo
		info.Tracks = nil
		short.SessionInfo = &info
	}
	return &short
}

// agree asserts that whatever Decode takes is what encoding/json makes
// of it, the tracks apart, or that both refuse.
func agree(t *testing.T, b []byte) {
	t.Helper()
	quick, slow := new(KeyAnswer), new(KeyAnswer)
	err := quick.Decode(b)
	slowErr := json.Unmarshal(b, slow)
	if (err == nil) != (slowErr == nil) {
		t.Fatalf("%v, encoding/json: %v\n%q", err, slowErr, b)
	}
	if err == nil && !reflect.DeepEqual(quick, used(slow)) {
		t.Fatalf("%+v\nencoding/json: %+v\n%q", quick.SessionInfo, slow.SessionInfo, b)
	}
}

func TestDamagedAnswersAreReadAsByTheLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	good, _ := (&KeyAnswer{SessionInfo: &SessionInfo{TrackFacts: facts(3)}}).Append(nil)
	for range 20000 {
		b := append([]byte(nil), good...)
		for range 1 + rnd.IntN(2) {
			i := rnd.IntN(len(b))
			switch rnd.IntN(3) {
			case 0:
				b = append(b[:i], b[min(len(b), i+1+rnd.IntN(12)):]...)
			case 1:
				b[i] = `0123456789-.,"[]{}:e\ x`[rnd.IntN(23)]
			case 2:
				b = append(b[:i:i], append([]byte(`"\0-1[{`[rnd.IntN(6):]), b[i:]...)...)
			}
			if len(b) == 0 {
				break
			}
		}
		agree(t, b)
	}
}

func FuzzKeyAnswer(f *testing.F) {
	for _, a := range answers() {
		if a.SessionInfo != nil && len(a.SessionInfo.SliceIDs) > 100 {
			continue
		}
		b, err := a.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		var a KeyAnswer
		_ = a.Decode(b) // it may fail, and nothing else
	})
}

func BenchmarkKeyAnswer(b *testing.B) {
	a := &KeyAnswer{SessionInfo: &SessionInfo{TrackFacts: facts(2160)}}
	text, _ := a.Append(nil)
	a.SessionInfo.Written = EncodeSlices(a.SessionInfo.Slices)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		var buf []byte
		for b.Loop() {
			buf, _ = a.Append(buf[:0])
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			_ = new(KeyAnswer).Decode(text)
		}
	})
}
