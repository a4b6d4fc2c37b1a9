package cmd

import (
	"sync"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/identity"
	"secstream/tui"
)

// keptOpened is how many tracks are remembered: the one that plays, the one that
// is opened ahead of time, and one that was given up meanwhile.
const keptOpened = 3

// opened is the tracks that a player has opened last, for the view that shows
// how they are protected. It is safe for concurrent use.
type opened struct {
	peer string

	mu     sync.Mutex // guards what follows
	tracks [keptOpened]struct {
		i int
		t *client.Track
	}
	next int
}

func (g *opened) add(i int, t *client.Track) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tracks[g.next].i, g.tracks[g.next].t = i, t
	g.next = (g.next + 1) % keptOpened
}

// find is the newest of track i, nil when there is none.
func (g *opened) find(i int) *client.Track {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range keptOpened {
		if o := g.tracks[(g.next+2*keptOpened-1-k)%keptOpened]; o.i == i && o.t != nil {
			return o.t
		}
	}
	return nil
}

// protection is how track i is protected, as far as it was opened. It waits
// for nothing.
func (g *opened) protection(i int) tui.Protection {
	t := g.find(i)
	if t == nil {
		return tui.Protection{}
	}
	s := t.Status()
	p := tui.Protection{
		Peer: g.peer, Protocol: s.Protocol, Cipher: s.Cipher, Compression: s.Compression,
		KeySince: s.KeySince, Exchanges: s.Exchanges,
		Verified: s.Verified, Refused: s.Refused, Retried: s.Retried, Fetched: s.Fetched,
		WireBytes: s.WireBytes, BufferedBytes: s.BufferedBytes, Latency: s.Latency, MeanLatency: s.MeanLatency,
	}
	if len(s.Identity) > 0 {
		p.Fingerprint = identity.FingerprintOf(s.Identity).String()
	}
	states := t.States(nil)
	p.Slices, p.SliceStarts = make([]tui.SliceState, len(states)), make([]time.Duration, len(states))
	rate := t.Info().SampleRate
	for i, state := range states {
		p.Slices[i], p.SliceStarts[i] = tui.SliceState(state), t.Span(i).Start.Duration(rate)
	}
	return p
}
