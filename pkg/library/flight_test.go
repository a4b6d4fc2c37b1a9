package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"testing"
)

// underWay counts flights, and those nobody waits for.
func underWay(l *Library) (flights, adrift int) {
	l.index.mu.Lock()
	defer l.index.mu.Unlock()
	return len(l.index.flights), l.index.adrift
}

// abandon opens tracks and gives up once an index is being made for each.
func abandon(t *testing.T, l *Library, paths ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := make(chan error)
	for _, p := range paths {
		go func() {
			f, err := l.Open(ctx, idOf(l, p))
			if err == nil {
				_ = f.Close()
			}
			errs <- err
		}()
	}
	until(t, soon, "all waiting", func() bool {
		l.index.mu.Lock()
		defer l.index.mu.Unlock()
		n := 0
		for _, f := range l.index.flights {
			n += f.waiters
		}
		return n == len(paths)
	})
	cancel()
	for range paths {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// A file that takes longer than a request may is played at a later try.
func TestIndexGoesOnWithoutCallers(t *testing.T) {
	dir := t.TempDir()
	write(t, sound(t, "speech-french-8k.flac"), dir, "a.flac")
	c := &counter{gate: make(chan struct{})}
	l := startWith(t, Config{Roots: []string{dir}}, c.open)
	for range 3 {
		abandon(t, l, "a.flac")
		if flights, adrift := underWay(l); flights != 1 || adrift != 1 {
			t.Fatalf("%d under way, %d adrift", flights, adrift)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Open(ended, idOf(l, "a.flac")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(c.gate)
	until(t, soon, "the index", func() bool { n, _ := underWay(l); return n == 0 })
	f, err := l.Open(t.Context(), idOf(l, "a.flac"))
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if _, adrift := underWay(l); c.indexed.Load() != 1 || c.cancelled.Load() != 0 || adrift != 0 {
		t.Errorf("%d indexes, %d cancelled, %d adrift", c.indexed.Load(), c.cancelled.Load(), adrift)
	}
}

// What nobody waits for is refused all the same when it turns out bad.
func TestRefusedWithoutCallers(t *testing.T) {
	dir := t.TempDir()
	data := bytes.Clone(sound(t, "music-tabla.flac")[:9000])
	clear(data[200:])
	write(t, data, dir, "a.flac")
	c := &counter{gate: make(chan struct{})}
	l := startWith(t, Config{Roots: []string{dir}}, c.open)
	id := idOf(l, "a.flac")
	abandon(t, l, "a.flac")
	close(c.gate)
	until(t, soon, "a refusal", func() bool { return reasonOf(l, "a.flac") != "" })
	if _, err := l.Open(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// waves writes n files that differ and returns their names.
func waves(t *testing.T, dir string, n int) (names []string) {
	t.Helper()
	for i := range n {
		names = append(names, fmt.Sprint(i, ".wav"))
		write(t, makeWAV(100, uint32(i)), dir, names[i])
	}
	return names
}

func TestAdriftIsBounded(t *testing.T) {
	const over = 3
	dir := t.TempDir()
	names := waves(t, dir, maxAdrift+over)
	c := &counter{gate: make(chan struct{})}
	l := startWith(t, Config{Roots: []string{dir}}, c.open)
	abandon(t, l, names...)
	if flights, adrift := underWay(l); flights != maxAdrift || adrift != maxAdrift {
		t.Errorf("%d under way, %d adrift", flights, adrift)
	}
	until(t, soon, "those given up to make room for others", func() bool { return c.indexed.Load()-c.cancelled.Load() == maxBusy })
	close(c.gate)
	until(t, soon, "nothing under way", func() bool { n, _ := underWay(l); return n == 0 })
	made := c.indexed.Load() - c.cancelled.Load()
	for _, name := range names {
		f, err := l.Open(t.Context(), idOf(l, name))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if again := c.indexed.Load() - c.cancelled.Load() - made; made != maxAdrift || again != over {
		t.Errorf("%d indexes made while nobody waited, %d later", made, again)
	}
}

// No index is being made once Run has returned, or Close.
func TestFlightsEndWithTheLibrary(t *testing.T) {
	for _, end := range []string{"Run", "Close"} {
		t.Run(end, func(t *testing.T) {
			dir := t.TempDir()
			names := waves(t, dir, 2*maxBusy)
			before := runtime.NumGoroutine()
			c := &counter{gate: make(chan struct{})}
			l, err := New(Config{Roots: []string{dir}, IDKey: testKey, Open: c.open})
			if err != nil {
				t.Fatal(err)
			}
			run, stop := context.WithCancel(t.Context())
			defer stop()
			done := make(chan error, 1)
			go func() { done <- l.Run(run) }()
			<-l.Ready()
			abandon(t, l, names[1:]...)
			waiter := make(chan error, 1)
			go func() {
				_, err := l.Open(context.Background(), idOf(l, names[0]))
				waiter <- err
			}()
			until(t, soon, "all under way", func() bool { n, _ := underWay(l); return n == len(names) })
			if end == "Run" {
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			} else if err := l.Close(); err != nil {
				t.Error(err)
			}
			if flights, adrift := underWay(l); flights != 0 || adrift != 0 || c.cancelled.Load() != c.indexed.Load() || len(l.index.busy) != 0 {
				t.Errorf("%d under way, %d adrift, %d cancelled of %d", flights, adrift, c.cancelled.Load(), c.indexed.Load())
			}
			if err := <-waiter; !errors.Is(err, errClosed) {
				t.Errorf("who waited got %v", err)
			}
			if _, err := l.Open(t.Context(), idOf(l, names[1])); !errors.Is(err, errClosed) {
				t.Errorf("opened afterwards: %v", err)
			}
			if len(l.Tracks()) != len(names) {
				t.Error("files were refused for that")
			}
			stop()
			_ = l.Close()
			until(t, soon, "all goroutines to be gone", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}
