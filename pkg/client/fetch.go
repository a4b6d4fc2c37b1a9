package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// received is a slice that came.
type received struct {
	buf   []byte // all that holds something in the clear
	plain []byte // what decode is to get, in buf
	wire  int    // bytes of the body, also of one that did not open
	first time.Duration
}

// bodies are buffers for slices as they are sealed. What is opened in one is
// wiped before it comes back.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// receive fetches, checks and opens slice i. all outlives ctx: what is agreed on
// the way is for other slices, too.
func (t *Track) receive(all, ctx context.Context, i int) (r received, err error) {
	limit := int64(t.plainLimit(i))
	body := bodies.Get().(*[]byte)
	defer bodies.Put(body)
	k, a, err := t.fetchSealed(all, ctx, i, limit, (*body)[:0])
	*body = a.body
	r.first = a.first
	if err != nil {
		return r, err
	}
	defer k.release()
	r.wire = len(a.body)
	if a.header.Get(wire.HeaderRekey) != "" && !t.c.v1 {
		t.renewSoon(all, k)
	}
	if crc := a.header.Get(wire.HeaderCRC); crc != "" && !strings.EqualFold(crc, wire.CRC(a.body)) {
		return r, ErrDamaged
	}
	plain, err := k.unpack.AppendSlice(nil, a.body, i, int(limit))
	if errors.Is(err, pack.ErrPadding) {
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if err != nil {
		return r, err
	}
	sound, err := t.sound(i, plain)
	if err != nil {
		clear(plain)
		return r, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	r.buf, r.plain = plain, sound
	return r, nil
}

// Bounds on what is done for one slice.
const (
	// maxRekeys is how many keys in a row may have served their time before a slice
	// came: as many are fetched at once, they may use a key up in no time.
	maxRekeys = 16
	// maxReopens is how many sessions in a row a server may forget meanwhile.
	maxReopens = 3
)

// fetchSealed fetches slice i of at most limit bytes into dst, and agrees on
// another key where it must. k is the key it is for, which the caller releases.
func (t *Track) fetchSealed(all, ctx context.Context, i int, limit int64, dst []byte) (k *keys, a answer, err error) {
	for tries, reopens := 0, 0; ; tries++ {
		k = t.held()
		a, err = t.c.ask(ctx, http.MethodGet, sessionPath(k.session, "/slices/"+url.PathEscape(k.ids[i])), nil, dst, k.bodyLimit(limit))
		if err == nil {
			return k, a, nil
		}
		k.release()
		dst = a.body[:0]
		forgotten := refusedWith(err, wire.SessionNotFound)
		// A key that is gone may be forgotten, and its slices with it.
		worn := !t.c.v1 && (refusedWith(err, wire.Rekey) || tries == 0 && refusedWith(err, wire.SliceNotFound))
		if forgotten {
			reopens++
		}
		if !forgotten && !worn || tries == maxRekeys || reopens > maxReopens {
			return nil, a, lapsed(err)
		}
		if err := t.renew(all, ctx, k, forgotten); err != nil {
			return nil, a, fmt.Errorf("agree on another key: %w", lapsed(err))
		}
	}
}

// lapsed tells of a token that was good before.
func lapsed(err error) error {
	if refused := new(wire.Error); errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return fmt.Errorf("%w: %w", ErrTokenOver, err)
	}
	return err
}

// refusedWith says whether err is a refusal of that kind.
func refusedWith(err error, code wire.Code) bool {
	refused := new(wire.Error)
	return errors.As(err, &refused) && refused.Code == code
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
