package server_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// stalled is a client that reads nothing: Write waits until it may go on.
type stalled struct {
	once   sync.Once
	header http.Header
	sizes  chan<- int
	goOn   <-chan struct{}
}

func (s *stalled) Header() http.Header { return s.header }
func (s *stalled) WriteHeader(int)     {}
func (s *stalled) Write(p []byte) (int, error) {
	s.once.Do(func() {
		n, _ := strconv.Atoi(s.header.Get("Content-Length"))
		s.sizes <- n
		<-s.goOn
	})
	return len(p), nil
}

func TestCoversForSlowClientsAreBounded(t *testing.T) {
	dir := t.TempDir()
	wav, err := os.ReadFile(publicAudio + "/music-drums.wav")
	if err != nil {
		t.Fatal(err)
	}
	jpg := append([]byte("\xff\xd8\xff"), make([]byte, library.MaxCover-3)...)
	for name, b := range map[string][]byte{"a.wav": wav, "cover.jpg": jpg} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := start(t, server.Config{}, session.Config{}, dir)
	track := "/api/library/" + f.track(t, "a.wav") + "/cover"
	const clients = 8
	sizes, goOn := make(chan int, clients), make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			w := &stalled{header: http.Header{}, sizes: sizes, goOn: goOn}
			f.Config.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, track, nil))
		})
	}
	for range 4 {
		<-sizes
	}
	select {
	case <-sizes:
		t.Error("more covers wait to be sent than there is memory for")
	case <-time.After(200 * time.Millisecond):
	}
	close(goOn)
	wg.Wait()
	for range clients - 4 {
		if n := <-sizes; n != library.MaxCover {
			t.Errorf("a cover of %d bytes", n)
		}
	}
}

// A body that is announced and does not come must not hold a connection,
// whatever the path.
func TestMissingBodiesAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := session.NewStore(session.Config{})
		if err != nil {
			t.Fatal(err)
		}
		h, err := server.New(server.Config{Sessions: store})
		if err != nil {
			t.Fatal(err)
		}
		ln := &pipes{conns: make(chan net.Conn)}
		srv := &http.Server{Handler: h}
		go srv.Serve(ln) //nolint:errcheck // it ends with the test
		for _, path := range []string{"POST /nowhere", "PUT /api/sessions", "POST /api/sessions", "GET /health"} {
			here, there := net.Pipe()
			ln.conns <- there
			begin := time.Now()
			fmt.Fprintf(here, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n", path)
			answer, err := io.ReadAll(here)
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("%s: it took %v: %v %.60q", path, took, err, answer)
			}
			if !strings.HasPrefix(string(answer), "HTTP/1.1 ") {
				t.Errorf("%s: no answer: %v", path, err)
			}
			_ = here.Close()
		}
		close(ln.conns)
		_ = srv.Close()
		store.Close()
	})
}

// pipes is a listener for connections without a network.
type pipes struct{ conns chan net.Conn }

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
