package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/wire"
)

// Uploads arrive in pieces, as over a line of 2.5 MB/s.
const (
	pieceBytes = 128 << 10
	pieceTime  = 50 * time.Millisecond
)

// errEnded ends a crash: the server is gone.
var errEnded = errors.New("the server ended")

// doomed is what goes on while a server is about to be killed.
type doomed struct {
	c      *client
	file   []byte
	begun  chan struct{} // gets one from each that has something under way
	sent   atomic.Int64  // uploads that arrived whole
	slices atomic.Int64
}

// crash uploads a file again and again, over several connections and slowly,
// plays what arrived and plays the library, until the connections break. It
// prints "under way" once everybody is at it. A refusal, or a slice that is
// not right, is an error; the end of the server is not.
func (c *client) crash(ctx context.Context, name string, uploads, listeners int) error {
	file, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	d := &doomed{c: c, file: file, begun: make(chan struct{}, uploads+listeners)}
	ends := make(chan error, uploads+listeners)
	whole := pieceTime * time.Duration(len(file)/pieceBytes)
	for i := range uploads {
		go func() {
			time.Sleep(whole * time.Duration(i) / time.Duration(uploads)) // not in step
			ends <- d.sendAll(ctx)
		}()
	}
	for i := range listeners {
		go func() { ends <- d.listenAll(ctx, tracks[i%len(tracks)].ID) }()
	}
	for range uploads + listeners {
		select {
		case <-d.begun:
		case err := <-ends:
			return fmt.Errorf("before it was under way: %w", err)
		}
	}
	fmt.Println("under way")
	for range uploads + listeners {
		if err := <-ends; !errors.Is(err, errEnded) {
			return err
		}
	}
	fmt.Printf("the server ended under %d uploads, after %d that arrived, and under %d listeners, after %d slices\n",
		uploads, d.sent.Load(), listeners, d.slices.Load())
	return nil
}

// broken turns what a connection says when its other end is gone into
// errEnded, and leaves every other error.
func broken(err error) error {
	var network *net.OpError
	if errors.As(err, &network) && !network.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errEnded
	}
	return err
}

func (d *doomed) sendAll(ctx context.Context) error {
	begin := sync.OnceFunc(func() { d.begun <- struct{}{} })
	for {
		one, err := dial(ctx, d.c.base)
		if err != nil {
			return broken(err)
		}
		l, err := listen(ctx, dripping{one, begin}, upload(d.file))
		if err == nil {
			d.sent.Add(1)
			l.c = one
			err = d.playOnce(ctx, l)
		}
		if err == nil {
			err = l.end(ctx)
		}
		one.close()
		if err != nil {
			return broken(err)
		}
	}
}

func (d *doomed) listenAll(ctx context.Context, track string) error {
	begin := sync.OnceFunc(func() { d.begun <- struct{}{} })
	one, err := dial(ctx, d.c.base)
	if err != nil {
		return broken(err)
	}
	defer one.close()
	l, err := listen(ctx, one, wire.CreateRequest{Tracks: []string{track}})
	for err == nil {
		err = d.playOnce(ctx, l)
		begin()
	}
	return broken(err)
}

func (d *doomed) playOnce(ctx context.Context, l *listener) error {
	for i := range l.info.SliceIDs {
		if err := l.slice(ctx, i); err != nil {
			return err
		}
		d.slices.Add(1)
	}
	return nil
}

// dripping is a connection that sends forms a piece at a time.
type dripping struct {
	*conn
	begun func()
}

func (d dripping) do(ctx context.Context, method, path string, in, out any) error {
	f, ok := in.(form)
	if !ok {
		return d.conn.do(ctx, method, path, in, out)
	}
	if err := d.net.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(d.net, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		method, path, d.host, f.kind, len(f.body)); err != nil {
		return err
	}
	for rest := f.body; len(rest) > 0; {
		n, err := d.net.Write(rest[:min(len(rest), pieceBytes)])
		if err != nil {
			return err
		}
		if rest = rest[n:]; len(rest) < len(f.body)/2 {
			d.begun()
		}
		time.Sleep(pieceTime)
	}
	resp, err := http.ReadResponse(d.r, nil)
	if err != nil {
		return err
	}
	return decode(resp, out)
}

// ids prints what the library's tracks are called.
func (c *client) ids(ctx context.Context) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	for _, t := range tracks {
		fmt.Println(t.Path, t.ID)
	}
	return nil
}
