package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
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

	try   int          // number that the client gave the request, see numbered
	keep  bool         // the checksum in the header stays as it is
	whole func([]byte) // changes the answer as it goes over the connection, head and all
}

// middle stands between client and server and can do as it likes.
type middle struct {
	server string
	direct http.Handler // the server, where there is no connection to it; nil otherwise
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
	p.try, _ = strconv.Atoi(r.Header.Get(tryHeader))
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
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set("Content-Length", strconv.Itoa(len(p.body)))
	if p.header.Get(wire.HeaderCRC) != "" && !p.keep {
		p.header.Set(wire.HeaderCRC, wire.CRC(p.body))
	}
	if p.whole != nil {
		p.write(w)
		return
	}
	maps.Copy(w.Header(), p.header)
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body)
}

// write sends the answer as whole makes it, and hangs up.
func (p *passing) write(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	text := p.text()
	p.whole(text)
	_, _ = conn.Write(text)
}

// text is the answer as it goes over a connection.
func (p *passing) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", p.status, http.StatusText(p.status))
	_ = p.header.Write(&b)
	b.WriteString("\r\n")
	b.Write(p.body)
	return b.Bytes()
}

// tryHeader tells a middle which of many requests that are under way it is to
// do something to.
const tryHeader = "X-Try"

// numbered is a transport that gives exchanges and requests for slices the
// number try. All others go past the middle.
type numbered struct {
	http.RoundTripper
	try    int
	server http.Handler
}

func (n numbered) RoundTrip(r *http.Request) (*http.Response, error) {
	if kind := kindOf(r); kind != "exchange" && kind != "slice" {
		return direct(n.server, r), nil
	}
	r = r.Clone(r.Context())
	r.Header.Set(tryHeader, strconv.Itoa(n.try))
	return n.RoundTripper.RoundTrip(r)
}

// direct has h answer without a connection, which is quicker.
func direct(h http.Handler, r *http.Request) *http.Response {
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// pass hands the request on.
func (m *middle) pass(r *http.Request, p *passing) error {
	to := url.URL{Path: p.path, RawQuery: r.URL.RawQuery}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, m.server+to.RequestURI(), bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	req.Header = r.Header.Clone()
	req.Header.Del(tryHeader)
	req.Header.Set("Content-Type", p.kind)
	resp, err := m.roundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p.status, p.header = resp.StatusCode, resp.Header
	p.body, err = io.ReadAll(resp.Body)
	m.length.Store(int64(len(p.body)))
	return err
}

func (m *middle) roundTrip(r *http.Request) (*http.Response, error) {
	if m.direct == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return direct(m.direct, r), nil
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
		track.Release(i)
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
