package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/wire"
)

// sliceTime is how long the server's slices are.
const sliceTime = 5 * time.Second

// soak opens sessions and plays them all at once, each asking for a slice
// every sliceTime/speed as a listener at so many times the speed does, begun
// at a time of its own. It fails on any error, and when what the server holds
// for listeners does not go back to what it was.
func (c *client) soak(ctx context.Context, metrics, pid string, n int, long time.Duration, speed int) error {
	p := process{pid: pid, base: c, metrics: metrics}
	before, err := p.look(ctx)
	if err != nil {
		return err
	}
	s := &soaking{c: c, every: sliceTime / time.Duration(speed)}
	if err := s.connect(ctx, connections(n, p)); err != nil {
		return err
	}
	defer s.leave()
	begin := time.Now()
	if err := s.openAll(ctx, n); err != nil {
		return err
	}
	fmt.Printf("%d sessions over %d connections, opened in %.1f s\n", n, len(s.conns), time.Since(begin).Seconds())
	var g errgroup.Group
	g.Go(func() error { return s.playAll(ctx, long) })
	time.Sleep(long / 2)
	during, err := p.look(ctx)
	if err := errors.Join(g.Wait(), err); err != nil {
		return err
	}
	s.report(long, speed)
	if err := s.endAll(ctx); err != nil {
		return err
	}
	s.leave()
	after, err := p.back(ctx, before)
	fmt.Printf("%-8s%v\n%-8s%v\n%-8s%v\n", "before", before, "during", during, "after", after)
	if most := baseRoom + n*roomEach; err == nil && after.peak > most {
		err = fmt.Errorf("%d MB for %d sessions, at most %d are allowed", after.peak>>10, n, most>>10)
	}
	return err
}

// What a server may take in memory, kB: by itself, with 128 MB of slices that
// are on their way and 32 MB that it keeps, and for each session that is played
// over a connection of its own.
const (
	baseRoom = 192 << 10
	roomEach = 64
)

// connections is how many a crowd of n may have: one each, unless the system
// lets a process open fewer files.
func connections(n int, p process) int {
	const rest = 200 // files that are no connections
	var own syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &own); err != nil {
		return n
	}
	most := min(int(own.Cur), p.mostFiles()) - rest
	if n > most {
		fmt.Printf("%d connections are fewer than %d sessions: a process may open no more files here\n", most, n)
	}
	return min(n, most)
}

// soaking is a crowd of sessions over fewer connections, or as many.
type soaking struct {
	c     *client
	every time.Duration
	conns []*shared
	all   []*listener

	mu    sync.Mutex
	each  []time.Duration
	late  int
	bytes int64
}

// shared is a connection that several sessions may take turns on.
type shared struct {
	mu sync.Mutex
	*conn
}

func (s *shared) do(ctx context.Context, method, path string, in, out any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.do(ctx, method, path, in, out)
}

func (s *soaking) connect(ctx context.Context, n int) error {
	for range n {
		one, err := dial(ctx, s.c.base)
		if err != nil {
			return err
		}
		s.conns = append(s.conns, &shared{conn: one})
	}
	return nil
}

func (s *soaking) leave() {
	for _, one := range s.conns {
		one.close()
	}
}

func (s *soaking) openAll(ctx context.Context, n int) error {
	tracks, err := s.c.tracks(ctx)
	if err != nil {
		return err
	}
	s.all = make([]*listener, n)
	return s.crowd(ctx, func(ctx context.Context, i int) (err error) {
		s.all[i], err = listen(ctx, s.conns[i%len(s.conns)], wire.CreateRequest{Tracks: []string{tracks[i%len(tracks)].ID}})
		return err
	})
}

// opening is how many sessions are opened or ended at once.
const opening = 64

