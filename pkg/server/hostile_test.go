package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"secstream/pkg/server"
	"secstream/pkg/session"
)

// TestHostileRequests sends every request of protocol v1 with each part of it
// missing, wrong, too long, not JSON, not UTF-8, twice, and deep. The answer is
// always a refusal that is as described.
func TestHostileRequests(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true, MaxUpload: 1 << 20}}, session.Config{})
	drums := f.track(t, "drums.wav")
	id := f.session(t, drums)
	key := strings.Split(keyRequest(t), `"`)[3]
	long, deep := strings.Repeat("x", 300<<10), strings.Repeat("[", 100<<10)
	values := map[string]string{ // instead of a value, in JSON
		"missing": "", "null": "null", "a number": "1", "a huge number": "1e999999", "a long number": strings.Repeat("9", 10000),
		"true": "true", "an object": "{}", "a list of lists": "[[]]", "empty": `""`, "too long": `"` + long + `"`, "deep": deep,
		"not JSON": "x", "half": `"abc`, "not UTF-8": "\"\xff\xfe\"", "half a surrogate": `"\ud800"`, "a zero byte": `"\u0000"`, "a raw zero byte": "\"\x00\"",
		"a path": `"../../etc/passwd"`, "a list of numbers": "[1,2]", "an empty list": "[]", "a list of nothing": "[null]",
	}
	type body struct{ what, kind, text string }
	var creates, exchanges []body
	for what, v := range values {
		with := func(field string) string {
			if v == "" {
				return `{"other":1}`
			}
			return `{"` + field + `":` + v + `}`
		}
		creates = append(creates, body{"tracks " + what, jsonType, with("tracks")}, body{"the whole " + what, jsonType, v})
		if v != "" && v != "null" && v != "true" {
			creates = append(creates, body{"randomizeSliceLength " + what, jsonType, `{"tracks":["` + drums + `"],"randomizeSliceLength":` + v + `}`})
		}
		if !strings.HasPrefix(v, "[") && v != "" {
			creates = append(creates, body{"a track " + what, jsonType, `{"tracks":[` + v + `]}`})
		}
		exchanges = append(exchanges, body{"publicKey " + what, jsonType, with("publicKey")}, body{"the whole " + what, jsonType, v})
		if v != "" && v != "null" && v != `""` {
			exchanges = append(exchanges,
				body{"trackId " + what, jsonType, `{"publicKey":"` + key + `","trackId":` + v + `}`},
				body{"pcm " + what, jsonType, `{"publicKey":"` + key + `","pcm":` + v + `}`})
		}
	}
	tracks := `{"tracks":["` + drums + `"]}`
	creates = append(creates,
		body{"twice", jsonType, `{"tracks":["` + drums + `"],"tracks":["` + drums + `"]}`},
		body{"twice, in capitals", jsonType, `{"tracks":["` + drums + `"],"TRACKS":["` + drums + `"]}`},
		body{"something after it", jsonType, tracks + tracks},
		body{"a mark before it", jsonType, "\ufeff" + tracks},
		body{"UTF-16", jsonType + "; charset=utf-16", "\xff\xfe{\x00}\x00"},
		body{"no type", "", tracks}, body{"text", "text/plain", tracks}, body{"XML", "application/xml", "<tracks/>"},
		body{"no type at all", ";;;", tracks}, body{"a long type", strings.Repeat("a", 8000), tracks},
		body{"a form without a boundary", "multipart/form-data", "--x--"},
		body{"a form with a long boundary", "multipart/form-data; boundary=" + long[:500], "--x--"},
		body{"a form of nothing", "multipart/form-data; boundary=x", ""},
		body{"a form without end", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"audio\"\r\n\r\nRIFF"},
		body{"a form in a form", "multipart/mixed; boundary=x", "--x--"},
		body{"a form field", "application/x-www-form-urlencoded", "audio=x"},
		body{"no sound", "audio/wav", "RIFF\x24\x00\x00\x00WAVEfmt "},
	)
	exchanges = append(exchanges,
		body{"twice", jsonType, `{"publicKey":"` + key + `","publicKey":"` + key + `"}`},
		body{"not UTF-8 where nobody looks", jsonType, `{"publicKey":"` + key + `","metadata":"` + "\xff" + `"}`},
		body{"deep where nobody looks", jsonType, `{"publicKey":"` + key + `","metadata":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`},
		body{"cut", jsonType, `{"publicKey":"` + key[:100] + `"}`}, body{"longer", jsonType, `{"publicKey":"` + key + `AAAA"}`},
		body{"another curve", jsonType, `{"publicKey":"` + strings.Repeat("A", 124) + `"}`},
		body{"a form", "multipart/form-data; boundary=x", `{"publicKey":"` + key + `"}`},
		body{"sound", "audio/wav", `{"publicKey":"` + key + `"}`},
	)
	send := func(method, path string, b body) {
		t.Helper()
		begin := time.Now()
		status, _, answer := f.do(t, method, path, b.kind, b.text)
		if status < 400 || status > 499 || time.Since(begin) > 5*time.Second {
			t.Errorf("%s %.60s: %s: %d %.100s after %v", method, path, b.what, status, answer, time.Since(begin))
		}
	}
	for _, b := range creates {
		send("POST", "/api/sessions", b)
		send("POST", "/api/sessions/"+id+"/tracks", b)
		send("POST", "/api/sessions/nope/tracks", b)
	}
	for _, b := range exchanges {
		send("POST", "/api/sessions/"+id+"/key-exchange", b)
		send("POST", "/api/sessions/nope/key-exchange", b)
	}
	f.listen(t, id) // after all that the session is what it was
	hostilePaths(t, id, func(method, path string) { t.Helper(); send(method, path, body{}) })
}

