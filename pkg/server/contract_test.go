package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract is openapi.json as a judge: every answer that fixture.do gets has
// to be in it.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler

	mu      sync.Mutex // guards compiler and schemas
	schemas map[string]*jsonschema.Schema
}

const described = "openapi.json"

var theContract = sync.OnceValue(func() *contract {
	text, err := os.ReadFile(described)
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	c := &contract{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("https://secstream.example/"+described, doc); err != nil {
		panic(err)
	}
	return c
})

// at follows a pointer of names, through $ref, and returns what is there with
// where that is.
func (c *contract) at(names ...string) (map[string]any, []string) {
	var here any = c.doc
	where := []string{}
	for _, name := range names {
		m, ok := here.(map[string]any)
		if !ok {
			return nil, nil
		}
		here, where = m[name], append(where, name)
		if m, ok := here.(map[string]any); ok {
			if ref, ok := m["$ref"].(string); ok {
				here, where = c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			}
		}
	}
	m, _ := here.(map[string]any)
	return m, slices.Clone(where)
}

// judge holds v, or a header's text, against the schema at where.
func (c *contract) judge(v any, where []string) error {
	pointer := ""
	for _, name := range where {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	c.mu.Lock()
	schema := c.schemas[pointer]
	var err error
	if schema == nil {
		if schema, err = c.compiler.Compile("https://secstream.example/" + described + "#" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer)); err == nil {
			c.schemas[pointer] = schema
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// operation is the documented path and method that a request is for.
func (c *contract) operation(method, target string) (pattern []string) {
	target, _, _ = strings.Cut(target, "?")
	if strings.Contains(target+"/", "/./") || strings.Contains(target+"/", "/../") {
		return nil // no value of a parameter, whatever the route
	}
	if method != strings.ToUpper(method) {
		return nil
	}
	paths, _ := c.at("paths")
	for p := range paths {
		expr := "^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(p), `[^/]+`) + "$"
		if m, where := c.at("paths", p, strings.ToLower(method)); m != nil && regexp.MustCompile(expr).MatchString(target) {
			return where
		}
	}
	return nil
}

// operations are all that are documented, as "GET /health".
func (c *contract) operations() (list []string) {
	paths, _ := c.at("paths")
	for p := range paths {
		for _, method := range []string{"get", "post", "delete", "put", "patch"} {
			if m, _ := c.at("paths", p, method); m != nil {
				list = append(list, strings.ToUpper(method)+" "+p)
			}
		}
	}
	slices.Sort(list)
	return list
}

// outside is the documented answer to a request that is for no operation.
func outside(status int) []string {
	for name, s := range map[string]int{"NoRoute": 404, "NoMethod": 405, "BadRequest": 400, "Unauthorized": 401, "Forbidden": 403, "TooMany": 429} {
		if s == status {
			return []string{"components", "responses", name}
		}
	}
	return nil
}

// check says what of an answer is not as documented.
func (c *contract) check(method, target string, status int, h http.Header, body string) error {
	if method == http.MethodOptions && status == http.StatusNoContent || method == http.MethodHead {
		return nil // a preflight; an answer without its body
	}
	names := outside(status)
	if op := c.operation(method, target); op != nil {
		names = append(op, "responses", strconv.Itoa(status))
	}
	answer, where := c.at(names...)
	if answer == nil {
		return fmt.Errorf("status %d is not described", status)
	}
	if err := c.checkHeader(answer, where, h); err != nil {
		return err
	}
	content, _ := answer["content"].(map[string]any)
	if len(content) == 0 {
		if body != "" || h.Get("Content-Type") != "" {
			return fmt.Errorf("a body of %q where there is none", h.Get("Content-Type"))
		}
		return nil
	}
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	for described := range content {
		if ok, _ := path.Match(described, kind); !ok {
			continue
		}
		if kind != jsonType {
			return nil
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			return err
		}
		return c.judge(v, append(where, "content", described, "schema"))
	}
	return fmt.Errorf("a body of %q is not described", h.Get("Content-Type"))
}

// checkHeader looks at the headers that are ours.
func (c *contract) checkHeader(answer map[string]any, where []string, h http.Header) error {
	described, _ := answer["headers"].(map[string]any)
	for name, about := range described {
		text := h.Get(name)
		if about, _ := about.(map[string]any); text == "" && about["required"] != true {
			continue
		}
		if text == "" {
			return fmt.Errorf("no header %s", name)
		}
		header, _ := c.at(append(slices.Clone(where), "headers", name, "schema")...)
		var v any = text
		if header["type"] == "integer" {
			v = json.Number(text)
		}
		if err := c.judge(v, append(slices.Clone(where), "headers", name, "schema")); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	for name := range h {
		ours := strings.HasPrefix(name, "X-") && name != "X-Content-Type-Options" ||
			slices.Contains([]string{"Retry-After", "Www-Authenticate", "Allow", "Location"}, name)
		found := false
		for d := range described {
			found = found || http.CanonicalHeaderKey(d) == name
		}
		if ours && !found {
			return fmt.Errorf("header %s is not described", name)
		}
	}
	return nil
}

// The contract is no judge that lets everything pass.
func TestTheContractRefuses(t *testing.T) {
	c := theContract()
	jsonHeader := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	const sound = `{"status":"ok","timestamp":"2026-01-02T03:04:05.678Z","uptime":1.5}`
	if err := c.check("GET", "/health", 200, jsonHeader, sound); err != nil {
		t.Errorf("a sound answer: %v", err)
	}
	for what, a := range map[string]struct {
		status int
		header http.Header
		body   string
	}{
		"a field more":      {200, jsonHeader, strings.Replace(sound, "{", `{"secret":1,`, 1)},
		"a field less":      {200, jsonHeader, `{"status":"ok","uptime":1}`},
		"a time that isn't": {200, jsonHeader, strings.Replace(sound, "2026", "soon", 1)},
		"another type":      {200, http.Header{"Content-Type": {"text/plain"}}, sound},
		"another status":    {201, jsonHeader, sound},
		"another code":      {400, jsonHeader, `{"error":"x","code":"busy"}`},
		"a header more":     {200, http.Header{"Content-Type": {jsonType}, "X-Path": {"/home"}}, sound},
	} {
		if err := c.check("GET", "/health", a.status, a.header, a.body); err == nil {
			t.Errorf("%s passes", what)
		}
	}
	if err := c.check("GET", "/api/stats", 429, jsonHeader, `{"error":"x","code":"too_many_requests"}`); err == nil {
		t.Error("429 without Retry-After passes")
	}
	for name := range c.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if err := c.judge(nil, []string{"components", "schemas", name}); err == nil {
			t.Errorf("%s takes null", name)
		}
	}
}

// TestEveryRouteIsDescribed: openapi.json has the routes there are and no
// others, and the server shows it.
func TestEveryRouteIsDescribed(t *testing.T) {
	f := start(t, server.Config{}, session.Config{})
	var none struct {
		Endpoints []string `json:"available_endpoints"`
	}
	_, _, body := f.do(t, "GET", "/nowhere", "", "")
	if err := json.Unmarshal([]byte(body), &none); err != nil {
		t.Fatal(err)
	}
	slices.Sort(none.Endpoints)
	if got := theContract().operations(); !slices.Equal(got, none.Endpoints) {
		t.Errorf("described\n%q, there are\n%q", got, none.Endpoints)
	}
	text, err := os.ReadFile(described)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, body := f.do(t, "GET", "/api/openapi.json", "", ""); body != string(text) {
		t.Error("the server shows another description")
	}
}

// unwalked are the answers that TestEveryAnswer does not get, and why.
var unwalked = map[string]string{
	"* 500":                           "there is no fault to be had at will",
	"* 403":                           "of GET, it is package cmd that refuses names of other machines",
	"GET /api/sessions/{id}/info 503": "memory has to be full for long",
	"GET /api/sessions/{id}/slices/{slice} 503":    "memory has to be full for long",
	"POST /api/sessions/{id}/key-exchange 503":     "memory has to be full for long",
	"DELETE /api/sessions/{id}/tracks/{track} 503": "memory has to be full for long",
	"GET /api/library/{track}/cover 503":           "see TestCoversForSlowClientsAreBounded",
	"GET /api/library/{track}/lyrics 503":          "as of covers",
	"GET /api/library/{track}/lyrics 410":          "the file has to change while it is read",
	"GET /api/library/{track}/lyrics 415":          "the library finds it unreadable first",
	"GET /ready 503":                               "see TestReady",
	"GET /api/library/{track}/cover 410":           "the file has to change while it is read",
	"GET /api/library/{track}/cover 415":           "the library finds it unreadable first",
	"GET /api/sessions/{id}/slices/{slice} 415":    "the parsers find what is damaged first",
	"GET /api/sessions/{id}/slices/{slice} 409":    "takes a key that has served its time, see package session",
	"POST /api/pair 503":                           "the token file has to be locked for long",
	"* 507":                                        "takes a full disk: .ci/e2e/disk.sh",
	"POST /api/sessions/{id}/key-exchange 415":     "takes a slice of over 64 MB",
}

// TestEveryAnswer gets nearly every answer that is described, each of which do
// holds against its description.
func TestEveryAnswer(t *testing.T) {
	door, ask := openDoor(t)
	w := &walk{t: t, seen: map[string]bool{}, f: start(t, server.Config{Pair: door, Live: server.Live{AllowUpload: true, MaxUpload: 1 << 20}},
		session.Config{Millis: 1000, Limits: session.Limits{Max: 45}}, publicAudio, moving(t))}
	w.pairs(ask)
	w.sessions()
	w.whatFails()
	w.everywhere()
	for _, op := range theContract().operations() {
		method, p, _ := strings.Cut(op, " ")
		answers, _ := theContract().at("paths", p, strings.ToLower(method), "responses")
		for status := range answers {
			_, forgiven := unwalked[op+" "+status]
			_, general := unwalked["* "+status]
			switch name := op + " " + status; {
			case !w.seen[name] && !forgiven && !general:
				t.Errorf("%s is described and did not happen", name)
			case w.seen[name] && forgiven:
				t.Errorf("%s happened", name)
			}
		}
	}
}

// moving is a folder with a file that is to be replaced, a picture and lyrics.
func moving(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	place(t, readSong(t, "speech-russian-8k.ogg"), dir, "moving.ogg")
	place(t, []byte("\xff\xd8\xff and so on"), dir, "cover.jpg")
	place(t, []byte("[00:01.00]words"), dir, "moving.lrc")
	return dir
}

// walk counts which answers came.
type walk struct {
	t    *testing.T
	f    *fixture
	seen map[string]bool
}

func (w *walk) do(want int, method, target, kind, body string, header ...string) string {
	w.t.Helper()
	status, _, answer := w.f.do(w.t, method, target, kind, body, header...)
	if status != want {
		w.t.Errorf("%s %s: %d %.200s, want %d", method, target, status, answer, want)
	}
	if op := theContract().operation(method, target); op != nil {
		w.seen[method+" "+op[1]+" "+strconv.Itoa(status)] = true
	}
	return answer
}

func (w *walk) create(tracks ...string) (id string) {
	w.t.Helper()
	ids := []string{}
	for _, name := range tracks {
		ids = append(ids, w.f.track(w.t, name))
	}
	ask, _ := json.Marshal(map[string]any{"tracks": ids})
	var made struct {
		SessionID string `json:"sessionId"`
	}
	if err := json.Unmarshal([]byte(w.do(200, "POST", "/api/sessions", jsonType, string(ask))), &made); err != nil {
		w.t.Fatal(err)
	}
	return "/api/sessions/" + made.SessionID
}

// sessions walks what succeeds, with a track of every kind.
func (w *walk) sessions() {
	for _, tr := range w.f.lib.Tracks() {
		s := w.create(tr.Path)
		var answer struct{ SessionInfo wire.SessionInfo }
		text := w.do(200, "POST", s+"/key-exchange", jsonType, keyRequest(w.t))
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			w.t.Fatal(err)
		}
		w.do(200, "GET", s+"/slices/"+answer.SessionInfo.SliceIDs[0], "", "")
		w.do(200, "GET", s+"/info", "", "")
		w.do(204, "DELETE", s, "", "")
	}
	s := w.create("drums.wav", "tabla.flac")
	w.do(200, "POST", s+"/tracks", jsonType, `{"tracks":["`+w.f.track(w.t, "chimes.ogg")+`"]}`)
	var added struct{ Tracks []wire.TrackInfo }
	if err := json.Unmarshal([]byte(w.do(200, "POST", s+"/tracks", "audio/ogg", string(readSong(w.t, "speech-russian-8k.ogg")))), &added); err != nil {
		w.t.Fatal(err)
	}
	w.do(204, "DELETE", s+"/tracks/"+added.Tracks[0].TrackID, "", "")
	var answer struct{ SessionInfo wire.SessionInfo }
	if err := json.Unmarshal([]byte(w.do(200, "POST", s+"/key-exchange", jsonType, keyRequest(w.t))), &answer); err != nil {
		w.t.Fatal(err)
	}
	w.do(200, "GET", s+"/info", "", "")
	w.do(200, "DELETE", s+"/tracks/"+answer.SessionInfo.Tracks[1].TrackID, "", "")
	w.do(404, "DELETE", s+"/tracks/"+answer.SessionInfo.Tracks[1].TrackID, "", "")
	w.do(200, "DELETE", s+"/tracks/"+answer.SessionInfo.Tracks[2].TrackID, "", "")
	w.do(409, "DELETE", s+"/tracks/"+answer.SessionInfo.Tracks[0].TrackID, "", "")
	w.do(200, "GET", "/api/library/"+w.f.track(w.t, "moving.ogg")+"/cover", "", "")
	w.do(200, "GET", "/api/library/"+w.f.track(w.t, "moving.ogg")+"/lyrics", "", "")
	for _, p := range []string{"/api/library", "/api/stats", "/api/openapi.json", "/health", "/ready"} {
		w.do(200, "GET", p, "", "")
	}
}

// whatFails walks what a route has a refusal of its own for.
func (w *walk) whatFails() {
	s, noJSON := w.create("moving.ogg"), "{"
	for range session.MaxExchanges {
		w.do(200, "POST", s+"/key-exchange", jsonType, keyRequest(w.t))
	}
	w.do(409, "POST", s+"/key-exchange", jsonType, keyRequest(w.t))
	other := w.create("moving.ogg")
	l := w.f.listen(w.t, path.Base(other))
	for _, root := range w.f.roots {
		if name := root + "/moving.ogg"; root != publicAudio {
			place(w.t, readSong(w.t, "speech-french-8k.flac"), name)
		}
	}
	w.do(410, "GET", other+"/slices/"+l.info.SliceIDs[0], "", "")
	w.do(410, "POST", other+"/key-exchange", jsonType, keyRequest(w.t))

	long := strings.Repeat("x", 2<<20)
	for _, p := range []string{"/api/sessions", s + "/tracks"} {
		w.do(400, "POST", p, jsonType, noJSON)
		w.do(404, "POST", p, jsonType, `{"tracks":["nope"]}`)
		w.do(413, "POST", p, "audio/wav", long)
		w.do(413, "POST", p, jsonType, `"`+long)
		w.do(415, "POST", p, "audio/wav", "hello")
		w.do(503, "POST", p, jsonType, `{"tracks":[`+strings.Repeat(`"`+w.f.track(w.t, "drums.wav")+`",`, 45)+`"`+w.f.track(w.t, "drums.wav")+`"]}`)
	}
	w.do(400, "POST", s+"/key-exchange", jsonType, noJSON)
	w.do(413, "POST", s+"/key-exchange", jsonType, `"`+long)
	w.do(404, "POST", s+"/key-exchange?trackId=x", jsonType, keyRequest(w.t))
	w.do(404, "GET", s+"/slices/x", "", "")
	for _, p := range []string{"DELETE /api/sessions/x", "GET /api/sessions/x/info", "GET /api/library/x/cover", "GET /api/library/x/lyrics", "DELETE /api/sessions/x/tracks/x"} {
		method, target, _ := strings.Cut(p, " ")
		w.do(404, method, target, "", "")
	}
}

// everywhere walks what every route may answer.
func (w *walk) everywhere() {
	h := w.f.Config.Handler.(*server.Server)
	long := "?" + strings.Repeat("x", 3<<10)
	requests := func(visit func(method, target string)) {
		for _, op := range theContract().operations() {
			method, p, _ := strings.Cut(op, " ")
			visit(method, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(p, "x"))
		}
	}
	requests(func(method, target string) { w.do(400, method, target+long, "", "") })
	guarded := *w
	f := start(w.t, server.Config{Tokens: tokens}, session.Config{})
	guarded.f = f
	requests(func(method, target string) {
		if target != "/health" && target != wire.PairPath {
			guarded.do(401, method, target, "", "")
		}
		if method != "GET" {
			w.do(403, method, target, "", "", "Origin", "https://evil.example")
		}
	})
	if err := h.Set(server.Live{AddressRate: 1e-9}); err != nil {
		w.t.Fatal(err)
	}
	w.f.do(w.t, "GET", "/api/stats", "", "")
	requests(func(method, target string) {
		if target != "/health" {
			w.do(429, method, target, "", "")
		}
	})
}
