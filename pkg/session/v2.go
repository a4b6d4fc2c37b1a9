package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Errors of protocol v2.
var (
	ErrProtocol = errors.New("the server does not speak this protocol")
	ErrRekey    = errors.New("the key has served its time")
)

// Named is a Source that clients ask for by a name: the ID of a track in a
// library. Protocol v2 tells it, so that a client knows that it got what it asked
// for.
type Named interface{ Name() string }

// Rekey says how long one key of protocol v2 serves. Clients are asked to agree
// on another when it is worn, and made to at twice that. The zero value of a
// field means for ever.
type Rekey struct {
	After  time.Duration
	Slices int
}

// suites are the ciphers of protocol v2.
var suites = []string{seal.NameAES256GCM, seal.NameChaCha20Poly1305}

// ExchangeV2 is Exchange by protocol v2. Errors: ErrProtocol when the store has no
// identity, handshake.ErrSuites, and those of Exchange.
func (t *Track) ExchangeV2(ctx context.Context, req Ask) (answer *wire.SealedAnswer, sent func(), err error) {
	store := t.session.store
	if store.cfg.Identity == nil {
		return nil, nil, ErrProtocol
	}
	offer, err := req.offer(t.session.ID)
	if err != nil {
		return nil, nil, err
	}
	reply, keys, err := handshake.Accept(offer, store.cfg.Identity, suites...)
	if err != nil {
		return nil, nil, err
	}
	defer keys.Wipe()
	cipher, err := seal.Lookup(reply.Suite)
	if err != nil {
		return nil, nil, err
	}
	box, err := seal.NewBound(cipher, keys.Slice)
	if err != nil {
		return nil, nil, err
	}
	e := &exchange{box: box, form: native, v2: true, made: store.cfg.Now()}
	info, release, err := t.join(ctx, e, req)
	if err != nil {
		box.Wipe()
		return nil, nil, err
	}
	answer = &wire.SealedAnswer{
		Protocol: handshake.V2, Suite: reply.Suite, PublicKey: reply.PublicKey, MLKEM: reply.MLKEM,
		Identity: reply.Identity, Signature: reply.Signature,
	}
	if answer.Manifest, err = t.manifest(e, info, req.TrackID, cipher, keys.Manifest); err != nil {
		t.retire(e)
		release()
		return nil, nil, err
	}
	return answer, func() { release(); store.prewarm.add(t, e) }, nil
}

// offer is the client's half in a request.
func (a Ask) offer(session string) (*handshake.Offer, error) {
	public, err := base64.StdEncoding.Strict().DecodeString(a.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64", handshake.ErrPublicKey)
	}
	kem, err := base64.StdEncoding.Strict().DecodeString(a.MLKEM)
	if err != nil {
		return nil, fmt.Errorf("%w: the ML-KEM key is not base64", handshake.ErrPublicKey)
	}
	return &handshake.Offer{Session: session, Track: a.TrackID, PublicKey: public, MLKEM: kem, Suites: a.Suites}, nil
}

// manifest describes the track, sealed for whoever did exchange e and asked for
// the track under this name.
func (t *Track) manifest(e *exchange, info audio.Info, asked string, cipher seal.Cipher, key *seal.Key) ([]byte, error) {
	m := wire.Manifest{
		Version: wire.ManifestVersion, Tags: wire.FromTags(info.Tags), HasCover: len(info.Pictures) > 0, HasLyrics: info.Lyrics.Size > 0,
		HeadBytes: e.head, Padded: t.session.store.cfg.Pad,
		SessionInfo: &wire.SessionInfo{SessionID: t.session.ID, TrackFacts: e.facts(), Duration: e.seconds()},
	}
	if named, ok := t.source.(Named); ok {
		m.Source = named.Name()
	}
	box, err := seal.NewBound(cipher, key)
	if err != nil {
		return nil, err
	}
	defer box.Wipe()
	text, err := m.Append(make([]byte, box.Head()))
	if err != nil {
		return nil, err
	}
	return box.Seal(text, 0, pack.Manifest(t.session.ID, asked)), nil
}

// bind holds the slices of e to their places. track is what they are cut from.
func (e *exchange) bind(t *Track, track audio.Track, asked string) {
	plan := e.cut.plan
	frame := e.info.Channels * e.info.Sample.Bytes()
	if s, ok := track.(interface {
		Size(from, to audio.Cut) int64
	}); ok {
		from, to := plan.Bounds(0)
		n := int(to.At-from.At) * frame
		e.head = int(s.Size(from, to)) - n - n&1 // chunks of RIFF end at even places
	}
	if e.info.Codec != audio.PCM {
		frame = 0
	}
	e.bound = &pack.Binding{
		Session: t.session.ID, Track: asked, Count: plan.Len(), Encoding: string(e.info.Container), Compression: e.codec.Name(),
		ID: e.ids.append,
		Plain: func(i int) int {
			if frame == 0 {
				return 0
			}
			from, to := plan.Bounds(i)
			return pack.Plain(e.head, int(to.At-from.At)*frame)
		},
	}
}

// worn says how far e's key has served its time: 0, 1 when it is to be
// replaced, 2 when it no longer serves.
func (s *Store) worn(e *exchange) int {
	limit, worn := s.cfg.Rekey, 0
	if !e.v2 {
		return 0
	}
	if limit.After > 0 {
		worn = int(min(s.cfg.Now().Sub(e.made)/limit.After, 2))
	}
	if limit.Slices > 0 {
		worn = max(worn, int(min(e.served.Load()/int64(limit.Slices), 2)))
	}
	return worn
}

// retire ends e, whose key has served its time. What the slices were called is
// remembered, so that whoever still asks for them is told what to do.
func (t *Track) retire(e *exchange) {
	t.mu.Lock()
	i := slices.Index(t.exchanges, e)
	if i >= 0 {
		t.exchanges = slices.Delete(slices.Clone(t.exchanges), i, i+1)
		if ids, ok := e.ids.(nanoids); ok {
			t.wear(ids)
		}
		t.letGo()
	}
	t.mu.Unlock()
	if i >= 0 {
		t.forget(e)
	}
}

// maxWorn is how many keys of a track that have served their time are
// remembered: slow listeners may be some behind.
const maxWorn = 4 * MaxExchanges

// wear remembers ids of a key that has served its time, in place of those it
// has remembered longest. The caller holds mu.
func (t *Track) wear(ids nanoids) {
	if len(t.worn) >= maxWorn {
		t.session.names.forget(t.worn[0])
		t.worn = t.worn[1:]
	}
	t.worn = append(t.worn, ids)
	t.session.names.know(ids, t, nil)
}

// forget gives back what e, which is in no list any more, holds.
func (t *Track) forget(e *exchange) {
	t.session.store.shelf.clear(e)
	t.session.keys.Add(-1)
	if made, ok := e.ids.(stored); ok {
		_ = t.session.store.cuts.charge(t.session.owner, -len(made.names)) // less is never too much
	}
}
