package client

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/buffer"
	"secstream/pkg/decode"
	"secstream/pkg/pack"
	"secstream/pkg/wire"
)

// Track is one track opened for playing: a session of its own, with its own
// key. It satisfies player.Source. Slice and Release are for one goroutine;
// Status, States and Close may be called from any.
type Track struct {
	c       *Client
	session string // that it was opened with; keys have the one that is live
	asked   string // the track's ID in the library
	info    audio.Info
	spans   []wire.Slice

	keys    atomic.Pointer[keys]
	rekey   chan struct{} // holds a token while no key is being agreed on
	reopens allowance     // of whoever holds that token

	begin  time.Time          // what the planner's times count from
	cancel context.CancelFunc // ends run, and all that it has begun
	wg     sync.WaitGroup     // run and what it has begun
	once   sync.Once
	poke   chan struct{} // tells run of news

	mu      sync.Mutex // guards what follows
	plan    *buffer.Planner
	fetches map[int]*fetch
	queue   []*fetch      // for run to begin with
	next    time.Duration // when the plan wants to be looked at again, 0 for never
	closed  bool
	broken  error // why nothing is begun any more, nil as long as something is
	count   counters
	states  []SliceState
}

// Open creates a session on the library track called id and agrees on a key.
// tags, of the library list, describe the track where the server does not do so
// under a seal, as protocol v2 does.
func (c *Client) Open(ctx context.Context, id string, tags audio.Tags) (*Track, error) {
	t := &Track{
		c: c, asked: id, info: audio.Info{Tags: tags}, rekey: make(chan struct{}, 1),
		begin: time.Now(), poke: make(chan struct{}, 1), fetches: map[int]*fetch{},
	}
	t.rekey <- struct{}{}
	if err := t.first(ctx); err != nil {
		return nil, err
	}
	t.states = make([]SliceState, t.Len())
	t.plan = buffer.New(buffer.Config{
		Slices: t.Len(), Length: t.info.Duration() / time.Duration(t.Len()), Size: t.guess,
		Budget: c.buffer.budget, Strategy: c.buffer.strategy, Prefetch: c.buffer.prefetch, Ahead: c.buffer.ahead,
	})
	all, cancel := context.WithCancel(context.WithoutCancel(ctx)) // fetches ahead outlive the call that began them
	t.cancel = cancel
	t.wg.Go(func() { t.work(all) })
	return t, nil
}

// first opens a session and agrees on a key, once more where the server was started
// again between the two.
func (t *Track) first(ctx context.Context) error {
	for tries := 0; ; tries++ {
		session, err := t.c.create(ctx, t.asked)
		if err != nil {
			return fmt.Errorf("open a session on %s: %w", t.c.name, err)
		}
		t.session = session
		if err = t.exchange(ctx, session); err == nil {
			return nil
		}
		t.c.leave(session)
		if tries == maxReopens || !refusedWith(err, wire.SessionNotFound) {
			return fmt.Errorf("key exchange with %s: %w", t.c.name, err)
		}
	}
}

// Info describes the track. Its tags are those that came under the seal of
// protocol v2, or the ones that Open was given.
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

// guess is about how many bytes slice i holds: exactly for PCM, and for coded
// audio those of its PCM, which is rather too many.
func (t *Track) guess(i int) int64 {
	if t.info.Codec == audio.PCM {
		return int64(t.plainLimit(i))
	}
	s := t.spans[i]
	frame := int64(t.info.Channels) * int64(max(2, (t.info.BitDepth+7)/8))
	return min(int64(s.Samples+s.Preroll)*frame, pack.MaxPlain)
}

// Close waits for what is under way, which it cancels, and wipes it all. The
// session is ended beside; Client.Close waits for that. It returns nil.
func (t *Track) Close() error {
	t.once.Do(func() {
		t.mu.Lock()
		t.closed = true
		t.mu.Unlock()
		t.cancel()
		t.wg.Wait()
		t.mu.Lock()
		for _, f := range t.fetches {
			t.drop(f)
		}
		t.mu.Unlock()
		k := t.keys.Load()
		k.retire()
		t.c.leave(k.session)
	})
	return nil
}

func sessionPath(session, rest string) string {
	return "/api/sessions/" + url.PathEscape(session) + rest
}
