package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/format"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// memory is a track held in memory whose version can change.
type memory struct {
	data []byte

	mu      sync.Mutex
	version string
	closed  int
	fail    error
}

func (m *memory) Open(ctx context.Context) (Content, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	r := bytes.NewReader(m.data)
	s, err := format.Open(r, int64(len(m.data)))
	if err != nil {
		return nil, err
	}
	track, err := s.Index(ctx, r)
	if err != nil {
		return nil, err
	}
	return opened{r, track, m.version}, nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}

func (m *memory) set(version string, fail error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version, m.fail = version, fail
}

type opened struct {
	io.ReaderAt
	track   audio.Track
	version string
}

func (o opened) Track() audio.Track { return o.track }
func (o opened) Version() string    { return o.version }
func (o opened) Check() error       { return nil }
func (o opened) Close() error       { return nil }

func newMemory(t testing.TB, name string) *memory {
	t.Helper()
	b, err := os.ReadFile("../../testdata/audio/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return &memory{data: b, version: "1"}
}

func newTestStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := NewStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func create(t testing.TB, s *Store, sources ...Source) *Session {
	t.Helper()
	sess, err := s.Create(Request{Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	return sess
}

// listener is the other end of a key exchange.
type listener struct {
	info   *wire.SessionInfo
	unpack *pack.Unpacker
}

func exchangeWith(t testing.TB, sess *Session, trackID string) listener {
	t.Helper()
	track, err := sess.Track(trackID)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := handshake.NewPair()
	if err != nil {
		t.Fatal(err)
	}
	answer, sent, err := track.Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	sent()
	key, err := pair.Agree(answer.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return listener{answer.SessionInfo, pack.NewUnpacker(seal.NewBox(key))}
}

func (l listener) plain(t testing.TB, sess *Session, i int) []byte {
	t.Helper()
	slice, err := sess.Slice(t.Context(), "", l.info.SliceIDs[i])
	if err != nil {
		t.Fatal(err)
	}
	defer slice.Release()
	if slice.Index != i {
		t.Errorf("slice %d says it is %d", i, slice.Index)
	}
	out, err := l.unpack.Append(nil, bytes.Clone(slice.Body), pack.MaxPlain)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryExchangeKeepsWorking(t *testing.T) {
	s := newTestStore(t, Config{})
	src := newMemory(t, "music-drums.wav")
	sess := create(t, s, src)
	if _, _, err := sess.Info(t.Context()); !errors.Is(err, ErrNoKey) {
		t.Error("info before the first key exchange")
	}
	first, second := exchangeWith(t, sess, ""), exchangeWith(t, sess, "")
	for i := range first.info.SliceIDs {
		a, b := first.plain(t, sess, i), second.plain(t, sess, i)
		if !bytes.Equal(a, b) || len(a) == 0 {
			t.Errorf("slice %d: %d and %d bytes", i, len(a), len(b))
		}
	}
	slice, err := sess.Slice(t.Context(), "", first.info.SliceIDs[0])
	if err != nil {
		t.Fatal(err)
	}
	defer slice.Release()
	if _, err := second.unpack.Append(nil, slice.Body, pack.MaxPlain); !errors.Is(err, seal.ErrForged) {
		t.Errorf("one listener's slice opens with the other's key: %v", err)
	}
}

func TestExchangeLimitsAndFailures(t *testing.T) {
	s := newTestStore(t, Config{})
	src := newMemory(t, "music-drums.wav")
	sess := create(t, s, src)
	track := sess.Tracks()[0]
	if _, _, err := track.Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: "AAAA"}}); !errors.Is(err, handshake.ErrPublicKey) {
		t.Errorf("bad key: %v", err)
	}
	broken := errors.New("disk on fire")
	src.set("1", broken)
	pair, _ := handshake.NewPair()
	if _, _, err := track.Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}}); !errors.Is(err, broken) {
		t.Errorf("broken source: %v", err)
	}
	if _, _, err := sess.Info(t.Context()); !errors.Is(err, ErrNoKey) || len(track.exchanges) != 0 {
		t.Error("a failed exchange left something behind")
	}
	src.set("1", nil)
	for range MaxExchanges {
		exchangeWith(t, sess, "")
	}
	if _, _, err := track.Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}}); !errors.Is(err, ErrExchanges) {
		t.Errorf("one too many: %v", err)
	}
}

func TestReplacedFileIsNotServed(t *testing.T) {
	s := newTestStore(t, Config{})
	src := newMemory(t, "music-drums.wav")
	sess := create(t, s, src)
	l := exchangeWith(t, sess, "")
	src.set("2", nil)
	if _, err := sess.Slice(t.Context(), "", l.info.SliceIDs[0]); !errors.Is(err, ErrChanged) {
		t.Errorf("slice of a replaced file: %v", err)
	}
	pair, _ := handshake.NewPair()
	if _, _, err := sess.Tracks()[0].Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}}); !errors.Is(err, ErrChanged) {
		t.Errorf("exchange on a replaced file: %v", err)
	}
}

