package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Track is one track opened for playing: a session of its own, with its own
// key. It satisfies player.Source. Slice and Release are for one goroutine;
// Close may be called from any.
type Track struct {
	c       *Client
	session string
	asked   string // the track's ID in the library
	info    audio.Info
	spans   []wire.Slice

	keys  atomic.Pointer[keys]
	rekey chan struct{} // holds a token while no key is being agreed on

	ctx    context.Context // ends with Close; fetches ahead outlive the call that began them
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once

	mu      sync.Mutex // guards fetches
	fetches map[int]*fetch
}

// fetch is one slice on its way, or here.
type fetch struct {
	done   chan struct{} // closed when plain and err are set
	cancel context.CancelFunc
	plain  []byte
	err    error
}

// Open creates a session on the library track called id and agrees on a key.
// tags, of the library list, describe the track where the server does not do so
// under a seal, as protocol v2 does.
func (c *Client) Open(ctx context.Context, id string, tags audio.Tags) (*Track, error) {
	var created wire.CreateAnswer
	if err := c.json(ctx, http.MethodPost, "/api/sessions", wire.CreateRequest{Tracks: []string{id}}, &created, maxSmall); err != nil {
		return nil, fmt.Errorf("open a session on %s: %w", c.name, err)
	}
	t := &Track{c: c, session: created.SessionID, asked: id, fetches: map[int]*fetch{}, rekey: make(chan struct{}, 1)}
	t.rekey <- struct{}{}
	t.ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.info.Tags = tags
	if err := t.exchange(ctx); err != nil {
		_ = t.Close() // the failed exchange is what the caller reports
		return nil, fmt.Errorf("key exchange with %s: %w", c.name, err)
	}
	return t, nil
}

func (t *Track) path(rest string) string {
	return "/api/sessions/" + url.PathEscape(t.session) + rest
}

const exchangePath = "/key-exchange"

func (t *Track) exchange(ctx context.Context) error {
	how := t.exchangeV2
	if t.c.v1 {
		how = t.exchangeV1
	}
	k, err := how(ctx)
	if err == nil {
		t.keys.Swap(k).retire()
	}
	return err
}

