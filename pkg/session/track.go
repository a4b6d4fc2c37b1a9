package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/format/wav"
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
	ID string

	session *Session
	source  Source
	seed    string

	mu        sync.Mutex
	version   string
	cut       *cutting    // nil before the first exchange
	exchanges []*exchange // oldest first
	worn      []nanoids   // of keys that have served their time, the last ones
	coming    int         // exchanges under way that rely on cut
	closed    bool
}

// exchange is what one key exchange agreed: a key and a set of slice IDs of
// its own. A slice ID therefore names the key too, and several listeners on
// one session all hear it. It has no copy of the file's index.
type exchange struct {
	ids   ids
	box   *seal.Box
	codec compress.Codec
	form  form
	cut   *cutting
	info  audio.Info

	// Of protocol v2.
	v2     bool
	bound  *pack.Binding
	head   int // bytes that a slice of PCM has besides its samples
	made   time.Time
	served atomic.Int64

	// Guarded by the shelf's mu.
	kept   map[int]*sealed // by slice
	making map[int]*making
	gone   bool // it ended: nothing is kept any more
}

// form is how a track's sound is stored in slices.
type form int

const (
	plain   form = iota // as protocol v1 can name it
	native              // PCM as the file stores it
	decoded             // PCM, where the client does not take the codec
)

// Exchange does the server's half of the key exchange and returns the answer
// to send. The caller calls sent when it is: until then it counts as memory
// in use. Errors: handshake.ErrPublicKey, ErrExchanges, ErrSameIDs, ErrLong,
// ErrFull, and those of opening the track and of waiting. A failed
// exchange leaves nothing behind.
func (t *Track) Exchange(ctx context.Context, req Ask) (answer *wire.KeyAnswer, sent func(), err error) {
	half, err := t.session.store.cfg.Exchange.New()
	if err != nil {
		return nil, nil, err
	}
	key, err := half.Agree(req.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	defer key.Wipe()
	box, err := seal.NewBoxWith(t.session.store.cfg.Cipher, key)
	if err != nil {
		return nil, nil, err
	}
	e := &exchange{box: box}
	if req.PCM == wire.PCMNative {
		e.form = native
	}
	_, release, err := t.join(ctx, e, req)
	if err != nil {
		return nil, nil, err
	}
	store := t.session.store
	answer = &wire.KeyAnswer{PublicKey: half.Public(), SessionInfo: t.session.info(t, e), Metadata: wire.Metadata(store.cfg.Exchange.Name())}
	return answer, func() { release(); store.prewarm.add(t, e) }, nil
}

// join makes e, which has a key, one of the track's live exchanges. It returns
// what the track is, and what gives back the memory set aside for the answer.
func (t *Track) join(ctx context.Context, e *exchange, req Ask) (info audio.Info, release func(), err error) {
	content, err := t.source.Open(ctx)
	if err != nil {
		return info, nil, fmt.Errorf("open the track: %w", err)
	}
	defer content.Close()

	if err := t.cutOnce(content); err != nil {
		return info, nil, err
	}
	defer t.settle()
	if release, err = t.session.reserve(ctx); err != nil {
		return info, nil, err
	}
	info = content.Track().Info()
	if info.Codec != audio.PCM && req.Decodes != nil && !req.Decodes(info.Codec) {
		e.form = decoded
	}
	if err := t.admit(e, content, req.TrackID); err != nil {
		release()
		return info, nil, err
	}
	t.session.store.exchanges.Add(1)
	return info, release, nil
}

// admit fills e from the content and adds it to the live exchanges. asked is what
// the client calls the track.
func (t *Track) admit(e *exchange, content Content, asked string) error {
	t.dropWorn()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return t.session.over()
	}
	if len(t.exchanges) >= MaxExchanges {
		return ErrExchanges
	}
	track, err := t.session.store.represent(content.Track(), e.form)
	if e.form == decoded && errors.Is(err, audio.ErrUnsupported) {
		e.form = native // nobody decodes it here; the client may take more than is known of it
		track, err = t.session.store.represent(content.Track(), e.form)
	}
	if err != nil {
		return err
	}
	if err := pack.Check(track, t.cut.plan); err != nil {
		return err
	}
	make := t.session.store.cfg.SliceIDs
	if e.v2 {
		make = nil // random ones: a key that replaces another has other IDs
	}
	names, err := make.name(t.seed, t.cut.plan.Len())
	if err != nil {
		return err
	}
	if made, ok := names.(stored); ok {
		if slices.ContainsFunc(t.exchanges, made.overlaps) {
			return ErrSameIDs
		}
		if err := t.session.store.cuts.charge(t.session.owner, len(made.names)); err != nil {
			return err
		}
	}
	e.cut, e.ids = t.cut, names
	e.info = track.Info()
	e.codec = pack.Compression(e.info.Codec, t.session.store.cfg.Compression)
	if e.v2 {
		e.codec = pack.CompressionV2(e.info.Codec, t.session.store.cfg.Compression)
	}
	if e.form == decoded && e.codec.Name() == compress.NameDeflate {
		e.codec = t.session.store.usual // protocol v1 section 4: whatever the level of the rest
	}
	e.info.Pictures, e.info.Details = nil, nil // not for the wire; they would only take memory
	e.info.Damage = slices.Clone(e.info.Damage[:min(len(e.info.Damage), 1)])
	if e.v2 {
		e.bind(t, track, asked)
	}
	t.exchanges = append(t.exchanges, e)
	return nil
}

