package client_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

func TestCoverAndLyrics(t *testing.T) {
	const words = "[00:01.00]Füße im Gras"
	dir, past := t.TempDir(), time.Now().Add(-time.Minute)
	song, err := os.ReadFile(publicAudio + "/speech-russian-8k.ogg")
	if err != nil {
		t.Fatal(err)
	}
	picture := []byte("\xff\xd8\xff and so on")
	for name, data := range map[string][]byte{"with/a.ogg": song, "with/a.lrc": []byte(words), "with/cover.jpg": picture, "without/b.ogg": append(song, 0)} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644), os.Chtimes(name, past, past)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(start(t, session.Config{}, dir), client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Library(t.Context())
	if err != nil || len(list.Tracks) != 2 || !list.Tracks[0].HasLyrics || list.Tracks[1].HasLyrics {
		t.Fatalf("%+v, %v", list, err)
	}
	with, without := list.Tracks[0].ID, list.Tracks[1].ID
	if got, err := c.Lyrics(t.Context(), with); got != words || err != nil {
		t.Errorf("lyrics %q, %v", got, err)
	}
	if got, err := c.Cover(t.Context(), with); !bytes.Equal(got, picture) || err != nil {
		t.Errorf("cover %q, %v", got, err)
	}
	if got, err := c.Lyrics(t.Context(), without); got != "" || err != nil {
		t.Errorf("no lyrics: %q, %v", got, err)
	}
	if got, err := c.Cover(t.Context(), without); got != nil || err != nil {
		t.Errorf("no cover: %q, %v", got, err)
	}
	var refused *wire.Error
	if _, err := c.Lyrics(t.Context(), "nope"); !errors.As(err, &refused) || refused.Code != wire.TrackNotFound {
		t.Errorf("an unknown track: %v", err)
	}
}

// What a server sends is bounded and cleaned; one that has no such route has
// no lyrics.
func TestLyricsOfHostileServers(t *testing.T) {
	answers := map[string]string{
		"/api/library/escapes/lyrics":    "a\x1b]0;title\x07b\x00\xff\r\nc",
		"/api/library/much/lyrics":       strings.Repeat("la ", 100_000),
		"/api/library/a%2F..%2Fb/lyrics": "escaped",
		"/api/library/huge/cover":        strings.Repeat("x", 16<<20+1),
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, ok := answers[r.URL.EscapedPath()]; ok {
			_, _ = w.Write([]byte(text))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error":"Not found","code":"not_found","available_endpoints":[]}`))
	}))
	defer srv.Close()
	c, err := client.New(srv.URL, client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"escapes": "a]0;titleb\uFFFD\nc", "a/../b": "escaped", "old": ""} {
		if got, err := c.Lyrics(t.Context(), id); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", id, got, err, want)
		}
	}
	if got, err := c.Lyrics(t.Context(), "much"); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("300 kB of lyrics: %d bytes, %v", len(got), err)
	}
	if got, err := c.Cover(t.Context(), "huge"); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("a cover of 16 MiB and a byte: %d bytes, %v", len(got), err)
	}
}