func (s *soaking) crowd(ctx context.Context, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(opening)
	for i := range s.all {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

func (s *soaking) endAll(ctx context.Context) error {
	return s.crowd(ctx, func(ctx context.Context, i int) error { return s.all[i].end(ctx) })
}

func (s *soaking) playAll(ctx context.Context, long time.Duration) error {
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for i, l := range s.all {
		first := begin.Add(s.every * time.Duration(i) / time.Duration(len(s.all)))
		g.Go(func() error { return s.play(ctx, l, first, begin.Add(long)) })
	}
	return g.Wait()
}

// rooms are lent to listeners while they open a slice: a crowd that kept a
// room each would measure its own memory.
var rooms = sync.Pool{New: func() any { return new([2][]byte) }}

// play asks for slice after slice, from the beginning again after the last.
func (s *soaking) play(ctx context.Context, l *listener, due, end time.Time) error {
	for i := 0; due.Before(end); i, due = (i+1)%len(l.info.SliceIDs), due.Add(s.every) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		room := rooms.Get().(*[2][]byte)
		l.sealed, l.clear = room[0], room[1]
		asked := time.Now()
		if err := l.fetch(ctx, i); err != nil {
			return err
		}
		took, size := time.Since(asked), len(l.sealed)
		if err := l.open(i); err != nil {
			return err
		}
		room[0], room[1] = l.sealed, l.clear
		l.sealed, l.clear = nil, nil
		rooms.Put(room)
		s.note(took, size, time.Since(due) > s.every)
	}
	return nil
}

func (s *soaking) note(took time.Duration, size int, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.each = append(s.each, took)
	s.bytes += int64(size)
	if late {
		s.late++
	}
}

func (s *soaking) report(long time.Duration, speed int) {
	p := percentiles(s.each)
	n := float64(len(s.each))
	fmt.Printf("%d slices in %v, at %d times the speed of listening: %.0f/s of %.0f kB, all authenticated, no error\n",
		len(s.each), long, speed, n/long.Seconds(), float64(s.bytes)/n/1000)
	fmt.Printf("a slice: p50 %.1f ms, p99 %.1f ms, at most %.1f ms; %d came so late that a listener without any in store would have heard a gap\n",
		p[0], p[1], p[2], s.late)
}

// process is the server as the system and its own figures show it.
type process struct {
	pid     string
	base    *client
	metrics string
}

type sight struct {
	resident, peak, threads, files, goroutines, sessions int
}

func (s sight) String() string {
	return fmt.Sprintf("%6d sessions, %6d goroutines, %4d threads, %6d open files, %4d MB resident, at most %4d MB",
		s.sessions, s.goroutines, s.threads, s.files, s.resident>>10, s.peak>>10)
}

func (p process) look(ctx context.Context) (s sight, err error) {
	status, err := os.ReadFile(path.Join("/proc", p.pid, "status"))
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(status)) {
		for name, to := range map[string]*int{"VmRSS:": &s.resident, "VmHWM:": &s.peak, "Threads:": &s.threads} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				_, err = fmt.Sscan(rest, to)
			}
		}
	}
	files, filesErr := os.ReadDir(path.Join("/proc", p.pid, "fd"))
	s.files = len(files)
	var stats wire.Stats
	err = errors.Join(err, filesErr, fresh(p.base.base).do(ctx, http.MethodGet, "/api/stats", nil, &stats))
	s.sessions = stats.ActiveSessions
	s.goroutines, err = p.gauge(ctx, "go_goroutines", err)
	return s, err
}

// fresh is a client that keeps no connection.
func fresh(address string) *client {
	return &client{base: address, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// gauge is a figure of the page for Prometheus.
func (p process) gauge(ctx context.Context, name string, earlier error) (n int, err error) {
	var page []byte
	if err := fresh(p.metrics).do(ctx, http.MethodGet, "/metrics", nil, &page); err != nil {
		return 0, errors.Join(earlier, err)
	}
	for line := range strings.Lines(string(page)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, err = fmt.Sscan(rest, &n)
			return n, errors.Join(earlier, err)
		}
	}
	return 0, errors.Join(earlier, fmt.Errorf("no %s among the metrics", name))
}

func (p process) mostFiles() int {
	limits, err := os.ReadFile(path.Join("/proc", p.pid, "limits"))
	most := 1024
	if err != nil {
		return most
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			_, _ = fmt.Sscan(rest, &most) // "unlimited" does not occur: the system has a ceiling
		}
	}
	return most
}

// Goroutines and files that may be left are those of the look itself.
const ownLook = 2

// back waits until the server holds no more than before.
func (p process) back(ctx context.Context, before sight) (s sight, err error) {
	for end := time.Now().Add(answerTime); ; time.Sleep(100 * time.Millisecond) {
		if s, err = p.look(ctx); err != nil {
			return s, err
		}
		if s.goroutines <= before.goroutines+ownLook && s.files <= before.files+ownLook && s.sessions == before.sessions {
			return s, nil
		}
		if time.Now().After(end) {
			return s, errors.New("the server still holds what was for listeners that are gone")
		}
	}
}
