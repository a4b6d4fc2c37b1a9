// Package session keeps the live sessions of a server: which tracks they
// play, how those are cut, which keys were agreed. Requests come in as plain
// calls, sealed slices go out. It knows neither HTTP nor folders; where a
// track's bytes come from is a Source given by the caller. It imports audio,
// compress, handshake, pack, seal, slicer and wire.
package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Errors callers branch on.
var (
	ErrNoSession = errors.New("no such session")
	ErrNoTrack   = errors.New("no such track in the session")
	ErrNoSlice   = errors.New("no such slice")
	ErrWhich     = errors.New("several tracks of the session have a slice of this ID")
	ErrFull      = errors.New("the server has as many tracks in sessions as it takes")
	ErrOwner     = errors.New("the client has as many tracks in sessions as one may")
	ErrSingle    = errors.New("the session is one of a single track")
	ErrLast      = errors.New("the track is the session's last")
	ErrTracks    = fmt.Errorf("a session takes 1 to %d tracks", MaxTracks)
	ErrExchanges = errors.New("the track, or the session, has as many live key exchanges as it takes")
	ErrNoKey     = errors.New("no key exchange was done yet")
	ErrLong      = errors.New("the session's tracks have more slices than a session takes")
	ErrChanged   = errors.New("the file was replaced after the session began")
)

// Source is where a session's track comes from. It stays valid while the
// session lives and is safe for concurrent use.
type Source interface {
	// Open opens the content for one piece of work.
	Open(ctx context.Context) (Content, error)
	// Close is called once, when the session ends.
	Close() error
}

// Content is an opened track.
type Content interface {
	io.ReaderAt
	io.Closer
	Track() audio.Track
	// Check fails when the content changed since it was opened.
	Check() error
	// Version names the content. A session serves only the version it began with.
	Version() string
}

// Config says how a Store works. The zero value of each field means its
// default.
type Config struct {
	Millis    int          // slice length in ms; default 5000
	Variance  float64      // of randomised lengths, 0 to 1; default 0.4 when Randomize
	Randomize bool         // default for sessions that do not say
	Deflate   int          // compression level 0 to 9; there is no default
	Limits    Limits       // may change while the store is in use, see SetLimits
	SliceIDs  Generator    // of protocol v1; default: nanoids, which are v2's
	Cache     Cache        // of sealed slices
	Prewarm   int          // slices made ahead after each key exchange; 0 for none
	Workers   int          // how many are made ahead at once; default 3
	Logger    *slog.Logger // default: discard
	Now       func() time.Time

	// PCM makes a track whose slices are PCM, for clients that do not take its
	// codec. Where it is nil, or fails with audio.ErrUnsupported, they get the
	// slices as everybody does.
	PCM func(audio.Track) (audio.Track, error)

	// Identity signs for the server under protocol v2, which is refused without.
	Identity handshake.Signer
	Rekey    Rekey // of protocol v2
	Pad      bool  // slices of protocol v2, so that their sizes tell less

	// Pieces that replace protocol v1's. Published clients then cannot play.
	Compression compress.Codec     // of PCM; default DEFLATE at level Deflate. With another, other audio is not compressed
	Cipher      seal.Cipher        // default AES-256-GCM
	Exchange    handshake.Exchange // default P-256
}

// Limits bound what listeners may hold. The zero value of each field means its
// default.
type Limits struct {
	TTL      time.Duration // sessions idle for longer end; default 30 min
	Max      int           // most tracks in live sessions; default 10000
	PerOwner int           // most tracks in live sessions of one owner; 0 for no limit of its own
}

// Cache says what the store keeps of sealed slices, for those who ask again.
// The zero value of each field means its default.
type Cache struct {
	Bytes  int64         // default 32 MiB; below 0 keeps none
	Slices int           // default 1024
	TTL    time.Duration // since a slice was made; default 5 min
}

// Request is what a session is made of.
type Request struct {
	Sources   []Source // 1 to MaxTracks
	Randomize bool
	Multi     bool   // a session of several tracks even when there is one source
	Owner     string // whom Limits.PerOwner counts it for, as a client's address; "" for nobody
}

// Ask is a client's half of a key exchange.
type Ask struct {
	wire.KeyRequest
	// Decodes says whether the client takes a codec. What it does not take it
	// gets as PCM, each slice a RIFF WAVE file of its own, if the store can
	// (Config.PCM). nil takes everything.
	Decodes func(audio.Codec) bool
}

// Defaults of Config, and limits no flag changes.
const (
	DefaultMillis   = 5000
	DefaultVariance = 0.4
	DefaultTTL      = 30 * time.Minute
	DefaultMax      = 10000
	// MaxTracks is the most tracks one session plays.
	MaxTracks = 1000
	// MaxExchanges is the most keys live at once for one track: the listeners
	// that can share a session. It bounds memory.
	MaxExchanges = 16
	// MaxKeys is the most keys live at once for all tracks of a session.
	MaxKeys = 4096
	// MaxSlices is the most slices of a session's tracks together: each answer
	// to a key exchange lists them all.
	MaxSlices          = 1 << 18
	DefaultCacheBytes  = 32 << 20
	DefaultCacheSlices = 1024
	DefaultCacheTTL    = 5 * time.Minute
	DefaultWorkers     = 3
)

