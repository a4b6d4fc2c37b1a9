package server_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

func TestLyrics(t *testing.T) {
	const words = "[00:01.00]Füße im Gras\n[00:02.00]<script>"
	dir := t.TempDir()
	place(t, readSong(t, "speech-russian-8k.ogg"), dir, "a.ogg")
	place(t, []byte(words), dir, "A.lrc")
	place(t, readSong(t, "speech-french-8k.flac"), dir, "b.flac")
	f := start(t, server.Config{Tokens: tokens, Live: server.Live{Origins: []string{"https://a.example"}}}, session.Config{}, dir)
	with := []string{"Authorization", "Bearer " + goodToken, "Origin", "https://a.example"}

	status, _, body := f.do(t, "GET", wire.LibraryPath, "", "", with...)
	var list wire.Library
	if err := json.Unmarshal([]byte(body), &list); status != 200 || err != nil || len(list.Tracks) != 2 {
		t.Fatalf("%d %s, %v", status, body, err)
	}
	if !list.Tracks[0].HasLyrics || list.Tracks[1].HasLyrics {
		t.Errorf("the list has lyrics of %+v", list.Tracks)
	}
	target := "/api/library/" + list.Tracks[0].ID + "/lyrics"
	status, h, body := f.do(t, "GET", target, "", "", with...)
	if status != 200 || body != words {
		t.Errorf("%d %q", status, body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Content-Length": strconv.Itoa(len(words)), "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
		"Access-Control-Allow-Origin": "https://a.example",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if status, _, _ := f.do(t, "GET", target, "", ""); status != 401 {
		t.Errorf("without a token: %d", status)
	}
	status, _, body = f.do(t, "GET", "/api/library/"+list.Tracks[1].ID+"/lyrics", "", "", with...)
	var e wire.Error
	if err := json.Unmarshal([]byte(body), &e); status != 404 || err != nil || e.Code != wire.NoLyrics {
		t.Errorf("without lyrics: %d %s", status, body)
	}
}
