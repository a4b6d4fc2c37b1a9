package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestWhoShowsThePlayer: serve does unless it is told not to, and the server
// inside of play never does.
func TestWhoShowsThePlayer(t *testing.T) {
	const music = "../testdata/audio/music-drums.wav"
	for args, want := range map[string]int{"": http.StatusOK, "--no-web": http.StatusNotFound} {
		flags := serveFlags()
		told := newSettings(flags)
		var o serveOptions
		app := &cli.App{Flags: flags, Action: func(c *cli.Context) (err error) {
			o, err = told.hear(c).options()
			return err
		}}
		line := []string{"serve", music}
		if args != "" {
			line = []string{"serve", args, music}
		}
		if err := app.Run(line); err != nil {
			t.Fatal(err)
		}
		config := t.TempDir()
		h, err := newHost(Env{ConfigDir: func() (string, error) { return config, nil }}, o, quiet())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.close)
		for _, path := range []string{"/", "/web/secstream.js"} {
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != want {
				t.Errorf("serve %s: %s is %d, want %d", args, path, w.Code, want)
			}
		}
	}

	l, err := listen(t.Context(), Env{}, []string{music}, access{}, usual, newTeller(Env{Stderr: io.Discard}, false))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, path := range []string{"/", "/web/secstream.js"} {
		w := httptest.NewRecorder()
		l.local.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("the player's own server: %s is %d", path, w.Code)
		}
	}
}
