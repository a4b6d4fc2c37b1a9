package server_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"secstream/pkg/server"
	"secstream/pkg/session"
)

// FuzzBodies sends bytes as every kind of body the API takes. Whatever they
// are, the answer is no server error.
func FuzzBodies(f *testing.F) {
	store, err := session.NewStore(session.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(store.Close)
	h, err := server.New(server.Config{Sessions: store, TempDir: f.TempDir(), Live: server.Live{AllowUpload: true, MaxUpload: 1 << 20}})
	if err != nil {
		f.Fatal(err)
	}
	song, err := os.ReadFile(publicAudio + "/speech-russian-8k.ogg")
	if err != nil {
		f.Fatal(err)
	}
	const part = "--x\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a\"\r\n\r\n"
	f.Add(part + string(song[:8000]) + "\r\n--x--\r\n")
	f.Add(part + "RIFF\x24\x00\x00\x00WAVEfmt ")
	f.Add(`{"tracks":["a"],"randomizeSliceLength":true}`)
	f.Add(`{"publicKey":"MFkw","trackId":"track_x","metadata":{"algorithm":"ECDH"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, to := range []struct{ path, kind string }{
			{"/api/sessions", "application/json"}, {"/api/sessions", "multipart/form-data; boundary=x"},
			{"/api/sessions/" + url(body) + "/key-exchange", "application/json"},
		} {
			r := httptest.NewRequest(http.MethodPost, to.path, strings.NewReader(body))
			r.Header.Set("Content-Type", to.kind)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
				t.Fatalf("%s %s: %d %s", to.path, to.kind, w.Code, w.Body)
			}
		}
	})
}

// url makes a path segment of the first bytes of s.
func url(s string) string {
	return "s" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= 'z' && r != '?' && r != '\\' && r != '^' && r != '`' && r != '<' && r != '>' {
			return r
		}
		return '_'
	}, s[:min(len(s), 40)])
}
