package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/format/wav"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
	"secstream/pkg/wire"
)

// makers is how many slices are made at once. One for each core keeps them
// busy; one more covers for a core that waits for the disk.
func makers() int { return runtime.GOMAXPROCS(0) + 1 }

// Track is one track of a session. The track is read and cut at its first
// key exchange.
type Track struct {
	ID    string
	Index int // from 0

	session *Session
	source  Source
	seed    string

	mu        sync.Mutex
	version   string
	cut       *cutting    // nil before the first exchange
	exchanges []*exchange // oldest first
	closed    bool
}

// exchange is what one key exchange agreed: a key and a set of slice IDs of
// its own. A slice ID therefore names the key too, and several listeners on
// one session all hear it. It has no copy of the file's index.
type exchange struct {
	ids    idSet
	box    *seal.Box
	native bool // PCM as stored, rather than as protocol v1 can name it
	cut    *cutting
	info   audio.Info
}

// Exchange does the server's half of the key exchange and returns the answer
// to send. Errors: handshake.ErrPublicKey, ErrExchanges, and those of opening
// the track. A failed exchange leaves nothing behind.
func (t *Track) Exchange(ctx context.Context, req wire.KeyRequest) (*wire.KeyAnswer, error) {
	pair, err := handshake.NewPair()
	if err != nil {
		return nil, err
	}
	key, err := pair.Agree(req.PublicKey)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	content, err := t.source.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the track: %w", err)
	}
	defer content.Close()

	e := &exchange{box: seal.NewBox(key), native: req.PCM == wire.PCMNative}
	if err := t.admit(e, content); err != nil {
		return nil, err
	}
	t.session.store.exchanges.Add(1)
	return &wire.KeyAnswer{PublicKey: pair.Public(), SessionInfo: t.session.info(t, e), Metadata: wire.V1Metadata()}, nil
}

// admit fills e from the content and adds it to the live exchanges.
func (t *Track) admit(e *exchange, content Content) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrNoSession
	}
	if len(t.exchanges) >= MaxExchanges {
		return ErrExchanges
	}
	if err := t.cutOnce(content); err != nil {
		return err
	}
	track := represent(content.Track(), e.native)
	if err := pack.Check(track, t.cut.plan); err != nil {
		return err
	}
	e.cut, e.ids = t.cut, newIDs(t.cut.plan.Len())
	e.info = track.Info()
	e.info.Pictures, e.info.Details = nil, nil // not for the wire; they would only take memory
	e.info.Damage = slices.Clone(e.info.Damage[:min(len(e.info.Damage), 1)])
	t.exchanges = append(t.exchanges, e)
	return nil
}

// cutOnce cuts the track at the first exchange and holds later ones to the
// same content.
func (t *Track) cutOnce(content Content) error {
	if t.version != "" {
		if content.Version() != t.version {
			return ErrChanged
		}
		return nil
	}
	cfg := t.session.store.cfg
	variance := cfg.Variance
	if variance == 0 {
		variance = DefaultVariance
	}
	cut, err := t.session.store.cuts.cut(content, slicer.Options{
		Millis: pack.Millis(content.Track().Info(), cfg.Millis), Randomize: t.session.Randomize, Variance: variance, Seed: t.seed,
	})
	if err != nil {
		return err
	}
	t.version, t.cut = content.Version(), cut
	if i := content.Track().Info(); i.DamageN > 0 && len(i.Damage) > 0 {
		t.session.store.cfg.Logger.Warn("the track is damaged; what cannot be read is left out", "session", t.session,
			"places", i.DamageN, "at", i.Damage[0].Off, "what", i.Damage[0].What)
	}
	return nil
}

// represent chooses how samples are stored in slices.
func represent(track audio.Track, native bool) audio.Track {
	if native {
		return track
	}
	return wav.Compatible(track)
}

// find returns the exchange and index a slice ID belongs to.
func (t *Track) find(id string) (*exchange, int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.exchanges {
		if i, ok := e.ids.find(id); ok {
			return e, i, true
		}
	}
	return nil, 0, false
}

