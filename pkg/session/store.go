package session

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/compress"
	"secstream/pkg/slicer"
)

// Store holds the live sessions. It is safe for concurrent use.
type Store struct {
	cfg   Config
	usual compress.Codec // DEFLATE at its default level
	slots chan struct{}  // bounds how many slices are made at once
	room  *room          // bounds the bytes of answers made and not sent yet

	shelf   *shelf
	prewarm *prewarmer // nil without
	limits  atomic.Pointer[Limits]

	mu       sync.Mutex
	sessions map[string]*Session
	tracks   int            // in all sessions
	owners   map[string]int // tracks of each
	cuts     cuts

	created, expired           int
	exchanges, warmed, tooWarm atomic.Int64
}

// NewStore returns an empty store. Callers run Sweep as long as it is used,
// and Close it.
func NewStore(cfg Config) (*Store, error) {
	if cfg.Millis == 0 {
		cfg.Millis = DefaultMillis
	}
	if cfg.Millis < slicer.MinMillis || cfg.Millis > slicer.MaxMillis {
		return nil, fmt.Errorf("slice length %d ms: outside %d to %d ms", cfg.Millis, slicer.MinMillis, slicer.MaxMillis)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.pieces(); err != nil {
		return nil, err
	}
	usual, err := compress.NewDeflater(compress.DefaultLevel)
	if err != nil {
		return nil, err
	}
	cfg.Cache.defaults()
	s := &Store{
		cfg: cfg, usual: usual,
		slots: make(chan struct{}, makers()), room: newRoom(),
		sessions: map[string]*Session{}, owners: map[string]int{},
		cuts: cuts{byKey: map[cutKey]*cutting{}, owned: map[string]int{}},
	}
	s.shelf = &shelf{cfg: cfg.Cache, now: cfg.Now}
	s.SetLimits(cfg.Limits)
	if cfg.Prewarm > 0 && cfg.Cache.Bytes > 0 {
		s.prewarm = newPrewarmer(s, cfg.Prewarm, cmp.Or(cfg.Workers, DefaultWorkers))
	}
	return s, nil
}

func (c *Cache) defaults() {
	c.Bytes = cmp.Or(c.Bytes, DefaultCacheBytes)
	c.Slices = cmp.Or(c.Slices, DefaultCacheSlices)
	c.TTL = cmp.Or(c.TTL, DefaultCacheTTL)
}

// SetLimits replaces the limits. What is live stays, even if it is over them.
func (s *Store) SetLimits(l Limits) {
	l.TTL = cmp.Or(l.TTL, DefaultTTL)
	l.Max = cmp.Or(l.Max, DefaultMax)
	s.limits.Store(&l)
}

// Create opens a session on r.Sources and takes them over: they are closed with
// the session, or at once when Create fails. Errors: ErrFull, ErrOwner.
func (s *Store) Create(r Request) (*Session, error) {
	sources := r.Sources
	if len(sources) == 0 || len(sources) > MaxTracks {
		closeAll(sources)
		return nil, fmt.Errorf("a session of %d tracks: it takes 1 to %d", len(sources), MaxTracks)
	}
	sess := &Session{ID: randomID(), Randomize: r.Randomize, store: s, owner: r.Owner, names: newNames(), multi: r.Multi || len(sources) > 1}
	sess.tracks = sess.newTracks(sources, sess.multi)
	sess.touch(s.cfg.Now())
	s.mu.Lock()
	err := s.count(sess.owner, len(sources))
	if err == nil {
		s.sessions[sess.ID] = sess
		s.created++
	}
	s.mu.Unlock()
	if err != nil {
		closeAll(sources)
		return nil, err
	}
	return sess, nil
}

// count takes n more tracks of owner into account, or fewer if n is negative.
// The caller holds mu.
func (s *Store) count(owner string, n int) error {
	l := s.limits.Load()
	if n > 0 && s.tracks+n > l.Max {
		return ErrFull
	}
	if owner != "" {
		if n > 0 && l.PerOwner > 0 && s.owners[owner]+n > l.PerOwner {
			return ErrOwner
		}
		if s.owners[owner] += n; s.owners[owner] == 0 {
			delete(s.owners, owner)
		}
	}
	s.tracks += n
	return nil
}

// Get returns a live session and notes that it is in use. Errors: ErrNoSession.
func (s *Store) Get(id string) (*Session, error) {
	s.mu.Lock()
	sess := s.sessions[id]
	s.mu.Unlock()
	now := s.cfg.Now()
	if sess == nil || sess.idle(now) > s.limits.Load().TTL {
		return nil, ErrNoSession
	}
	sess.touch(now)
	return sess, nil
}

// End closes one session and forgets its keys.
func (s *Store) End(id string) error {
	s.mu.Lock()
	sess := s.sessions[id]
	if sess != nil {
		s.forget(sess)
	}
	s.mu.Unlock()
	if sess == nil {
		return ErrNoSession
	}
	sess.close()
	return nil
}

// Sweep ends idle sessions until ctx is done.
func (s *Store) Sweep(ctx context.Context) {
	for {
		timer := time.NewTimer(min(s.limits.Load().TTL/4, time.Minute))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			s.sweep()
		}
	}
}

func (s *Store) sweep() {
	now := s.cfg.Now()
	var idle []*Session
	s.mu.Lock()
	for _, sess := range s.sessions {
		if sess.idle(now) > s.limits.Load().TTL {
			s.forget(sess)
			idle = append(idle, sess)
		}
	}
	s.expired += len(idle)
	s.mu.Unlock()
	for _, sess := range idle {
		sess.close()
	}
	s.shelf.expire()
}

// forget takes sess out. The caller holds mu.
func (s *Store) forget(sess *Session) {
	delete(s.sessions, sess.ID)
	_ = s.count(sess.owner, -len(sess.Tracks())) // fewer are always taken
}

// Close ends every session and whatever the store does by itself.
func (s *Store) Close() {
	s.prewarm.close()
	s.mu.Lock()
	all := s.sessions
	s.sessions, s.tracks = map[string]*Session{}, 0
	clear(s.owners)
	s.mu.Unlock()
	for _, sess := range all {
		sess.close()
	}
}

// Stats are counts since the start, but for Live, Tracks, CacheBytes and
// CacheSlices, which are as of now.
type Stats struct {
	Live, Tracks             int // sessions, and tracks in them
	Created, Expired         int
	Exchanges                int64
	CacheHits, CacheMisses   int64 // of requests for slices
	CacheBytes, CacheSlices  int64
	Prewarmed, PrewarmMisses int64 // slices made ahead, and those dropped because there was too much to do
}

// Stats counts what the store has done.
func (s *Store) Stats() Stats {
	n, bytes := s.shelf.counts()
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Live: len(s.sessions), Tracks: s.tracks, Created: s.created, Expired: s.expired, Exchanges: s.exchanges.Load(),
		CacheHits: s.shelf.hits.Load(), CacheMisses: s.shelf.misses.Load(), CacheBytes: bytes, CacheSlices: n,
		Prewarmed: s.warmed.Load(), PrewarmMisses: s.tooWarm.Load(),
	}
}

// Randomize is whether lengths are randomised in sessions that do not say.
func (s *Store) Randomize() bool { return s.cfg.Randomize }
