package server_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"secstream/pkg/server"
	"secstream/pkg/session"
)

func exists(t *testing.T, parts ...string) bool {
	t.Helper()
	_, err := os.Lstat(filepath.Join(parts...))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// crashed makes a directory as a server without a chance to clean up leaves it
// where files that are open keep their names.
func crashed(t *testing.T, base, name string, mode os.FileMode, files ...string) string {
	t.Helper()
	dir := filepath.Join(base, name)
	if err := errors.Join(os.Mkdir(dir, mode), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("sealed"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUploadDir(t *testing.T) {
	base := t.TempDir()
	const lock, file = "secstream.lock", "upload-1234"
	live, removeLive, err := server.UploadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(live, file), []byte("sealed"), 0o600); err != nil {
		t.Fatal(err)
	}
	dead := crashed(t, base, "secstream-uploads-1", 0o700, lock, file, "upload-5")
	keep := map[string]string{
		"another name":    crashed(t, base, "uploads-1", 0o700, lock, file),
		"without a mark":  crashed(t, base, "secstream-uploads-2", 0o700, file),
		"something in it": crashed(t, base, "secstream-uploads-3", 0o700, lock, "letter.txt"),
	}
	if runtime.GOOS != "windows" {
		keep["open to others"] = crashed(t, base, "secstream-uploads-4", 0o755, lock, file)
		target := crashed(t, t.TempDir(), "elsewhere", 0o700, lock, file)
		keep["what a link leads to"] = target
		if err := os.Symlink(target, filepath.Join(base, "secstream-uploads-5")); err != nil {
			t.Fatal(err)
		}
		inside := crashed(t, base, "secstream-uploads-6", 0o700, lock)
		if err := os.Symlink(filepath.Join(target, file), filepath.Join(inside, file)); err != nil {
			t.Fatal(err)
		}
	}
	dir, remove, err := server.UploadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	if exists(t, dead) {
		t.Error("what a crash left is still there")
	}
	if !exists(t, live, file) || !exists(t, live, lock) {
		t.Error("the uploads of another server are gone")
	}
	for what, d := range keep {
		if !exists(t, d) || what != "something in it" && !exists(t, d, file) {
			t.Errorf("%s: removed", what)
		}
	}
	if !exists(t, base, "secstream-uploads-3", "letter.txt") {
		t.Error("a letter is gone")
	}
	if fi, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o700 {
		t.Errorf("the new directory: %v %v", fi.Mode(), err)
	}
	if err := errors.Join(remove(), removeLive()); err != nil {
		t.Error(err)
	}
	if exists(t, dir) || exists(t, live) {
		t.Error("directories of servers that ended are still there")
	}
	if _, _, err := server.UploadDir(filepath.Join(base, "nowhere")); err == nil {
		t.Error("uploads lie nowhere")
	}
}

// A server that is killed in the middle of uploads leaves nothing in the clear,
// and nothing at all once the next one has started.
func TestKilledServerLeavesNothing(t *testing.T) {
	if base := os.Getenv("SECSTREAM_TEST_KILLED"); base != "" {
		serveUntilKilled(t, base)
		return
	}
	base := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledServerLeavesNothing$")
	cmd.Env = append(os.Environ(), "SECSTREAM_TEST_KILLED="+base)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, len(holding))
	if _, err := io.ReadFull(out, said); err != nil || string(said) != holding {
		t.Errorf("the server said %q, %v", said, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	left, _ := filepath.Glob(filepath.Join(base, "*"))
	if len(left) != 1 {
		t.Fatalf("left behind: %q", left)
	}
	song, err := os.ReadFile(publicAudio + "/music-drums.wav")
	if err != nil {
		t.Fatal(err)
	}
	_ = filepath.WalkDir(base, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, song[1000:1064]) {
			t.Errorf("%s has the song in the clear", name)
		}
		return nil
	})
	_, remove, err := server.UploadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	if exists(t, left[0]) {
		t.Error("the next server left it there")
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
}

const holding = "holding uploads\n"

func serveUntilKilled(t *testing.T, base string) {
	dir, _, err := server.UploadDir(base)
	if err != nil {
		t.Fatal(err)
	}
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := server.New(server.Config{Sessions: store, TempDir: dir, Live: server.Live{AllowUpload: true}})
	if err != nil {
		t.Fatal(err)
	}
	song, err := os.ReadFile(publicAudio + "/music-drums.wav")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/api/sessions", bytes.NewReader(song))
	r.Header.Set("Content-Type", "audio/wav")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	// And one that is still coming, with half of it on the disk.
	r = httptest.NewRequest(http.MethodPost, "/api/sessions", io.MultiReader(bytes.NewReader(song[:len(song)/2]), tell{}))
	r.Header.Set("Content-Type", "audio/wav")
	h.ServeHTTP(httptest.NewRecorder(), r)
}

// tell is the rest of a body that does not come: it says so and waits to be
// killed.
type tell struct{}

func (tell) Read([]byte) (int, error) {
	_, _ = io.Copy(os.Stdout, strings.NewReader(holding))
	time.Sleep(time.Minute)
	return 0, io.ErrUnexpectedEOF
}
