package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// passing is a request and its answer on their way through a middle.
type passing struct {
	what   string // "create", "exchange", "slice", "library" or "rest"
	path   string
	kind   string // Content-Type of the request
	body   []byte // of the request, and then of the answer
	status int
	header http.Header // of the answer
}

// middle stands between client and server and can do as it likes.
type middle struct {
	server string
	URL    string

	mu    sync.Mutex
	ask   func(*passing) // nil changes nothing
	reply func(*passing)
	count map[string]int

	length atomic.Int64 // of the last answer that was passed on
}

// between starts a middle in front of a server of public audio.
func between(t *testing.T, h http.Handler) *middle {
	t.Helper()
	real := httptest.NewServer(h)
	t.Cleanup(real.Close)
	m := &middle{server: real.URL, count: map[string]int{}}
	front := httptest.NewServer(m)
	t.Cleanup(front.Close)
	m.URL = front.URL
	return m
}

// does sets what is done from now on.
func (m *middle) does(ask, reply func(*passing)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ask, m.reply = ask, reply
}

func (m *middle) seen(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count[what]
}

func kindOf(r *http.Request) string {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/api/sessions":
		return "create"
	case strings.HasSuffix(r.URL.Path, "/key-exchange"):
		return "exchange"
	case strings.Contains(r.URL.Path, "/slices/"):
		return "slice"
	case r.URL.Path == wire.LibraryPath:
		return "library"
	}
	return "rest"
}

func (m *middle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := &passing{what: kindOf(r), path: r.URL.Path, kind: r.Header.Get("Content-Type")}
	p.body, _ = io.ReadAll(r.Body)
	m.mu.Lock()
	m.count[p.what]++
	ask, reply := m.ask, m.reply
	if ask != nil {
		ask(p)
	}
	m.mu.Unlock()
	if p.status == 0 {
		if err := m.pass(r, p); err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
	}
	m.mu.Lock()
	if reply != nil {
		reply(p)
	}
	m.mu.Unlock()
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
	if w.Header().Get(wire.HeaderCRC) != "" {
		w.Header().Set(wire.HeaderCRC, wire.CRC(p.body))
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body)
}

// pass hands the request on.
func (m *middle) pass(r *http.Request, p *passing) error {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, m.server+r.URL.RequestURI(), bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	req.Header = r.Header.Clone()
	req.Header.Set("Content-Type", p.kind)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p.status, p.header = resp.StatusCode, resp.Header
	p.body, err = io.ReadAll(resp.Body)
	m.length.Store(int64(len(p.body)))
	return err
}

// edit changes a JSON text.
func edit[T any](t *testing.T, b *[]byte, change func(*T)) {
	v := new(T)
	err := json.Unmarshal(*b, v)
	if err == nil {
		change(v)
		*b, err = json.Marshal(v)
	}
	if err != nil {
		t.Error(err)
	}
}

// on does change for passings of one kind.
func on(what string, change func(*passing)) func(*passing) {
	return func(p *passing) {
		if p.what == what {
			change(p)
		}
	}
}

// pinned trusts one identity.
type pinned struct{ key ed25519.PublicKey }

var errStranger = errors.New("a stranger")

func (p pinned) Check(key ed25519.PublicKey) error {
	if !p.key.Equal(key) {
		return errStranger
	}
	return nil
}

func (p pinned) Met(_ context.Context, key ed25519.PublicKey) error { return p.Check(key) }

// track is the ID of the track whose path ends so.
func trackID(t *testing.T, tracks []wire.LibraryTrack, suffix string) string {
	t.Helper()
	for _, lt := range tracks {
		if strings.HasSuffix(lt.Path, suffix) {
			return lt.ID
		}
	}
	t.Fatalf("no %s", suffix)
	return ""
}

func opens(t *testing.T, c *client.Client, id string) *client.Track {
	t.Helper()
	track, err := c.Open(t.Context(), id, audio.Tags{Title: "as the list has it"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = track.Close() })
	return track
}

// sliceOf is slice i, which the caller keeps.
func sliceOf(t *testing.T, track *client.Track, i int) []byte {
	t.Helper()
	b, err := track.Slice(t.Context(), i)
	if err != nil {
		t.Fatalf("slice %d: %v", i, err)
	}
	defer track.Release(i)
	return bytes.Clone(b)
}

// sounds asserts that slice i is want.
func sounds(t *testing.T, track *client.Track, i int, want []byte) {
	t.Helper()
	if got := sliceOf(t, track, i); !bytes.Equal(got, want) {
		t.Errorf("slice %d is another", i)
	}
}

// forged asserts that slice i does not come, and how.
func forged(t *testing.T, what string, track *client.Track, i int) {
	t.Helper()
	if b, err := track.Slice(t.Context(), i); !errors.Is(err, seal.ErrForged) || b != nil {
		t.Errorf("%s: %d bytes, %v", what, len(b), err)
	}
}

// quick gives up at once.
func quick(key ed25519.PublicKey) client.Config {
	cfg := client.Config{Ahead: 1, Patience: time.Millisecond}
	if key != nil {
		cfg.Trust = pinned{key}
	}
	return cfg
}
