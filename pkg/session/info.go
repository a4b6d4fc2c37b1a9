package session

import (
	"context"
	"slices"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Info describes the session as its last key exchange did. The caller calls
// sent when the answer is: until then it counts as memory in use. Errors:
// ErrNoKey before the first exchange, and those of waiting. After exchanges by
// protocol v2 alone, a session of several tracks tells their IDs, and one of a
// single track nothing: ErrNoKey.
func (s *Session) Info(ctx context.Context) (info *wire.SessionInfo, sent func(), err error) {
	tracks, multi := s.list()
	for _, t := range tracks {
		if e := t.last(); e != nil {
			if sent, err = s.reserve(ctx); err != nil {
				return nil, nil, err
			}
			return s.info(t, e), sent, nil
		}
	}
	if !multi || !slices.ContainsFunc(tracks, (*Track).agreed) {
		return nil, nil, ErrNoKey
	}
	info = &wire.SessionInfo{SessionID: s.ID, ActiveTrackID: tracks[0].ID, TrackFacts: wire.TrackFacts{SliceIDs: []string{}}}
	for i, t := range tracks {
		info.Tracks = append(info.Tracks, wire.TrackInfo{TrackID: t.ID, TrackIndex: i, TrackFacts: wire.TrackFacts{SliceIDs: []string{}}})
	}
	return info, func() {}, nil
}

// reserve waits for the memory that a description of the session takes, as
// lists and as text, and returns what gives it back.
func (s *Session) reserve(ctx context.Context) (release func(), err error) {
	const track, slice = 4 << 10, 400 // a manifest is text, sealed, and text again
	n := min(int64(len(s.Tracks()))*track+s.slices.Load()*slice, maxShare)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := s.store.room.take(ctx, s.owner, n)
	if err != nil {
		return nil, err
	}
	return got.free, nil
}

// agreed says whether there is a key for the track.
func (t *Track) agreed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.exchanges) > 0
}

// last is the last exchange by protocol v1. What v2 seals in a manifest is
// told nowhere else.
func (t *Track) last() *exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range slices.Backward(t.exchanges) {
		if !e.v2 {
			return e
		}
	}
	return nil
}

// info describes the session to the caller of exchange e on track t. In a
// session of several tracks every track that has had a key exchange is
// described in full, and the top-level fields are those of the first track if
// it had one (protocol v1 section 5).
func (s *Session) info(t *Track, e *exchange) *wire.SessionInfo {
	info := &wire.SessionInfo{SessionID: s.ID, TrackFacts: e.facts(), Duration: e.seconds()}
	tracks, multi := s.list()
	if !multi {
		return info
	}
	info.ActiveTrackID = tracks[0].ID
	for i, other := range tracks {
		ti := wire.TrackInfo{TrackID: other.ID, TrackIndex: i, TrackFacts: wire.TrackFacts{SliceIDs: []string{}}}
		last := e
		if other != t {
			last = other.last()
		}
		if last != nil {
			ti.TrackFacts, ti.Duration = last.facts(), last.seconds()
			ti.Title, ti.Artist, ti.Album = last.info.Tags.Title, last.info.Tags.Artist, last.info.Tags.Album
			if i == 0 {
				info.TrackFacts, info.Duration = ti.TrackFacts, ti.Duration
			}
		}
		info.Tracks = append(info.Tracks, ti)
	}
	return info
}

func (e *exchange) seconds() float64 { return e.info.Duration().Seconds() }

func (e *exchange) facts() wire.TrackFacts {
	i := e.info
	var damage *wire.Damage
	if len(i.Damage) > 0 {
		damage = &wire.Damage{Count: i.DamageN, Offset: i.Damage[0].Off, What: i.Damage[0].What}
	}
	compression, cipher := other(e.codec.Name(), compress.NameDeflate), other(e.box.Cipher(), seal.NameAES256GCM)
	if e.v2 {
		compression, cipher = e.codec.Name(), e.box.Cipher()
	}
	return wire.TrackFacts{
		Damage:      damage,
		Speakers:    unusual(i),
		Compression: compression, Cipher: cipher,
		TotalSlices: e.cut.plan.Len(), SliceMillis: e.cut.plan.Millis,
		SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth,
		SliceIDs: e.ids.list(), Format: string(i.Container), IsFloat32: i.Sample == audio.F32,
		Codec: string(i.Codec), Sample: string(i.Sample),
		TotalSamples: int64(i.Frames), Written: e.written(),
	}
}

// written are the slices as they stand in an answer. What was decoded has no
// preroll any more, so it does not share what the cutting has at hand.
func (e *exchange) written() string {
	if e.form != decoded {
		return e.cut.written
	}
	spans := make([]wire.Slice, e.cut.plan.Len())
	for i := range spans {
		from, to := e.cut.plan.Bounds(i)
		spans[i] = wire.Slice{Start: from.At, Samples: to.At - from.At}
	}
	return wire.EncodeSlices(spans)
}

// unusual is where the channels belong, if that is not where as many usually do.
func unusual(i audio.Info) uint32 {
	if s := i.Speakers.For(i.Channels); s != audio.UsualSpeakers(i.Channels) {
		return uint32(s)
	}
	return 0
}