// Session is one listener's (or several listeners') hold on some tracks.
type Session struct {
	ID        string
	Randomize bool

	store    *Store
	owner    string
	names    *names
	keys     atomic.Int64 // that are live
	slices   atomic.Int64 // of the tracks that are cut
	lastUsed atomic.Int64 // Unix ns

	mu     sync.Mutex // taken after the store's
	tracks []*Track   // replaced, never changed; the first is the active one
	multi  bool       // of several tracks: the wire then lists them
}

// newTracks makes tracks of the session, which are not in it yet.
func (s *Session) newTracks(sources []Source, multi bool) []*Track {
	tracks := make([]*Track, len(sources))
	for i, src := range sources {
		t := &Track{ID: "track_" + randomID(), source: src, session: s}
		t.seed = s.ID
		if multi {
			t.seed = s.ID + "_" + t.ID
		}
		tracks[i] = t
	}
	return tracks
}

// hold takes n more slices of the session's tracks into account, or fewer if n
// is negative. Errors: ErrLong.
func (s *Session) hold(n int) error {
	if s.slices.Add(int64(n)) > MaxSlices && n > 0 {
		s.slices.Add(-int64(n))
		return ErrLong
	}
	return nil
}

// Add appends tracks to the session, which from then on is one of several
// tracks. It takes the sources over as Create does. Errors: ErrNoSession,
// ErrTracks, ErrFull, ErrOwner.
func (s *Session) Add(sources []Source) ([]*Track, error) {
	added := s.newTracks(sources, true)
	if err := s.insert(added); err != nil {
		closeAll(sources)
		return nil, err
	}
	return added, nil
}

func (s *Session) insert(added []*Track) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store.sessions[s.ID] != s {
		return ErrNoSession
	}
	if len(added) == 0 || len(s.tracks)+len(added) > MaxTracks {
		return ErrTracks
	}
	if err := s.store.count(s.owner, len(added)); err != nil {
		return err
	}
	s.tracks, s.multi = slices.Concat(s.tracks, added), true
	return nil
}

// Remove ends the track called id and its keys. When it was the active one, the
// next in order is. Errors: ErrNoSession, ErrNoTrack, ErrSingle, ErrLast.
func (s *Session) Remove(id string) error {
	t, err := s.takeOut(id)
	if err != nil {
		return err
	}
	if err := t.close(); err != nil {
		s.store.cfg.Logger.Warn("close a track", "session", s, "err", err)
	}
	return nil
}

func (s *Session) takeOut(id string) (*Track, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.tracks, func(t *Track) bool { return t.ID == id })
	switch {
	case s.store.sessions[s.ID] != s:
		return nil, ErrNoSession
	case !s.multi:
		return nil, ErrSingle
	case i < 0:
		return nil, ErrNoTrack
	case len(s.tracks) == 1:
		return nil, ErrLast
	}
	t := s.tracks[i]
	s.tracks = slices.Concat(s.tracks[:i], s.tracks[i+1:])
	return t, s.store.count(s.owner, -1)
}

func (s *Session) touch(now time.Time) { s.lastUsed.Store(now.UnixNano()) }

func (s *Session) idle(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - s.lastUsed.Load())
}

// Tracks returns the session's tracks in order, the active one first. The
// caller must not change the slice.
func (s *Session) Tracks() []*Track {
	tracks, _ := s.list()
	return tracks
}

func (s *Session) list() (tracks []*Track, multi bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tracks, s.multi
}

// Track returns the track called id; "" is the active one. Errors: ErrNoTrack.
func (s *Session) Track(id string) (*Track, error) {
	for _, t := range s.Tracks() {
		if id == "" || t.ID == id {
			return t, nil
		}
	}
	return nil, ErrNoTrack
}

// LogValue shows enough of the ID to tell sessions apart and not enough to
// use one: the ID is a bearer secret.
func (s *Session) LogValue() slog.Value { return slog.StringValue(Short(s.ID)) }

// Short cuts an ID for logs.
func Short(id string) string {
	const keep = 6
	if len(id) <= keep {
		return id
	}
	return id[:keep] + "…"
}

func (s *Session) close() {
	for _, t := range s.Tracks() {
		if err := t.close(); err != nil {
			s.store.cfg.Logger.Warn("close a track", "session", s, "err", err)
		}
	}
}

func closeAll(sources []Source) {
	for _, src := range sources {
		_ = src.Close() // the refusal is what the caller reports
	}
}

// randomID is 132 bits from the CSPRNG, 22 characters.
func randomID() string {
	var b [18]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])[:22]
}
