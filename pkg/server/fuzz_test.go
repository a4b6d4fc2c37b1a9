package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"secstream/pkg/handshake"
	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// target is a server to throw bytes at, with a session that the names in
// capitals stand for: SESSION, SLICE and so on.
type target struct {
	store *session.Store
	lib   *library.Library
	h     [2]*server.Server // without and with tokens
	song  string
}

func newTarget(f *testing.F) *target {
	t := new(target)
	song, err := os.ReadFile(publicAudio + "/speech-russian-8k.ogg")
	if err != nil {
		f.Fatal(err)
	}
	t.song = string(song[:8000])
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.ogg"), song, 0o600); err != nil {
		f.Fatal(err)
	}
	if t.lib, err = library.New(library.Config{Roots: []string{dir}, IDKey: make([]byte, 32)}); err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = t.lib.Run(ctx) }()
	f.Cleanup(func() { cancel(); <-done; _ = t.lib.Close() })
	<-t.lib.Ready()
	if t.store, err = session.NewStore(session.Config{Limits: session.Limits{Max: 20}}); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(t.store.Close)
	cfg := server.Config{Sessions: t.store, Library: t.lib, TempDir: f.TempDir(), Live: server.Live{
		AllowUpload: true, MaxUpload: 1 << 20, Origins: []string{"https://a.example"}, AddressRate: 1e6, SessionRate: 1e6,
	}}
	for i := range t.h {
		if i == 1 {
			cfg.Tokens = tokens
		}
		if t.h[i], err = server.New(cfg); err != nil {
			f.Fatal(err)
		}
	}
	return t
}

// names opens a session and returns what the names in capitals are.
func (g *target) names(t *testing.T) *strings.Replacer {
	track := g.lib.Tracks()[0].ID
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ SessionID string }
	var keys struct {
		SessionInfo struct {
			SliceIDs []string
			Tracks   []struct{ TrackID string }
		}
	}
	w := post(g.h[0], "/api/sessions", jsonType, strings.NewReader(`{"tracks":["`+track+`","`+track+`"]}`))
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 200 {
		t.Fatal(w.Body)
	}
	t.Cleanup(func() { _ = g.store.End(made.SessionID) }) // unless the input did
	w = post(g.h[0], "/api/sessions/"+made.SessionID+"/key-exchange", jsonType, strings.NewReader(`{"publicKey":"`+pair.Public()+`"}`))
	if err := json.Unmarshal(w.Body.Bytes(), &keys); err != nil || len(keys.SessionInfo.Tracks) != 2 {
		t.Fatal(w.Body)
	}
	return strings.NewReplacer("SESSION", made.SessionID, "SLICE", keys.SessionInfo.SliceIDs[0], "TRACK", keys.SessionInfo.Tracks[1].TrackID,
		"SONG", g.song, "PUBLIC", pair.Public(), "TOKEN", goodToken, "LISTED", track)
}

// FuzzRequests sends bytes as a whole request, to any route, by any method.
// Whatever they are, the answer is one that openapi.json describes, and none of
// a fault.
func FuzzRequests(f *testing.F) {
	g := newTarget(f)
	const part = "--x\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a\"\r\n\r\n"
	for _, seed := range []struct{ line, header, body string }{
		{"POST /api/sessions", "Content-Type: application/json", `{"tracks":["LISTED"],"randomizeSliceLength":true}`},
		{"POST /api/sessions?randomizeSliceLength=true", "Content-Type: audio/ogg", "SONG"},
		{"POST /api/sessions", "Content-Type: application/octet-stream", "RIFF\x24\x00\x00\x00WAVEfmt "},
		{"POST /api/sessions", "Content-Type: multipart/form-data; boundary=x", part + "SONG\r\n" + part + "SONG\r\n--x--\r\n"},
		{"POST /api/sessions", "Content-Type: multipart/form-data; boundary=x", part + "RIFF\x24\x00\x00\x00WAVEfmt "},
		{"POST /api/sessions/SESSION/key-exchange?trackId=TRACK", "Content-Type: application/json", `{"publicKey":"PUBLIC","pcm":"native"}`},
		{"POST /api/sessions/SESSION/key-exchange", "Content-Type: text/plain", `{"publicKey":"MFkw","trackId":"TRACK","metadata":{"algorithm":"ECDH"}}`},
		{"GET /api/sessions/SESSION/info", "", ""},
		{"GET /api/sessions/SESSION/slices/SLICE?trackId=TRACK", "Origin: https://a.example", ""},
		{"GET /api/sessions/SESSION/slices/SLICE", "User-Agent: x", ""},
		{"POST /api/sessions/SESSION/tracks", "Content-Type: application/json", `{"tracks":["LISTED","LISTED"]}`},
		{"POST /api/sessions/SESSION/tracks", "Content-Type: audio/ogg", "SONG"},
		{"DELETE /api/sessions/SESSION/tracks/TRACK", "", ""},
		{"DELETE /api/sessions/SESSION", "Sec-Fetch-Site: cross-site", ""},
		{"GET /api/library", "Authorization: Bearer TOKEN", ""},
		{"GET /api/library/LISTED/cover", "", ""},
		{"GET /api/library/LISTED/lyrics", "", ""},
		{"POST /api/pair", "Content-Type: application/json", `{"protocol":"secstream/2","publicKey":"","suites":["AES-256-GCM"],"name":"a","proof":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`},
		{"GET /api/stats", "Authorization: Bearer TOKENx\r\nAuthorization: Basic x", ""},
		{"GET /api/openapi.json", "X-Forwarded-For: 1.2.3.4, ::1", ""},
		{"OPTIONS /api/sessions", "Origin: https://a.example", ""},
		{"HEAD /ready", "", ""}, {"PUT /health", "", ""}, {"GET //x/../%2e", "", ""}, {"CONNECT x:1", "", ""}, {"OPTIONS *", "", ""},
	} {
		f.Add(seed.line, seed.header, seed.body)
	}
	f.Fuzz(func(t *testing.T, line, header, body string) {
		names := g.names(t)
		line, header, body = names.Replace(line), names.Replace(header), names.Replace(body)
		for _, h := range g.h {
			raw := fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n\r\n%s", line, len(body), header, body)
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
			if err != nil {
				return // net/http refuses it
			}
			r.RemoteAddr = "192.0.2.1:1"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var made struct{ SessionID string }
			if json.Unmarshal(w.Body.Bytes(), &made) == nil {
				defer g.store.End(made.SessionID)
			}
			if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
				t.Fatalf("%s: %d %s", line, w.Code, w.Body)
			}
			if err := theContract().check(r.Method, r.URL.EscapedPath(), w.Code, w.Header(), w.Body.String()); err != nil {
				t.Fatalf("%s: %d %.200s: %v", line, w.Code, w.Body, err)
			}
		}
	})
}
