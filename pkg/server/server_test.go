package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"secstream/pkg/decode"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

const publicAudio = "../../testdata/audio"

// safeBuffer takes log lines from several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type fixture struct {
	*httptest.Server
	log   safeBuffer
	lib   *library.Library
	roots []string
}

// start serves roots, the public set if there are none.
func start(t *testing.T, cfg server.Config, limits session.Config, roots ...string) *fixture {
	t.Helper()
	f := new(fixture)
	log := slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if len(roots) == 0 {
		roots = []string{publicAudio}
	}
	lib, err := library.New(library.Config{Roots: roots, IDKey: make([]byte, 32), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = lib.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = lib.Close() })
	select {
	case <-lib.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the library is not ready")
	}
	limits.Logger, limits.PCM = log, decode.AsWAV
	if limits.Identity, err = identity.Ephemeral(); err != nil {
		t.Fatal(err)
	}
	store, err := session.NewStore(limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	cfg.Sessions, cfg.Library, cfg.Logger, cfg.TempDir = store, lib, log, t.TempDir()
	h, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Server, f.lib, f.roots = httptest.NewServer(h), lib, roots
	t.Cleanup(f.Close)
	return f
}

// do sends a request and returns status, header and body. The answer has to be
// one that openapi.json describes.
func (f *fixture) do(t *testing.T, method, path, kind, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := theContract().check(method, path, resp.StatusCode, resp.Header, string(b)); err != nil {
		t.Errorf("%s %s: %d %.200q: not as described: %v", method, path, resp.StatusCode, b, err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// json reads the answer of a route that lists something.
func (f *fixture) json(t *testing.T, path string, v any, header ...string) {
	t.Helper()
	status, _, body := f.do(t, "GET", path, "", "", header...)
	if err := json.Unmarshal([]byte(body), v); status != 200 || err != nil {
		t.Fatalf("%s: %d %v %s", path, status, err, body)
	}
}

const jsonType = "application/json"

func (f *fixture) track(t *testing.T, suffix string) string {
	t.Helper()
	for _, tr := range f.lib.Tracks() {
		if strings.HasSuffix(tr.Path, suffix) {
			return tr.ID
		}
	}
	t.Fatalf("no track %s", suffix)
	return ""
}

func (f *fixture) session(t *testing.T, tracks ...string) string {
	t.Helper()
	b, _ := json.Marshal(wire.CreateRequest{Tracks: tracks})
	status, _, body := f.do(t, "POST", "/api/sessions", jsonType, string(b))
	var made wire.CreateAnswer
	if err := json.Unmarshal([]byte(body), &made); status != 200 || err != nil {
		t.Fatalf("create: %d %s", status, body)
	}
	return made.SessionID
}

func keyRequest(t *testing.T) string {
	t.Helper()
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"publicKey":%q,"metadata":{"algorithm":"ECDH","curve":"P-256","keyType":"CryptoKey"}}`, pair.Public())
}

func TestRefusals(t *testing.T) {
	f := start(t, server.Config{}, session.Config{Limits: session.Limits{Max: 3}})
	id := f.session(t, f.track(t, "drums.wav"))
	huge := `{"tracks":["` + strings.Repeat("x", 300<<10) + `"]}`
	many := `{"tracks":[` + strings.Repeat(`"a",`, 1000) + `"a"]}`
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		code                     wire.Code
	}{
		{"GET", "/", "", "", 404, wire.NotFound},
		{"GET", "/api/nothing", "", "", 404, wire.NotFound},
		{"PUT", "/api/sessions", "", "", 405, wire.MethodNot},
		{"GET", "/api/sessions", "", "", 405, wire.MethodNot},
		{"POST", "/api/sessions", "", "", 400, wire.BadRequest},
		{"POST", "/api/sessions", jsonType, "", 400, wire.BadRequest},
		{"POST", "/api/sessions", jsonType, "{", 400, wire.BadRequest},
		{"POST", "/api/sessions", jsonType, `{"tracks":"x"}`, 400, wire.BadRequest},
		{"POST", "/api/sessions", jsonType, `{"tracks":[]}`, 400, wire.BadRequest},
		{"POST", "/api/sessions", jsonType, many, 400, wire.BadRequest},
		{"POST", "/api/sessions", jsonType, huge, 413, wire.TooLarge},
		{"POST", "/api/sessions", jsonType, `{"tracks":["../../etc/passwd"]}`, 404, wire.TrackNotFound},
		{"POST", "/api/sessions", "multipart/form-data; boundary=x", "--x--", 403, wire.Forbidden},
		{"POST", "/api/sessions/nope/key-exchange", jsonType, keyRequest(t), 404, wire.SessionNotFound},
		{"POST", "/api/sessions/" + id + "/key-exchange", jsonType, `{}`, 400, wire.BadRequest},
		{"POST", "/api/sessions/" + id + "/key-exchange", jsonType, `{"publicKey":"AAAA"}`, 400, wire.BadRequest},
		{"POST", "/api/sessions/" + id + "/key-exchange", jsonType, strings.Repeat("[", 200000), 400, wire.BadRequest},
		{"POST", "/api/sessions/" + id + "/key-exchange?trackId=track_x", jsonType, keyRequest(t), 404, wire.TrackNotFound},
		{"GET", "/api/sessions/" + id + "/info", "", "", 404, wire.SessionNotFound},
		{"GET", "/api/sessions/" + id + "/slices/x", "", "", 404, wire.SliceNotFound},
		{"GET", "/api/sessions/" + id + "/slices/..%2f..%2fetc", "", "", 404, wire.SliceNotFound},
		{"GET", "/api/sessions/nope/slices/x", "", "", 404, wire.SessionNotFound},
		{"DELETE", "/api/sessions/nope", "", "", 404, wire.SessionNotFound},
		{"GET", "/api/library/nope/cover", "", "", 404, wire.TrackNotFound},
		{"GET", "/api/library/" + f.track(t, "drums.wav") + "/cover", "", "", 404, wire.NoCover},
		{"GET", "/api/library/nope/lyrics", "", "", 404, wire.TrackNotFound},
		{"GET", "/api/library/" + f.track(t, "drums.wav") + "/lyrics", "", "", 404, wire.NoLyrics},
	} {
		status, header, body := f.do(t, c.method, c.path, c.kind, c.body)
		var e wire.Error
		if err := json.Unmarshal([]byte(body), &e); err != nil || e.Message == "" {
			t.Errorf("%s %s: not a JSON error: %q", c.method, c.path, body)
		}
		if status != c.status || e.Code != c.code || header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s: %d %s %s, want %d %s", c.method, c.path, status, e.Code, header.Get("Content-Type"), c.status, c.code)
		}
	}
	f.session(t, f.track(t, "drums.wav"))
	f.session(t, f.track(t, "drums.wav"))
	status, header, _ := f.do(t, "POST", "/api/sessions", jsonType, `{"tracks":["`+f.track(t, "drums.wav")+`"]}`)
	if status != 503 || header.Get("Retry-After") == "" {
		t.Errorf("full: %d, Retry-After %q", status, header.Get("Retry-After"))
	}
}

func TestWholeSession(t *testing.T) {
	f := start(t, server.Config{}, session.Config{})
	id := f.session(t, f.track(t, "tabla.flac"))
	status, _, body := f.do(t, "POST", "/api/sessions/"+id+"/key-exchange", jsonType, keyRequest(t))
	var answer struct {
		PublicKey   string          `json:"publicKey"`
		SessionInfo json.RawMessage `json:"sessionInfo"`
		Metadata    json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal([]byte(body), &answer); status != 200 || err != nil {
		t.Fatalf("%d %v", status, err)
	}
	if string(answer.Metadata) != `{"algorithm":"ECDH","curve":"P-256","keyType":"CryptoKey"}` {
		t.Errorf("metadata %s", answer.Metadata)
	}
	_, _, info := f.do(t, "GET", "/api/sessions/"+id+"/info", "", "")
	if strings.TrimSpace(info) != string(answer.SessionInfo) {
		t.Errorf("info is not what the key exchange said:\n%s\n%s", info, answer.SessionInfo)
	}
	var si wire.SessionInfo
	if err := json.Unmarshal(answer.SessionInfo, &si); err != nil {
		t.Fatal(err)
	}
	status, header, slice := f.do(t, "GET", "/api/sessions/"+id+"/slices/"+si.SliceIDs[1], "", "")
	want := map[string]string{
		"Content-Type": "application/octet-stream", "X-Slice-Id": si.SliceIDs[1], "X-Slice-Sequence": "1", "X-Session-Id": id,
		"X-Encrypted-Data-Length": fmt.Sprint(len(slice) - 12), "X-Iv-Length": "12", "X-Crc32-Hash": wire.CRC([]byte(slice)),
		"Content-Length": fmt.Sprint(len(slice)), "Cache-Control": "no-store",
	}
	for name, v := range want {
		if status != 200 || header.Get(name) != v {
			t.Errorf("slice: %d, %s is %q, want %q", status, name, header.Get(name), v)
		}
	}
	_, _, again := f.do(t, "GET", "/api/sessions/"+id+"/slices/"+si.SliceIDs[1], "", "")
	if again != slice {
		t.Error("a slice asked for again is not the one that is kept")
	}
	if status, _, _ := f.do(t, "DELETE", "/api/sessions/"+id, "", ""); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status, _, _ := f.do(t, "GET", "/api/sessions/"+id+"/info", "", ""); status != 404 {
		t.Errorf("info of an ended session: %d", status)
	}
	for _, secret := range append(si.SliceIDs, id) {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log holds a secret:\n%s", f.log.String())
		}
	}
	if !strings.Contains(f.log.String(), "GET /api/sessions/{id}/slices/{slice}") {
		t.Error("requests are not logged")
	}
}

func form(t *testing.T, fields map[string]string, name string, file []byte) (kind, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if name != "" {
		part, err := w.CreateFormFile(name, "song.bin")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(file)
	}
	for k, v := range fields {
		_ = w.WriteField(k, v)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

func TestUploads(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true, MaxUpload: 2 << 20}}, session.Config{})
	song, err := os.ReadFile(publicAudio + "/music-tabla.flac")
	if err != nil {
		t.Fatal(err)
	}
	liar := bytes.Clone(song[:44])
	copy(liar, "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00") // 0 channels, 0 Hz
	for name, c := range map[string]struct {
		fields map[string]string
		field  string
		file   []byte
		status int
	}{
		"a song":       {map[string]string{"randomizeSliceLength": "true"}, "audio", song, 200},
		"not TRUE":     {map[string]string{"randomizeSliceLength": "TRUE"}, "audio", song, 200},
		"no file":      {nil, "", nil, 400},
		"other field":  {nil, "video", song, 400},
		"text":         {nil, "audio", []byte("hello"), 415},
		"empty":        {nil, "audio", nil, 415},
		"no channels":  {nil, "audio", liar, 415},
		"over the cap": {nil, "audio", make([]byte, 3<<20), 413},
	} {
		kind, body := form(t, c.fields, c.field, c.file)
		status, _, answer := f.do(t, "POST", "/api/sessions", kind, body)
		if status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, answer, c.status)
		}
		if status != 200 {
			continue
		}
		var made wire.CreateAnswer
		if err := json.Unmarshal([]byte(answer), &made); err != nil {
			t.Fatal(err)
		}
		if made.Message != "Session created successfully" || made.Metadata.Format != "flac" || made.Metadata.SampleRate != 44100 ||
			made.Configuration.Randomize != (name == "a song") {
			t.Errorf("%s: %s", name, answer)
		}
		if status, _, body := f.do(t, "POST", "/api/sessions/"+made.SessionID+"/key-exchange", jsonType, keyRequest(t)); status != 200 {
			t.Errorf("%s: key exchange %d %s", name, status, body)
		}
	}
}

func TestCORS(t *testing.T) {
	closed := start(t, server.Config{}, session.Config{})
	_, header, _ := closed.do(t, "GET", "/health", "", "", "Origin", "https://player.example")
	if header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("CORS without being asked for")
	}
	f := start(t, server.Config{Live: server.Live{Origins: []string{"https://player.example"}}}, session.Config{})
	status, header, _ := f.do(t, "OPTIONS", "/api/sessions", "", "", "Origin", "https://player.example", "Access-Control-Request-Method", "POST")
	if status != 204 || header.Get("Access-Control-Allow-Origin") != "https://player.example" {
		t.Errorf("preflight: %d %v", status, header)
	}
	_, header, _ = f.do(t, "GET", "/health", "", "", "Origin", "https://player.example")
	if !strings.Contains(header.Get("Access-Control-Expose-Headers"), wire.HeaderCRC) {
		t.Errorf("exposed: %q", header.Get("Access-Control-Expose-Headers"))
	}
	_, header, _ = f.do(t, "GET", "/health", "", "", "Origin", "https://evil.example")
	if header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a foreign origin is let in")
	}
}

func TestCrossSiteRequests(t *testing.T) {
	const mine, evil = "https://player.example", "https://evil.example"
	f := start(t, server.Config{Live: server.Live{AllowUpload: true, Origins: []string{mine}}}, session.Config{})
	kind, body := form(t, nil, "audio", []byte("hello"))
	for _, c := range []struct {
		origin string
		status int
	}{{"", 415}, {f.URL, 415}, {mine, 415}, {evil, 403}, {"null", 403}} {
		header := []string{}
		if c.origin != "" {
			header = []string{"Origin", c.origin}
		}
		if status, _, answer := f.do(t, "POST", "/api/sessions", kind, body, header...); status != c.status {
			t.Errorf("upload from %q: %d %s, want %d", c.origin, status, answer, c.status)
		}
	}
	if _, err := server.New(server.Config{Sessions: new(session.Store), Live: server.Live{Origins: []string{"player.example"}}}); err == nil {
		t.Error("an origin without a scheme is taken")
	}
}

func TestUploadsAreBounded(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true, MaxUpload: 600 << 10}}, session.Config{})
	song, err := os.ReadFile(publicAudio + "/music-tabla.flac")
	if err != nil {
		t.Fatal(err)
	}
	kind, body := form(t, nil, "audio", song)
	full := 0
	for range 12 {
		switch status, _, answer := f.do(t, "POST", "/api/sessions", kind, body); status {
		case 200:
		case 503:
			full++
		default:
			t.Fatalf("%d %s", status, answer)
		}
	}
	if full == 0 {
		t.Error("uploads have no bound")
	}
	// A refused upload gives its share of the disk back, a served one with its session.
	liar, bad := form(t, nil, "audio", []byte("hello"))
	for range 20 {
		if status, _, _ := f.do(t, "POST", "/api/sessions", liar, bad); status != 415 && status != 503 {
			t.Errorf("%d", status)
		}
	}
}

func TestLibraryStatsHealth(t *testing.T) {
	f := start(t, server.Config{}, session.Config{})
	var list wire.Library
	_, _, body := f.do(t, "GET", "/api/library", "", "")
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Tracks) != 12 || list.Scanning || len(list.Folders) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	for _, tr := range list.Tracks {
		if tr.TotalSamples <= 0 || tr.Duration <= 0 || tr.ID == "" || tr.SampleRate == 0 || tr.Channels == 0 {
			t.Errorf("%+v", tr)
		}
	}
	f.session(t, list.Tracks[0].ID)
	var stats wire.Stats
	_, _, body = f.do(t, "GET", "/api/stats", "", "")
	if err := json.Unmarshal([]byte(body), &stats); err != nil || stats.ActiveSessions != 1 || stats.TotalSessions != 1 || stats.Tracks != 12 {
		t.Errorf("%v: %s", err, body)
	}
	var health wire.Health
	_, _, body = f.do(t, "GET", "/health", "", "")
	if err := json.Unmarshal([]byte(body), &health); err != nil || health.Status != "ok" {
		t.Errorf("%v: %s", err, body)
	}
}

// TestNoRoute: an unknown path is answered with the routes there are, as
// protocol v1 has it.
func TestNoRoute(t *testing.T) {
	f := start(t, server.Config{}, session.Config{})
	status, _, body := f.do(t, "GET", "/api/nothing", "", "")
	var answer struct {
		Error     string   `json:"error"`
		Endpoints []string `json:"available_endpoints"`
	}
	if err := json.Unmarshal([]byte(body), &answer); status != 404 || err != nil || answer.Error != "Not found" ||
		len(answer.Endpoints) != 15 || answer.Endpoints[0] != "POST /api/sessions" {
		t.Errorf("%d %v %s", status, err, body)
	}
	if _, _, body := f.do(t, "GET", "/api/sessions/nope/info", "", ""); strings.Contains(body, "available_endpoints") {
		t.Errorf("an unknown session: %s", body)
	}
}

// TestEveryRequestIsLogged: also those that no route takes, with the status
// they had, and none with its path.
func TestEveryRequestIsLogged(t *testing.T) {
	const mine = "https://player.example"
	f := start(t, server.Config{Live: server.Live{Origins: []string{mine}}}, session.Config{})
	id := f.session(t, f.track(t, "drums.wav"))
	for _, c := range []struct {
		method, path, origin string
		status               int
		route                string
	}{
		{"GET", "/health", "", 200, "GET /health"},
		{"GET", "/secret-path", "", 404, "GET without a route"},
		{"PUT", "/api/sessions/secret-path", "", 405, "PUT without a route"},
		{"POST", "/api/sessions", "https://evil.example", 403, "POST from another site"},
		{"OPTIONS", "/api/sessions", mine, 204, "OPTIONS before a request from another site"},
		{"DELETE", "/api/sessions/" + id, "", 204, "DELETE /api/sessions/{id}"},
		{"DELETE", "/api/sessions/" + id, "", 404, "DELETE /api/sessions/{id}"},
	} {
		var header []string
		if c.origin != "" {
			header = []string{"Origin", c.origin}
		}
		if status, _, body := f.do(t, c.method, c.path, "", "", header...); status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, body, c.status)
		}
		f.waitForLine(t, fmt.Sprintf("msg=request route=%q", c.route), fmt.Sprintf("status=%d ", c.status))
	}
	if strings.Contains(f.log.String(), "secret-path") {
		t.Errorf("the log has a path:\n%s", f.log.String())
	}
}

// waitForLine waits for a log line with all of parts: it follows the answer.
func (f *fixture) waitForLine(t *testing.T, parts ...string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for line := range strings.Lines(f.log.String()) {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				return
			}
		}
	}
	t.Errorf("no line with %q in\n%s", parts, f.log.String())
}
