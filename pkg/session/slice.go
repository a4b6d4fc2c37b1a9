package session

import (
	"context"
	"errors"
	"runtime"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
)

// makers is how many slices are made at once. One for each core keeps them
// busy; one more covers for a core that waits for the disk.
func makers() int { return runtime.GOMAXPROCS(0) + 1 }

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
	if errors.Is(err, errGone) { // since it was found
		if e.v2 && !t.ended() {
			return nil, ErrRekey
		}
		return nil, ErrNoSlice
	}
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
		case wait == nil:
			return nil, false, errGone
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

// find returns what the slice called id is, of the track called trackID ("" for
// any). What is no slice's ID costs no more than what is: see names. Only IDs
// that a generator made are looked for in key after key.
func (s *Session) find(trackID, id string) (*Track, *exchange, int, error) {
	tracks := s.Tracks()
	if trackID != "" {
		t, err := s.Track(trackID)
		if err != nil {
			return nil, nil, 0, err
		}
		tracks = []*Track{t}
	}
	if of, i, ok := s.names.find(id); ok && (trackID == "" || of.track == tracks[0]) {
		if of.e == nil {
			return nil, nil, 0, ErrRekey
		}
		return of.track, of.e, i, nil
	}
	if s.store.cfg.SliceIDs == nil || len(id) > MaxID {
		return nil, nil, 0, ErrNoSlice
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
		}
	}
	if in == nil {
		return nil, nil, 0, ErrNoSlice
	}
	return in, e, i, nil
}
