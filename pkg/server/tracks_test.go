package server_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

func (f *fixture) add(t *testing.T, id, kind, body string) []wire.TrackInfo {
	t.Helper()
	status, _, answer := f.do(t, "POST", "/api/sessions/"+id+"/tracks", kind, body)
	var added wire.AddAnswer
	if err := json.Unmarshal([]byte(answer), &added); status != 200 || err != nil {
		t.Fatalf("add: %d %s", status, answer)
	}
	return added.Tracks
}

// Tracks come and go while a session lives, and its listener hears on.
func TestTracksComeAndGo(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true}}, session.Config{Millis: 1000})
	id := f.session(t, f.track(t, "russian-8k.ogg"))
	path := "/api/sessions/" + id + "/tracks/"
	first := f.listen(t, id)
	want := first.slice(t, 1)
	if status, _, body := f.do(t, "DELETE", path+"track_x", "", ""); status != 409 && status != 404 {
		t.Errorf("a track of a session of one: %d %s", status, body)
	}

	added := f.add(t, id, jsonType, `{"tracks":["`+f.track(t, "french-8k.flac")+`","`+f.track(t, "drums.wav")+`"]}`)
	if len(added) != 2 || added[0].TrackIndex != 1 || added[1].TrackIndex != 2 || added[0].TotalSlices != 0 || len(added[0].TrackID) < 22 {
		t.Fatalf("%+v", added)
	}
	kind, form := forms(t, readSong(t, "speech-russian-8k.ogg"), readSong(t, "music-coffee-8k.wav"))
	added = append(added, f.add(t, id, kind, form)...)
	added = append(added, f.add(t, id, "audio/flac", string(readSong(t, "speech-french-8k.flac")))...)
	if len(added) != 5 || added[4].TrackIndex != 5 {
		t.Fatalf("%+v", added)
	}
	if !bytes.Equal(first.slice(t, 1), want) {
		t.Error("the listener of the first track hears something else")
	}
	for i, magic := range map[int]string{0: "fLaC", 2: "OggS", 4: "fLaC"} {
		l := f.listenTo(t, id, added[i].TrackID)
		if !bytes.HasPrefix(l.slice(t, 0), []byte(magic)) {
			t.Errorf("track %d is another file", i+1)
		}
	}

	gone := f.listenTo(t, id, added[0].TrackID)
	status, _, body := f.do(t, "DELETE", path+added[0].TrackID, "", "")
	var info wire.SessionInfo
	if err := json.Unmarshal([]byte(body), &info); status != 200 || err != nil || len(info.Tracks) != 5 || strings.Contains(body, added[0].TrackID) {
		t.Errorf("remove: %d %s", status, body)
	}
	if status, _, body := f.do(t, "GET", "/api/sessions/"+id+"/slices/"+gone.info.SliceIDs[0], "", ""); status != 404 {
		t.Errorf("a slice of a track that was removed: %d %s", status, body)
	}
	if status, _, body := f.do(t, "DELETE", path+added[0].TrackID, "", ""); status != 404 {
		t.Errorf("removed twice: %d %s", status, body)
	}
	if !bytes.Equal(first.slice(t, 1), want) {
		t.Error("the first track is not what it was")
	}
	for _, tr := range info.Tracks[1:] {
		if status, _, body := f.do(t, "DELETE", path+tr.TrackID, "", ""); status != 200 {
			t.Errorf("remove: %d %s", status, body)
		}
	}
	status, _, body = f.do(t, "DELETE", path+info.Tracks[0].TrackID, "", "")
	if status != 409 || !strings.Contains(body, string(wire.SameSession)) {
		t.Errorf("the last track: %d %s", status, body)
	}
}

// Before any key exchange there is nothing to tell of the tracks that are left.
func TestRemoveBeforeTheKeyExchange(t *testing.T) {
	f := start(t, server.Config{}, session.Config{})
	drums := f.track(t, "drums.wav")
	id := f.session(t, drums)
	added := f.add(t, id, jsonType, `{"tracks":["`+drums+`"]}`)
	if status, _, body := f.do(t, "DELETE", "/api/sessions/"+id+"/tracks/"+added[0].TrackID, "", ""); status != 204 {
		t.Errorf("%d %s", status, body)
	}
}

func TestTracksRefused(t *testing.T) {
	f := start(t, server.Config{}, session.Config{Limits: session.Limits{Max: 3}})
	drums := f.track(t, "drums.wav")
	id := f.session(t, drums)
	path := "/api/sessions/" + id + "/tracks"
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		code                     wire.Code
	}{
		{"POST", "/api/sessions/nope/tracks", jsonType, `{"tracks":["` + drums + `"]}`, 404, wire.SessionNotFound},
		{"POST", "/api/sessions/nope/tracks", "audio/wav", "RIFF", 404, wire.SessionNotFound},
		{"POST", path, jsonType, `{"tracks":["nope"]}`, 404, wire.TrackNotFound},
		{"POST", path, jsonType, `{"tracks":[]}`, 400, wire.BadRequest},
		{"POST", path, jsonType, `{}`, 400, wire.BadRequest},
		{"POST", path, jsonType, `{"tracks":[` + strings.Repeat(`"`+drums+`",`, 999) + `"` + drums + `"]}`, 400, wire.BadRequest},
		{"POST", path, "text/plain", `{"tracks":["` + drums + `"]}`, 400, wire.BadRequest},
		{"POST", path, "audio/wav", "RIFF", 403, wire.Forbidden},
		{"GET", path, "", "", 405, wire.MethodNot},
		{"DELETE", path, "", "", 405, wire.MethodNot},
		{"DELETE", "/api/sessions/nope/tracks/x", "", "", 404, wire.SessionNotFound},
		{"POST", path, jsonType, `{"tracks":["` + drums + `","` + drums + `","` + drums + `"]}`, 503, wire.Busy},
	} {
		status, _, body := f.do(t, c.method, c.path, c.kind, c.body)
		if status != c.status || !strings.Contains(body, string(c.code)) {
			t.Errorf("%s %s %.40s: %d %s, want %d %s", c.method, c.path, c.body, status, body, c.status, c.code)
		}
	}
}
