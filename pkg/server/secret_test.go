package server_test

import (
	"encoding/base64"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"secstream/pkg/handshake"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// TestLogsHoldNoSecrets does all there is to do, with what goes wrong, and
// looks through the log as it is at its most talkative.
func TestLogsHoldNoSecrets(t *testing.T) {
	var mu sync.Mutex
	var seen []server.Observation
	observe := func(o server.Observation) { mu.Lock(); seen = append(seen, o); mu.Unlock() }
	f := start(t, server.Config{Tokens: tokens, Observe: observe, Live: server.Live{AllowUpload: true, MaxUpload: 1 << 20, SessionRate: 2}}, session.Config{Millis: 1000})
	w := &walk{t: t, f: f, seen: map[string]bool{}}
	auth := []string{"Authorization", "Bearer " + goodToken}
	do := func(method, target, kind, body string) string {
		t.Helper()
		_, _, answer := f.do(t, method, target, kind, body, auth...)
		return answer
	}
	secrets := map[string]string{goodToken: "a token", os.TempDir() + "/": "a path", "Bearer": "a header"}
	note := func(what, answer string) string {
		for _, m := range regexp.MustCompile(`"(sessionId|trackId|publicKey)":"([^"]+)"|"sliceIds":\["([^"]+)"`).FindAllStringSubmatch(answer, -1) {
			secrets[m[2]+m[3]] = what
		}
		return answer
	}
	find := func(answer, field string) string {
		m := regexp.MustCompile(`"` + field + `":\[?"([^"]+)"`).FindStringSubmatch(answer)
		if m == nil {
			t.Fatalf("no %s in %s", field, answer)
		}
		return m[1]
	}
	song := string(readSong(t, "speech-russian-8k.ogg"))
	for _, make := range []func() string{
		func() string {
			return do("POST", "/api/sessions", jsonType, `{"tracks":["`+f.track(t, "drums.wav")+`"]}`)
		},
		func() string { return do("POST", "/api/sessions", "audio/ogg", song) },
		func() string {
			kind, body := forms(t, []byte(song), []byte(song))
			return do("POST", "/api/sessions", kind, body)
		},
	} {
		s := "/api/sessions/" + find(note("a session", make()), "sessionId")
		pair, err := handshake.NewPair()
		if err != nil {
			t.Fatal(err)
		}
		answer := note("an exchange", do("POST", s+"/key-exchange", jsonType, `{"publicKey":"`+pair.Public()+`"}`))
		if _, err := pair.Agree(find(answer, "publicKey")); err != nil {
			t.Fatal(err)
		}
		slice := s + "/slices/" + find(answer, "sliceIds")
		do("GET", slice, "", "")
		do("GET", slice+"?trackId=track_wrong-secret", "", "")
		note("an added track", do("POST", s+"/tracks", jsonType, `{"tracks":["`+f.track(t, "drums.wav")+`"]}`))
		do("DELETE", s+"/tracks/track_wrong-secret", "", "")
		do("POST", s+"/key-exchange", jsonType, `{"publicKey":"wrong-secret"}`)
		for range 12 { // over its rate
			do("GET", s+"/info", "", "")
		}
		f.do(t, "GET", slice, "", "", "Authorization", "Bearer wrong-secret")
		do("DELETE", s, "", "")
	}
	do("POST", "/api/sessions", "audio/ogg", "wrong-secret")
	do("POST", "/api/sessions?wrong-secret", "wrong-secret/x", "wrong-secret")
	do("GET", "/wrong-secret//", "", "")
	do("GET", "/api/library/wrong-secret/cover", "", "")
	do("GET", "/api/stats?"+strings.Repeat("wrong-secret", 300), "", "")
	f.do(t, "GET", "/api/stats", "", "", "X-Forwarded-For", "wrong-secret", "User-Agent", "wrong-secret", "Cookie", "wrong-secret")
	do("GET", "/health", "", "")
	f.waitForLine(t, `route="GET /health"`)

	log := f.log.String()
	secrets["wrong-secret"] = "what was made up"
	if len(secrets) < 12 {
		t.Errorf("only %d secrets were found to look for", len(secrets))
	}
	if home, err := os.UserHomeDir(); err == nil && len(home) > 1 {
		secrets[home+"/"] = "a path"
	}
	if dir, err := os.Getwd(); err == nil {
		secrets[dir] = "a path"
	}
	for secret, what := range secrets {
		if secret != "" && strings.Contains(log, secret) {
			t.Errorf("the log has %s: %s", what, secret)
		}
	}
	if long := regexp.MustCompile(`[A-Za-z0-9+/_-]{43,}`).FindAllString(log, -1); len(long) > 0 {
		for _, s := range long {
			if b, err := base64.RawStdEncoding.DecodeString(s); err == nil && !strings.Contains(s, "/") && len(b) >= 32 {
				t.Errorf("the log has what may be a key: %s", s)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	w.observed(seen, secrets)
}

// observed looks at what was told of requests.
func (w *walk) observed(seen []server.Observation, secrets map[string]string) {
	w.t.Helper()
	routes := map[string]bool{"/": true}
	for _, op := range theContract().operations() {
		routes[op] = true
	}
	slices, rates := 0, 0
	for _, o := range seen {
		if !routes[o.Route] || o.Took <= 0 || o.Status < 200 || secrets[o.Route] != "" {
			w.t.Errorf("%+v", o)
		}
		if o.Route == "GET /api/sessions/{id}/slices/{slice}" && o.Status == 200 {
			slices++
			if o.Bytes < 100 || o.Format != "wav" && o.Format != "ogg" {
				w.t.Errorf("a slice: %+v", o)
			}
		} else if o.Bytes != 0 || o.Format != "" {
			w.t.Errorf("no slice: %+v", o)
		}
		if o.Status == 429 && o.Route == "GET /api/sessions/{id}/info" {
			rates++
		}
	}
	if slices != 3 || rates == 0 {
		w.t.Errorf("%d slices and %d refusals for the rate were told of", slices, rates)
	}
}