// renew agrees on another key in place of old, whose time is over, unless that
// was done by somebody else meanwhile.
func (t *Track) renew(ctx context.Context, old *keys) error {
	select {
	case <-t.rekey:
		defer func() { t.rekey <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if t.keys.Load() != old {
		return nil
	}
	return t.exchange(ctx)
}

// renewSoon does so behind the scene, and is not sorry if it cannot: the key
// serves a while yet.
func (t *Track) renewSoon(old *keys) {
	select {
	case <-t.rekey:
	default:
		return // somebody is at it
	}
	t.wg.Go(func() {
		defer func() { t.rekey <- struct{}{} }()
		if t.keys.Load() == old {
			_ = t.exchange(t.ctx)
		}
	})
}

func (t *Track) exchangeV1(ctx context.Context) (*keys, error) {
	pieces := &t.c.pieces
	half, err := pieces.exchange.New()
	if err != nil {
		return nil, err
	}
	var answer wire.KeyAnswer
	req := wire.KeyRequest{PublicKey: half.Public(), PCM: wire.PCMNative, Metadata: wire.Metadata(pieces.exchange.Name())}
	if err := t.c.json(ctx, http.MethodPost, t.path(exchangePath), req, &answer, maxKeys); err != nil {
		return nil, err
	}
	if err := pieces.agreed(answer.Metadata); err != nil {
		return nil, err
	}
	key, err := half.Agree(answer.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	defer key.Wipe()
	if err := t.take(answer.SessionInfo); err != nil {
		return nil, err
	}
	k := &keys{ids: answer.SessionInfo.SliceIDs}
	k.codec, k.unpack, err = pieces.unpacker(&answer.SessionInfo.TrackFacts, key)
	return k, err
}

// Bounds on what a server may claim.
const (
	maxRate     = 1<<32 - 1 // Hz
	maxChannels = 255
	maxPreroll  = 1 << 20 // frames
	maxSeconds  = 1 << 31 // 68 years
	maxSlices   = 1 << 20
)

// take checks what the server says of the track before anything relies on it:
// the slices must cover the track without gap or overlap.
func (t *Track) take(s *wire.SessionInfo) error {
	if s == nil {
		return fmt.Errorf("%w: no session info", ErrProtocol)
	}
	if len(s.Slices) != len(s.SliceIDs) || len(s.Slices) == 0 || len(s.Slices) > maxSlices {
		return fmt.Errorf("%w: %d slice IDs for %d slices", ErrProtocol, len(s.SliceIDs), len(s.Slices))
	}
	if err := known(&s.TrackFacts); err != nil {
		return err
	}
	if s.SampleRate < 1 || int64(s.SampleRate) > maxRate || s.Channels < 1 || s.Channels > maxChannels || s.BitDepth < 0 || s.BitDepth > 64 {
		return fmt.Errorf("%w: %d Hz, %d channels, %d bits", ErrProtocol, s.SampleRate, s.Channels, s.BitDepth)
	}
	var at audio.Frames
	for i, sl := range s.Slices {
		if sl.Start != at || sl.Samples <= 0 || sl.Samples > 1<<40 || sl.Preroll < 0 || sl.Preroll > maxPreroll {
			return fmt.Errorf("%w: slice %d starts at %d with %d samples", ErrProtocol, i, sl.Start, sl.Samples)
		}
		if sl.Preroll > 0 && audio.Container(s.Format) == audio.RIFF {
			return fmt.Errorf("%w: slice %d, a RIFF file of PCM, has %d samples of preroll", ErrProtocol, i, sl.Preroll)
		}
		at += sl.Samples
	}
	if int64(at)/int64(s.SampleRate) > maxSeconds {
		return fmt.Errorf("%w: a track of %d frames at %d Hz", ErrProtocol, at, s.SampleRate)
	}
	if int64(at) != s.TotalSamples {
		return fmt.Errorf("%w: slices of %d samples for a track of %d", ErrProtocol, at, s.TotalSamples)
	}
	info := audio.Info{
		Container: audio.Container(s.Format), Codec: audio.Codec(s.Codec), Sample: audio.Sample(s.Sample),
		SampleRate: s.SampleRate, Channels: s.Channels, BitDepth: s.BitDepth, Frames: at,
	}
	if t.spans != nil {
		return t.same(info, s.Slices)
	}
	info.Tags = t.info.Tags
	t.spans, t.info = s.Slices, info
	if d := s.Damage; d != nil && d.Count > 0 {
		t.info.DamageN, t.info.Damage = d.Count, []audio.Damage{{Off: d.Offset, What: d.What}}
	}
	return nil
}

// same holds a server that agreed on another key to what it said before.
func (t *Track) same(now audio.Info, spans []wire.Slice) error {
	was := t.info
	if now.Container != was.Container || now.Codec != was.Codec || now.Sample != was.Sample || now.SampleRate != was.SampleRate ||
		now.Channels != was.Channels || now.BitDepth != was.BitDepth || !slices.Equal(spans, t.spans) {
		return fmt.Errorf("%w: with another key it is another track", ErrProtocol)
	}
	return nil
}

// known refuses names that no server of protocol v1 uses: screens show them.
// Published servers send no codec, and call a format unknown. An error shows
// no more of a name than tells it.
func known(s *wire.TrackFacts) error {
	switch audio.Container(s.Format) {
	case audio.WAV, audio.MP3, audio.FLAC, audio.Ogg, "unknown", "":
	case audio.RIFF:
		if audio.Codec(s.Codec) != audio.PCM {
			return fmt.Errorf("%w: format riff with codec %.32q", ErrProtocol, s.Codec)
		}
	default:
		return fmt.Errorf("%w: there is no format %.32q", ErrProtocol, s.Format)
	}
	switch audio.Codec(s.Codec) {
	case audio.PCM, audio.Layer3, audio.Flac, audio.Vorbis, audio.Opus, "":
	default:
		return fmt.Errorf("%w: there is no codec %.32q", ErrProtocol, s.Codec)
	}
	if pcm := audio.Codec(s.Codec) == audio.PCM; (pcm || s.Sample != "") && audio.Sample(s.Sample).Bytes() == 0 {
		return fmt.Errorf("%w: there are no samples of kind %.32q", ErrProtocol, s.Sample)
	}
	return nil
}

// Info describes the track.
func (t *Track) Info() audio.Info { return t.info }

// Params are what decode needs for each slice.
func (t *Track) Params() decode.Params {
	i := t.info
	return decode.Params{Codec: i.Codec, Sample: i.Sample, SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth}
}

// Len is the number of slices.
func (t *Track) Len() int { return len(t.spans) }

// Span is the part of the track slice i holds.
func (t *Track) Span(i int) audio.Span {
	s := t.spans[i]
	return audio.Span{Start: s.Start, Samples: s.Samples, Preroll: s.Preroll}
}

// Slice returns slice i in the clear and begins to fetch those after it.
// What lies outside that window is dropped and wiped.
func (t *Track) Slice(ctx context.Context, i int) ([]byte, error) {
	t.mu.Lock()
	for k, f := range t.fetches {
		if k < i || k > i+t.c.ahead {
			t.drop(k, f)
		}
	}
	for k := i; k <= min(i+t.c.ahead, t.Len()-1); k++ {
		if t.fetches[k] == nil && t.ctx.Err() == nil {
			t.start(k)
		}
	}
	f := t.fetches[i]
	t.mu.Unlock()
	if f == nil {
		return nil, fmt.Errorf("slice %d: the track is closed", i)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.err != nil {
		t.Release(i) // the next call tries anew
		return nil, fmt.Errorf("from %s: %w", t.c.name, f.err)
	}
	return f.plain, nil
}

// start begins to fetch slice i. The caller holds mu.
func (t *Track) start(i int) {
	ctx, cancel := context.WithCancel(t.ctx)
	f := &fetch{done: make(chan struct{}), cancel: cancel}
	t.fetches[i] = f
	t.wg.Go(func() {
		defer close(f.done)
		f.err = t.c.retry(ctx, func() (err error) {
			f.plain, err = t.fetchSlice(ctx, i)
			return err
		})
	})
}

// drop cancels a fetch and wipes what it brought. The caller holds mu.
func (t *Track) drop(i int, f *fetch) {
	delete(t.fetches, i)
	f.cancel()
	t.wg.Go(func() {
		<-f.done
		clear(f.plain)
	})
}

// fetchSlice fetches, checks and opens one slice.
func (t *Track) fetchSlice(ctx context.Context, i int) ([]byte, error) {
	limit := int64(t.plainLimit(i))
	k, body, header, err := t.fetchSealed(ctx, i, limit)
	if err != nil {
		return nil, err
	}
	defer k.release()
	if header.Get(wire.HeaderRekey) != "" && !t.c.v1 {
		t.renewSoon(k)
	}
	if crc := header.Get(wire.HeaderCRC); crc != "" && !strings.EqualFold(crc, wire.CRC(body)) {
		return nil, errDamaged
	}
	plain, err := k.unpack.AppendSlice(nil, body, i, int(limit))
	if errors.Is(err, pack.ErrPadding) {
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if err != nil {
		return nil, err
	}
	sound, err := t.sound(i, plain)
	if err != nil {
		clear(plain)
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return sound, nil
}

// maxRekeys is how many keys in a row may have served their time before a slice
// came: as many are fetched at once, they may use a key up in no time.
const maxRekeys = 16

// fetchSealed fetches slice i of at most limit bytes, and agrees on another key
// where it must. k is the key it is for, which the caller releases.
func (t *Track) fetchSealed(ctx context.Context, i int, limit int64) (k *keys, body []byte, header http.Header, err error) {
	for tries := 0; ; tries++ {
		k = t.held()
		body, header, err = t.c.fetchWithHeader(ctx, http.MethodGet, t.path("/slices/"+url.PathEscape(k.ids[i])), nil, nil, k.bodyLimit(limit))
		if err == nil {
			return k, body, header, nil
		}
		k.release()
		refused := new(wire.Error)
		if !errors.As(err, &refused) || t.c.v1 || tries == maxRekeys {
			return nil, nil, nil, err
		}
		// A key that is gone may be forgotten, and its slices with it.
		if forgotten := refused.Code == wire.SliceNotFound && tries == 0; refused.Code != wire.Rekey && !forgotten {
			return nil, nil, nil, err
		}
		if err := t.renew(ctx, k); err != nil {
			return nil, nil, nil, fmt.Errorf("agree on another key: %w", err)
		}
	}
}

// sound is what decode is to get of slice i: for PCM exactly its samples, out of
// the RIFF file they may come in.
func (t *Track) sound(i int, plain []byte) ([]byte, error) {
	switch limit := t.plainLimit(i); {
	case t.info.Container == audio.RIFF:
		return decode.Unwrap(t.Params(), plain, t.spans[i].Samples)
	case t.info.Codec == audio.PCM && len(plain) != limit:
		return nil, fmt.Errorf("%d bytes of PCM where %d were announced", len(plain), limit)
	}
	return plain, nil
}

// plainLimit is the most bytes slice i may hold: exactly its samples for PCM,
// and what a RIFF file has besides.
func (t *Track) plainLimit(i int) int {
	if t.info.Codec != audio.PCM {
		return pack.MaxPlain
	}
	n := int64(t.spans[i].Samples) * int64(t.info.Channels) * int64(t.info.Sample.Bytes())
	if t.info.Container == audio.RIFF {
		n += decode.MaxHead
	}
	return int(min(n, pack.MaxPlain))
}

// bodyLimit is the most bytes that a body holding plain may have: what the
// codec makes of so many, or protocol v1's other servers.
func (k *keys) bodyLimit(plain int64) int64 {
	n := max(plain+plain/1000+1024, int64(k.codec.Bound(int(plain))))
	if k.padded {
		n = int64(pack.Padded(int(n) + 1))
	}
	return n + seal.Overhead
}

// Release wipes slice i.
func (t *Track) Release(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.fetches[i]; f != nil {
		t.drop(i, f)
	}
}

// endTime is how long Close waits for the server to take leave.
const endTime = 2 * time.Second

// Close ends the session, waits for what is under way and wipes it all.
func (t *Track) Close() error {
	var err error
	t.once.Do(func() {
		t.cancel()
		t.mu.Lock()
		for i, f := range t.fetches {
			t.drop(i, f)
		}
		t.mu.Unlock()
		t.wg.Wait()
		t.keys.Load().retire()
		ctx, cancel := context.WithTimeout(context.Background(), endTime)
		defer cancel()
		if _, e := t.c.fetch(ctx, http.MethodDelete, t.path(""), nil, nil, maxSmall); e != nil {
			err = fmt.Errorf("end the session on %s: %w", t.c.name, e)
		}
	})
	return err
}
