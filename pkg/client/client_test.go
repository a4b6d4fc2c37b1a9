package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/compress"
	"secstream/pkg/decode"
	"secstream/pkg/format"
	"secstream/pkg/identity"
	"secstream/pkg/library"
	"secstream/pkg/player"
	"secstream/pkg/seal"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

const publicAudio = "../../testdata/audio"

// start serves roots until the test ends and returns the address.
func start(t *testing.T, cfg session.Config, roots ...string) string {
	t.Helper()
	h := handler(t, cfg, roots...)
	srv := httptest.NewServer(http.StripPrefix("/music", h))
	t.Cleanup(srv.Close)
	return srv.URL + "/music"
}

func handler(t *testing.T, cfg session.Config, roots ...string) http.Handler {
	t.Helper()
	return serving(t, cfg, server.Config{}, roots...)
}

func serving(t *testing.T, cfg session.Config, of server.Config, roots ...string) http.Handler {
	t.Helper()
	lib, err := library.New(library.Config{Roots: roots, IDKey: make([]byte, 32), Open: format.Open})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = lib.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = lib.Close() })
	select {
	case <-lib.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the library is not ready")
	}
	if cfg.Identity == nil {
		cfg.Identity = newIdentity(t)
	}
	store, err := session.NewStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	of.Sessions, of.Library = store, lib
	h, err := server.New(of)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func newIdentity(t *testing.T) *identity.Identity {
	t.Helper()
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func dial(t *testing.T, address string, cfg client.Config) (*client.Client, []wire.LibraryTrack) {
	t.Helper()
	c, err := client.New(address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // which some servers here do not live to see
	list, err := c.Library(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, list.Tracks
}

// whole decodes a file in one go: carved as a single slice, it is the file.
func whole(t *testing.T, path string) ([]float64, audio.Info) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(b)
	s, err := format.Open(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	track, err := s.Index(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	ix := track.Cuts()
	from := ix.Find(0)
	data, err := track.Carve(nil, r, from, ix.End())
	if err != nil {
		t.Fatal(err)
	}
	info := track.Info()
	pre := int(track.Preroll(from)) * info.Channels
	d, err := decode.New(decode.Params{
		Codec: info.Codec, Sample: info.Sample, SampleRate: info.SampleRate, Channels: info.Channels,
		BitDepth: info.BitDepth, Limit: info.Frames + 1<<20,
	}, data)
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	buf := make([]float64, 4096*info.Channels)
	for {
		n, err := d.Read(buf)
		out = append(out, buf[:int(n)*info.Channels]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out[pre : pre+int(info.Frames)*info.Channels], info
}

func playAll(t *testing.T, src player.Source, at audio.Frames) []float64 {
	t.Helper()
	j := player.NewJoiner(src, at)
	defer j.Close()
	var out []float64
	ch := src.Info().Channels
	buf := make([]float64, 5000*ch)
	for {
		n, err := j.Read(t.Context(), buf)
		out = append(out, buf[:int(n)*ch]...)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestJoinedSlicesAreTheFile is the promise of the whole product: what comes
// out at the far end is the decode of the file, sample for sample, however it
// was cut and wherever one starts.
func TestJoinedSlicesAreTheFile(t *testing.T) {
	for name, cfg := range map[string]session.Config{
		"1 s":        {Millis: 1000},
		"5 s":        {Deflate: compress.DefaultLevel},
		"30 s":       {Millis: 30000, Deflate: 1},
		"randomized": {Millis: 1500, Randomize: true, Variance: .8},
	} {
		if raceEnabled && !cfg.Randomize {
			continue // the plain run does them all
		}
		t.Run(name, func(t *testing.T) {
			address := start(t, cfg, publicAudio)
			c, tracks := dial(t, address, client.Config{})
			if len(tracks) != 12 {
				t.Fatalf("%d tracks of 12", len(tracks))
			}
			for _, lt := range tracks {
				t.Run(lt.Path, func(t *testing.T) { comparePlayback(t, c, lt) })
			}
		})
	}
}

func comparePlayback(t *testing.T, c *client.Client, lt wire.LibraryTrack) {
	track, err := c.Open(t.Context(), lt.ID, audio.Tags{})
	if err != nil {
		t.Fatal(err)
	}
	defer track.Close()
	if lt.Codec == string(audio.Opus) {
		if _, err := decode.New(track.Params(), nil); !errors.Is(err, audio.ErrUnsupported) {
			t.Fatalf("opus decodes now: %v; compare it like the others", err)
		}
		return
	}
	want, info := whole(t, filepath.Join(publicAudio, lt.Path))
	if track.Info().Frames != info.Frames || lt.TotalSamples != int64(info.Frames) {
		t.Fatalf("track has %d frames, list says %d, file has %d", track.Info().Frames, lt.TotalSamples, info.Frames)
	}
	for _, at := range []audio.Frames{0, info.Frames / 3, info.Frames - 1} {
		compare(t, playAll(t, track, at), want[int(at)*info.Channels:], at)
	}
}

func compare(t *testing.T, got, want []float64, at audio.Frames) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("from frame %d: %d samples, want %d", at, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("from frame %d: sample %d is %v, want %v", at, i, got[i], want[i])
		}
	}
}

// meddler changes what comes back from the server.
type meddler struct {
	change func(n int32, req *http.Request, resp *http.Response) (*http.Response, error)
	n      atomic.Int32
}

func (m *meddler) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || !strings.Contains(req.URL.Path, "/slices/") {
		return resp, err
	}
	return m.change(m.n.Add(1), req, resp)
}

// rewrite replaces the body and its checksum, as an attacker would.
func rewrite(resp *http.Response, edit func([]byte) []byte) *http.Response {
	b, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	b = edit(b)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	resp.Header.Set(wire.HeaderCRC, wire.CRC(b))
	return resp
}

func openWith(t *testing.T, m *meddler, v1 bool) *client.Track {
	t.Helper()
	address := start(t, session.Config{Millis: 1000}, publicAudio)
	c, tracks := dial(t, address, client.Config{Transport: m, Ahead: 1, V1: v1})
	for _, lt := range tracks {
		if strings.HasSuffix(lt.Path, "drums.wav") {
			track, err := c.Open(t.Context(), lt.ID, audio.Tags{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { track.Close() })
			return track
		}
	}
	t.Fatal("no drums")
	return nil
}

func TestForgedSlicesAreRefused(t *testing.T) {
	for name, edit := range map[string]func([]byte) []byte{
		"flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut short":   func(b []byte) []byte { return b[:len(b)-1] },
		"empty":       func([]byte) []byte { return nil },
		"longer":      func(b []byte) []byte { return append(b, 0) },
	} {
		m := &meddler{change: func(_ int32, _ *http.Request, resp *http.Response) (*http.Response, error) {
			return rewrite(resp, edit), nil
		}}
		track := openWith(t, m, name == "cut short" || name == "longer") // by either protocol
		if _, err := track.Slice(t.Context(), 0); !errors.Is(err, seal.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
		if n := m.n.Load(); n > 4 { // two tries of the slice, two of the one ahead
			t.Errorf("%s: fetched %d times", name, n)
		}
	}
}

func TestSwappedSliceIsRefused(t *testing.T) {
	seen := make(chan []byte, 10)
	m := &meddler{change: func(_ int32, _ *http.Request, resp *http.Response) (*http.Response, error) {
		return rewrite(resp, func(b []byte) []byte { seen <- bytes.Clone(b); return b }), nil
	}}
	track := openWith(t, m, true)
	if _, err := track.Slice(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	first := <-seen
	// Under protocol v1 a slice of the same key and length cannot be told
	// from its neighbour (v2 binds its place). One of another session can.
	other := openWith(t, &meddler{change: func(_ int32, _ *http.Request, resp *http.Response) (*http.Response, error) {
		return rewrite(resp, func([]byte) []byte { return bytes.Clone(first) }), nil
	}}, true)
	if _, err := other.Slice(t.Context(), 0); !errors.Is(err, seal.ErrForged) {
		t.Errorf("a slice of another session opens: %v", err)
	}
}

func TestAccidentsAreMended(t *testing.T) {
	m := &meddler{change: func(n int32, req *http.Request, resp *http.Response) (*http.Response, error) {
		switch n {
		case 1: // a connection that breaks
			_ = resp.Body.Close()
			return nil, io.ErrUnexpectedEOF
		case 2: // a byte damaged by accident: the checksum stays
			crc := resp.Header.Get(wire.HeaderCRC)
			resp = rewrite(resp, func(b []byte) []byte { b[0] ^= 1; return b })
			resp.Header.Set(wire.HeaderCRC, crc)
		case 3: // a server that is busy
			resp.StatusCode = http.StatusServiceUnavailable
		}
		return resp, nil
	}}
	track := openWith(t, m, false)
	want, _ := whole(t, publicAudio+"/music-drums.wav")
	compare(t, playAll(t, track, 0), want, 0)
}

func TestVanishedServer(t *testing.T) {
	h := handler(t, session.Config{Millis: 1000}, publicAudio)
	srv := httptest.NewServer(h)
	c, tracks := dial(t, srv.URL, client.Config{Ahead: 1, Patience: time.Second})
	track, err := c.Open(t.Context(), tracks[0].ID, audio.Tags{})
	if err != nil {
		t.Fatal(err)
	}
	srv.CloseClientConnections()
	srv.Close()
	begin := time.Now()
	if _, err := track.Slice(t.Context(), 0); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("gave up after %v", d)
	}
	if err := errors.Join(track.Close(), c.Close()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("close: %v", err)
	}
}

func TestReleasedSlicesAreWiped(t *testing.T) {
	m := &meddler{change: func(_ int32, _ *http.Request, resp *http.Response) (*http.Response, error) { return resp, nil }}
	track := openWith(t, m, false)
	plain, err := track.Slice(t.Context(), 0)
	if err != nil || bytes.Count(plain, []byte{0}) == len(plain) {
		t.Fatalf("%d bytes, %v", len(plain), err)
	}
	track.Release(0)
	ahead, err := track.Slice(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := track.Close(); err != nil {
		t.Error(err)
	}
	for name, b := range map[string][]byte{"released": plain, "held at close": ahead} {
		if bytes.Count(b, []byte{0}) != len(b) {
			t.Errorf("%s: not wiped", name)
		}
	}
	if _, err := track.Slice(t.Context(), 0); err == nil {
		t.Error("a closed track gives slices")
	}
}

// long answers every request of a kind with a body of n bytes.
func long(status int, head string, n int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, head)
		_, _ = io.CopyN(w, spaces{}, n)
	})
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// An answer may be as long as what it tells takes, and no longer.
func TestLongAnswersAreRefused(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("POST /music/api/sessions", long(http.StatusOK, `{"sessionId":"s"}`, 1<<10))
	mux.Handle("POST /music/api/sessions/s/key-exchange", long(http.StatusOK, `{}`, 24<<20))
	mux.Handle("GET /music/api/library", long(http.StatusOK, `{"tracks":[`+strings.Repeat(`{"id":"a"},`, 9999)+`{"id":"a"}]}`, 0))
	mux.Handle("POST /endless/api/sessions", long(http.StatusOK, `{}`, 1<<20))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for path, does := range map[string]func(*client.Client) error{
		"/music":   func(c *client.Client) error { _, err := c.Open(t.Context(), "a", audio.Tags{}); return err },
		"/music/":  func(c *client.Client) error { _, err := c.Library(t.Context()); return err },
		"/endless": func(c *client.Client) error { _, err := c.Open(t.Context(), "a", audio.Tags{}); return err },
	} {
		c, err := client.New(srv.URL+path, client.Config{Patience: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if err := does(c); !errors.Is(err, client.ErrProtocol) || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A refusal may be a page of any length; what is told of it is short.
func TestLongRefusals(t *testing.T) {
	text := strings.Repeat("no ", 9000)
	srv := httptest.NewServer(long(http.StatusNotFound, `{"error":"`+text+`"}`, 1<<20))
	defer srv.Close()
	c, err := client.New(srv.URL, client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Library(t.Context())
	if e := new(wire.Error); !errors.As(err, &e) || e.Status != http.StatusNotFound || len(err.Error()) > wire.MaxText+200 {
		t.Errorf("%.200v", err)
	}
}

// A server with a name is called by it: its address may be a secret.
func TestSecretAddressIsNotTold(t *testing.T) {
	const secret = "Zm9v-secret"
	h := handler(t, session.Config{Millis: 1000}, publicAudio)
	srv := httptest.NewServer(http.StripPrefix("/"+secret, h))
	c, tracks := dial(t, srv.URL+"/"+secret, client.Config{Ahead: 1, Patience: time.Millisecond, Name: "the server in here"})
	_, unknown := c.Open(t.Context(), "nonesuch", audio.Tags{})
	track, err := c.Open(t.Context(), tracks[0].ID, audio.Tags{})
	if err != nil {
		t.Fatal(err)
	}
	srv.CloseClientConnections()
	srv.Close()
	_, slice := track.Slice(t.Context(), 0)
	_, library := c.Library(t.Context())
	_, open := c.Open(t.Context(), tracks[0].ID, audio.Tags{})
	for what, err := range map[string]error{"unknown": unknown, "slice": slice, "library": library, "open": open, "close": errors.Join(track.Close(), c.Close())} {
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "the server in here") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8420":      "http://127.0.0.1:8420",
		"http://h:1/a/b/":     "http://h:1/a/b",
		"https://example.org": "https://example.org",
		"":                    "",
		"ftp://h":             "",
		"http://":             "",
		"http://u:p@h":        "",
		"http://h/?x=1":       "",
		"http://h\x00":        "",
	} {
		c, err := client.New(address, client.Config{})
		if want == "" {
			if !errors.Is(err, client.ErrAddress) {
				t.Errorf("%q: %v", address, err)
			}
			continue
		}
		if err != nil || c.Address() != want {
			t.Errorf("%q: %v, %v", address, c, err)
		}
	}
}
