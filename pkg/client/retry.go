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
	urgent <-chan struct{}      // when closed, a wait ends; nil never is
}

const forever = time.Duration(math.MaxInt64)

// retry is persist with the client's patience.
func (c *Client) retry(ctx context.Context, do func() error) error {
	begin := time.Now()
	return persist(ctx, effort{left: func() time.Duration { return c.patient(begin) }}, do)
}

// persist runs do until it succeeds or fails for good. Only failures that may
// pass are tried again: no answer and a busy server, as long as patience lasts,
// and once what came and was no good.
func persist(ctx context.Context, e effort, do func() error) error {
	for delay, spoiled := firstWait, false; ; delay = min(2*delay, longestWait) {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		bad := spoils(err)
		wait := max(delay, comeBack(err))
		if bad && spoiled || !bad && !passing(err) || e.left() < wait {
			return err
		}
		spoiled = spoiled || bad
		awake, lasted := sleep(ctx, wait+rand.N(delay/4), e.urgent)
		if !lasted {
			return err
		}
		if awake {
			e.urgent, delay = nil, firstWait/2
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
)

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

// sleep waits for d, or until urgent is closed, and says which, and whether ctx
// lasted.
func sleep(ctx context.Context, d time.Duration, urgent <-chan struct{}) (awake, lasted bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case <-urgent:
		return true, true
	case <-t.C:
		return false, true
	}
}