// dropWorn ends the exchanges whose keys have served their time. Where as many
// are left as there may be, the oldest goes whose listener was told to agree on
// another key, for as a rule that was done.
func (t *Track) dropWorn() {
	t.mu.Lock()
	all := slices.Clone(t.exchanges)
	t.mu.Unlock()
	var told *exchange
	left := 0
	for _, e := range all {
		switch t.session.store.worn(e) {
		case 2:
			t.retire(e)
			continue
		case 1:
			told = cmp.Or(told, e)
		}
		left++
	}
	if left >= MaxExchanges && told != nil {
		t.retire(told)
	}
}

// cutOnce cuts the track at the first exchange and holds later ones to the
// same content. Without an error the caller settles afterwards.
func (t *Track) cutOnce(content Content) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return t.session.over()
	}
	if t.cut != nil {
		if content.Version() != t.version {
			return ErrChanged
		}
		t.coming++
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
	}, t.session.owner)
	if err != nil {
		return err
	}
	if err := t.session.hold(cut.plan.Len()); err != nil {
		t.session.store.cuts.drop(cut)
		return err
	}
	t.version, t.cut = content.Version(), cut
	t.coming++
	if info.DamageN > 0 && len(info.Damage) > 0 {
		cfg.Logger.Warn("the track is damaged; what cannot be read is left out or silent", "session", t.session,
			"places", info.DamageN, "at", info.Damage[0].Off, "what", info.Damage[0].What)
	}
	return nil
}

// settle says that an exchange is over. When none that relied on the cutting
// succeeded, the track is as if nobody had asked.
func (t *Track) settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.coming--; t.coming > 0 || len(t.exchanges) > 0 || t.cut == nil {
		return
	}
	_ = t.session.hold(-t.cut.plan.Len()) // less is never too much
	t.session.store.cuts.drop(t.cut)
	t.version, t.cut = "", nil
}

// over is why a track of the session is closed: the session ended, or it was
// taken out.
func (s *Session) over() error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.store.sessions[s.ID] == s {
		return ErrNoTrack
	}
	return ErrNoSession
}

