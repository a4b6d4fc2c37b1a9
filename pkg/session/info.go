package session

import (
	"secstream/pkg/audio"
	"secstream/pkg/slicer"
	"secstream/pkg/wire"
	"sync"
)

// Info describes the session as its last key exchange did. ok is false
// before the first one.
func (s *Session) Info() (info *wire.SessionInfo, ok bool) {
	for _, t := range s.tracks {
		if e := t.last(); e != nil {
			return s.info(t, e), true
		}
	}
	return nil, false
}

func (t *Track) last() *exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.exchanges) == 0 {
		return nil
	}
	return t.exchanges[len(t.exchanges)-1]
}

// info describes the session to the caller of exchange e on track t. In a
// session of several tracks every track that has had a key exchange is
// described in full, and the top-level fields are those of the first track if
// it had one (protocol v1 section 5).
func (s *Session) info(t *Track, e *exchange) *wire.SessionInfo {
	info := &wire.SessionInfo{SessionID: s.ID, TrackFacts: e.facts(), Duration: e.seconds()}
	if !s.Multi {
		return info
	}
	info.ActiveTrackID = s.tracks[0].ID
	for _, other := range s.tracks {
		ti := wire.TrackInfo{TrackID: other.ID, TrackIndex: other.Index, TrackFacts: wire.TrackFacts{SliceIDs: []string{}}}
		last := e
		if other != t {
			last = other.last()
		}
		if last != nil {
			ti.TrackFacts, ti.Duration = last.facts(), last.seconds()
			ti.Title, ti.Artist, ti.Album = last.info.Tags.Title, last.info.Tags.Artist, last.info.Tags.Album
			if other.Index == 0 {
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
	return wire.TrackFacts{
		Damage:      damage,
		TotalSlices: e.cut.plan.Len(), SliceMillis: e.cut.plan.Millis,
		SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth,
		SliceIDs: e.ids.list(), Format: string(i.Container), IsFloat32: i.Sample == audio.F32,
		Codec: string(i.Codec), Sample: string(i.Sample),
		TotalSamples: int64(i.Frames), Slices: e.cut.spans, Written: e.cut.written,
	}
}

// cutting is a track cut into slices, as the packer and as the wire have it.
// It is shared and never changes.
type cutting struct {
	plan    slicer.Plan
	spans   []wire.Slice
	written string // spans as text
}

func cutTrack(track audio.Track, o slicer.Options) (*cutting, error) {
	plan, err := slicer.Make(track.Cuts(), track.Info().SampleRate, o)
	if err != nil {
		return nil, err
	}
	c := &cutting{plan: plan, spans: make([]wire.Slice, plan.Len())}
	for i := range c.spans {
		from, to := plan.Bounds(i)
		c.spans[i] = wire.Slice{Start: from.At, Samples: to.At - from.At, Preroll: track.Preroll(from)}
	}
	c.written = wire.EncodeSlices(c.spans)
	return c, nil
}

// cutCache shares cuttings between sessions that cut the same content alike,
// which all do unless lengths are randomised.
type cutCache struct {
	mu    sync.Mutex
	byKey map[cutKey]*cutting
	size  int // slices in all
}

type cutKey struct {
	version string
	millis  int
}

// maxCached bounds the cache, in slices of some 100 bytes; when it is full it
// starts again, which costs one cheap computation a track.
const maxCached = 100_000

func (c *cutCache) cut(content Content, o slicer.Options) (*cutting, error) {
	if o.Randomize {
		return cutTrack(content.Track(), o)
	}
	k := cutKey{content.Version(), o.Millis}
	c.mu.Lock()
	cut := c.byKey[k]
	c.mu.Unlock()
	if cut != nil {
		return cut, nil
	}
	cut, err := cutTrack(content.Track(), o)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.byKey[k]; other != nil {
		return other, nil
	}
	if c.size += len(cut.spans); c.size > maxCached {
		clear(c.byKey)
		c.size = len(cut.spans)
	}
	c.byKey[k] = cut
	return cut, nil
}
