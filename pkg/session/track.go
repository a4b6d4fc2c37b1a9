package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// Track is one track of a session. The track is read and cut at its first
// key exchange.
type Track struct {
	ID string

	session *Session
	source  Source
	seed    string

	mu        sync.Mutex
	version   string      // "" before the first exchange
	cut       *cutting    // nil while no exchange relies on it
	begun     bool        // an exchange succeeded: the content is this version for good
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
		box.Wipe()
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
	names, err := t.name(e)
	if err != nil {
		return err
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
	t.exchanges, t.begun = append(t.exchanges, e), true
	if ids, ok := names.(nanoids); ok {
		t.session.names.know(ids, t, e)
	}
	return nil
}

// name makes the slice IDs of e, which counts as one of the session's live keys
// from then on. The caller holds mu.
func (t *Track) name(e *exchange) (names ids, err error) {
	if t.session.keys.Add(1) > MaxKeys {
		err = ErrExchanges
	}
	defer func() {
		if err != nil {
			t.session.keys.Add(-1)
		}
	}()
	if err != nil {
		return nil, err
	}
	store, n := t.session.store, t.cut.plan.Len()
	if e.v2 || store.cfg.SliceIDs == nil { // random ones: a key that replaces another has other IDs
		return t.session.names.next(n), nil
	}
	made, err := store.cfg.SliceIDs.name(t.seed, n)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(t.exchanges, made.overlaps) {
		return nil, ErrSameIDs
	}
	return made, store.cuts.charge(t.session.owner, n)
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
	if t.version != "" && content.Version() != t.version {
		return ErrChanged
	}
	if t.cut != nil {
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
	t.coming--
	t.letGo()
}

// letGo lets go of the cutting when no exchange relies on it, live or under way.
// Another exchange cuts anew, and alike. The caller holds mu.
func (t *Track) letGo() {
	if t.coming > 0 || len(t.exchanges) > 0 || t.cut == nil {
		return
	}
	_ = t.session.hold(-t.cut.plan.Len()) // less is never too much
	t.session.store.cuts.drop(t.cut)
	if t.cut = nil; !t.begun {
		t.version = ""
	}
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

// find returns the exchange and index a slice ID that a generator made belongs to.
func (t *Track) find(id string) (*exchange, int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.exchanges {
		if made, ok := e.ids.(stored); ok {
			if i, ok := made.find(id); ok {
				return e, i, true
			}
		}
	}
	return nil, 0, false
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
	cut, exchanges, worn := t.cut, t.exchanges, t.worn
	t.exchanges, t.worn, t.cut, t.closed = nil, nil, nil, true
	t.mu.Unlock()
	for _, e := range exchanges {
		if ids, ok := e.ids.(nanoids); ok {
			worn = append(worn, ids)
		}
		t.forget(e)
	}
	for _, ids := range worn {
		t.session.names.forget(ids)
	}
	if cut != nil {
		_ = t.session.hold(-cut.plan.Len())
		t.session.store.cuts.drop(cut)
	}
	return t.source.Close()
}