// represent is track as its slices hold it.
func (s *Store) represent(track audio.Track, f form) (audio.Track, error) {
	switch f {
	case native:
		return track, nil
	case plain:
		return wav.Compatible(track), nil
	}
	if s.cfg.PCM == nil {
		return nil, fmt.Errorf("the client does not take %s: %w", track.Info().Codec, audio.ErrUnsupported)
	}
	return s.cfg.PCM(track)
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

// Slice returns the sealed slice called id, of the track called trackID ("" for
// any). The caller releases it. It is made, unless it is kept or being made; then
// Slice waits, up to patience, when all cores are making slices or those that
// wait for slow listeners fill the memory meant for them. Errors: ErrNoSlice,
// ErrNoTrack, ErrChanged, those of the file, context.DeadlineExceeded when the
// wait was too long, ErrRekey, and ctx's.
func (s *Session) Slice(ctx context.Context, trackID, id string) (*Slice, error) {
	t, e, i, err := s.find(trackID, id)
	if err != nil {
		return nil, err
	}
	worn := s.store.worn(e)
	if worn == 2 {
		t.retire(e)
		return nil, ErrRekey
	}
	k, made, err := s.store.slice(ctx, t, e, i, false)
	if err != nil {
		return nil, err
	}
	e.served.Add(1)
	if made {
		s.store.shelf.misses.Add(1)
	} else {
		s.store.shelf.hits.Add(1)
	}
	return &Slice{Body: k.body, Sum: k.sum, Index: i, Format: string(e.info.Container), Rekey: worn > 0, from: k, shelf: s.store.shelf}, nil
}

// slice returns slice i of e with a reference, and whether this call made it;
// ahead if nobody waits for it.
func (s *Store) slice(ctx context.Context, t *Track, e *exchange, i int, ahead bool) (_ *sealed, made bool, err error) {
	for {
		k, wait, own := s.shelf.lookup(e, i)
		switch {
		case k != nil:
			return k, false, nil
		case own != nil:
			k, err := s.prepare(ctx, t, e, i, own, ahead)
			return k, true, err
		}
		k, err := s.shelf.await(ctx, wait)
		if !errors.Is(err, errAgain) {
			return k, false, err
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
	}
}

// prepare makes slice i of e and settles own, whatever comes.
func (s *Store) prepare(ctx context.Context, t *Track, e *exchange, i int, own *making, ahead bool) (k *sealed, err error) {
	err = errAgain // of a panic below: the next one in line tries again
	defer func() {
		told := err
		if err != nil && (ctx.Err() != nil || errors.Is(err, errBusy)) {
			told = errAgain
		}
		s.shelf.settle(e, i, own, k, told)
	}()
	k, err = s.produce(ctx, t, e, i, ahead)
	return k, err
}

// produce makes slice i of e.
func (s *Store) produce(ctx context.Context, t *Track, e *exchange, i int, ahead bool) (*sealed, error) {
	content, err := t.open(ctx) // before waiting: it may have to read a whole file
	if err != nil {
		return nil, err
	}
	defer content.Close()
	turn, err := s.takeTurn(ctx, t.session.owner, e.need(i), ahead)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	return s.make(e, content, i, turn)
}

// turn is a core, and room in memory, to make a slice.
type turn struct {
	store *Store
	need  int64
	room  grant // none once a slice has it
}

// errBusy stops the making of slices ahead: others need what it takes.
var errBusy = errors.New("there is no room for slices ahead")

// takeTurn waits for a core and for the room of a buffer for need bytes, but
// not for room to make slices ahead. The caller calls end.
func (s *Store) takeTurn(ctx context.Context, owner string, need int64, ahead bool) (_ *turn, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := &turn{store: s, need: need}
	if ahead {
		var ok bool
		if t.room, ok = s.room.try(owner, bufferSize(need)); !ok {
			return nil, errBusy
		}
	} else if t.room, err = s.room.take(ctx, owner, bufferSize(need)); err != nil {
		return nil, err
	}
	select {
	case s.slots <- struct{}{}:
		return t, nil
	case <-ctx.Done():
		t.room.free()
		return nil, ctx.Err()
	}
}

// end gives the core back and, if the slice did not come about, its room.
func (t *turn) end() {
	<-t.store.slots
	t.room.free()
}

// make makes slice i and hands the turn's room over to it.
func (s *Store) make(e *exchange, content Content, i int, turn *turn) (*sealed, error) {
	track, err := s.represent(content.Track(), e.form)
	if err != nil {
		return nil, err
	}
	p := pack.NewBoundPacker(track, e.cut.plan, e.codec, e.box, e.bound, e.v2 && s.cfg.Pad)
	buf := takeBuffer(turn.need)
	body, err := p.Append(*buf, content, i)
	if err == nil {
		err = content.Check()
	}
	if err != nil {
		giveBuffer(buf, *buf)
		return nil, err
	}
	if small := bufferSize(int64(len(body))); small < bufferSize(int64(cap(body))) {
		to := takeBuffer(int64(len(body))) // what compressed well must not hold more than it takes
		moved := append(*to, body...)
		giveBuffer(buf, body)
		body, buf = moved, to
		turn.room.shrink(small)
	}
	k := newSealed(body, buf, turn.room)
	turn.room = grant{}
	return k, nil
}

// need is the most bytes the body of slice i takes: never much more than it
// does, for it is kept free as long as the slice waits to be sent.
func (e *exchange) need(i int) int64 {
	const rest = 320 << 10 // headers up to 256 KiB in Ogg, reservoir, preroll
	from, to := e.cut.plan.Bounds(i)
	n, extra := to.Off-from.Off, int64(rest)
	if e.info.Codec == audio.PCM {
		n = int64(to.At-from.At) * int64(e.info.Channels*e.info.Sample.Bytes())
		extra = 16 << 10 // of stored blocks and the seal
	}
	n = max(n+n/1024, int64(e.codec.Bound(int(n)))) + extra
	if e.v2 {
		n = int64(pack.Padded(int(n))) + seal.Overhead
	}
	return min(n, maxBuffer)
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
	tracks := s.Tracks()
	if trackID != "" {
		t, err := s.Track(trackID)
		if err != nil {
			return nil, nil, 0, err
		}
		tracks = []*Track{t}
	}
	var in *Track
	var e *exchange
	i := 0
	for _, t := range tracks {
		if one, k, ok := t.find(id); ok {
			if in != nil {
				return nil, nil, 0, ErrWhich
			}
			in, e, i = t, one, k
			if _, made := e.ids.(stored); !made {
				break // there is no other
			}
		}
	}
	if in == nil {
		if slices.ContainsFunc(tracks, func(t *Track) bool { return t.wore(id) }) {
			return nil, nil, 0, ErrRekey
		}
		return nil, nil, 0, ErrNoSlice
	}
	return in, e, i, nil
}

func (t *Track) contentVersion() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version
}

// ended says whether the track's session is over.
func (t *Track) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

func (t *Track) close() error {
	t.mu.Lock()
	cut, exchanges := t.cut, t.exchanges
	t.exchanges, t.worn, t.cut, t.closed = nil, nil, nil, true
	t.mu.Unlock()
	for _, e := range exchanges {
		t.forget(e)
	}
	if cut != nil {
		_ = t.session.hold(-cut.plan.Len())
		t.session.store.cuts.drop(cut)
	}
	return t.source.Close()
}
