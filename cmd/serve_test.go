package cmd

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// TestHostGuard: a server that listens to its own machine answers only to
// names of it, or a page whose name is made to resolve to 127.0.0.1 reads along.
func TestHostGuard(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	var lines bytes.Buffer
	log := newLogger(&lines, "text", slog.LevelDebug)
	loopback := guardHost(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8420}, ok, log)
	open := guardHost(&net.TCPAddr{IP: net.IPv4zero, Port: 8420}, ok, log)
	for host, want := range map[string]int{
		"127.0.0.1:8420": 200, "localhost:8420": 200, "LOCALHOST": 200, "[::1]:8420": 200, "127.0.0.2": 200, "[::1]": 200,
		"evil.example": 403, "evil.example:8420": 403, "192.168.1.2:8420": 403, "": 403, "localhost.evil.example": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/library", nil)
		r.Host = host
		w := httptest.NewRecorder()
		loopback.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
		if body, kind := w.Body.String(), w.Header().Get("Content-Type"); want == 403 &&
			(wire.ReadError(403, []byte(body)).Code != wire.Forbidden || kind != "application/json; charset=utf-8") {
			t.Errorf("Host %q: %s %s", host, kind, body)
		}
		w = httptest.NewRecorder()
		open.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("beyond loopback, Host %q: %d", host, w.Code)
		}
	}
	if n := strings.Count(lines.String(), "status=403"); n != 5 {
		t.Errorf("%d lines about refusals, want 5:\n%s", n, &lines)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "10B": 10, "2KB": 2048, "256MB": 256 << 20, "1gb": 1 << 30, " 3 mb": 3 << 20,
		"": 0, "0": 0, "-1": 0, "1.5MB": 0, "many": 0, "9999999GB": 0, "1MBx": 0,
	} {
		got, err := parseSize(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

// TestRekeyAfter: a time, a number, or one of each.
func TestRekeyAfter(t *testing.T) {
	for text, want := range map[string]session.Rekey{
		"1h": {After: time.Hour}, "5": {Slices: 5}, "5,1h": {Slices: 5, After: time.Hour}, " 1h , 0": {After: time.Hour}, "0": {},
	} {
		if got, err := parseRekey(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"5,5", "1h,1h", "0,0", "0s", "", ",", "5,", "1h,5,1h", "1h,5,5", "-1", "500ms", "4294967296"} {
		if got, err := parseRekey(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
