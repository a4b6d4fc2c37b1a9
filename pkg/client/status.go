package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"secstream/pkg/wire"
)

// SliceState is where a slice is.
type SliceState uint8

// The states of a slice.
const (
	SliceWaiting  SliceState = iota // not asked for yet, or it did not come
	SliceFetching                   // on its way
	SliceOpened                     // here, in the clear
	SlicePlaying                    // here, and with the consumer
	SliceWiped                      // it was here
	SliceRefused                    // it came forged or damaged
)

// Status is how a track's connection is, and what it has brought.
type Status struct {
	Protocol    string // as "secstream/2"
	Cipher      string
	Compression string
	Identity    ed25519.PublicKey // of the server; nil under protocol v1
	KeySince    time.Time         // when the key that is in use was agreed on
	Exchanges   int               // keys agreed on

	Verified int64 // slices that opened
	Refused  int64 // slices that came damaged or forged
	Retried  int64 // attempts after one that failed
	Fetched  int64 // slices that came, whatever they were

	WireBytes     int64         // of the slices that came, as they were sent
	BufferedBytes int64         // of slices in the clear
	Outage        Outage        // of the server
	Latency       time.Duration // from asking the server for a slice until it was opened: the last one
	MeanLatency   time.Duration // and all
}

// Outage is a server that does not serve: it gives no answer, or says that it is
// busy. The zero Outage is none.
type Outage struct {
	Tries int       // in vain since it served last; those that were under way together are one
	Err   error     // of the last of them: wraps ErrUnreachable, or is a *wire.Error
	Last  time.Time // when that failed
	Until time.Time // when the next try comes, of a server that asked for time; zero while one is under way
}

// Outage is that of the client's server, of whatever is asked of it. It may be
// called from any goroutine, is cheap, and waits for nothing.
func (c *Client) Outage() Outage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outage
}

// Server is the server without what may be secret in its address: its host and
// port, or what Config calls it.
func (c *Client) Server() string {
	if c.name != c.base.String() {
		return c.name
	}
	return c.base.Host
}

// told takes how a request went that began then. An answer is one, whatever it
// says, unless it is that of a server which is busy; of requests that their
// caller gave up nothing is known.
func (c *Client) told(begin time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch o := &c.outage; {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrUnreachable):
	case err == nil || !passing(err):
		*o = Outage{}
		if c.served != nil {
			close(c.served)
			c.served = nil
		}
	default:
		if begin.After(o.Last) { // else it was under way when another failed
			o.Tries++
		}
		o.Err, o.Last = err, time.Now()
	}
}

// serves is closed when the server next answers.
func (c *Client) serves() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.served == nil {
		c.served = make(chan struct{})
	}
	return c.served
}

// next tells when a server that asked for time is tried again, of all that try
// the one who does so first. forget is to be called once that is over.
func (c *Client) next(until time.Time) (forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := &c.outage; o.Tries > 0 && (o.Until.IsZero() || until.Before(o.Until)) {
		o.Until = until
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.outage.Until.Equal(until) {
			c.outage.Until = time.Time{}
		}
	}
}

// counters are what Status adds up.
type counters struct {
	exchanges                           int
	verified, refused, retried, fetched int64
	wire, buffered                      int64
	latency, latencies                  time.Duration
}

// Status may be called from any goroutine. It is cheap, and waits for nothing.
func (t *Track) Status() Status {
	k := t.keys.Load()
	s := Status{Protocol: wire.ProtocolV2, Cipher: k.cipher, Compression: k.codec.Name(), Identity: t.c.Identity(), KeySince: k.since}
	if t.c.v1 {
		s.Protocol = "secstream/1"
	}
	s.Outage = t.c.Outage()
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.count
	s.Exchanges, s.Verified, s.Refused, s.Retried, s.Fetched = n.exchanges, n.verified, n.refused, n.retried, n.fetched
	s.WireBytes, s.BufferedBytes, s.Latency = n.wire, n.buffered, n.latency
	if n.verified > 0 {
		s.MeanLatency = n.latencies / time.Duration(n.verified)
	}
	return s
}

// States appends the state of every slice to dst. It may be called from any
// goroutine.
func (t *Track) States(dst []SliceState) []SliceState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(dst, t.states...)
}

// note counts one attempt, and tells the plan how it went.
func (t *Track) note(f *fetch, got received, err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := &t.count
	n.wire += int64(got.wire)
	if got.wire > 0 {
		n.fetched++
	}
	switch {
	case err == nil:
		n.verified++
		n.latency = took
		n.latencies += took
		if !f.dropped {
			t.plan.Came(f.i, int64(len(got.plain)), got.first, took, time.Since(t.begin))
		}
		return
	case errors.Is(err, context.Canceled):
		return
	case got.wire > 0:
		n.refused++
	}
	t.plan.Failed()
}

// retried counts an attempt after one that failed.
func (t *Track) retried() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count.retried++
}