// Slice is a sealed slice, in a buffer that goes back when Release is called.
type Slice struct {
	Body  []byte
	Index int
	buf   *[]byte
	store *Store
	room  int64
}

// Release gives the buffer and its room in memory back. The buffer holds
// nothing in the clear.
func (s *Slice) Release() {
	*s.buf = s.Body[:0]
	buffers.Put(s.buf)
	s.store.room.Release(s.room)
	s.Body = nil
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// patience is how long a request waits for its turn.
const patience = 20 * time.Second

// Slice makes the sealed slice called id, of the track called trackID ("" for
// any). The caller releases it. It waits, up to patience, when all cores are
// making slices or those that wait for slow listeners fill the memory meant
// for them. Errors: ErrNoSlice, ErrNoTrack, ErrChanged, those of the file,
// context.DeadlineExceeded when the wait was too long, and ctx's.
func (s *Session) Slice(ctx context.Context, trackID, id string) (*Slice, error) {
	t, e, i, err := s.find(trackID, id)
	if err != nil {
		return nil, err
	}
	content, err := t.open(ctx) // before waiting: it may have to read a whole file
	if err != nil {
		return nil, err
	}
	defer content.Close()
	room := e.room(i)
	release, err := s.store.takeTurn(ctx, room)
	if err != nil {
		return nil, err
	}
	defer release()
	slice, err := s.store.make(e, content, i)
	if err != nil {
		s.store.room.Release(room)
		return nil, err
	}
	slice.room = room
	return slice, nil
}

// takeTurn waits for a core and for room bytes of memory. The caller calls
// release when the slice is made, and gives the memory back when it is sent.
func (s *Store) takeTurn(ctx context.Context, room int64) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.room.Acquire(ctx, room); err != nil {
		return nil, err
	}
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		s.room.Release(room)
		return nil, ctx.Err()
	}
}

func (s *Store) make(e *exchange, content Content, i int) (*Slice, error) {
	track := represent(content.Track(), e.native)
	p := pack.NewPacker(track, e.cut.plan, s.level(track.Info().Codec), e.box)
	buf := buffers.Get().(*[]byte)
	body, err := p.Append((*buf)[:0], content, i)
	if err == nil {
		err = content.Check()
	}
	if err != nil {
		buffers.Put(buf)
		return nil, err
	}
	return &Slice{Body: body, Index: i, buf: buf, store: s}, nil
}

// room is about how many bytes the body of slice i takes.
func (e *exchange) room(i int) int64 {
	const rest = 64 << 10 // headers, reservoir, preroll
	from, to := e.cut.plan.Bounds(i)
	n := to.Off - from.Off
	if !e.native {
		n *= 2 // 8-bit samples are widened
	}
	return min(n+rest, maxRoom)
}

// open opens the content the session began with.
func (t *Track) open(ctx context.Context) (Content, error) {
	content, err := t.source.Open(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrChanged, err) // it was there once
	}
	if err != nil {
		return nil, fmt.Errorf("open the track: %w", err)
	}
	if content.Version() != t.contentVersion() {
		return nil, errors.Join(ErrChanged, content.Close())
	}
	return content, nil
}

func (s *Session) find(trackID, id string) (*Track, *exchange, int, error) {
	tracks := s.tracks
	if trackID != "" {
		t, err := s.Track(trackID)
		if err != nil {
			return nil, nil, 0, err
		}
		tracks = []*Track{t}
	}
	for _, t := range tracks {
		if e, i, ok := t.find(id); ok {
			return t, e, i, nil
		}
	}
	return nil, nil, 0, ErrNoSlice
}

// level is the deflater for a codec: stored for what is compressed already.
func (s *Store) level(codec audio.Codec) *compress.Deflater {
	if pack.Level(codec, s.deflate.Level()) == compress.MinLevel {
		return s.stored
	}
	return s.deflate
}

func (t *Track) contentVersion() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version
}

func (t *Track) close() error {
	t.mu.Lock()
	t.exchanges, t.closed = nil, true
	t.mu.Unlock()
	return t.source.Close()
}
