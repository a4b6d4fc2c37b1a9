package server_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// Over HTTP/2, where one connection carries many requests and a deadline of
// the connection would be of no use, a body that does not come and a reader
// that does not read end as they do over HTTP/1.
func TestTimeLimitsOverHTTP2(t *testing.T) {
	const limit = 250 * time.Millisecond
	jpg := append([]byte("\xff\xd8\xff"), make([]byte, library.MaxCover-3)...)
	dir := t.TempDir()
	for name, b := range map[string][]byte{"a.wav": readSong(t, "music-drums.wav"), "cover.jpg": jpg} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan server.Observation, 100)
	cfg := server.Config{Live: server.Live{AllowUpload: true}, Observe: func(o server.Observation) { done <- o }}
	f := start(t, cfg, session.Config{}, dir)
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	cfg.Sessions, cfg.Library, cfg.TempDir = store, f.lib, t.TempDir()
	h, err := server.NewTimed(cfg, limit)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	client := srv.Client()
	client.Transport.(*http.Transport).HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 16 << 10}
	ended := func(route string, status int) {
		t.Helper()
		select {
		case o := <-done:
			if o.Route != route || o.Status != status || o.Took > 20*limit {
				t.Errorf("%+v, want %s %d in a few times %v", o, route, status, limit)
			}
		case <-time.After(30 * limit):
			t.Fatalf("%s does not end", route)
		}
	}

	track := f.track(t, "a.wav")
	resp, err := client.Get(srv.URL + "/api/library/" + track + "/cover") //nolint:noctx // the test ends it
	if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	ended("GET /api/library/{track}/cover", 200)
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes came whole", n)
	}
	_ = resp.Body.Close()

	for _, c := range []struct{ path, kind, route string }{
		{"/api/sessions", jsonType, "POST /api/sessions"},
		{"/api/sessions", "audio/wav", "POST /api/sessions"},
		{"/api/sessions", "multipart/form-data; boundary=x", "POST /api/sessions"},
	} {
		body, hold := io.Pipe()
		go func() { _, _ = hold.Write([]byte(`{"tracks":[`)) }()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+c.path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", c.kind)
		resp, err := client.Do(r)
		if err != nil {
			t.Errorf("%s: no answer: %v", c.kind, err)
		} else {
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest || !bytes.Contains(b, []byte("in time")) {
				t.Errorf("%s: %d %s", c.kind, resp.StatusCode, b)
			}
		}
		ended(c.route, 400)
		_ = hold.Close()
	}
	// The connection lives.
	resp, err = client.Get(srv.URL + "/health") //nolint:noctx // the test ends it
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
}
