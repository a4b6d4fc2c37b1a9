package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"secstream/pkg/caught"
	"secstream/pkg/client"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// tripwire is a transport that panics on the way to an answer, or in it.
type tripwire struct {
	on func(*http.Request) bool
	in bool // the answer's body
}

func (w tripwire) RoundTrip(r *http.Request) (*http.Response, error) {
	if !w.on(r) {
		return http.DefaultTransport.RoundTrip(r)
	}
	if !w.in {
		panic("a bug in a transport")
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: spiked{}, ContentLength: -1, Request: r}, nil
}

// spiked is a body that panics.
type spiked struct{ io.Closer }

func (spiked) Read([]byte) (int, error) { panic("a bug in a body") }
func (spiked) Close() error             { return nil }

// TestPanicsOfATransport: the slice that one is about does not come, and all
// others do.
func TestPanicsOfATransport(t *testing.T) {
	for name, in := range map[string]bool{"asking": false, "reading": true} {
		var n, bad atomic.Int32
		bad.Store(3)
		wire := tripwire{on: func(r *http.Request) bool { return isSlice(r) && n.Add(1) == bad.Load() }, in: in}
		c, tracks := dial(t, start(t, session.Config{Millis: 1000}, publicAudio), client.Config{Transport: wire, Ahead: 1})
		track := opens(t, c, trackID(t, tracks, "drums.wav"))
		failed := 0
		for i := range track.Len() {
			_, err := track.Slice(t.Context(), i)
			if p := new(caught.Panic); errors.As(err, &p) {
				failed++
				if _, err = track.Slice(t.Context(), i); err != nil { // it may go better
					t.Errorf("%s: slice %d again: %v", name, i, err)
				}
			} else if err != nil {
				t.Errorf("%s: slice %d: %v", name, i, err)
			}
			track.Release(i)
		}
		if err := track.Close(); err != nil || failed != 1 {
			t.Errorf("%s: %v, %d failed", name, err, failed)
		}
	}
}

// TestPanicOfARenewal: the key that there is serves on.
func TestPanicOfARenewal(t *testing.T) {
	var exchanges atomic.Int32
	tripped := make(chan struct{})
	trip := tripwire{on: func(r *http.Request) bool {
		if kindOf(r) != "exchange" || exchanges.Add(1) != 2 {
			return false
		}
		close(tripped)
		return true
	}}
	hinted := transport(func(r *http.Request) (*http.Response, error) {
		resp, err := trip.RoundTrip(r)
		if err == nil && isSlice(r) {
			resp.Header.Set(wire.HeaderRekey, "soon")
		}
		return resp, err
	})
	c, tracks := dial(t, start(t, session.Config{Millis: 1000}, publicAudio), client.Config{Transport: hinted, Ahead: 1})
	track := opens(t, c, trackID(t, tracks, "drums.wav"))
	sliceOf(t, track, 0)
	<-tripped
	for i := 1; i < track.Len(); i++ {
		sliceOf(t, track, i)
	}
	if err := track.Close(); err != nil {
		t.Error(err)
	}
	if n := exchanges.Load(); n < 3 {
		t.Errorf("%d exchanges: none after the one that broke", n)
	}
}

// transport is a function that is one.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPanicOfAnOpen is the caller's: it is on the caller's goroutine.
func TestPanicOfAnOpen(t *testing.T) {
	c, tracks := dial(t, start(t, session.Config{Millis: 1000}, publicAudio), client.Config{
		Transport: tripwire{on: func(r *http.Request) bool { return kindOf(r) == "exchange" }},
	})
	err := caught.Do(nil, func() error {
		_, err := c.Open(t.Context(), trackID(t, tracks, "drums.wav"), tracks[0].Tags.Audio())
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "a bug in a transport") {
		t.Error(err)
	}
}
