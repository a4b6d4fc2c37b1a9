package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// errDamaged: the body does not match the checksum in its header, so it was
// damaged on the way by accident. Worth fetching again; when that does not
// help it is no accident.
var errDamaged = fmt.Errorf("%w: a slice does not match its checksum, however often it is fetched", ErrProtocol)

// retry runs do until it succeeds or fails for good. Only failures that may
// pass are tried again: no answer, a busy server, a slice damaged on the way,
// and once a slice that does not open.
func (c *Client) retry(ctx context.Context, do func() error) error {
	begin, forged := time.Now(), 0
	for delay := firstWait; ; delay *= 2 {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, seal.ErrForged) {
			forged++
		}
		if forged > 1 || !passing(err) || time.Since(begin)+delay > c.patience {
			return err
		}
		if !sleep(ctx, delay+rand.N(delay/4)) {
			return err
		}
	}
}

func passing(err error) bool {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Status == http.StatusTooManyRequests || e.Status == http.StatusBadGateway ||
			e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout
	}
	return errors.Is(err, ErrUnreachable) || errors.Is(err, errDamaged) || errors.Is(err, seal.ErrForged)
}

// firstWait comes before the second try; each wait after it is twice as long,
// and up to a quarter more, so that clients do not all come back at once.
const firstWait = 250 * time.Millisecond

// sleep waits for d and says whether ctx lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
