package client_test

import (
	"context"
	"math/rand"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/format"
	"secstream/pkg/identity"
	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// line is a network between players and one server, inside a bubble of
// synctest: bytes take their time, and no real time goes by.
type line struct {
	delay time.Duration // each way
	rate  float64       // bytes a second, of all connections together
	loss  float64       // share of segments that are sent again, and come late

	mu    sync.Mutex
	rng   *rand.Rand
	free  [2]time.Time // when the line has room again, by direction
	srv   *http.Server // nil while there is none
	in    pipes        // of srv
	conns map[net.Conn]bool
}

func newLine(t *testing.T, delay time.Duration, bits int, loss float64) *line {
	l := &line{delay: delay, rate: float64(bits) / 8, loss: loss, rng: rand.New(rand.NewSource(1)), conns: map[net.Conn]bool{}}
	t.Cleanup(l.stop)
	return l
}

// start puts a server at the far end.
func (l *line) start(h http.Handler) {
	srv, in := &http.Server{Handler: h}, make(pipes)
	go func() { _ = srv.Serve(in) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.srv, l.in = srv, in
}

// stop ends the server and breaks all connections.
func (l *line) stop() {
	l.mu.Lock()
	srv, in := l.srv, l.in
	l.srv = nil
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
	l.mu.Unlock()
	if srv != nil {
		close(in)
		_ = srv.Close()
	}
}

func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	time.Sleep(2 * l.delay)
	l.mu.Lock()
	in := l.in
	if l.srv == nil {
		l.mu.Unlock()
		return nil, syscall.ECONNREFUSED
	}
	here, a := net.Pipe()
	b, there := net.Pipe()
	for _, c := range []net.Conn{a, b} {
		l.conns[c] = true
	}
	l.mu.Unlock()
	go l.carry(a, b, 0)
	go l.carry(b, a, 1)
	select {
	case in <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// segment is what TCP sends at a time.
const segment = 1460

// carry takes bytes from one end to the other. A segment that is lost holds up
// those behind it for as long as TCP needs to find out.
func (l *line) carry(from, to net.Conn, dir int) {
	type packet struct {
		b  []byte
		at time.Time
	}
	window := make(chan packet, 64)
	go func() {
		for p := range window {
			time.Sleep(time.Until(p.at))
			_, _ = to.Write(p.b)
		}
		_ = to.Close()
	}()
	defer close(window)
	for {
		b := make([]byte, segment)
		n, err := from.Read(b)
		if n > 0 {
			sent, late := l.send(n, dir)
			time.Sleep(time.Until(sent))
			window <- packet{b[:n], sent.Add(l.delay + late)}
		}
		if err != nil {
			return
		}
	}
}

// send is when n bytes have left, and how late they come besides.
func (l *line) send(n, dir int) (time.Time, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.free[dir].Before(now) {
		l.free[dir] = now
	}
	l.free[dir] = l.free[dir].Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	if l.rng.Float64() < l.loss {
		return l.free[dir], 200*time.Millisecond + time.Duration(l.rng.Int63n(int64(200*time.Millisecond)))
	}
	return l.free[dir], 0
}

// dials returns a client at this end.
func (l *line) dials(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	transport, err := client.NewTransport("", 4)
	if err != nil {
		t.Fatal(err)
	}
	transport.Proxy, transport.DialContext = nil, l.dial
	cfg.Transport = transport
	c, err := client.New("http://server.example", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // no goroutine stays in the bubble
	return c
}

// shelves is a library of one file, inside a bubble: it looks by the clock, for
// notices of changes come from outside.
func shelves(t *testing.T) *library.Library {
	t.Helper()
	lib, err := library.New(library.Config{Roots: []string{publicAudio + "/" + coffee}, IDKey: make([]byte, 32), Open: format.Open, Poll: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = lib.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = lib.Close() })
	<-lib.Ready()
	return lib
}

// served is a server of lib that was started just now: it knows no sessions.
func served(t *testing.T, lib *library.Library, id *identity.Identity, millis int) http.Handler {
	t.Helper()
	store, err := session.NewStore(session.Config{Millis: millis, Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	h, err := server.New(server.Config{Sessions: store, Library: lib})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// found is how a listener found it.
type found struct {
	first time.Duration   // silence at the beginning
	gaps  []time.Duration // and later
	err   error           // that ended it
	at    int             // the slice it ended before
}

// listen plays slices from to until, and asks for each when the one before it is
// over, as a player would that decodes nothing ahead of time. before is called
// ahead of each slice.
func listen(ctx context.Context, track *client.Track, from, until int, before func(i int)) found {
	var h found
	for i := from; i < until; i++ {
		if before != nil {
			before(i)
		}
		begin := time.Now()
		if _, h.err = track.Slice(ctx, i); h.err != nil {
			h.at = i
			return h
		}
		switch waited := time.Since(begin); {
		case i == from:
			h.first = waited
		case waited > 0:
			h.gaps = append(h.gaps, waited)
		}
		time.Sleep(track.Span(i).Samples.Duration(track.Info().SampleRate))
		track.Release(i)
	}
	return h
}
