package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

func readSong(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(publicAudio + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forms makes a form with several files.
func forms(t *testing.T, files ...[]byte) (kind, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i, file := range files {
		part, err := w.CreateFormFile("audio", fmt.Sprintf("%d.bin", i))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(file)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

func (f *fixture) create(t *testing.T, path, kind, body string) wire.CreateAnswer {
	t.Helper()
	status, _, answer := f.do(t, "POST", path, kind, body)
	var made wire.CreateAnswer
	if err := json.Unmarshal([]byte(answer), &made); status != 200 || err != nil {
		t.Fatalf("%s: %d %s", kind, status, answer)
	}
	return made
}

func TestRawUploads(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true, MaxUpload: 2 << 20}}, session.Config{})
	song := string(readSong(t, "speech-russian-8k.ogg"))
	for _, kind := range []string{"audio/ogg", "audio/ogg; codecs=vorbis", "AUDIO/x-anything", "application/ogg", "application/octet-stream"} {
		made := f.create(t, "/api/sessions?randomizeSliceLength=true", kind, song)
		if made.Metadata.Format != "ogg" || made.Metadata.SampleRate != 8000 || !made.Configuration.Randomize {
			t.Errorf("%s: %+v", kind, made)
		}
		l := f.listen(t, made.SessionID)
		if got := l.slice(t, 0); len(got) < 100 {
			t.Errorf("%s: a slice of %d bytes", kind, len(got))
		}
	}
	for _, no := range []string{"", "?randomizeSliceLength=TRUE", "?randomizeSliceLength=1", "?x=true"} {
		if made := f.create(t, "/api/sessions"+no, "audio/ogg", song); made.Configuration.Randomize {
			t.Errorf("%q randomises", no)
		}
	}
	for _, c := range []struct {
		kind, body string
		status     int
	}{
		{"audio/ogg", "hello", 415},
		{"audio/ogg", "", 415},
		{"audio/ogg", strings.Repeat("\x00", 3<<20), 413},
		{"video/mp4", song, 400},
		{"text/plain", song, 400},
		{"audio", song, 400},
		{"", song, 400},
	} {
		if status, _, body := f.do(t, "POST", "/api/sessions", c.kind, c.body); status != c.status {
			t.Errorf("%q of %d bytes: %d %s, want %d", c.kind, len(c.body), status, body, c.status)
		}
	}
}

func TestSeveralFiles(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true, MaxUpload: 1 << 20}}, session.Config{Millis: 1000})
	ogg, flac := readSong(t, "speech-russian-8k.ogg"), readSong(t, "speech-french-8k.flac")
	kind, body := forms(t, ogg, flac)
	made := f.create(t, "/api/sessions", kind, body)
	if made.Metadata.Format != "ogg" {
		t.Errorf("metadata of the first file: %+v", made.Metadata)
	}
	l := f.listen(t, made.SessionID)
	if len(l.info.Tracks) != 2 || l.info.Tracks[1].TotalSlices != 0 || l.info.Format != "ogg" {
		t.Fatalf("%+v", l.info)
	}
	second := f.listenTo(t, made.SessionID, l.info.Tracks[1].TrackID)
	if !bytes.HasPrefix(second.slice(t, 0), []byte("fLaC")) {
		t.Error("the second track is not the second file")
	}
	// One that is no audio refuses all of them.
	kind, body = forms(t, ogg, []byte("hello"))
	if status, _, answer := f.do(t, "POST", "/api/sessions", kind, body); status != 415 {
		t.Errorf("%d %s", status, answer)
	}
	// The files of a request are bounded together.
	wav := readSong(t, "music-coffee-8k.wav")
	var many [][]byte
	for range 1<<20/len(wav) + 2 {
		many = append(many, wav)
	}
	kind, body = forms(t, many...)
	if status, _, answer := f.do(t, "POST", "/api/sessions", kind, body); status != 413 {
		t.Errorf("together too large: %d %s", status, answer)
	}
	kind, body = forms(t, make([][]byte, 200)...)
	if status, _, answer := f.do(t, "POST", "/api/sessions", kind, body); status != 415 { // the first is empty
		t.Errorf("many: %d %s", status, answer)
	}
	fields := strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", 200) + "--x--\r\n"
	if status, _, answer := f.do(t, "POST", "/api/sessions", "multipart/form-data; boundary=x", fields); status != 400 {
		t.Errorf("200 fields: %d %s", status, answer)
	}
	head := "--x\r\nContent-Disposition: form-data; name=\"a\"\r\nX: " + strings.Repeat("y", 200<<10)
	if status, _, answer := f.do(t, "POST", "/api/sessions", "multipart/form-data; boundary=x", head); status != 413 {
		t.Errorf("a long header: %d %s", status, answer)
	}
}

// What is too long by its own word is refused before any of it comes.
func TestLongUploadsAreNotRead(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true, MaxUpload: 1 << 20}}, session.Config{})
	id := f.session(t, f.track(t, "drums.wav"))
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	for _, path := range []string{"/api/sessions", "/api/sessions/" + id + "/tracks", "/api/sessions/" + id + "/key-exchange"} {
		for _, kind := range []string{"audio/wav", "application/octet-stream", "multipart/form-data; boundary=x", jsonType} {
			if strings.HasSuffix(path, "exchange") && kind != jsonType {
				continue
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+path, neverRead{t})
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = 1<<20 + 64<<10 + 1
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Expect", "100-continue")
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err := theContract().check("POST", path, resp.StatusCode, resp.Header, string(b)); err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s %s: %d %s %v", path, kind, resp.StatusCode, b, err)
			}
		}
	}
}

// Refused uploads leave neither files nor a share of the disk behind.
func TestRefusedUploadsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h, err := server.New(server.Config{Sessions: store, TempDir: dir, Live: server.Live{AllowUpload: true, MaxUpload: 600 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	ogg := readSong(t, "speech-russian-8k.ogg")
	kind, bad := forms(t, ogg, ogg, []byte("hello"))
	for range 30 {
		if w := post(h, "/api/sessions", kind, strings.NewReader(bad)); w.Code != 415 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w := post(h, "/api/sessions", "audio/ogg", io.MultiReader(bytes.NewReader(ogg), broken{})); w.Code != 400 {
			t.Fatalf("broken off: %d %s", w.Code, w.Body)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left: %v", len(left), err)
	}
	if w := post(h, "/api/sessions", "audio/ogg", bytes.NewReader(ogg)); w.Code != 200 {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
