package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"secstream/pkg/server"
	"secstream/pkg/session"
)

// unopened is a source that never opens.
type unopened struct{ *upload }

func (unopened) Open(ctx context.Context) (session.Content, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// timed serves a store with time limits that a test can wait for.
func timed(t *testing.T, store *session.Store, request time.Duration, seen chan<- server.Observation) string {
	t.Helper()
	h, err := server.NewTimed(server.Config{
		Sessions: store, TempDir: t.TempDir(), Live: server.Live{AllowUpload: true},
		Observe: func(o server.Observation) { seen <- o },
	}, request)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// TestLateRequestsAreRefused: a request that takes too long gets its refusal, and
// what comes next on its connection gets an answer of its own.
func TestLateRequestsAreRefused(t *testing.T) {
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	seen := make(chan server.Observation, 10)
	host := timed(t, store, 100*time.Millisecond, seen)
	for range 4 {
		sess, err := store.Create(session.Request{Sources: []session.Source{unopened{newUpload(t, readSong(t, "music-drums.wav"))}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, next := range []struct {
			method, path, body string
			status             int
		}{
			{"POST", "/api/sessions/" + sess.ID + "/key-exchange", keyRequest(t), http.StatusServiceUnavailable},
			{"GET", "/nowhere", "", http.StatusNotFound},
			{"GET", "/health", "", http.StatusOK},
		} {
			req, err := http.NewRequestWithContext(t.Context(), next.method, "http://"+host+next.path, strings.NewReader(next.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != next.status || len(text) == 0 {
				t.Errorf("%s: %d %q, %v", next.path, res.StatusCode, text, err)
			}
			if o := <-seen; o.Status != next.status {
				t.Errorf("%s: observed %+v", next.path, o)
			}
		}
	}
}

// TestStalledBodiesAreRefused: what does not come in time is refused as said.
func TestStalledBodiesAreRefused(t *testing.T) {
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	host := timed(t, store, 100*time.Millisecond, make(chan server.Observation, 10))
	for kind, length := range map[string]string{
		"application/json": "Content-Length: 100", "audio/wav": "Content-Length: 100", "audio/flac": "Transfer-Encoding: chunked",
	} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%s\r\n\r\n", kind, length)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "did not come in time") {
			t.Errorf("%s: %d %q, %v", kind, res.StatusCode, text, err)
		}
		conn.Close()
	}
}

// TestFolderOfUploadsIsGone: the server says that it is its fault.
func TestFolderOfUploadsIsGone(t *testing.T) {
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	dir := t.TempDir()
	h, err := server.New(server.Config{Sessions: store, TempDir: dir, Live: server.Live{AllowUpload: true}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/api/sessions", strings.NewReader("RIFF"))
	r.Header.Set("Content-Type", "audio/wav")
	h.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestRouteIsOurs: what is told of a refused request holds no word of its path,
// also below a pattern of somebody else's.
func TestRouteIsOurs(t *testing.T) {
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	var seen []server.Observation
	h, err := server.New(server.Config{Sessions: store, Tokens: tokens, Observe: func(o server.Observation) { seen = append(seen, o) }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/music/{id}/", http.StripPrefix("/music/x", h))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/music/x/api/stats", nil))
	if w.Code != http.StatusUnauthorized || len(seen) != 1 || seen[0].Route != "/" {
		t.Errorf("%d %+v", w.Code, seen)
	}
}
