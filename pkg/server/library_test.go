package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// place puts a file that was last changed a minute ago, so that the library
// does not wait for it to come to rest.
func place(t *testing.T, data []byte, parts ...string) string {
	t.Helper()
	name := filepath.Join(parts...)
	past := time.Now().Add(-time.Minute)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644), os.Chtimes(name, past, past)); err != nil {
		t.Fatal(err)
	}
	return name
}

// lists waits until the library has n tracks.
func (f *fixture) lists(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); len(f.lib.Tracks()) != n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d tracks, want %d", len(f.lib.Tracks()), n)
		}
	}
}

// listener is the other end of a session.
type listener struct {
	f      *fixture
	id     string
	info   wire.SessionInfo
	unpack *pack.Unpacker
}

func (f *fixture) listen(t *testing.T, id string) *listener {
	t.Helper()
	return f.listenTo(t, id, "")
}

// listenTo exchanges keys for a track, with headers if there are any. Of the
// session's description it keeps that track's.
func (f *fixture) listenTo(t *testing.T, id, track string, header ...string) *listener {
	t.Helper()
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	ask, err := json.Marshal(wire.KeyRequest{PublicKey: pair.Public(), TrackID: track, Metadata: wire.V1Metadata()})
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := f.do(t, "POST", "/api/sessions/"+id+"/key-exchange", jsonType, string(ask), header...)
	var answer struct {
		PublicKey   string           `json:"publicKey"`
		SessionInfo wire.SessionInfo `json:"sessionInfo"`
	}
	if err := json.Unmarshal([]byte(body), &answer); status != 200 || err != nil {
		t.Fatalf("key exchange: %d %v %s", status, err, body)
	}
	key, err := pair.Agree(answer.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range answer.SessionInfo.Tracks {
		if tr.TrackID == track {
			answer.SessionInfo.TrackFacts = tr.TrackFacts
		}
	}
	return &listener{f, id, answer.SessionInfo, pack.NewUnpacker(seal.NewBox(key))}
}

// slice returns what is in slice i.
func (l *listener) slice(t *testing.T, i int) []byte {
	t.Helper()
	status, _, body := l.f.do(t, "GET", "/api/sessions/"+l.id+"/slices/"+l.info.SliceIDs[i], "", "")
	if status != 200 {
		t.Fatalf("slice %d: %d %s", i, status, body)
	}
	plain, err := l.unpack.Append(nil, []byte(body), pack.MaxPlain)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// A session goes on with its content, whatever its file is called, and with no
// other.
func TestFilesMoveWhilePlaying(t *testing.T) {
	song, err := os.ReadFile(publicAudio + "/speech-russian-8k.ogg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := place(t, song, dir, "m.ogg")
	f := start(t, server.Config{}, session.Config{Millis: 1000, Cache: session.Cache{Bytes: -1}}, dir)
	l := f.listen(t, f.session(t, f.track(t, "m.ogg")))
	want := l.slice(t, 2)
	goesOn := func(what string) {
		t.Helper()
		if !bytes.Equal(l.slice(t, 2), want) {
			t.Errorf("%s: another slice", what)
		}
	}
	a := place(t, song, dir, "a-copy.ogg")
	f.lists(t, 2)
	goesOn("a copy is there")
	if err := os.Remove(m); err != nil {
		t.Fatal(err)
	}
	goesOn("the original is gone")
	f.lists(t, 1)
	goesOn("the original is gone for long")
	z := filepath.Join(dir, "z.ogg")
	if err := os.Rename(a, z); err != nil {
		t.Fatal(err)
	}
	goesOn("the copy has another name")

	other := bytes.Clone(song) // of the same size and length, in another page
	other[len(other)/2]++
	place(t, other, z)
	status, _, body := f.do(t, "GET", "/api/sessions/"+l.id+"/slices/"+l.info.SliceIDs[2], "", "")
	var e wire.Error
	if err := json.Unmarshal([]byte(body), &e); err != nil || status != 410 || e.Code != wire.TrackChanged {
		t.Errorf("replaced: %d %s", status, body)
	}
}

// The folders are a tree: what holds only folders is in it.
func TestFolders(t *testing.T) {
	song, err := os.ReadFile(publicAudio + "/speech-russian-8k.ogg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"a/b/c/1.ogg", "a/b/2.ogg", "a/d/3.ogg", "e/4.ogg"} {
		place(t, song, dir, name)
	}
	place(t, []byte("words"), dir, "none/notes.txt")
	f := start(t, server.Config{}, session.Config{}, dir)
	_, _, body := f.do(t, "GET", "/api/library", "", "")
	var list wire.Library
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	if want := []string{"", "a", "a/b", "a/b/c", "a/d", "e"}; !slices.Equal(list.Folders, want) {
		t.Errorf("folders %q, want %q", list.Folders, want)
	}
}
