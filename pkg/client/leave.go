package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"secstream/pkg/caught"
	"secstream/pkg/wire"
)

// Sessions that are over are taken leave of beside all else: what is to be heard
// next does not wait for a server that is slow to answer.
const (
	// leaveTime is how long one leave may take, and how long Close waits for all.
	leaveTime = time.Second
	// mostLeaves is how many are under way at once. A session beyond them is left
	// to expire, as one is whose server does not answer.
	mostLeaves = 16
)

// leave ends a session, and does not wait until it has.
func (c *Client) leave(session string) {
	select {
	case c.leaving <- struct{}{}:
	default:
		c.missed(fmt.Errorf("end the session on %s: %d others are being ended", c.name, mostLeaves))
		return
	}
	go func() {
		defer func() { <-c.leaving }()
		c.missed(caught.Do(c.log, func() error { return c.end(session) }))
	}()
}

// end takes leave of a session. One that the server has forgotten is over.
func (c *Client) end(session string) error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	_, err := c.fetch(ctx, http.MethodDelete, sessionPath(session, ""), nil, maxSmall)
	if err != nil && !refusedWith(err, wire.SessionNotFound) {
		return fmt.Errorf("end the session on %s: %w", c.name, err)
	}
	return nil
}

// missed notes a session that was not ended.
func (c *Client) missed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == nil {
		c.left = err
	}
}

// Close waits, for a second at most, until the server has taken note that the
// sessions of closed tracks are over, and gives connections back. It returns what
// was in the way of the first that could not be ended, and will expire. Close it
// after its tracks.
func (c *Client) Close() error {
	late := time.NewTimer(leaveTime)
	defer late.Stop()
	n := 0
	for wait := true; n < mostLeaves && wait; {
		select {
		case c.leaving <- struct{}{}: // with all places taken nobody is leaving
			n++
		case <-late.C:
			c.missed(fmt.Errorf("end the sessions on %s: %w", c.name, ErrUnreachable))
			wait = false
		}
	}
	for range n {
		<-c.leaving
	}
	c.http.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}