func hostilePaths(t *testing.T, id string, send func(method, path string)) {
	t.Helper()
	odd := []string{
		"nope", "..", ".", "%2e%2e", "%2E", "..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", "%0d%0aX-Evil:1", "a%20b", "%22", "%5c", "*", "~", "%F0%9F%8E%B5",
		strings.Repeat("x", 1500), strings.Repeat("%41", 600), "x;y=z", "a+b", "$", "{id}", "-", "__proto__", "%252e%252e", "0", "null",
	}
	for _, x := range odd {
		for _, route := range []string{
			"POST /api/sessions/%s/key-exchange", "GET /api/sessions/%s/info", "DELETE /api/sessions/%s", "GET /api/sessions/%s/slices/x",
			"POST /api/sessions/%s/tracks", "DELETE /api/sessions/%s/tracks/x", "GET /api/library/%s/cover", "GET /api/library/%s/lyrics", "GET /%s", "GET /api/%s",
			"GET /api/sessions/" + id + "/slices/%s", "DELETE /api/sessions/" + id + "/tracks/%s", "GET /api/sessions/" + id + "/slices/x?trackId=%s",
		} {
			method, path, _ := strings.Cut(fmt.Sprintf(route, x), " ")
			send(method, path)
		}
	}
	for _, path := range []string{"//", "/api//library", "/api/library/", "/api/./library", "/health/", "/API/library", "/api/library%2f", "/api/sessions//info",
		"/api/sessions/" + id + "/slices/", "/api/stats/../stats", "/" + strings.Repeat("a/", 500), "/?" + strings.Repeat("a=b&", 1000)} {
		send("GET", path)
	}
	for _, method := range []string{"PUT", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "X-Y", "OPTIONS"} {
		for _, path := range []string{"/api/sessions", "/api/sessions/" + id, "/api/sessions/" + id + "/info", "/api/library", "/health", "/nowhere"} {
			if method == "CONNECT" {
				continue // the client's library makes something else of it, see TestRawRequests
			}
			send(method, path)
		}
	}
}

// What no HTTP client would send, byte by byte. Some of it net/http refuses
// itself; nothing is answered with a redirection or a fault.
func TestRawRequests(t *testing.T) {
	f := start(t, server.Config{}, session.Config{})
	for _, request := range []string{
		"CONNECT /api/library HTTP/1.1\r\nHost: x\r\n",
		"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n",
		"GET * HTTP/1.1\r\nHost: x\r\n",
		"POST * HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n",
		"GET http://evil.example/api//library HTTP/1.1\r\nHost: x\r\n",
		"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: x\r\n",
		"GET /api/library\x00 HTTP/1.1\r\nHost: x\r\n",
		"GET /api/sessions/\xff\xfe/info HTTP/1.1\r\nHost: x\r\n",
		"GET /api/sessions/%zz/info HTTP/1.1\r\nHost: x\r\n",
		"GET api/library HTTP/1.1\r\nHost: x\r\n",
		"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n",
		"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n",
		"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}x\r\n0\r\n",
		"GET /api/stats HTTP/1.1\r\nHost: \r\nRange: bytes=0-1\r\nIf-None-Match: *\r\nX-Forwarded-For: \xff\r\n",
	} {
		c, err := net.Dial("tcp", f.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(c, strings.Replace(request, "\r\n", "\r\nConnection: close\r\n", 1)+"\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%q: %v", request, err)
		} else if resp.StatusCode != http.StatusOK && (resp.StatusCode < 400 || resp.StatusCode > 499) && resp.StatusCode != http.StatusNotImplemented {
			t.Errorf("%q: %d", request, resp.StatusCode)
		}
		_ = c.Close()
	}
}
