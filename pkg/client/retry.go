package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// ErrDamaged is of a slice whose body does not match the checksum in its header,
// so it was damaged on the way by accident. Worth fetching again, once; when that
// does not help it is no accident.
var ErrDamaged = fmt.Errorf("%w: a slice does not match its checksum", ErrProtocol)

// effort is how hard something is tried.
type effort struct {
	left   func() time.Duration // patience there is still
	again  func()               // told of each further try; nil for nobody
	urgent <-chan struct{}      // has a token when somebody began to wait for it; nil never has
	waited func() bool          // somebody waits for it now; nil for always
}

const forever = time.Duration(math.MaxInt64)

// retry is persist with the client's patience.
func (c *Client) retry(ctx context.Context, do func() error) error {
	begin := time.Now()
	return c.persist(ctx, effort{left: func() time.Duration { return c.patient(begin) }}, do)
}

// persist runs do until it succeeds or fails for good. Only failures that may
// pass are tried again: no answer and a busy server, as long as patience lasts,
// and once what came and was no good. An answer to something else that the
// client asked for ends a wait, too, but once: after it was in vain it tells
// nothing of this.
func (c *Client) persist(ctx context.Context, e effort, do func() error) error {
	for delay, spoiled, heeds := firstWait, false, true; ; delay = min(2*delay, longestWait) {
		select {
		case <-e.urgent: // this try is the one
		default:
		}
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		bad := spoils(err)
		after := comeBack(err)
		if bad && spoiled || !bad && !passing(err) || e.left() < max(delay, after) {
			return err
		}
		spoiled = spoiled || bad
		var served <-chan struct{}
		if heeds {
			served = c.serves()
		}
		wait := max(delay, min(after, e.longest())) + rand.N(delay/4)
		forget := func() {}
		if after > 0 {
			forget = c.next(time.Now().Add(wait))
		}
		by := sleep(ctx, wait, e.urgent, served)
		forget()
		switch by {
		case byEnd:
			return err
		case byAnswer:
			heeds, delay = false, firstWait/2
		case byListener:
			delay = firstWait / 2
		case byClock:
		}
		if e.again != nil {
			e.again()
		}
	}
}

// spoils: what came is not what was sent. A manifest that does not open is not
// fetched again: nothing has been agreed on.
func spoils(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, seal.ErrForged) && !errors.Is(err, ErrProtocol)
}

func passing(err error) bool {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Status == http.StatusTooManyRequests || e.Status == http.StatusBadGateway ||
			e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout
	}
	return errors.Is(err, ErrUnreachable)
}

const (
	// firstWait comes before the second try; each wait after it is twice as long,
	// and up to a quarter more, so that clients do not all come back at once.
	firstWait = 250 * time.Millisecond
	// longestWait is as long as waits get: a server that is back is soon noticed.
	longestWait = 2 * time.Second
	// longestAway bounds what a server may ask for by Retry-After.
	longestAway = time.Hour
	// longestHeard is how much of that is granted while somebody waits, and
	// longestAhead while nobody does: it may be well long before.
	longestHeard = 15 * time.Second
	longestAhead = 2 * time.Minute
)

// longest is how much of what a server asks for is granted.
func (e effort) longest() time.Duration {
	if e.waited == nil || e.waited() {
		return longestHeard
	}
	return longestAhead
}

// later is a refusal that says when to come back.
type later struct {
	error
	after time.Duration
}

func (l *later) Unwrap() error { return l.error }

// comingBack adds to a refusal when to come back, if the header says it
// (RFC 9110 section 10.2.3, in seconds).
func comingBack(err error, h http.Header) error {
	n, bad := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if bad != nil || n == 0 {
		return err
	}
	return &later{err, min(time.Duration(n)*time.Second, longestAway)}
}

func comeBack(err error) time.Duration {
	if l := new(later); errors.As(err, &l) {
		return l.after
	}
	return 0
}

// waker is what ended a sleep.
type waker uint8

const (
	byClock    waker = iota
	byEnd            // of the context
	byListener       // somebody began to wait
	byAnswer         // the server serves
)

// sleep waits for d, which is at least firstWait, and tells what ended it.
// Whatever that is but the end of ctx, it does not do so before firstWait.
func sleep(ctx context.Context, d time.Duration, urgent, served <-chan struct{}) waker {
	t := time.NewTimer(firstWait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return byEnd
	case <-t.C:
	}
	t.Reset(d - firstWait)
	select {
	case <-ctx.Done():
		return byEnd
	case <-urgent:
		return byListener
	case <-served:
		return byAnswer
	case <-t.C:
		return byClock
	}
}
