package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/player"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// TestConformance shows for each of the fifteen points of the last section of
// the description of protocol v1 that this server does not have the defect of
// secstream 0.2.1. It says too where else a point is tested, in more depth.
func TestConformance(t *testing.T) {
	f := start(t, server.Config{Live: server.Live{AllowUpload: true}}, session.Config{})
	for name, test := range map[string]func(*testing.T, *fixture){
		"01 hostile WAV uploads are refused":            hostileUploads, // format/wav, FuzzRequests
		"02 IDs are random":                             randomIDs,
		"03 a second key exchange breaks no first":      secondExchange, // session: TestEveryExchangeKeepsWorking
		"04 files are not confused":                     confusedFiles,  // session: the tests of what is kept of slices
		"05 prewarm delays nothing and shares":          prewarm,
		"06 FLAC":                                       func(t *testing.T, f *fixture) { selfContained(t, f, "fLaC", ".flac") }, // format/flac
		"07 Ogg Vorbis":                                 ogg,                                                                     // format/ogg
		"08 MP3":                                        mp3,                                                                     // format/mp3, decode/layer3
		"09 strict browsers get what is announced":      strictBrowsers,                                                          // decode, browser
		"10 every kind of WAV is labelled as it is":     kindsOfWAV,                                                              // format/wav
		"11 memory goes by the slice":                   memory,                                                                  // .ci/e2e/memory.sh
		"12 sessions of several tracks":                 severalTracks,                                                           // TestTracksComeAndGo
		"13 durations are true":                         durations,
		"14 HTTP":                                       overHTTP,  // TestEveryAnswer, TestHostileRequests, TestLongUploadsAreNotRead; cmd: loopback
		"15 the client retries and aborts as it should": theClient, // client, player: TestEngineGapless
	} {
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
}

func hostileUploads(t *testing.T, f *fixture) {
	for what, w := range map[string]wav{
		"no channels": {rate: 44100, bits: 16}, "no rate": {channels: 2, bits: 16}, "no bits": {channels: 2, rate: 44100},
		"no channels, no rate": {bits: 16}, "no samples": {channels: 2, rate: 44100, bits: 16}, "a 13-bit float": {kind: 3, channels: 1, rate: 1, bits: 13},
		"65535 channels": {channels: 65535, rate: 1, bits: 16, data: make([]byte, 100)},
		"absurd sizes":   {channels: 65535, rate: 0xFFFFFFFF, bits: 65535, size: 0xFFFFFFFF},
	} {
		kind, body := forms(t, w.bytes())
		for kind, body := range map[string]string{kind: body, "audio/wav": string(w.bytes())} {
			if status, _, answer := f.do(t, "POST", "/api/sessions", kind, body); status != 415 {
				t.Errorf("%s: %d %s", what, status, answer)
			}
		}
	}
}

func randomIDs(t *testing.T, f *fixture) {
	drums := f.track(t, "drums.wav")
	var ids []string
	for range 100 {
		id := f.session(t, drums, drums)
		l := f.listen(t, id)
		ids = append(ids, id, strings.TrimPrefix(l.info.Tracks[0].TrackID, "track_"), strings.TrimPrefix(l.info.Tracks[1].TrackID, "track_"))
		if status, _, _ := f.do(t, "DELETE", "/api/sessions/"+id, "", ""); status != 204 {
			t.Fatal(status)
		}
	}
	for i := range 22 { // letters of 6 bits: 132
		letters := map[byte]bool{}
		for _, id := range ids {
			letters[id[i]] = true
		}
		if len(letters) < 48 { // of 64; by chance fewer than 1 in 10^9 times
			t.Errorf("place %d has %d letters in %d IDs", i, len(letters), len(ids))
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 300 {
		t.Error("an ID came twice")
	}
}

func secondExchange(t *testing.T, f *fixture) {
	id := f.session(t, f.track(t, "russian-8k.ogg"))
	var all []*listener
	for range session.MaxExchanges {
		all = append(all, f.listen(t, id))
	}
	if status, _, body := f.do(t, "POST", "/api/sessions/"+id+"/key-exchange", jsonType, keyRequest(t)); status != 409 {
		t.Errorf("one exchange more: %d %s", status, body)
	}
	if status, _, _ := f.do(t, "POST", "/api/sessions/"+id+"/key-exchange", jsonType, `{"publicKey":"AAAA"}`); status != 400 {
		t.Errorf("a failed exchange: %d", status)
	}
	want := all[0].slice(t, 0)
	for i, l := range all {
		if !bytes.Equal(l.slice(t, 0), want) {
			t.Errorf("listener %d hears something else", i)
		}
	}
}

// confusedFiles sends two files that 0.2.1 takes for one: of the same length,
// alike in their first and last kilobyte and around the middle.
func confusedFiles(t *testing.T, f *fixture) {
	a := wav{channels: 1, rate: 8000, bits: 16, data: make([]byte, 160_000)}
	b := a
	b.data = bytes.Clone(a.data)
	b.data[40_000] = 1
	var heard [2][]byte
	for i, w := range []wav{a, b} {
		l := f.listen(t, f.create(t, "/api/sessions", "audio/wav", string(w.bytes())).SessionID)
		heard[i] = l.slice(t, 0)
		var before, after wire.Stats
		f.json(t, "/api/stats", &before)
		if !bytes.Equal(l.slice(t, 0), heard[i]) {
			t.Error("a slice that was kept is another")
		}
		f.json(t, "/api/stats", &after)
		if after.CacheHits != before.CacheHits+1 {
			t.Errorf("asked for again: %d hits, before %d", after.CacheHits, before.CacheHits)
		}
	}
	if !bytes.Equal(heard[0], a.data[:80_000]) || !bytes.Equal(heard[1], b.data[:80_000]) {
		t.Error("files are confused")
	}
}

// gated is a source whose sound can be read once the gate is open.
type gated struct {
	*upload
	open  chan struct{}
	reads atomic.Int64
}

func (g *gated) Open(context.Context) (session.Content, error) { return g, nil }

func (g *gated) ReadAt(p []byte, off int64) (int, error) {
	<-g.open
	g.reads.Add(1)
	return g.upload.ReadAt(p, off)
}

func prewarm(t *testing.T, _ *fixture) {
	store, err := session.NewStore(session.Config{Prewarm: 3, Millis: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	f := &fixture{Server: serveStore(t, store)}
	song := newUpload(t, readSong(t, "music-drums.wav"))
	g := &gated{upload: song, open: make(chan struct{})}
	sess, err := store.Create(session.Request{Sources: []session.Source{g}})
	if err != nil {
		t.Fatal(err)
	}
	l := f.listen(t, sess.ID) // answered while nothing can be read yet
	bodies := make([]string, 4)
	var wg sync.WaitGroup
	for i := range bodies {
		wg.Go(func() {
			var status int
			if status, _, bodies[i] = f.do(t, "GET", "/api/sessions/"+sess.ID+"/slices/"+l.info.SliceIDs[0], "", ""); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	}
	close(g.open)
	wg.Wait()
	for _, body := range bodies {
		if body != bodies[0] { // sealed twice it would differ
			t.Error("a slice was made more than once")
		}
	}
	var stats wire.Stats
	f.json(t, "/api/stats", &stats)
	if stats.Prewarmed == 0 {
		t.Errorf("nothing was made ahead: %+v", stats)
	}
}

// memory plays from a file of a gigabyte, most of which takes no disk.
func memory(t *testing.T, _ *fixture) {
	const size = 1 << 30
	dir := t.TempDir()
	head := wav{channels: 2, rate: 44100, bits: 16, size: size - 44}
	place(t, head.bytes(), dir, "long.wav")
	truncate(t, filepath.Join(dir, "long.wav"), size)
	f := start(t, server.Config{}, session.Config{}, dir)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := f.listen(t, f.session(t, f.track(t, "long.wav")))
	for _, i := range []int{0, len(l.info.SliceIDs) / 2, len(l.info.SliceIDs) - 2} {
		if n := len(l.slice(t, i)); n != 5*44100*4 {
			t.Errorf("slice %d has %d bytes", i, n)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if in, held := after.TotalAlloc-before.TotalAlloc, int64(after.HeapAlloc)-int64(before.HeapAlloc); in > size/8 || held > 32<<20 {
		t.Errorf("three slices of a gigabyte took %d MB, of which %d MB are held", in>>20, held>>20)
	}
}

func severalTracks(t *testing.T, f *fixture) {
	drums, voice := f.track(t, "drums.wav"), f.track(t, "russian-8k.ogg")
	id := f.session(t, voice)
	added := f.add(t, id, jsonType, `{"tracks":["`+drums+`"]}`) // before the key exchange
	l := f.listen(t, id)
	if l.info.Format != "ogg" || !bytes.HasPrefix(l.slice(t, 0), []byte("OggS")) || len(l.info.Tracks) != 2 || l.info.ActiveTrackID != l.info.Tracks[0].TrackID {
		t.Errorf("the first track is not the first any more: %+v", l.info)
	}
	var info wire.SessionInfo
	f.json(t, "/api/sessions/"+id+"/info", &info)
	if len(info.Tracks) != 2 || info.Tracks[1].TrackID != added[0].TrackID || len(info.Tracks[1].SliceIDs) != 0 {
		t.Errorf("info: %+v", info)
	}
	seen := map[string]bool{info.Tracks[0].TrackID: true}
	for range 5 {
		now := f.add(t, id, jsonType, `{"tracks":["`+drums+`"]}`)[0].TrackID
		if seen[now] {
			t.Errorf("the ID %s came twice", now)
		}
		seen[now] = true
		if status, _, _ := f.do(t, "DELETE", "/api/sessions/"+id+"/tracks/"+now, "", ""); status != 200 {
			t.Errorf("remove: %d", status)
		}
	}
}

func overHTTP(t *testing.T, f *fixture) {
	l := f.listen(t, f.session(t, f.track(t, "drums.wav")))
	path := "/api/sessions/" + l.id + "/slices/" + l.info.SliceIDs[0]
	_, header, _ := f.do(t, "GET", path, "", "", "Origin", "https://player.example")
	if header.Get("Content-Type") != "application/octet-stream" || header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", header)
	}
	if err := f.Config.Handler.(*server.Server).Set(server.Live{Origins: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	defer f.Config.Handler.(*server.Server).Set(server.Live{AllowUpload: true}) //nolint:errcheck // it was so before
	_, header, _ = f.do(t, "GET", path, "", "", "Origin", "https://player.example")
	for _, name := range wire.SliceHeaders {
		if !strings.Contains(header.Get("Access-Control-Expose-Headers"), name) || header.Get(name) == "" && name != wire.HeaderRekey {
			t.Errorf("%s is hidden from scripts", name)
		}
	}
	for _, r := range []string{"POST /key-exchange", "GET /info", "GET /slices/x", "DELETE ", "POST /tracks", "DELETE /tracks/x"} {
		method, rest, _ := strings.Cut(r, " ")
		if status, _, body := f.do(t, method, "/api/sessions/nope"+rest, jsonType, "{}"); status != 404 || !strings.Contains(body, "session_not_found") {
			t.Errorf("%s of no session: %d %s", r, status, body)
		}
	}
}

// watched counts requests for slices, and holds them up if told to.
type watched struct {
	n       atomic.Int64
	of      sync.Map      // requests for each slice, by path: *atomic.Int64
	hold    chan struct{} // nil holds nothing
	astray  bool          // it asks for slices that there are not
	session string        // its path
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	if path, ok := strings.CutSuffix(r.URL.Path, "/key-exchange"); ok {
		w.session = path
	}
	if strings.Contains(r.URL.Path, "/slices/") {
		w.n.Add(1)
		n, _ := w.of.LoadOrStore(r.URL.Path, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		if w.hold != nil {
			select {
			case <-w.hold:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		if w.astray {
			r = r.Clone(r.Context())
			r.URL.Path = w.session + "/slices/nonesuch"
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

func theClient(t *testing.T, f *fixture) {
	open := func(w *watched, ahead int) *client.Track {
		t.Helper()
		c, err := client.New(f.URL, client.Config{Transport: w, Ahead: ahead})
		if err != nil {
			t.Fatal(err)
		}
		track, err := c.Open(t.Context(), f.track(t, "drums.wav"), audio.Tags{})
		if err != nil {
			t.Fatal(err)
		}
		return track
	}
	// No gap: what is played on end is the file.
	track := open(new(watched), 2)
	j := player.NewJoiner(track, 0)
	want, info := decodeFile(t, readSong(t, "music-drums.wav"))
	got := make([]float64, 0, len(want))
	for buf := make([]float64, 4096*info.Channels); ; {
		n, err := j.Read(t.Context(), buf)
		got = append(got, buf[:int(n)*info.Channels]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	if !slices.Equal(got, want) {
		t.Error("what is played is not the file")
	}
	_ = track.Close()

	// A permanent error is not tried again: one request for the slice, one with
	// another key, for which it might have been that.
	w := &watched{astray: true}
	track = open(w, 1)
	var refused *wire.Error
	if _, err := track.Slice(t.Context(), 0); !errors.As(err, &refused) || refused.Status != 404 || w.n.Load() > 4 {
		t.Errorf("a slice that there is not: %v after %d requests", err, w.n.Load())
	}
	w.of.Range(func(path, n any) bool { // that of slice 1, ahead, may be among them
		if n := n.(*atomic.Int64).Load(); n > 2 {
			t.Errorf("%d requests for %s", n, path)
		}
		return true
	})
	_ = track.Close()

	// A session that the server has forgotten is none.
	w = new(watched)
	track = open(w, 1)
	if status, _, _ := f.do(t, "DELETE", w.session, "", ""); status != 204 {
		t.Fatal(status)
	}
	if _, err := track.Slice(t.Context(), 0); err != nil {
		t.Errorf("a session that ended: %v", err)
	}
	_ = track.Close()

	// A download can be given up.
	w = &watched{hold: make(chan struct{})}
	track = open(w, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { _, err := track.Slice(ctx, 0); ended <- err }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	_ = track.Close()
}
