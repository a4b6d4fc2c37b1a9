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
	ids    ids
	box    *seal.Box
	native bool // PCM as stored, rather than as protocol v1 can name it
	cut    *cutting
	info   audio.Info
}

// Exchange does the server's half of the key exchange and returns the answer
// to send. The caller calls sent when it is: until then it counts as memory
// in use. Errors: handshake.ErrPublicKey, ErrExchanges, ErrSameIDs, ErrLong,
// ErrFull, and those of opening the track and of waiting. A failed exchange leaves no key.
func (t *Track) Exchange(ctx context.Context, req Ask) (answer *wire.KeyAnswer, sent func(), err error) {
	pair, err := handshake.NewPair()
	if err != nil {
		return nil, nil, err
	}
	key, err := pair.Agree(req.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	defer key.Wipe()
	content, err := t.source.Open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("open the track: %w", err)
	}
	defer content.Close()

	if err := t.cutOnce(content); err != nil {
		return nil, nil, err
	}
	if sent, err = t.session.reserve(ctx); err != nil {
		return nil, nil, err
	}
	e := &exchange{box: seal.NewBox(key), native: req.PCM == wire.PCMNative}
	if err := t.admit(e, content); err != nil {
		sent()
		return nil, nil, err
	}
	t.session.store.exchanges.Add(1)
	return &wire.KeyAnswer{PublicKey: pair.Public(), SessionInfo: t.session.info(t, e), Metadata: wire.V1Metadata()}, sent, nil
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
	track := represent(content.Track(), e.native)
	if err := pack.Check(track, t.cut.plan); err != nil {
		return err
	}
	names, err := t.session.store.cfg.SliceIDs.name(t.seed, t.cut.plan.Len())
	if err != nil {
		return err
	}
	if made, ok := names.(stored); ok && slices.ContainsFunc(t.exchanges, made.overlaps) {
		return ErrSameIDs
	}
	e.cut, e.ids = t.cut, names
	e.info = track.Info()
	e.info.Pictures, e.info.Details = nil, nil // not for the wire; they would only take memory
	e.info.Damage = slices.Clone(e.info.Damage[:min(len(e.info.Damage), 1)])
	t.exchanges = append(t.exchanges, e)
	return nil
}

// cutOnce cuts the track at the first exchange and holds later ones to the
// same content.
func (t *Track) cutOnce(content Content) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrNoSession
	}
	if t.cut != nil {
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
	info := content.Track().Info()
	cut, err := t.session.store.cuts.take(content, slicer.Options{
		Millis: pack.Millis(info, cfg.Millis), Randomize: t.session.Randomize, Variance: variance, Seed: t.seed,
	})
	if err != nil {
		return err
	}
	if n := int64(cut.plan.Len()); t.session.slices.Add(n) > MaxSlices {
		t.session.slices.Add(-n)
		t.session.store.cuts.drop(cut)
		return ErrLong
	}
	t.version, t.cut = content.Version(), cut
	if info.DamageN > 0 && len(info.Damage) > 0 {
		cfg.Logger.Warn("the track is damaged; what cannot be read is left out or silent", "session", t.session,
			"places", info.DamageN, "at", info.Damage[0].Off, "what", info.Damage[0].What)
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
	need := e.need(i)
	turn, err := s.store.takeTurn(ctx, need)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	slice, err := s.store.make(e, content, i, need)
	if err != nil {
		return nil, err
	}
	turn.pass(slice)
	return slice, nil
}

// turn is a core, and room in memory, to make a slice.
type turn struct {
	store *Store
	room  int64
}

// takeTurn waits for a core and for the room of a buffer for need bytes. The
// caller calls end.
func (s *Store) takeTurn(ctx context.Context, need int64) (*turn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := &turn{s, bufferSize(need)}
	if err := s.room.Acquire(ctx, t.room); err != nil {
		return nil, err
	}
	select {
	case s.slots <- struct{}{}:
		return t, nil
	case <-ctx.Done():
		s.room.Release(t.room)
		return nil, ctx.Err()
	}
}

// pass hands the room over to slice, until that is sent.
func (t *turn) pass(slice *Slice) {
	slice.store, slice.room = t.store, t.room
	t.room = 0
}

// end gives the core back and, if the slice did not come about, its room.
func (t *turn) end() {
	<-t.store.slots
	t.store.room.Release(t.room)
}

func (s *Store) make(e *exchange, content Content, i int, need int64) (*Slice, error) {
	track := represent(content.Track(), e.native)
	p := pack.NewPacker(track, e.cut.plan, s.level(track.Info().Codec), e.box)
	buf := takeBuffer(need)
	body, err := p.Append(*buf, content, i)
	if err == nil {
		err = content.Check()
	}
	if err != nil {
		giveBuffer(buf, *buf)
		return nil, err
	}
	return &Slice{Body: body, Index: i, Format: string(e.info.Container), buf: buf}, nil
}

// need is the most bytes the body of slice i takes: never much more than it
// does, for it is kept free as long as the slice waits to be sent.
func (e *exchange) need(i int) int64 {
	const rest = 320 << 10 // headers up to 256 KiB in Ogg, reservoir, preroll
	from, to := e.cut.plan.Bounds(i)
	n := to.Off - from.Off
	if !e.native {
		n *= 2 // 8-bit samples are widened
	}
	extra := int64(rest)
	if e.info.Codec == audio.PCM {
		extra = 16 << 10 // of stored blocks and the seal
	}
	return min(n+n/1024+extra, maxBuffer)
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
	cut := t.cut
	t.exchanges, t.cut, t.closed = nil, nil, true
	t.mu.Unlock()
	if cut != nil {
		t.session.store.cuts.drop(cut)
	}
	return t.source.Close()
}
