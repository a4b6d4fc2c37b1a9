package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"secstream/pkg/caught"
	"secstream/pkg/wire"
)

const exchangePath = "/key-exchange"

func (t *Track) path(rest string) string { return sessionPath(t.session, rest) }

// create opens a session on the library track called id.
func (c *Client) create(ctx context.Context, id string) (string, error) {
	var created wire.CreateAnswer
	err := c.json(ctx, http.MethodPost, "/api/sessions", wire.CreateRequest{Tracks: []string{id}}, &created, maxSmall)
	return created.SessionID, err
}

// exchange agrees on a key for a session. After the first time the server is
// held to what it said of the track before.
func (t *Track) exchange(ctx context.Context, session string) error {
	of := t
	if t.spans != nil {
		of = &Track{c: t.c, session: session, asked: t.asked, info: t.info, spans: t.spans}
	}
	how := of.exchangeV2
	if t.c.v1 {
		how = of.exchangeV1
	}
	k, err := how(ctx)
	if err != nil {
		return err
	}
	k.session, k.since = session, time.Now()
	t.keys.Swap(k).retire()
	t.mu.Lock()
	t.count.exchanges++
	t.mu.Unlock()
	return nil
}

// renew agrees on another key in place of old, unless that was done by somebody
// else meanwhile: on the same session, or on a new one where the server has
// forgotten it, as one does that was started again. It waits for its turn no
// longer than ctx lasts; what it does for all is ended by all alone.
func (t *Track) renew(all, ctx context.Context, old *keys, forgotten bool) error {
	select {
	case <-t.rekey:
		defer func() { t.rekey <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if t.keys.Load() != old {
		return nil
	}
	if !forgotten {
		err := t.exchange(all, old.session)
		if !refusedWith(err, wire.SessionNotFound) && !refusedWith(err, wire.TooManyKeys) {
			return err
		}
	}
	if t.reopens.left(time.Since(t.begin)) == 0 {
		return fmt.Errorf("%w: it forgets every session at once", ErrProtocol)
	}
	if err := t.reopen(all); err != nil {
		return err
	}
	t.c.leave(old.session) // where it is not forgotten, it is not wanted either
	return nil
}

// allowance is how often something may be done: some times at once, and once
// more every while.
type allowance struct {
	used  int
	since time.Duration
}

// Sessions that are opened anew for one track.
const (
	mostReopens  = 10
	reopenedEach = time.Minute
)

// left is how often it may be done at now, a time that never goes back.
func (a *allowance) left(now time.Duration) int {
	back := int((now - a.since) / reopenedEach)
	if a.used -= min(back, a.used); a.used == 0 {
		a.since = now
	} else {
		a.since += time.Duration(back) * reopenedEach
	}
	return mostReopens - a.used
}

// reopen goes on in a new session on the same track.
func (t *Track) reopen(ctx context.Context) error {
	for tries := 0; ; tries++ {
		session, err := t.recreate(ctx)
		if err != nil {
			return err
		}
		t.reopens.used++
		if err = t.exchange(ctx, session); err == nil {
			return nil
		}
		t.c.leave(session) // the failed exchange is what counts
		if errors.Is(err, errOther) {
			return fmt.Errorf("%w: %w", ErrRecut, &wire.Error{Message: "the track changed: it is not the one that played before", Code: wire.TrackChanged, Status: http.StatusGone})
		}
		if tries == maxReopens || !refusedWith(err, wire.SessionNotFound) {
			return err
		}
	}
}

// recreate opens a session on the track anew.
func (t *Track) recreate(ctx context.Context) (string, error) {
	session, err := t.c.create(ctx, t.asked)
	if !refusedWith(err, wire.TrackNotFound) {
		return session, err
	}
	// It may have just started, and not found the track yet.
	if _, err := t.c.fetch(ctx, http.MethodGet, readyPath, nil, maxSmall); refusedWith(err, wire.NotReady) {
		return "", err
	}
	return t.c.create(ctx, t.asked)
}

// readyPath is where a server says that it has looked at all its folders.
const readyPath = "/ready"

// renewSoon agrees on another key behind the scene, and is not sorry if it
// cannot: the one there is serves a while yet.
func (t *Track) renewSoon(all context.Context, old *keys) {
	select {
	case <-t.rekey:
	default:
		return // somebody is at it
	}
	t.wg.Go(func() {
		defer func() { t.rekey <- struct{}{} }()
		if t.keys.Load() == old {
			_ = caught.Do(t.c.log, func() error { return t.exchange(all, old.session) })
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
	k.codec, k.unpack, k.cipher, err = pieces.unpacker(&answer.SessionInfo.TrackFacts, key)
	return k, err
}