func TestSeveralTracks(t *testing.T) {
	s := newTestStore(t, Config{})
	wav, flac := newMemory(t, "music-drums.wav"), newMemory(t, "music-tabla.flac")
	sess := create(t, s, wav, flac)
	ids := []string{sess.Tracks()[0].ID, sess.Tracks()[1].ID}
	second := exchangeWith(t, sess, ids[1])
	if second.info.Format != "flac" || len(second.info.Tracks) != 2 || second.info.Tracks[0].TotalSlices != 0 {
		t.Errorf("info of the second track: %+v", second.info)
	}
	if second.info.Tracks[0].SliceIDs == nil {
		t.Error("a placeholder has no empty list of slices")
	}
	first := exchangeWith(t, sess, "")
	if first.info.Format != "wav" || first.info.ActiveTrackID != ids[0] || first.info.Tracks[1].Format != "flac" {
		t.Errorf("info of the first track: %+v", first.info)
	}
	if !bytes.HasPrefix(second.plain(t, sess, 0), []byte("fLaC")) {
		t.Error("the second track is not FLAC")
	}
	if _, err := sess.Slice(t.Context(), ids[0], second.info.SliceIDs[0]); !errors.Is(err, ErrNoSlice) {
		t.Errorf("a slice of the other track: %v", err)
	}
	if _, err := sess.Slice(t.Context(), "track_x", second.info.SliceIDs[0]); !errors.Is(err, ErrNoTrack) {
		t.Errorf("no such track: %v", err)
	}
	if err := s.End(sess.ID); err != nil || wav.closed != 1 || flac.closed != 1 {
		t.Errorf("end: %v, closed %d and %d times", err, wav.closed, flac.closed)
	}
	if err := s.End(sess.ID); !errors.Is(err, ErrNoSession) {
		t.Errorf("ended twice: %v", err)
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newTestStore(t, Config{Limits: Limits{TTL: time.Minute, Max: 2}, Now: func() time.Time { return now }})
	a, b := newMemory(t, "music-drums.wav"), newMemory(t, "music-drums.wav")
	idle, used := create(t, s, a), create(t, s, b)
	if _, err := s.Create(Request{Sources: []Source{newMemory(t, "music-drums.wav")}}); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	now = now.Add(50 * time.Second)
	if _, err := s.Get(used.ID); err != nil {
		t.Fatal(err)
	}
	now = now.Add(20 * time.Second)
	if _, err := s.Get(idle.ID); !errors.Is(err, ErrNoSession) {
		t.Errorf("an idle session before the sweep: %v", err)
	}
	s.sweep()
	if st := s.Stats(); st.Live != 1 || st.Created != 2 || st.Expired != 1 || a.closed != 1 || b.closed != 0 {
		t.Errorf("%+v; closed %d, %d", st, a.closed, b.closed)
	}
}

func TestIDs(t *testing.T) {
	s := newTestStore(t, Config{})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	if len(sess.ID) != 22 || strings.Contains(sess.Tracks()[0].ID, sess.ID) {
		t.Errorf("%s, %s", sess.ID, sess.Tracks()[0].ID)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "session", sess)
	if strings.Contains(log.String(), sess.ID) {
		t.Errorf("the log has the whole ID: %s", &log)
	}
	names, track := newNames(), sess.Tracks()[0]
	names.know(names.next(70), track, nil)
	ids := names.next(5000)
	names.know(ids, track, &exchange{})
	for i, id := range ids.list() {
		if of, n, ok := names.find(id); !ok || n != i || of.e == nil || len(id) != idLen {
			t.Fatalf("ID %d %q found as %d, %v", i, id, n, ok)
		}
	}
	more := nanoids{ids.block, ids.number, 5001}
	for _, id := range []string{"", "nothing", newNames().next(1).list()[0], names.next(1).list()[0], more.list()[5000], ids.list()[0][:idLen-1] + "="} {
		if _, _, ok := names.find(id); ok {
			t.Errorf("found %q", id)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{Millis: 999}, {Millis: 30001}, {Deflate: 10}, {Deflate: -1}} {
		if _, err := NewStore(cfg); err == nil {
			t.Errorf("%+v taken", cfg)
		}
	}
	s := newTestStore(t, Config{})
	for _, n := range []int{0, MaxTracks + 1} {
		src := make([]Source, n)
		m := newMemory(t, "music-drums.wav")
		for i := range src {
			src[i] = m
		}
		if _, err := s.Create(Request{Sources: src}); err == nil || m.closed != n {
			t.Errorf("%d tracks: %v, %d closed", n, err, m.closed)
		}
	}
}
